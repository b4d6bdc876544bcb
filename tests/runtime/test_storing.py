"""The platform's side of storage planned under encryption: who may ask, what is refused, what a restart remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from quietgrid.algorithms.schedule.encrypted import STEP_SCHEDULES, Private, Terms, moves_of
from quietgrid.algorithms.schedule.steps import Steps
from quietgrid.crypto.public.envelope import Message, pack_signed
from quietgrid.crypto.public.fhe import SERVER_KEY_BYTES, is_built
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import ConflictError, FrameError, InputError, NotFoundError, QuietgridError, VerificationError
from quietgrid.household.vault import Vault
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.storing import Storing
from quietgrid.wire.storing import PlanQuestion, StationKey, StationKeyGone, pack_terms
from tests.conftest import NO_FHE
from tests.lab.pool import LIVE, Pool
from tests.runtime.test_encrypted_jobs import until

built = pytest.mark.skipif(not is_built(), reason=NO_FHE)
TERMS = Terms(4, Steps(4, 300, 2_000), (100, 200, 300, 400))
PRIVATE = Private((500, 100, 900, 1_800), 1)
NO_KEY = (b"QGFS\x01\0\0\0" + bytes(16)).ljust(SERVER_KEY_BYTES, b"\0")


@dataclass
class Lab:
    """A pool whose meters are registered, and station 1's signing key."""

    pool: Pool
    identity: Identity

    @property
    def storing(self) -> Storing:
        return self.pool.storing

    def signed(self, message: Message) -> bytes:
        return pack_signed(self.identity.sign(message))

    def key(self, key: bytes = NO_KEY, at: float = 1.0) -> bytes:
        return self.signed(StationKey(self.storing._card.community, 1, at, key))

    def question(self, **changes: object) -> bytes:
        given: dict[str, object] = {
            "community": self.storing._card.community, "station": 1, "day": LIVE * DAY_S, "resolution": 3_600,
            "schedule": "greedy", "terms": pack_terms(TERMS), "parts": [b"load", b"level"],
        }  # fmt: skip
        return self.signed(PlanQuestion(**(given | changes)))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    pool = Pool(tmp_path / "state")
    pool.at((LIVE + 1) * DAY_S)
    assert pool.storing._join()
    yield Lab(pool, Vault(pool.state / "stations" / "households" / "1").identity)
    pool.close()


def test_only_a_station_may_ask_and_only_what_can_be_computed(lab: Lab) -> None:
    other = Identity.generate()
    message = StationKey(lab.storing._card.community, 1, 1.0, NO_KEY)
    refused: list[tuple[type[QuietgridError], object]] = [
        (VerificationError, lambda: lab.storing.take_key(pack_signed(other.sign(message)))),
        (VerificationError, lambda: lab.storing.take_key(b"nothing")),
        (FrameError, lambda: lab.storing.take_key(lab.key(NO_KEY[:-1]))),
        (NotFoundError, lambda: lab.storing.ask(lab.question())),  # no key yet
    ]
    for kind, call in refused:
        with pytest.raises(kind):
            call()  # type: ignore[operator]
    lab.storing.take_key(lab.key())
    wrong: list[tuple[type[QuietgridError], dict[str, object]]] = [
        (VerificationError, {"community": bytes(16)}), (NotFoundError, {"station": 77}), (InputError, {"station": -1}),
        (NotFoundError, {"schedule": "none"}), (InputError, {"schedule": "x" * 41}), (InputError, {"terms": b"\xc1"}),
        (InputError, {"parts": []}), (InputError, {"parts": [b"x"] * 5}), (InputError, {"parts": [bytes(1 << 15)]}),
        (InputError, {"day": LIVE * DAY_S + 1}), (InputError, {"resolution": 60}), (InputError, {"day": 0}),
    ]  # fmt: skip
    for kind, changes in wrong:
        with pytest.raises(kind):
            lab.storing.ask(lab.question(**changes))
    assert not lab.storing.view().days
    with pytest.raises(NotFoundError):
        lab.storing.state("0" * 64)


def test_a_question_is_kept_once_and_a_key_never_goes_back(lab: Lab) -> None:
    lab.storing.take_key(lab.key(at=5.0))
    with pytest.raises(ConflictError, match="newer"):
        lab.storing.take_key(lab.key(at=4.0))
    first = lab.storing.ask(lab.question())
    assert (first.state, first.place) == ("waiting", 1)
    assert lab.storing.ask(lab.question()) == first
    with pytest.raises(ConflictError, match="planned already"):
        lab.storing.ask(lab.question(parts=[b"other", b"level"]))
    gone = lab.signed(StationKeyGone(lab.storing._card.community, 1, 6.0))
    lab.storing.drop_key(gone)
    lab.storing.drop_key(gone)
    with pytest.raises(ConflictError, match="newer"):
        lab.storing.take_key(lab.key(at=5.0))
    assert not list((lab.pool.state / "stations" / "platform" / "server-keys").iterdir())


def test_a_restart_remembers_what_waits_and_gives_up_what_has_no_key(lab: Lab) -> None:
    lab.storing.take_key(lab.key())
    asked = lab.storing.ask(lab.question())
    again = lab.pool.open()  # the first one is simply gone, as after a kill
    lab.pool.storing = again
    assert again.state(asked.id).state == "waiting"
    assert again.state(asked.id).place == 0
    again.resubmit()
    assert again.state(asked.id).place == 1
    for path in (lab.pool.state / "stations" / "platform" / "server-keys").iterdir():
        path.unlink()
    lab.pool.storing = lab.pool.open()
    lab.pool.storing.resubmit()
    assert lab.pool.storing.state(asked.id).state == "failed"


@built
@pytest.mark.slow
def test_a_plan_survives_a_kill_and_rubbish_fails_alone(lab: Lab) -> None:
    from quietgrid.crypto.secret.fhe import Client

    client, stranger, way = Client.generate(), Client.generate(), STEP_SCHEDULES["greedy"]
    parts = [client.encrypt(values, kind) for values, kind in way.question(PRIVATE, TERMS)]
    foreign = [stranger.encrypt(values, kind) for values, kind in way.question(PRIVATE, TERMS)]
    lab.storing.take_key(lab.key(client.server_key()))
    good = lab.storing.ask(lab.question(parts=parts)).id
    bad = [
        lab.storing.ask(lab.question(day=(LIVE + 1) * DAY_S, parts=foreign)).id,
        lab.storing.ask(lab.question(day=(LIVE + 2) * DAY_S, parts=[part[:-1] for part in parts])).id,
        lab.storing.ask(lab.question(day=(LIVE + 3) * DAY_S, parts=parts[:1])).id,
        lab.storing.ask(
            lab.question(day=(LIVE + 4) * DAY_S, parts=[parts[0][:44] + bytes(len(parts[0]) - 44), parts[1]])
        ).id,
    ]
    lab.storing.start()
    lab.storing.stop()  # in the middle of the first computation
    lab.pool.storing = lab.pool.open()
    lab.storing.start()
    until(lambda: all(lab.storing.state(one).state != "waiting" for one in (good, *bad)), 900)
    said = lab.storing.state(good)
    assert (said.state, said.why) == ("done", "")
    assert moves_of(client.decrypt(said.answer)) == way.plain(PRIVATE, TERMS)
    assert said.cpu_s > 0
    assert [lab.storing.state(one).state for one in bad[:3]] == ["failed"] * 3
    assert all(lab.storing.state(one).why for one in bad[:3])
    assert lab.storing.state(bad[3]).state == "done", "well-formed rubbish is computed on, and opens to anything"


def test_a_message_is_no_other_message(lab: Lab) -> None:
    """A signed key is not taken as a question, nor the other way round."""
    with pytest.raises(VerificationError):
        lab.storing.ask(lab.key())
    with pytest.raises(VerificationError):
        lab.storing.take_key(lab.question())
    with pytest.raises(VerificationError):
        lab.storing.ask(msgspec.msgpack.encode([1, 2, 3]))


def test_old_plans_are_forgotten(lab: Lab) -> None:
    lab.storing.take_key(lab.key())
    asked = lab.storing.ask(lab.question())
    lab.pool.at((LIVE + 59) * DAY_S)
    lab.storing.look()
    assert lab.storing.state(asked.id).state == "waiting"
    lab.pool.at((LIVE + 61) * DAY_S)
    lab.storing.look()
    with pytest.raises(NotFoundError):
        lab.storing.state(asked.id)
