"""The platform's tables, each on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from quietgrid.errors import ConflictError, ForbiddenError, InputError, NotFoundError, VerificationError
from quietgrid.model import Fact, ManualClock, Party, PartyKind, Quantity, Status, Total, Window
from quietgrid.store import (
    Account,
    BillRow,
    CloseRow,
    LateCells,
    MeterRow,
    PlatformStore,
    PlatformTx,
    QuestionRow,
    open_platform,
)

BIG = 2**64 - 3


@pytest.fixture
def store(url: Callable[[], str], clock: ManualClock) -> Iterator[PlatformStore]:
    opened = open_platform(url(), clock)
    yield opened
    opened.close()


@pytest.fixture
def tx(store: PlatformStore) -> Iterator[PlatformTx]:
    with store.begin() as opened:
        yield opened


def test_the_log_is_a_chain_that_shows_any_change(store: PlatformStore, clock: ManualClock) -> None:
    with store.begin() as tx:
        assert tx.log.verify() == (0, bytes(32))
        for n in range(5):
            clock.unix += 0.1
            tx.log.append("operator", f"bill.{n}", f"home {n % 2}", {"ü": n, "a": [1, None]})
        assert tx.log.verify() == tx.log.head()
        assert tx.log.head()[0] == 5
        assert [e.seq for e in tx.log.entries(after=2, limit=2)] == [3, 4]
        assert [e.seq for e in tx.log.latest(2)] == [5, 4]
        assert [e.seq for e in tx.log.entries(subject="home 1")] == [2, 4]
        assert [e.action for e in tx.log.entries(action="bill.3")] == ["bill.3"]
        assert tx.log.entries(action="%") == []
        assert tx.log.entries()[0].detail == {"ü": 0, "a": [1, None]}
    changes = [
        "UPDATE log SET detail = '{}' WHERE seq = 3",
        "UPDATE log SET at = at + 1 WHERE seq = 1",
        "UPDATE log SET actor = 'x' WHERE seq = 5",
        "DELETE FROM log WHERE seq = 2",
        "UPDATE log SET hash = (SELECT hash FROM log WHERE seq = 4) WHERE seq = 5",
    ]
    for change in changes:
        with store._connected("BEGIN IMMEDIATE") as connection:
            changed = store._transaction(connection, clock)
            connection.execute(sa.text(change))
            with pytest.raises(VerificationError, match="log"):
                changed.log.verify()
            connection.rollback()


def test_jobs_are_leased_once_and_come_back(tx: PlatformTx, clock: ManualClock) -> None:
    assert tx.jobs.put("bill 1", "bill", clock.unix, {"period": 1})
    assert not tx.jobs.put("bill 1", "bill", clock.unix + 5, {"period": 2})
    tx.jobs.put("close 1", "close", clock.unix + 10)
    (job,) = tx.jobs.lease("a", 60, limit=5)
    assert (job.key, job.payload, job.tries) == ("bill 1", {"period": 1}, 1)
    assert tx.jobs.lease("b", 60, limit=5) == []
    clock.unix += 59
    tx.jobs.renew("bill 1", "a", 60)
    clock.unix += 59
    assert [j.key for j in tx.jobs.lease("b", 60, kind="close")] == ["close 1"]
    assert tx.jobs.lease("b", 60) == []
    clock.unix += 2
    (again,) = tx.jobs.lease("b", 60)
    assert (again.key, again.tries) == ("bill 1", 2)
    with pytest.raises(ConflictError, match="not leased"):
        tx.jobs.done("bill 1", "a")
    tx.jobs.retry("bill 1", "b", clock.unix + 30, "away")
    assert [j.error for j in tx.jobs.failed()] == ["away"]
    assert tx.jobs.counts() == {"waiting": 0, "running": 1, "failing": 1, "done": 0}
    clock.unix += 30
    tx.jobs.lease("c", 60, kind="bill")
    tx.jobs.done("bill 1", "c", {"bills": 3})
    assert tx.jobs.get("bill 1").result == {"bills": 3}
    with pytest.raises(ConflictError):
        tx.jobs.done("bill 1", "c")
    assert tx.jobs.counts()["done"] == 1


def test_parties_and_meters(tx: PlatformTx) -> None:
    party = Party(BIG, "Ada", PartyKind.RESIDENTIAL, "north", 9_000, "flat")
    assert tx.registry.put_party(party, 100)
    assert not tx.registry.put_party(party, 100)
    assert tx.registry.party(BIG).party == party
    tx.registry.set_tariff(BIG, "night")
    tx.registry.move_out(BIG, 130)
    assert tx.registry.parties() == []
    (row,) = tx.registry.parties(left=True)
    assert (row.party.tariff, row.joined, row.left) == ("night", 100, 130)
    with pytest.raises(NotFoundError):
        tx.registry.move_out(1, 2)

    meters = [MeterRow(pid, BIG, 3, 100, bytes([pid % 256]) * 32, b"signed") for pid in (BIG, 5, 9)]
    assert tx.registry.add_meters(meters[:2]) == [0, 1]
    assert tx.registry.add_meters(meters) == [0, 1, 2]
    with pytest.raises(ConflictError):
        tx.registry.add_meter(replace(meters[0], registers=1))
    assert [tx.registry.put_ack(BIG, keyholder, b"ack") for keyholder in (2, 0, 2, 1)] == [1, 2, 2, 3]
    tx.registry.retire_meter(5, 120)
    columns = tx.registry.meters()
    assert columns.pids.tolist() == [BIG, 5, 9]
    assert columns.active.tolist() == [True, False, False]
    assert columns.retired.tolist() == [1 << 62, 120, 1 << 62]
    assert tx.registry.meter(BIG) == replace(meters[0], row=0, acks=3)
    assert [m.pid for m in tx.registry.meters_of(BIG)] == [BIG, 5, 9]
    tx.registry.put_keys([(BIG, b"k" * 32), (5, b"l" * 32)])
    tx.registry.drop_key(5)
    pids, keys = tx.registry.keys()
    assert (pids.tolist(), keys.tobytes()) == ([BIG], b"k" * 32)


def test_tariffs_by_day(tx: PlatformTx) -> None:
    tx.registry.put_tariff("flat", 1, 100, {"rate": 1})
    tx.registry.put_tariff("flat", 2, 130, {"rate": 2})
    tx.registry.put_tariff("flat", 3, 100, {"rate": 3})
    assert [tx.registry.tariff("flat", day).version for day in (100, 129, 130, 999)] == [3, 3, 2, 2]
    with pytest.raises(NotFoundError):
        tx.registry.tariff("flat", 99)
    with pytest.raises(ConflictError):
        tx.registry.put_tariff("flat", 1, 100, {"rate": 9})
    assert [t.version for t in tx.registry.tariffs()] == [1, 2, 3]


def test_members_books_and_prices_are_published_once(tx: PlatformTx) -> None:
    tx.registry.put_members(1, 0, b"h" * 32, b"one")
    tx.registry.put_members(1, 1, b"i" * 32, b"two")
    assert tx.registry.members(1) == b"two"
    assert tx.registry.members(1, 0) == tx.registry.members_by_hash(b"h" * 32) == b"one"
    assert tx.registry.all_members() == [b"one", b"two"]
    with pytest.raises(ConflictError):
        tx.registry.put_members(1, 1, b"j" * 32, b"three")
    tx.registry.put_endorsement(b"h" * 32, 2, b"yes")
    assert tx.registry.endorsements(b"h" * 32) == {2: b"yes"}

    assert tx.registry.put_book(1, 0, 100, 200, b"a" * 32, b"book")
    assert not tx.registry.put_book(1, 0, 100, 200, b"a" * 32, b"book")
    tx.registry.put_book(1, 0, 200, 300, b"b" * 32, b"next")
    with pytest.raises(ConflictError, match="another book"):
        tx.registry.put_book(1, 0, 150, 160, b"c" * 32, b"x")
    assert [tx.registry.book(0, slot) for slot in (100, 199, 200)] == [b"book", b"book", b"next"]
    assert tx.registry.books(200) == [b"next"]
    with pytest.raises(NotFoundError):
        tx.registry.book(1, 100)

    values = np.arange(4, dtype=np.int64) - 2
    assert tx.registry.put_prices("spot", 900, 10, values, b"p" * 32, b"sp")
    assert not tx.registry.put_prices("spot", 900, 10, values, b"p" * 32, b"sp")
    with pytest.raises(ConflictError, match="published once"):
        tx.registry.put_prices("spot", 900, 13, values, b"q" * 32, b"sq")
    with pytest.raises(InputError):
        tx.registry.put_prices("spot", 900, 99, values[:0], b"q" * 32, b"sq")
    tx.registry.put_prices("spot", 900, 16, values, b"q" * 32, b"sq")
    found, known = tx.registry.prices("spot", Window(12, 18, 900))
    assert found.tolist() == [0, 1, 0, 0, -2, -1]
    assert known.tolist() == [True, True, False, False, True, True]
    assert not tx.registry.prices("spot", Window(12, 18, 1800))[1].any()
    assert tx.registry.price_messages("spot") == [b"sp", b"sq"]


def test_a_slot_is_closed_once(tx: PlatformTx) -> None:
    first = CloseRow(b"1" * 32, "close", 1, 0, 100, 196, b"signed")
    assert tx.answers.put_close(first)
    assert not tx.answers.put_close(first)
    with pytest.raises(ConflictError, match="another close"):
        tx.answers.put_close(replace(first, hash=b"2" * 32, first=195, end=200))
    tx.answers.put_close(replace(first, hash=b"3" * 32, first=196, end=200))
    tx.answers.put_close(replace(first, hash=b"4" * 32, leaf=1))
    tx.answers.put_close(replace(first, hash=b"5" * 32, kind="late"))
    assert [c.hash[:1] for c in tx.answers.closes(0, 0, 999)] == [b"1", b"3"]
    assert [c.hash[:1] for c in tx.answers.closes(0, 0, 999, "late")] == [b"5"]
    assert tx.answers.closes(0, 196, 197)[0].first == 196
    assert (tx.answers.last_close(0), tx.answers.last_close(7)) == (200, 0)
    assert tx.answers.close(b"1" * 32) == first


def test_questions_are_answered_once(tx: PlatformTx) -> None:
    question = QuestionRow(b"q" * 32, "totals", "north", "import", 100, 196, b"signed")
    assert tx.answers.put_question(question)
    tx.answers.put_question(replace(question, hash=b"r" * 32, first=50))
    assert [q.hash[:1] for q in tx.answers.unanswered("totals")] == [b"r", b"q"]
    assert tx.answers.put_sums(b"q" * 32, 1, b"sums")
    with pytest.raises(ConflictError):
        tx.answers.put_sums(b"q" * 32, 1, b"other")
    assert tx.answers.sums(b"q" * 32) == {1: b"sums"}
    assert tx.answers.put_answer(b"q" * 32, "provisional", b"body", [b"d" * 32])
    assert not tx.answers.put_answer(b"q" * 32, "provisional", b"body", [b"d" * 32])
    with pytest.raises(ConflictError):
        tx.answers.put_answer(b"q" * 32, "provisional", b"body2", [b"d" * 32])
    assert tx.answers.with_status("provisional") == [b"q" * 32]
    tx.answers.set_status(b"q" * 32, "confirmed", [b"d" * 32, b"e" * 32])
    answer = tx.answers.answer(b"q" * 32)
    assert (answer.status, answer.body, answer.digests) == ("confirmed", b"body", [b"d" * 32, b"e" * 32])
    tx.answers.put_refusal(b"r" * 32, 0, b"no")
    tx.answers.put_refusal(b"r" * 32, 0, b"no!")
    assert tx.answers.refusals(b"r" * 32) == {0: b"no!"}
    assert tx.answers.unanswered() == []
    with pytest.raises(NotFoundError):
        tx.answers.set_status(b"z" * 32, "confirmed")
    assert tx.answers.put_vote(b"s" * 32, 0, b"vote")
    assert tx.answers.votes(b"s" * 32) == {0: b"vote"}


def total(first: int, values: list[int], status: Status = Status.CONFIRMED) -> Total:
    t = len(values)
    answered = np.array([value >= 0 for value in values])
    energy = np.array(values, np.int64)
    window = Window(first, first + t, 900)
    return Total("north", Quantity.IMPORT, window, energy, np.full(t, 30, np.int32), 31, answered, status)


def test_totals_join_and_never_change(tx: PlatformTx) -> None:
    assert tx.totals.put_totals([total(96, [1, 2, -1]), total(99, [4])], b"q" * 32) == 2
    assert tx.totals.put_totals([total(96, [1, 2, -1])], b"q" * 32) == 0
    with pytest.raises(ConflictError):
        tx.totals.put_totals([total(96, [1, 3, -1])], b"q" * 32)
    with pytest.raises(ConflictError, match="answered once"):
        tx.totals.put_totals([total(98, [1])], b"q" * 32)
    found = tx.totals.total("north", Quantity.IMPORT, Window(97, 102, 900))
    assert found.energy_wh.tolist() == [2, -1, 4, 0, 0]
    assert found.answered.tolist() == [True, False, True, False, False]
    assert found.homes.tolist() == [30, 30, 30, 0, 0]
    assert (found.members, found.status) == (31, Status.CONFIRMED)
    tx.totals.put_totals([total(100, [5], Status.PROVISIONAL)], b"r" * 32)
    assert tx.totals.total("north", Quantity.IMPORT, Window(96, 102, 900)).status is Status.PROVISIONAL
    tx.totals.set_total_status(b"r" * 32, Status.IMPLAUSIBLE)
    assert tx.totals.total("north", Quantity.IMPORT, Window(96, 102, 900)).status is Status.IMPLAUSIBLE
    assert tx.totals.last_total("north", Quantity.IMPORT) == 101
    assert tx.totals.nodes() == [("north", Quantity.IMPORT)]
    with pytest.raises(NotFoundError):
        tx.totals.total("north", Quantity.EXPORT, Window(96, 99, 900))


def test_facts(tx: PlatformTx) -> None:
    window = Window(100, 200, 900)
    facts = [Fact(BIG, name, 0, window, 7 * n, 90, n, Status.PROVISIONAL) for n, name in enumerate(["day", "night"])]
    assert tx.totals.put_facts(facts, b"q" * 32) == 2
    assert tx.totals.put_facts(facts, b"q" * 32) == 0
    with pytest.raises(ConflictError):
        tx.totals.put_facts([replace(facts[1], value=8)], b"q" * 32)
    tx.totals.set_total_status(b"q" * 32, Status.CONFIRMED)
    confirmed = [replace(fact, status=Status.CONFIRMED) for fact in facts]
    assert tx.totals.facts(home=BIG) == tx.totals.facts(first=100) == tx.totals.facts(question=b"q" * 32) == confirmed
    assert tx.totals.facts(home=1) == []


def test_late_cells_wait_and_enter_once_a_vector(tx: PlatformTx) -> None:
    ids = np.array([BIG, 4], np.uint64)
    cells = LateCells(ids, ids, np.array([150, 250]), np.array([0, 1], np.int16))
    assert tx.totals.put_late(0, cells) == 2
    assert tx.totals.put_late(0, cells) == 0
    waiting = tx.totals.late(0, 100, 200, vector="day")
    assert (waiting.pids.tolist(), waiting.versions.tolist()) == ([BIG], [0])
    assert tx.totals.enter_late(0, "day", waiting, b"c" * 32) == 1
    assert tx.totals.enter_late(0, "day", waiting, b"c" * 32) == 0
    with pytest.raises(ConflictError):
        tx.totals.enter_late(0, "day", waiting, b"d" * 32)
    assert len(tx.totals.late(0, 100, 200, vector="day")) == 0
    assert len(tx.totals.late(0, 100, 200, vector="night")) == 1
    assert len(tx.totals.late(0, 100, 300)) == 2


def test_bills_go_from_draft_to_issued_and_then_stand(tx: PlatformTx, clock: ManualClock) -> None:
    bill = BillRow(BIG, 100, 200, 1, 5_000_000, "EUR", [{"label": "day", "micro": 5_000_000}], {"vat": 1})
    assert tx.billing.put([bill]) == 1
    assert tx.billing.put([bill]) == 0
    assert tx.billing.put([replace(bill, total_micro=6_000_000)]) == 1
    with pytest.raises(ConflictError, match="cannot be issued"):
        tx.billing.set_status([bill.key], "issued", "ada")
    assert tx.billing.set_status([bill.key], "approved", "ada") == 1
    with pytest.raises(ConflictError, match="approved"):
        tx.billing.put([bill])
    clock.unix += 60
    assert tx.billing.set_status([bill.key], "issued", "ada") == 1
    assert tx.billing.set_status([bill.key], "issued", "bob") == 0
    tx.billing.put([replace(bill, version=2)])
    newest, issued = tx.billing.bill(BIG, 100), tx.billing.bill(BIG, 100, 1)
    assert (newest.version, newest.status) == (2, "draft")
    assert (issued.total_micro, issued.approved_by, issued.issued_at) == (6_000_000, "ada", clock.unix)
    assert issued.lines == bill.lines
    assert tx.billing.counts(100) == {"draft": 1, "approved": 0, "issued": 1}
    assert [b.version for b in tx.billing.bills(first=100, status="issued")] == [1]
    assert tx.billing.periods() == [(100, 200)]
    with pytest.raises(NotFoundError):
        tx.billing.set_status([(1, 100, 200, 1)], "approved", "ada")


def test_people_sign_in_by_link_session_and_key(tx: PlatformTx, clock: ManualClock) -> None:
    ada = Account("ada", "Ada", "household", BIG)
    assert tx.people.add_account(ada)
    assert not tx.people.add_account(ada)
    tx.people.add_link(b"link", "ada", clock.unix + 10)
    tx.people.add_link(b"old", "ada", clock.unix)
    assert tx.people.use_link(b"link") == ada
    for token in (b"link", b"old", b"none"):
        with pytest.raises(ForbiddenError):
            tx.people.use_link(token)
    tx.people.add_session(b"s", "ada", clock.unix + 10)
    assert tx.people.session(b"s") == ada
    tx.people.add_api_key(b"k", "ada", "script", ["read", "bill"], clock.unix + 99)
    assert tx.people.api_key(b"k") == (ada, ("read", "bill"))
    assert [k.name for k in tx.people.api_keys("ada")] == ["script"]
    clock.unix += 11
    with pytest.raises(NotFoundError):
        tx.people.session(b"s")
    assert tx.people.sweep() == 3
    tx.people.add_session(b"t", "ada", clock.unix + 10)
    tx.people.set_password("ada", "argon2$...")
    with pytest.raises(NotFoundError):
        tx.people.session(b"t")
    tx.people.disable("ada")
    assert tx.people.account_named("Ada") == replace(ada, password="argon2$...", disabled=True)
    with pytest.raises(NotFoundError):
        tx.people.api_key(b"k")
