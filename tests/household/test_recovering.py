"""A household without its keys: fresh ones, day keys from two keyholders in the place of roots, gaps shown as gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.errors import ConflictError, InputError, NotFoundError, UnavailableError, VerificationError
from quietgrid.household import Home, KeyLine, Vault, Verdict
from quietgrid.household.checking import BillView
from quietgrid.household.ledger import ledger_keys
from quietgrid.household.opening import HeldLine
from quietgrid.household.recovering import Recovered, collect, join, make_request
from quietgrid.household.service import HomeParts
from quietgrid.household.vault import RecoveredMeter
from quietgrid.wire.messages import LedgerNote
from quietgrid.wire.recovery import RecoveryRequest, Release, ReleasedKeys, ReleasedMeter, Takeover
from tests.household.village import COMMUNITY, TOWN, Village
from tests.meter.town import D0, PER_DAY, moment, readings, slots

KEPT = range(D0 + 2, D0 + 5)
"""Days the keyholders still have."""


@pytest.fixture
def village(tmp_path: Path) -> Village:
    made = Village(tmp_path)
    made.clock.unix = moment(D0 + 5)
    made.deliver(made.bank.seal(readings([1, 2, 3], slots(D0, 0, 5 * PER_DAY), 1)))
    return made


def released(village: Village, index: int, days: Sequence[int] = KEPT, home: int = 11) -> list[ReleasedMeter]:
    """What keyholder `index` has of a home's meters, computed from the roots that will be lost."""
    out = []
    for meter in village.vaults[home].meters():
        keys = KeyLine(COMMUNITY, meter).keys(days[0], days[-1] + 1)[list(PAIRS_OF[index])]
        body = np.ascontiguousarray(keys.transpose(1, 0, 2)).tobytes()
        out.append(ReleasedMeter(meter.pid, meter.d0, meter.registers, meter.meter_pk, list(days), body))
    return out


class Link:
    """A keyholder that has taken the new key over (or not yet)."""

    def __init__(self, index: int, vault: Vault, meters: Sequence[ReleasedMeter] | None, ledger: bytes) -> None:
        self.index, self.vault, self.meters, self.ledger = index, vault, meters, ledger

    def release(self) -> Signed:
        if self.meters is None:
            raise UnavailableError("not there", where="keyholder", fix="wait")
        vault, keyholder = self.vault, TOWN.keyholders[self.index]
        keys = ReleasedKeys(COMMUNITY, vault.home, self.index, self.ledger, list(self.meters))
        info = seal_info(ReleasedKeys.NAME, COMMUNITY, vault.home, vault.identity.public)
        request = vault.identity.sign(
            RecoveryRequest(COMMUNITY, vault.home, vault.identity.public, vault.kem.public, 1.0)
        )
        taken = keyholder.sign(Takeover(self.index, pack_signed(request), b"old", [0, 1], 1.0))
        sealed = seal(keys.body(), vault.kem.public, info)
        release = Release(self.index, vault.home, request.hash(), [pack_signed(taken)], sealed)
        return keyholder.sign(release)


def fresh(village: Village) -> Vault:
    make_request(village.folder / "new" / "11", COMMUNITY, 11, 1.0, "x25519")
    return Vault(village.folder / "new" / "11")


def links(village: Village, vault: Vault, give: Sequence[int] = (0, 2), third: bool = True) -> list[Link]:
    old = village.vaults[11]
    return [
        Link(i, vault, released(village, i) if i in give else ([] if third else None), ledger_keys(old, i)[0])
        for i in range(3)
    ]


def recovered(village: Village, vault: Vault, third: bool = True) -> tuple[Home, Recovered]:
    found = collect(vault, TOWN.card, links(village, vault, third=third))
    for holder in village.holders:
        holder.home = 11
    return Home(HomeParts(TOWN.card, vault, village.store, village.clock, village.platform, village.holders)), found


@pytest.mark.parametrize("give", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_two_keyholders_give_all_three_keys(village: Village, give: tuple[int, ...]) -> None:
    meters = join({index: released(village, index) for index in give})
    for meter, own in zip(meters, village.vaults[11].meters(), strict=True):
        line, whole = HeldLine(meter), KeyLine(COMMUNITY, own)
        assert np.array_equal(line.keys(KEPT[0], KEPT[-1] + 1), whole.keys(KEPT[0], KEPT[-1] + 1))
        assert [line.holds(day) for day in (KEPT[0] - 1, KEPT[0], KEPT[-1], KEPT[-1] + 1)] == [False, True, True, False]
        with pytest.raises(InputError, match="lost"):
            line.keys(KEPT[0] - 1, KEPT[0] + 1)


def test_one_keyholder_gives_nothing(village: Village) -> None:
    assert [meter.keys for meter in join({0: released(village, 0)})] == [b"", b""]


def test_the_last_days_open_and_the_others_are_a_gap(village: Village) -> None:
    vault = fresh(village)
    home, found = recovered(village, vault)
    assert (found.took_over, found.released, found.days, found.waiting) == ((0, 1, 2), (0, 2), 6, {})
    assert len(found.proof) == 3
    own = home.readings(slots(D0, 0, 5 * PER_DAY))
    truth = readings([1, 2, 3], slots(D0, 0, 5 * PER_DAY), 1)
    first = 2 * PER_DAY
    assert own.meters.tolist() == [1, 3]
    assert not own.present[:, :first].any()
    assert own.present[:, first:].all()
    assert (own.imported_wh[:, first:] == truth.imported_wh[[0, 2], first:]).all()
    assert (own.exported_wh[0, first:] == truth.exported_wh[0, first:]).all()


def test_a_bill_of_lost_days_is_not_checked_and_nothing_is_released(village: Village) -> None:
    home, _ = recovered(village, fresh(village))
    whole, kept = slots(D0, 0, 5 * PER_DAY), slots(KEPT[0], 0, 3 * PER_DAY)
    assert [home.lost(whole), home.lost(kept)] == [True, False]
    check = home.verify_bill(BillView(11, whole, [], 0))
    assert (check.verdict, check.vectors, check.records) == (Verdict.LOST, [], 0)
    with pytest.raises(NotFoundError, match="lost"):
        home.release(BillView(11, whole, [], 0))
    assert village.platform.proofs == []
    assert not village.home(12).lost(whole), "who lost nothing has no gap"


def test_ledgers_open_with_the_released_keys_and_say_what_happened(village: Village) -> None:
    note = LedgerNote(
        "recovered", "", 0, 0, 900, "", [], [], [], "keyholder 0 and keyholder 2", "a lost household key", "recovery",
        b"r" * 32, [], 1.0,
    )  # fmt: skip
    for holder in village.holders:
        holder.note(None, note)
        holder.note(11, note)
    home, _ = recovered(village, fresh(village))
    mine, everybody = sorted(home.privacy(), key=lambda row: not row.mine)
    assert mine.text.startswith("Your household's key was replaced with the approval of keyholder 0 and keyholder 2.")
    assert (
        everybody.text
        == "A home's household key was lost and replaced with the approval of keyholder 0 and keyholder 2."
    )
    assert (mine.keyholders, mine.agree) == ((0, 1, 2), True)


def test_a_ledger_whose_keyholder_is_away_stays_closed_for_now(village: Village) -> None:
    note = LedgerNote("bill", "", 1, 2, 900, "", ["x"], [1], [1], "platform", "", "batch", b"q" * 32, [], 1.0)
    for holder in village.holders:
        holder.note(11, note)
    vault = fresh(village)
    home, found = recovered(village, vault, third=False)
    assert found.waiting == {1: "not there"}
    assert [row.keyholders for row in home.privacy()] == [(0, 2)]
    home, _ = recovered(village, vault)
    assert [row.keyholders for row in home.privacy()] == [(0, 1, 2)]


def test_what_contradicts_is_refused(village: Village) -> None:
    one, two = released(village, 0), released(village, 1)
    wrong = bytearray(two[0].keys)
    wrong[0] ^= 1
    lying = ReleasedMeter(two[0].pid, two[0].d0, two[0].registers, two[0].meter_pk, two[0].days, bytes(wrong))
    with pytest.raises(VerificationError, match="contradict"):
        join({0: one, 1: [lying, two[1]]})
    other = ReleasedMeter(two[0].pid, two[0].d0, two[0].registers, b"another", two[0].days, two[0].keys)
    with pytest.raises(VerificationError, match="contradict"):
        join({0: one, 1: [other, two[1]]})
    vault = fresh(village)
    swapped = links(village, vault)
    swapped[0].index = 1  # signs as another
    with pytest.raises(VerificationError, match="signer"):
        collect(vault, TOWN.card, swapped)


def test_more_days_join_those_that_are_there(village: Village) -> None:
    vault = fresh(village)
    collect(vault, TOWN.card, links(village, vault))
    later = join({index: released(village, index, range(D0 + 3, D0 + 8)) for index in (0, 2)})
    vault.keep_recovered(later, {})
    assert [(meter.first, meter.end) for meter in vault.recovered()] == [(D0 + 2, D0 + 8)] * 2
    changed = bytearray(later[0].keys)
    changed[5] ^= 1
    m = later[0]
    with pytest.raises(VerificationError, match="differs"):
        vault.keep_recovered([RecoveredMeter(m.pid, m.d0, m.registers, m.meter_pk, m.first, bytes(changed))], {})
    assert len(ledger_keys(vault, 0)) == 1
    backup = vault.backup()
    copy = Vault.restore(village.folder / "copy", COMMUNITY, 11, backup)
    assert copy.recovered() == vault.recovered()
    assert copy.recovered_ledger() == vault.recovered_ledger()
    secret = vault.recovered()[0].keys[:32]
    copy.erase()
    vault.erase()
    village_files = b"".join(p.read_bytes() for p in (village.folder / "new").rglob("*") if p.is_file())
    assert secret not in village_files


def test_a_request_is_made_once_and_only_for_what_is_lost(village: Village) -> None:
    folder = village.folder / "new" / "11"
    signed = make_request(folder, COMMUNITY, 11, 1.0, "x25519")
    assert make_request(folder, COMMUNITY, 11, 99.0, "x25519") == signed
    vault = Vault(folder)
    assert decode(RecoveryRequest, signed.body).household_pk == vault.identity.public != Identity.generate().public
    with pytest.raises(ConflictError, match="has the keys"):
        make_request(village.folder / "households" / "11", COMMUNITY, 11, 1.0)
    collect(vault, TOWN.card, links(village, vault))
    with pytest.raises(ConflictError, match="has the keys"):
        make_request(folder, COMMUNITY, 11, 1.0)
