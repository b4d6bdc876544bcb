"""Encrypted numbers: every answer equals its plaintext twin, and bad input is refused."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.heating import heating
from quietgrid.algorithms.insight import Community, Condition, from_digits, insight
from quietgrid.algorithms.schedule.steps import Steps, flatten, walk
from quietgrid.crypto.public.fhe import SERVER_KEY_BYTES, Public, Server, is_built
from quietgrid.crypto.secret.fhe import Client
from quietgrid.demo.sample import Sample
from quietgrid.errors import FrameError, InputError, MissingExtraError, VerificationError
from quietgrid.model.interval import local_window
from quietgrid.wire.series import Series

NO_FHE = "quietgrid_fhe is not built (make fhe)"
built = pytest.mark.skipif(not is_built(), reason=NO_FHE)
few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
RANDOM = random.Random(35)


@cache
def pair() -> tuple[Client, Server]:
    client = Client.generate()
    return client, Server(client.server_key())


def opened(vector: object) -> list[int]:
    client, server = pair()
    return client.decrypt(server.answer(vector))  # type: ignore[arg-type]


def test_without_the_engine_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietgrid.crypto.public.fhe.MODULE", "quietgrid_fhe_that_is_not_there")
    with pytest.raises(MissingExtraError, match="make fhe"):
        Client.generate()


@built
@few
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=9))
def test_values_come_back(values: list[int]) -> None:
    client, _ = pair()
    again = Client.from_bytes(client.to_bytes())
    sealed = client.encrypt(values, "i32")
    assert again.decrypt(sealed) == values
    assert len(sealed) == 44 + 64 * len(values)
    assert client.encrypt(values, "i32") != sealed


@built
@pytest.mark.slow
@few
@given(st.integers(0, 65_535), st.integers(0, 65_535), st.booleans())
def test_comparing_and_arithmetic(a: int, b: int, same: bool) -> None:
    client, server = pair()
    b = a if same else b
    x, y = (server.load(client.encrypt([value], "u16")) for value in (a, b))
    assert opened(server.compare(x, "gt", y)) == [int(a > b)]
    assert opened(server.compare(x, "le", b)) == [int(a <= b)]
    assert opened(server.compare(x, "eq", [b])) == [int(a == b)]
    assert opened(server.add(x, y)) == [(a + b) % 65_536]
    assert opened(server.sub(x, y)) == [(a - b) % 65_536]


@built
@pytest.mark.slow
def test_signed() -> None:
    client, server = pair()
    a, b = (server.load(client.encrypt(values, "i32")) for values in ([-5, 2_000_000_000], [-70_000, 2_000_000_000]))
    assert opened(server.compare(a, "gt", b)) == [1, 0]
    assert opened(server.add(a, b)) == [-70_005, 4_000_000_000 - 2**32]
    assert opened(server.sub(a, b)) == [69_995, 0]


@built
@pytest.mark.slow
def test_choosing_and_ordering() -> None:
    client, server = pair()
    values = [7, 200, 7, 3]
    x = server.load(client.encrypt(values, "u8"))
    assert opened(server.rank(x)) == [1, 3, 2, 0]
    assert opened(server.sort(x)) == [3, 7, 7, 200]
    assert [opened(part) for part in server.least(x)] == [[3], [3]]
    assert [opened(part) for part in server.greatest(x)] == [[200], [1]]
    y = server.load(client.encrypt([0, 255, 8, 3], "u8"))
    assert opened(server.select(server.compare(x, "lt", y), x, y)) == [0, 200, 7, 3]
    table = [RANDOM.randrange(256) for _ in range(256)]
    assert opened(server.look_up(x, table)) == [table[value] for value in values]
    assert opened(server.weighted_sum(x, [1, 1000, 0, 65_537])) == [7 + 200_000 + 3 * 65_537]


@built
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_insight_equals_its_twin(seed: int) -> None:
    client, server = pair()
    draw = random.Random(seed)
    rules = tuple(
        tuple(Condition(draw.randrange(4), draw.random() < 0.5, draw.randrange(256)) for _ in range(draw.randint(1, 3)))
        for _ in range(6)
    )
    edges = tuple(sorted(draw.randrange(6000) for _ in range(10)))
    here = Community(edges[5], edges, edges[2:7], tuple(draw.randrange(256) for _ in range(24)), rules)
    month = edges[5] if seed else draw.randrange(6000)
    profile, features = ([draw.randrange(256) for _ in range(n)] for n in (24, 4))
    public = Public(
        here.average, here.bands, here.classes, here.usual,
        tuple(tuple((c.feature, c.at_least, c.value) for c in rule) for rule in rules),
    )  # fmt: skip
    question = [client.encrypt([month], "u16"), client.encrypt(profile, "u8"), client.encrypt(features, "u8")]
    assert sum(map(len, question)) < 100_000
    answer = client.decrypt(server.insight(*question, public))
    assert from_digits(answer, 24, len(rules)) == insight(month, profile, features, here)


@built
@pytest.mark.slow
def test_schedules_equal_their_twins() -> None:
    client, server = pair()
    for level in (0, 15):
        load = [RANDOM.choice((0, 299, 300, 301, 1700, 1701, 5000, 65_535)) for _ in range(8)]
        steps = Steps(2, 300, 2000)
        limits = steps.capacity, steps.step_wh, steps.limit_wh
        sealed, start = client.encrypt(load, "u16"), client.encrypt([level], "u4")
        wishes = [RANDOM.randint(-1, 1) for _ in load]
        plan = [move - 1 for move in client.decrypt(server.follow(sealed, start, wishes, limits))]
        assert tuple(plan) == walk(load, level, wishes, steps)
        plan = [move - 1 for move in client.decrypt(server.flatten(sealed, start, 3, limits))]
        assert tuple(plan) == flatten(load, level, 3, steps)


@built
@pytest.mark.slow
def test_the_insight_at_the_edges() -> None:
    """Thresholds at the ends of the range, equal ones, and conditions that decide on one digit."""
    client, server = pair()
    rules = (
        (Condition(0, True, 0),), (Condition(0, True, 32),), (Condition(0, False, 32), Condition(0, False, 32)),
        (Condition(1, True, 255), Condition(0, True, 31)), (Condition(1, False, 255),),
    )  # fmt: skip
    here = Community(65_535, (0, 0, 16, 4096, 65_535), (), (0, 15, 16, 255, 254), rules)
    public = Public(
        here.average, here.bands, here.classes, here.usual,
        tuple(tuple((c.feature, c.at_least, c.value) for c in rule) for rule in rules),
    )  # fmt: skip
    for month, profile, features in ((65_535, [0, 16, 16, 255, 255], [32, 255]), (0, [1, 15, 17, 0, 254], [31, 254])):
        question = client.encrypt([month], "u16"), client.encrypt(profile, "u8"), client.encrypt(features, "u8")
        answer = client.decrypt(server.insight(*question, public))
        assert from_digits(answer, 5, len(rules)) == insight(month, profile, features, here)


@built
@pytest.mark.slow
def test_the_learned_model_equals_its_twin(sample: Sample) -> None:
    from benchmarks.fhe_model import features_of_homes

    client, server = pair()
    model = heating()
    month = sample.readings.cut(local_window(date(2016, 6, 1), date(2016, 7, 1), sample.tz, 900))
    homes = [model.levels(features) for features in features_of_homes(month, sample.tz)]
    assert len({model.decide(levels) for levels in homes}) == 2
    close = sorted(homes, key=lambda levels: abs(model.score(levels) - model.edge))[:3]
    for levels in [*close, (0,) * 8, (15,) * 8]:
        sealed = client.encrypt(levels, "u4")
        assert client.decrypt(server.score(sealed, model.tables, model.edge)) == [int(model.decide(levels))]


@built
@pytest.mark.slow
def test_the_learned_model_on_london_homes(lcl: Series) -> None:
    from benchmarks.fhe_model import features_of_homes

    client, server = pair()
    model = heating()
    window = local_window(date(2013, 1, 1), date(2013, 2, 1), lcl.tz, lcl.readings.window.resolution)
    homes = [model.levels(features) for features in features_of_homes(lcl.readings.cut(window), lcl.tz)]
    assert len({model.decide(levels) for levels in homes}) == 2
    for levels in homes[::30]:
        sealed = client.encrypt(levels, "u4")
        assert client.decrypt(server.score(sealed, model.tables, model.edge)) == [int(model.decide(levels))]


@built
def test_models_of_another_form_are_refused() -> None:
    client, server = pair()
    levels = client.encrypt([1, 2], "u4")
    fits = [[0] * 16, [1] * 16]
    for sealed, tables, edge in (
        (levels, fits[:1], 1), (levels, [[0] * 15, [1] * 16], 1), (levels, [[0] * 16, [99] * 16], 1),
        (levels, fits, 18), (levels, fits, -16), (client.encrypt([1, 2], "u8"), fits, 1), (levels, fits, 2**70),
    ):  # fmt: skip
        with pytest.raises(InputError):
            server.score(sealed, tables, edge)


@built
def test_a_vector_that_would_need_too_much_memory_is_refused() -> None:
    client, server = pair()
    assert len(client.encrypt([0] * 1024, "u32")) == 44 + 8 * 8192
    with pytest.raises(InputError):
        client.encrypt([0] * 1025, "u32")
    long = client.encrypt([0] * 4096, "u8")
    with pytest.raises(FrameError):
        server.load(long[:24] + (8192).to_bytes(4, "little") + long[28:] + long[44:])
    half = server.load(client.encrypt([0] * 600, "u32"))
    with pytest.raises(InputError):
        server.join([half, half])


@built
def test_bad_bytes_are_refused() -> None:
    client, server = pair()
    sealed = client.encrypt([1, 2, 3], "u16")
    for damaged in (
        b"", sealed[:27], sealed[:-1], sealed + b"\0", b"X" + sealed[1:], sealed[:4] + b"\2" + sealed[5:],
        sealed[:5] + b"\3" + sealed[6:], sealed[:6] + b"\7" + sealed[7:], sealed[:24] + b"\xff" * 4 + sealed[28:],
    ):  # fmt: skip
        with pytest.raises(FrameError):
            server.load(damaged)
        with pytest.raises(FrameError):
            client.decrypt(damaged)
    with pytest.raises(FrameError, match="another key"):
        server.load(Client.generate().encrypt([1], "u8"))
    with pytest.raises(FrameError, match="cannot be computed on"):
        server.load(server.answer(server.load(sealed)))
    with pytest.raises(FrameError):
        Client.from_bytes(client.to_bytes()[:-1])
    for key in (b"", b"QGFS", sealed, client.to_bytes(), b"QGFS\x01" + b"\0" * 1000):
        with pytest.raises(FrameError):
            Server(key)


@built
def test_bad_values_are_refused() -> None:
    client, server = pair()
    for values, kind in (([256], "u8"), ([-1], "u16"), ([2**31], "i32"), ([2**80], "u32"), ([], "u8"), ([1], "u9")):
        with pytest.raises(InputError):
            client.encrypt(values, kind)
    one, two = (server.load(client.encrypt(values, "u8")) for values in ([1], [1, 2]))
    with pytest.raises(InputError):
        server.add(one, two)
    with pytest.raises(InputError):
        server.compare(one, "gt", 256)
    with pytest.raises(InputError):
        server.compare(one, "more", 3)
    with pytest.raises(InputError):
        server.look_up(one, [0] * 255)
    with pytest.raises(InputError):
        server.sort(one)
    with pytest.raises(InputError):
        server.weighted_sum(two, [1])
    with pytest.raises(InputError):
        server.flatten(client.encrypt([1, 2], "u16"), client.encrypt([1], "u4"), 2, (3, 5, 10))


@built
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(min_size=1, max_size=4))
def test_no_bytes_end_the_process(noise: bytes, place: int, patch: bytes) -> None:
    client, server = pair()
    sealed = client.encrypt([7], "u8")
    for data in (noise, b"QGFE\x01" + noise, sealed[:place] + patch + sealed[place + len(patch) :]):
        for use in (server.load, client.decrypt, Client.from_bytes, Server):
            with suppress(FrameError, VerificationError):
                use(data)  # type: ignore[operator]


@built
def test_nothing_is_printed() -> None:
    client, server = pair()
    vector = server.load(client.encrypt([7], "u8"))
    assert [repr(thing) for thing in (client, server, vector)] == [
        "<Client: secret>",
        "<Server>",
        "<Encrypted: 1 × u8>",
    ]


SERVER = """
import os, sys
from quietgrid.crypto.public.fhe import Server
import quietgrid_fhe
folder, secret = sys.argv[1:]
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
try:
    open(secret, "rb").read()
except PermissionError:
    pass
else:
    sys.exit("the client key is readable")
assert "quietgrid.crypto.secret.fhe" not in sys.modules
server = Server(open(folder + "/server.key", "rb").read())
for name in ("question", "noise"):
    a = server.load(open(folder + "/" + name, "rb").read())
    open(folder + "/" + name + ".answer", "wb").write(server.answer(server.compare(a, "gt", 300)))
"""


@built
@pytest.mark.slow
def test_a_server_with_only_its_key(tmp_path: Path) -> None:
    client = Client.generate()
    secret = tmp_path / "client.key"
    secret.write_bytes(client.to_bytes())
    secret.chmod(0)
    values = [RANDOM.randrange(600) for _ in range(6)]
    question = client.encrypt(values, "u16")
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "server.key").write_bytes(client.server_key())
        (folder / "question").write_bytes(question)
        (folder / "noise").write_bytes(question[:28] + RANDOM.randbytes(len(question) - 28))
        subprocess.run([sys.executable, "-c", SERVER, name, str(secret)], check=True, timeout=300)
        right, noise = ((folder / f"{part}.answer").read_bytes() for part in ("question", "noise"))
    expected = [int(value > 300) for value in values]
    assert client.decrypt(right) == expected
    try:
        wrong = client.decrypt(noise)
    except VerificationError:
        return
    assert wrong != expected


@built
def test_the_server_key_has_the_length_the_docs_say() -> None:
    assert len(pair()[0].server_key()) == SERVER_KEY_BYTES


@built
def test_keys_of_other_versions_and_lengths_are_refused() -> None:
    key = pair()[0].server_key()
    for damaged in (key[:-1], key + b"\0", key[:4] + b"\2" + key[5:], key[:7] + b"\1" + key[8:], b"QGFC" + key[4:]):
        with pytest.raises(FrameError):
            Server(damaged)
