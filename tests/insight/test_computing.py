"""The comparison on encrypted numbers equals its twin; what it is not given it refuses. Needs the engine."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from quietgrid.algorithms.advice import rules
from quietgrid.algorithms.comparison import community_of, usual_of, verdict_of
from quietgrid.algorithms.insight import from_digits, insight
from quietgrid.crypto.public.fhe import Server, check_question, is_built, server_key_id
from quietgrid.crypto.secret.fhe import Client
from quietgrid.errors import FrameError, InputError, VerificationError
from quietgrid.insight import figures_of
from quietgrid.insight.computing import answer, question
from quietgrid.insight.figures import Averages
from quietgrid.model.insight import Feature, Features
from quietgrid.model.publication import Statistic
from quietgrid.wire.insight import CommunityFigures
from tests.insight.test_figures import SPREAD, use

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_built(), reason="the engine is not built: make fhe")]
DAY = [150 + 10 * hour for hour in range(24)]


@pytest.fixture(scope="module")
def client() -> Client:
    return Client.generate()


@pytest.fixture(scope="module")
def key(client: Client) -> bytes:
    return client.server_key()


@pytest.fixture(scope="module")
def server(key: bytes) -> Server:
    return Server(key)


def figures() -> CommunityFigures:
    return figures_of(("2016-06", use()), {Statistic.SPREAD: Averages(SPREAD, "2016-06", None)}, (DAY, 120), [])


def sealed(client: Client, home: Features) -> tuple[bytes, bytes, bytes]:
    return (
        client.encrypt([home.month], "u16"), client.encrypt(home.profile, "u8"), client.encrypt(home.values, "u8")
    )  # fmt: skip


def drawn(draw: Random) -> Features:
    return Features(
        draw.randrange(8_000), tuple(draw.randrange(120) for _ in range(24)),
        tuple(draw.randrange(256) for _ in Feature),
    )  # fmt: skip


def test_the_encrypted_verdict_is_that_of_the_twin(client: Client, server: Server) -> None:
    said = figures()
    here = community_of(300_000, [units * 100 for units in said.bands], usual_of(DAY), rules())
    draw = Random(11)
    homes = [drawn(draw), Features(3_000, tuple(said.usual), (0,) * 6), Features(0xFFFF, (255,) * 24, (255,) * 6)]
    for home in homes:
        back = answer(server, question(*sealed(client, home), said))
        found = from_digits(client.decrypt(back), 24, len(said.advice))
        twin = insight(home.month, home.profile, home.values, here)
        assert found == twin
        ids = [rule.id for rule in said.advice]
        assert verdict_of(found, said.percents, ids) == verdict_of(twin, said.percents, ids)


def test_random_bytes_in_place_of_a_ciphertext_give_another_answer(client: Client, server: Server) -> None:
    said, home = figures(), Features(3_000, (41,) * 24, (30, 30, 125, 0, 20, 45))
    month, profile, features = sealed(client, home)
    noise = Random(3).randbytes(len(profile) - 44)

    def opened(day: bytes) -> list[int] | None:
        try:
            return client.decrypt(answer(server, question(month, day, features, said)))
        except VerificationError:
            return None  # it opens to no value

    right = opened(profile)
    assert right is not None
    assert opened(profile[:44] + noise) != right == opened(profile)


def test_heads_are_checked_before_anything_is_computed(client: Client, key: bytes) -> None:
    month, profile, _ = sealed(client, Features(1, (0,) * 24, (0,) * 6))
    check_question(month, "u16", 1, client.key_id)
    check_question(profile, "u8", 24, client.key_id)
    assert server_key_id(key) == client.key_id
    other = bytes(16)
    wrong = [
        (month[:-1], "u16", 1, client.key_id), (month + b"x", "u16", 1, client.key_id),
        (month, "u8", 2, client.key_id), (profile, "u8", 23, client.key_id), (month, "u16", 1, other),
        (b"QGFX" + month[4:], "u16", 1, client.key_id), (month[:4] + b"\x02" + month[5:], "u16", 1, client.key_id),
        (b"", "u16", 1, client.key_id),
    ]  # fmt: skip
    for content, kind, count, under in wrong:
        with pytest.raises(FrameError):
            check_question(content, kind, count, under)
    for bad in (key[:-1], key + b"x", b"QGFX" + key[4:], key[:4] + b"\x02" + key[5:], b""):
        with pytest.raises(FrameError):
            server_key_id(bad)


def test_what_is_no_question_is_refused(client: Client, server: Server) -> None:
    month, profile, features = sealed(client, Features(1, (0,) * 24, (0,) * 6))
    with pytest.raises(InputError, match="not a question"):
        answer(server, b"nonsense")
    with pytest.raises(FrameError):
        answer(server, question(month[:-8], profile, features, figures()))
    stranger = Client.generate()
    with pytest.raises(FrameError, match="key"):
        answer(server, question(stranger.encrypt([1], "u16"), profile, features, figures()))
    crowded = msgspec.structs.replace(figures(), usual=[1] * 23)
    with pytest.raises(InputError):
        answer(server, question(month, profile, features, crowded))
