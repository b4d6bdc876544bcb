"""Consent to a third party opens exactly the chosen days (K1); every keyholder records it; it can be taken back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import decode, pack_signed
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.masks import day_step
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import InputError, NotFoundError, VerificationError
from quietgrid.household import open_shared
from quietgrid.household.opening import open_series
from quietgrid.household.sharing import share_days
from quietgrid.wire.messages import Consent
from quietgrid.wire.own import DayKeys, SealedSeries, Share, Withdrawal
from tests.household.village import COMMUNITY, Village
from tests.meter.town import D0, PER_DAY, moment, readings, slots

ADVISER = PrivateKem.generate("x25519")
UNTIL = moment(D0 + 100)


@pytest.fixture
def village(tmp_path: Path) -> Village:
    village = Village(tmp_path)
    village.clock.unix = moment(D0 + 5)
    village.deliver(village.bank.seal(readings([1, 2, 3], slots(D0, 0, 5 * PER_DAY), 1)))
    return village


def test_exactly_the_chosen_days_open(village: Village) -> None:
    home = village.home(11)
    share = home.share([D0 + 1, D0 + 3], ("adviser", ADVISER.public), "energy advice", UNTIL)
    opened = open_shared(share, home.parts.vault.identity.public, ADVISER, village.clock.unix)
    assert {(part.pid, part.register, part.window.first // PER_DAY) for part in opened} == {
        (pid, register, day) for pid, register in ((1, 0), (1, 1), (3, 0)) for day in (D0 + 1, D0 + 3)
    }
    for part in opened:
        own = next(s for s in home.series(part.window) if (s.pid, s.register) == (part.pid, part.register))
        assert (part.energy_wh == own.energy_wh).all()


def test_the_next_day_does_not_open(village: Village) -> None:
    """K1: whoever gets a day's key can neither use it on, nor derive, the next day's."""
    home = village.home(12)
    share = home.share([D0 + 1], ("adviser", ADVISER.public), "advice", UNTIL)
    message = decode(Share, share.body)
    ((pid, blob),) = message.keys
    keys = decode(DayKeys, ADVISER.open(blob, seal_info("day-keys", COMMUNITY, pid, ADVISER.public)))
    assert keys.days == [D0 + 1]
    day_key = np.frombuffer(keys.keys[0], np.uint8).reshape(3, 32)
    line = home.lines[2]
    following = line.keys(D0 + 2, D0 + 3)[:, 0]
    assert (day_key == line.keys(D0 + 1, D0 + 2)[:, 0]).all()
    for derived in (day_key, *day_step(day_key.copy())):
        assert {k.tobytes() for k in derived}.isdisjoint({k.tobytes() for k in following})
    sealed = village.platform.sealed(2, 0, slots(D0 + 2, 0, PER_DAY))
    forged = msgspec.structs.replace(message, series=[sealed.body()])
    with pytest.raises(VerificationError, match="no key"):
        open_shared(home.parts.vault.identity.sign(forged), home.parts.vault.identity.public, ADVISER, 0.0)
    assert open_series(sealed, line).energy_wh.any(), "the household itself can"


def test_only_the_recipient_opens_it(village: Village) -> None:
    home = village.home(12)
    share = home.share([D0], ("adviser", ADVISER.public), "advice", UNTIL)
    public = home.parts.vault.identity.public
    with pytest.raises(VerificationError):
        open_shared(share, public, PrivateKem.generate("x25519"), 0.0)
    with pytest.raises(VerificationError, match="signer"):
        open_shared(share, village.vaults[11].identity.public, ADVISER, 0.0)
    with pytest.raises(VerificationError, match="consent"):
        open_shared(share, public, ADVISER, UNTIL + 1)


def test_every_keyholder_has_the_consent_on_record(village: Village) -> None:
    home = village.home(11)
    home.share([D0, D0 + 1], ("adviser", ADVISER.public), "advice", UNTIL)
    for holder in village.holders:
        given = [open_signed(s, Consent, home.parts.vault.identity.public) for s in holder.given]
        assert [c.subject for c in given] == [f"day:{D0}", f"day:{D0 + 1}"]
        assert {(c.home, c.recipient, c.purpose, c.expires) for c in given} == {(11, "adviser", "advice", UNTIL)}
    assert {c.subject for c in home.consents()} == {f"day:{D0}", f"day:{D0 + 1}"}


def test_a_consent_is_taken_back(village: Village) -> None:
    home = village.home(11)
    signed = home.consent("event:e1", "operator", "reward", UNTIL)
    home.withdraw("event:e1", "operator")
    for holder in village.holders:
        message = open_signed(holder.given[-1], Withdrawal, home.parts.vault.identity.public)
        assert message.consent == signed.hash()
    assert home.consents() == []
    with pytest.raises(NotFoundError):
        home.withdraw("event:e1", "operator")


def test_a_package_never_reaches_beyond_its_consents(village: Village) -> None:
    home = village.home(12)
    vault = home.parts.vault
    consent = vault.identity.sign(Consent(COMMUNITY, 12, f"day:{D0}", "advice", "adviser", UNTIL))
    wide = village.platform.sealed(2, 0, slots(D0, 0, PER_DAY + 1))
    with pytest.raises(InputError, match="beyond"):
        share_days(vault, list(home.lines.values()), [wide], [consent], ("adviser", ADVISER.public))
    with pytest.raises(InputError, match="something else"):
        share_days(vault, [], [], [consent], ("somebody", ADVISER.public))
    with pytest.raises(InputError):
        home.share([], ("adviser", ADVISER.public), "advice", UNTIL)


def test_a_day_without_consent_is_refused_by_the_recipient(village: Village) -> None:
    home = village.home(12)
    share = decode(Share, home.share([D0, D0 + 1], ("adviser", ADVISER.public), "advice", UNTIL).body)
    vault = home.parts.vault
    less = msgspec.structs.replace(share, consents=share.consents[:1])
    with pytest.raises(VerificationError, match="without consent"):
        open_shared(vault.identity.sign(less), vault.identity.public, ADVISER, 0.0)
    stranger = village.vaults[11].identity.sign(Consent(COMMUNITY, 12, f"day:{D0 + 1}", "", "adviser", UNTIL))
    forged = msgspec.structs.replace(share, consents=[share.consents[0], pack_signed(stranger)])
    with pytest.raises(VerificationError):
        open_shared(vault.identity.sign(forged), vault.identity.public, ADVISER, 0.0)
    assert all(isinstance(decode(SealedSeries, data), SealedSeries) for data in share.series)
