"""Giving chosen days to somebody else: their day keys, sealed to the recipient, and nothing of any other day.

The day key of a day does not give the next one (PROTOCOL C, K1): only the chain key would, and it never leaves. The
recipient gets the ciphertexts of those days along with the keys, because nobody but the household may fetch them (A7).
Does not give: a way to take back what was handed over; a withdrawal only ends what would still come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.masks import add_masks
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import InputError, VerificationError
from quietgrid.household.opening import KeyLine, OwnSeries
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Consent
from quietgrid.wire.own import DayKeys, SealedSeries, Share

MAX_DAYS = 366


def day_subject(day: int) -> str:
    """The `Consent.subject` of one day.

    >>> day_subject(20_000)
    'day:20000'
    """
    return f"day:{day}"


def consents_for(vault: Vault, days: Sequence[int], recipient: str, purpose: str, expires: float) -> list[Signed]:
    """Signed consents, one a day, for the keyholders' records and for the recipient."""
    if not 0 < len(set(days)) <= MAX_DAYS:
        raise InputError("choose between one day and a year", where="consent", fix="give distinct UTC days")
    return [
        vault.identity.sign(Consent(vault.community, vault.home, day_subject(day), purpose, recipient, expires))
        for day in sorted(set(days))
    ]


def share_days(
    vault: Vault,
    lines: Sequence[KeyLine],
    series: Sequence[SealedSeries],
    consents: Sequence[Signed],
    recipient: tuple[str, bytes],
) -> Signed:
    """The package for a recipient, signed by the household.

    Args:
        vault: The home. lines: Of its meters. series: the ciphertexts of exactly the consented days.
        consents: Signed consents, one a day, all to this recipient. recipient: name and tagged HPKE public key.

    Raises:
        InputError: a series reaches beyond the consented days.
    """
    name, public = recipient
    days = sorted(_consented(consents, vault, name))
    for part in series:
        per_day = slots_per_day(part.resolution)
        if not {slot // per_day for slot in range(part.first, part.end)} <= set(days):
            raise InputError("a series reaches beyond the chosen days", where=f"meter {part.pid}", fix="cut it by day")
    keys = []
    for line in lines:
        held = [day for day in days if line.holds(day)]
        message = DayKeys(
            vault.community, line.meter.pid, held, [line.keys(day, day + 1)[:, 0].tobytes() for day in held]
        )
        info = seal_info(DayKeys.NAME, vault.community, line.meter.pid, public)
        keys.append((line.meter.pid, seal(message.body(), public, info)))
    return vault.identity.sign(
        Share(
            vault.community, vault.home, name, [pack_signed(c) for c in consents], [s.body() for s in series], keys
        )
    )  # fmt: skip


def open_shared(signed: Signed, household_pk: bytes, kem: PrivateKem, now: float) -> list[OwnSeries]:
    """The recipient's side: open what a household shared.

    Args:
        signed: The `Share`. household_pk: whose it must be. kem: the recipient's key. now: Unix seconds.

    Raises:
        VerificationError: not that household's, not for this recipient, or a day without a valid consent.
    """
    share = open_signed(signed, Share, household_pk)
    allowed = set()
    for data in share.consents:
        consent = open_signed(unpack_signed(data), Consent, household_pk)
        if (consent.home, consent.recipient) == (share.home, share.recipient) and consent.expires > now:
            allowed.add(consent.subject)
    held: dict[int, DayKeys] = {}
    for pid, blob in share.keys:
        message = decode(DayKeys, kem.open(blob, seal_info(DayKeys.NAME, share.community, pid, kem.public)))
        if message.pid != pid or not {day_subject(day) for day in message.days} <= allowed:
            raise VerificationError("a day was shared without consent", where=f"meter {pid}", fix="delete it")
        held[pid] = message
    return [_open_with(decode(SealedSeries, data), held) for data in share.series]


def _consented(consents: Sequence[Signed], vault: Vault, recipient: str) -> set[int]:
    days = set()
    for signed in consents:
        consent = open_signed(signed, Consent, vault.identity.public)
        if consent.recipient != recipient or consent.home != vault.home or not consent.subject.startswith("day:"):
            raise InputError("a consent is for something else", where="share", fix="give this recipient's day consents")
        days.add(int(consent.subject.removeprefix("day:")))
    return days


def _open_with(series: SealedSeries, held: dict[int, DayKeys]) -> OwnSeries:
    """Open a series with the day keys that came along."""
    window = Window(series.first, series.end, series.resolution)
    per_day, t = slots_per_day(window.resolution), len(window)
    sent = held.get(series.pid)
    if sent is None or len(series.ciphertext) != 8 * t or len(series.version) != t:
        raise VerificationError("a series does not fit its keys", where=f"meter {series.pid}", fix="ask again")
    key_of = {
        day: np.frombuffer(key, np.uint8).reshape(3, 1, 32) for day, key in zip(sent.days, sent.keys, strict=True)
    }
    present, version = unpack_bits(series.present, t), np.frombuffer(series.version, np.uint8)
    energy = np.frombuffer(series.ciphertext, "<u8").astype(np.uint64)
    for day, a, b in window.by_day():
        if day not in key_of:
            raise VerificationError("there is no key for a day", where=f"day {day}", fix="ask the household for it")
        part = slice(day * per_day + a - window.first, day * per_day + b - window.first)
        energy[part] = _unmask(energy[part], version[part], key_of[day], series.register, (window.resolution, a))
    energy[~present] = 0
    closed = unpack_bits(series.closed, t)
    return OwnSeries(series.pid, series.register, window, energy.view(np.int64), present, closed, version)


def _unmask(
    cells: NDArray[np.uint64], version: NDArray[np.uint8], keys: NDArray[np.uint8], register: int, at: tuple[int, int]
) -> NDArray[np.uint64]:
    resolution, first = at
    out = cells.copy()
    for number in np.unique(version).tolist():
        row = cells[np.newaxis].copy()
        add_masks(row, np.ascontiguousarray(keys), register, number, resolution, first=first, sign=-1)
        out = np.where(version == number, row[0], out)
    return out
