"""The privacy ledgers: every keyholder's chain is followed, own entries open, tampering shows, words are plain."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.household import Verdict, explain
from quietgrid.store import open_keyholder
from quietgrid.wire.messages import LedgerNote
from quietgrid.wire.own import Erase, LedgerPage
from tests.household.village import TOWN, Holder, Village, book
from tests.meter.town import D0, PER_DAY, moment, readings, slots

WINDOW = slots(D0, 0, PER_DAY)


def note(kind: str, subject: bytes = b"q" * 32, **fields: object) -> LedgerNote:
    base = LedgerNote(
        kind, "Birch Lane", WINDOW.first, WINDOW.end, 900, "import", [], [], [], "platform", "bills of the period",
        "batch", subject, [], moment(D0 + 1),
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


@pytest.fixture
def village(tmp_path: Path) -> Village:
    village = Village(tmp_path)
    village.clock.unix = moment(D0 + 1)
    village.deliver(village.bank.seal(readings([1, 2, 3], WINDOW, 1)))
    village.platform.periods[WINDOW.first] = book(WINDOW)
    return village


def fact(village: Village, wrong: int = 0) -> LedgerNote:
    own = village.home(12).readings(WINDOW)
    night = int(own.imported_wh[0, :32].sum())
    return note("fact", vectors=["night"], values=[night + wrong])


def test_own_entries_open_and_others_do_not(village: Village) -> None:
    for holder in village.holders:
        holder.note(None, note("totals"))
        holder.note(12, fact(village))
        holder.note(11, note("bill", vectors=["day"], counts=[64]))
    home = village.home(12)
    entries = home.entries()
    assert len(entries) == 9
    assert [e.note is None for e in entries] == [False, False, True] * 3
    rows = home.privacy()
    assert {(row.kind, row.mine, row.keyholders, row.agree) for row in rows} == {
        ("totals", False, (0, 1, 2), True),
        ("fact", True, (0, 1, 2), True),
    }
    assert {row.kind for row in rows if row.mine} == {"fact"}
    assert {row.kind for row in village.home(11).privacy() if row.mine} == {"bill"}


@pytest.mark.parametrize(("wrong", "verdict"), [(0, Verdict.HOLDS), (1, Verdict.DIFFERS)])
def test_opened_numbers_are_checked_at_home(village: Village, wrong: int, verdict: Verdict) -> None:
    for holder in village.holders:
        holder.note(12, fact(village, wrong))
    ((row, said),) = village.home(12).verify_facts()
    assert (row.kind, said) == ("fact", verdict)


def test_keyholders_that_say_different_things_stand_out(village: Village) -> None:
    for holder in village.holders:
        holder.note(12, fact(village, wrong=holder.index == 1))
    (row,) = village.home(12).privacy()
    assert not row.agree


def test_a_rewritten_ledger_is_noticed(village: Village) -> None:
    """While we follow, and after a restart (another ledger in the keyholder's name, as long or shorter)."""
    for holder in village.holders:
        holder.note(None, note("totals", b"1" * 32))
        holder.note(None, note("totals", b"2" * 32))
    home = village.home(12)
    home.entries()
    village.holders[0].note(None, note("close"))
    assert len(home.entries()) == 7
    for number, length in ((1, 2), (2, 3), (3, 5)):
        other = Holder(0, open_keyholder(village.folder / f"other{number}.db", village.clock), 12, village.enrolments)
        for n in range(length):
            other.note(None, note("totals", bytes([n]) * 32))
        village.holders[0] = other
        with pytest.raises(VerificationError, match="gone or changed"):
            village.home(12).entries()


def test_a_page_with_a_gap_a_changed_body_or_another_signer_is_refused(village: Village) -> None:
    holder = village.holders[0]
    for n in range(3):
        holder.note(None, note("totals", bytes([n]) * 32))
    home = village.home(12)
    honest = holder.ledger

    def tampered(change: object) -> None:
        def ledger(after: int, limit: int) -> Signed:
            page = decode(LedgerPage, honest(after, limit).body)
            signer, items = TOWN.keyholders[0], list(page.items)
            if change == "gap" and items:
                del items[1:2]
            if change == "body" and items:
                items[0] = msgspec.structs.replace(items[0], body=note("totals", b"x" * 32).body())
            if change == "digest" and items:
                items[2] = msgspec.structs.replace(items[2], digest=bytes(32), salt=b"", body=b"")
            if change == "signer":
                signer = TOWN.keyholders[1]
            if change == "home":
                page = msgspec.structs.replace(page, home=11)
            return signer.sign(msgspec.structs.replace(page, items=items))

        holder.ledger = ledger  # type: ignore[method-assign]

    for change in ("gap", "body", "digest", "signer", "home"):
        tampered(change)
        with pytest.raises(VerificationError):
            home.entries()
    holder.ledger = honest  # type: ignore[method-assign]
    assert len(home.entries()) == 3


def test_erased_bodies_leave_a_chain_that_holds(village: Village) -> None:
    for holder in village.holders:
        holder.note(12, fact(village))
        holder.note(None, note("totals"))
    for holder in village.holders:
        with holder.store.begin() as tx:
            tx.ledger.erase_home(12)
    entries = village.home(12).entries()
    assert [(e.mine, e.erased) for e in entries] == [(True, True), (False, False)] * 3
    assert [row.kind for row in village.home(12).privacy()] == ["totals"]


def test_erasure_asks_the_keyholders_first_and_leaves_nothing(village: Village) -> None:
    home = village.home(12)
    public = home.parts.vault.identity.public
    roots = [meter.roots[:32] for meter in home.parts.vault.meters()]
    assert all(root in village.files() for root in roots)
    home.consent("event:e", "operator", "reward", moment(D0 + 50))
    home.erase("moving out")
    assert village.platform.erased == [holder.given[-1] for holder in village.holders[:1]]
    for holder in village.holders:
        assert decode(Erase, holder.given[-1].body).home == 12
        assert holder.given[-1].signer == public
    assert not any(root in village.files() for root in roots)
    assert home.lines == {}
    with village.store.read() as tx:
        assert tx.household.consents(12) == []


def test_a_platform_that_is_away_stops_an_erasure_before_it_begins(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else closes would go on naming readings that nobody can open, and the section's totals would stop."""
    home = village.home(12)

    def away(signed: Signed) -> None:
        raise UnavailableError("it does not answer", where="platform", fix="try again later")

    monkeypatch.setattr(village.platform, "erase", away)
    given = [len(holder.given) for holder in village.holders]
    with pytest.raises(UnavailableError):
        home.erase("moving out")
    assert [len(holder.given) for holder in village.holders] == given
    assert home.parts.vault.meters()


def test_words() -> None:
    texts = {
        kind: explain(note(kind, values=[1500], vectors=["night"]), "Europe/Berlin")
        for kind in ("close", "totals", "bills", "late", "event", "bill", "fact", "refused", "restored", "new-kind")
    }
    assert "night 1.5 kWh" in texts["fact"]
    assert "No single interval was" in texts["fact"]
    assert "refused: bills are asked for whole groups" in texts["refused"]
    assert "together with the others" in texts["totals"]
    assert len(set(texts.values())) == 9, "bill and fact read alike, the others differ"
    for text in texts.values():
        assert not {"slot", "hash", "mask", "ciphertext"} & set(text.lower().split())
    assert "4 Oct 2024 02:00" in explain(note("close"), "Europe/Berlin")
