"""Three keyholders as processes: real HTTP, one killed, back again, and what a stranger can do at the door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import msgspec
import numpy as np
import pytest

from quietgrid import demo
from quietgrid.cli.entry import run
from quietgrid.client import HttpPeer
from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.secret.chain import chain_keys
from quietgrid.crypto.secret.ledger_body import ledger_key, open_body
from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.model.interval import day_window
from quietgrid.model.question import Quantity
from quietgrid.model.readings import Readings
from quietgrid.model.total import Status, Total
from quietgrid.runtime.founding import body, identity
from quietgrid.wire import keyholder_http as http
from quietgrid.wire.messages import Consent, Enrol, Head, LedgerNote, QuestionMessage, Refusal, Signed, Vote
from quietgrid.wire.own import Erase, LedgerPage
from quietgrid.wire.request_auth import authorization
from tests.keyholder.real import DAY, HOMES, RealCommunity

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCommunity]:
    town = RealCommunity(tmp_path_factory.mktemp("town"))
    try:
        town.join()
        yield town
    finally:
        town.close()


def readings_of(town: RealCommunity, day: int) -> Readings:
    return replace(demo.load(HOMES, day_window(day, 900)).readings, meters=town.bank.pids)


def a_day(town: RealCommunity, day: int) -> None:
    """Measure, deliver and close one day."""
    town.measure(readings_of(town, day))
    outcomes = town.settle()
    assert outcomes.answered
    assert not outcomes.refused


def total(town: RealCommunity, day: int) -> Total:
    window = day_window(day, 900)
    node = town.platform.members(window.first).leaf_names[0]
    with town.platform.parts.store.read() as tx:
        return tx.totals.total(node, Quantity.IMPORT, window)


def check_total(town: RealCommunity, day: int, status: Status) -> None:
    found = total(town, day)
    assert found.answered.all()
    assert np.array_equal(found.energy_wh, readings_of(town, day).imported_wh.sum(axis=0))
    assert found.status is status


def question(town: RealCommunity, node: str, day: int) -> Signed:
    """A question of the platform; nothing else needs to fit for the gate to say no."""
    window = day_window(day, 900)
    card = town.card
    message = QuestionMessage(card.community, 0, "totals", node, "import", window.first, window.end, "", [])
    return identity(town.folders.platform).sign(message)


# -- the life of a community -------------------------------------------------------------------------------------------


def test_totals_over_http_equal_plain_sums(town: RealCommunity) -> None:
    a_day(town, DAY)
    check_total(town, DAY, Status.CONFIRMED)


def test_one_is_killed_and_the_others_go_on_and_it_catches_up(town: RealCommunity) -> None:
    a_day(town, DAY + 1)
    town.stop_keyholder(1)
    a_day(town, DAY + 2)
    check_total(town, DAY + 2, Status.PROVISIONAL)

    a_day(town, DAY + 3)
    check_total(town, DAY + 3, Status.PROVISIONAL)

    town.measure(readings_of(town, DAY + 4))
    assert not town.settle().answered  # for more than a day two open nothing by themselves (A2)
    for index in (0, 2):
        assert town.platform.resume().waiting
        state = ["--state", str(town.folders.state)]
        assert run(["keyholder", "carry-on", "1", "--index", str(index), *state]) == 0
    time.sleep(2.5)
    assert not town.platform.resume().waiting
    check_total(town, DAY + 4, Status.PROVISIONAL)

    town.start_keyholder(1)
    town.wait_ready(1)
    time.sleep(2.1)  # the others remember for two seconds that it was away
    town.platform.resume()
    for day in range(DAY + 1, DAY + 5):
        check_total(town, day, Status.CONFIRMED)


def test_alone_it_opens_nothing_and_nothing_is_lost(town: RealCommunity) -> None:
    town.stop_keyholder(0)
    town.stop_keyholder(2)
    town.measure(readings_of(town, DAY + 5))
    outcomes = town.settle()
    assert not outcomes.answered
    assert outcomes.waiting
    town.start_keyholder(0)
    town.start_keyholder(2)
    for index in range(3):
        town.wait_ready(index)
    time.sleep(2.1)
    town.platform.resume()
    check_total(town, DAY + 5, Status.CONFIRMED)


def test_it_ends_soon_and_keeps_its_chain(town: RealCommunity) -> None:
    before = town.links[2].health()
    assert town.terminate_keyholder(2) < 8  # 1.7 s at most, and on a busy machine the time to notice
    town.start_keyholder(2)
    after = town.links[2].health()
    assert (after.ledger.seq, after.ledger.hash) == (before.ledger.seq, before.ledger.hash)
    town.wait_ready(2)


def test_health_says_nothing_personal(town: RealCommunity) -> None:
    answer = httpx.get(town.url(0) + http.HEALTH, trust_env=False)
    assert set(answer.json()) == {"index", "state", "ledger", "version"}
    assert set(answer.json()["ledger"]) == {"seq", "hash"}


# -- peers -------------------------------------------------------------------------------------------------------------


def test_peers_answer_keyholders_only(town: RealCommunity) -> None:
    card = town.card
    peer = HttpPeer(1, town.url(1), card.keyholder_pks[1])
    mine = body(town.folders.keyholder(0)).identity
    head = mine.sign(Head(0, 0, bytes(32)))
    log = peer.log_after(0, head)
    subjects = [signed.hash() for signed in log.subjects]
    votes = peer.votes([*subjects, bytes(32)], head)
    assert len(subjects) >= 4
    assert votes[-1] is None
    for subject, signed in zip(subjects, votes, strict=False):
        assert signed is not None
        assert open_signed(signed, Vote, card.keyholder_pks[1]).subject == subject

    stranger = Identity.generate()
    for wrong in (stranger.sign(Head(0, 0, bytes(32))), identity(town.folders.platform).sign(Head(0, 0, bytes(32)))):
        with pytest.raises(VerificationError, match="not a peer"):
            peer.votes(subjects, wrong)
        with pytest.raises(VerificationError, match="not a peer"):
            peer.log_after(0, wrong)


def test_a_log_of_somebody_else_is_as_good_as_none(town: RealCommunity) -> None:
    head = body(town.folders.keyholder(0)).identity.sign(Head(0, 0, bytes(32)))
    with pytest.raises(UnavailableError, match="signer"):
        HttpPeer(1, town.url(2), town.card.keyholder_pks[1]).log_after(0, head)


def test_thousands_of_subjects_go_in_several_requests(town: RealCommunity) -> None:
    peer = HttpPeer(1, town.url(1), town.card.keyholder_pks[1])
    head = body(town.folders.keyholder(0)).identity.sign(Head(0, 0, bytes(32)))
    known = peer.log_after(0, head).subjects[0].hash()
    many = [n.to_bytes(32, "big") for n in range(3 * http.SUBJECTS_AT_ONCE)]
    many[http.SUBJECTS_AT_ONCE + 7] = known
    votes = peer.votes(many, head)
    assert [at for at, vote in enumerate(votes) if vote is not None] == [http.SUBJECTS_AT_ONCE + 7]


# -- households --------------------------------------------------------------------------------------------------------


def ask(
    town: RealCommunity, home: int, method: str, target: str, content: bytes = b"", **changed: object
) -> httpx.Response:
    """A household's request; `changed`: key (another signer), sent (another target than signed), at, community."""
    key = changed.get("key") or town.household_keys[home]
    assert isinstance(key, Identity)
    community = changed.get("community", town.card.community)
    assert isinstance(community, bytes)
    at = changed.get("at", time.time())
    assert isinstance(at, float)
    header = authorization(key, community, home, (method, target, content), at)
    headers = {"authorization": str(changed.get("header", header))} | (
        {"content-type": http.MSGPACK} if method == "POST" else {}
    )
    url = town.url(1) + str(changed.get("sent", target))
    return httpx.request(method, url, content=content, headers=headers, trust_env=False)


def ledger(town: RealCommunity, home: int) -> LedgerPage:
    answer = ask(town, home, "GET", f"{http.LEDGER}?after=0&limit=1000")
    assert answer.status_code == 200, answer.content
    return open_signed(unpack_signed(answer.content), LedgerPage, town.card.keyholder_pks[1])


def test_a_household_reads_its_own_entries_only(town: RealCommunity) -> None:
    refused = town.links[1].questions([question(town, "home:3", DAY), question(town, "home:4", DAY)])
    assert all(isinstance(item, Refusal) and item.rule for item in refused)
    page = ledger(town, 3)
    assert page.home == 3
    own = [item for item in page.items if item.home == 3]
    others = [item for item in page.items if item.kind == "other"]
    assert own
    assert others
    assert all(item.home in (None, 3) for item in page.items)
    assert all(not item.salt and not item.body for item in others)
    assert [item.seq for item in page.items] == list(range(1, len(page.items) + 1))

    with town.platform.parts.store.read() as tx:
        enrolment = decode(Enrol, unpack_signed(tx.registry.meter(1003).enrol).body)
    kem = body(town.folders.households / "shared").kem
    roots = kem.open(enrolment.sealed[4], seal_info("enrol", town.card.community, 1003, "household"))
    chain = chain_keys(np.frombuffer(roots, np.uint8).reshape(3, 32), town.card.community, 1003, enrolment.d0)
    key = ledger_key(np.ascontiguousarray(chain[[0, 2]]).tobytes(), 1003, 1)
    note = decode(LedgerNote, open_body(key, own[-1].salt, 3, own[-1].body))
    assert (note.kind, note.node) == ("refused", "home:3")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"key": Identity.generate()}, 422),
        ({"sent": f"{http.LEDGER}?after=0&limit=2"}, 422),
        ({"at": 1_000_000.0}, 422),
        ({"community": bytes(16)}, 422),
        ({"header": ""}, 422),
        ({"header": "QG1 !!!"}, 422),
        ({"header": "QG1 " + "A" * 5000}, 422),
        ({"header": "QG1 kJCQ"}, 422),
    ],
    ids=["another key", "another target", "old", "another community", "none", "no base64", "long", "no message"],
)
def test_a_request_that_is_not_signed_as_it_should_be(
    town: RealCommunity, changed: dict[str, object], status: int
) -> None:
    answer = ask(town, 3, "GET", f"{http.LEDGER}?after=0&limit=1", **changed)
    assert answer.status_code == status
    assert msgspec.msgpack.decode(answer.content, type=Refusal).status == status


def test_a_home_nobody_knows(town: RealCommunity) -> None:
    answer = ask(town, 999, "GET", f"{http.LEDGER}?after=0", key=Identity.generate())
    assert answer.status_code == 404


def test_a_signed_request_works_once(town: RealCommunity) -> None:
    target = f"{http.LEDGER}?after=0&limit=1"
    key = town.household_keys[3]
    header = authorization(key, town.card.community, 3, ("GET", target, b""), time.time())
    assert ask(town, 3, "GET", target, header=header).status_code == 200
    assert ask(town, 3, "GET", target, header=header).status_code == 422


def test_households_register_their_own_notices_only(town: RealCommunity) -> None:
    card, mine = town.card, town.household_keys[5]
    consent = Consent(card.community, 5, "event-1", "reward", "platform", town.clock.now() + 1000)

    def register(home: int, notice: Signed) -> httpx.Response:
        return ask(town, home, "POST", http.HOUSEHOLD_REGISTER, msgspec.msgpack.encode([notice]))

    taken = register(5, mine.sign(consent))
    assert taken.status_code == 200
    assert msgspec.msgpack.decode(taken.content, type=list[Refusal | None]) == [None]
    assert register(6, mine.sign(consent)).status_code == 403
    assert register(5, identity(town.folders.platform).sign(consent)).status_code == 403
    assert register(5, mine.sign(Head(0, 0, bytes(32)))).status_code == 403
    others = register(5, mine.sign(replace_home(consent, 6)))
    assert [refusal.status for refusal in decoded(others) if refusal] == [404]


def test_an_erased_home_can_be_read_by_nobody(town: RealCommunity) -> None:
    town.links[1].questions([question(town, "home:7", DAY + 1)])
    assert any(item.body for item in ledger(town, 7).items if item.home == 7)
    erase = town.household_keys[7].sign(Erase(town.card.community, 7, "moved out", time.time()))
    answer = ask(town, 7, "POST", http.HOUSEHOLD_REGISTER, msgspec.msgpack.encode([erase]))
    assert decoded(answer) == [None]
    assert not any(item.body or item.salt for item in ledger(town, 7).items if item.home == 7)
    with town.platform.parts.store.read() as tx:
        assert tx.log.verify()


def decoded(answer: httpx.Response) -> list[Refusal | None]:
    assert answer.status_code == 200, answer.content
    return msgspec.msgpack.decode(answer.content, type=list[Refusal | None])


def replace_home(consent: Consent, home: int) -> Consent:
    return msgspec.structs.replace(consent, home=home)
