"""Three calls for a notebook: `seal` readings, `ask` for a total, `open_total`.

Everything is real (masks, three keys a home, the gate's floor and share rule, component sums of two keyholders) but for
the walls: one process plays all parts, so it protects nobody from whoever runs it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import TotalsPlan, totals_plan
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.masks import add_masks, masked_sums
from quietgrid.errors import GateRefusal, InputError
from quietgrid.mdms import Answer, open_sums
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.quantity import MAX_READING_WH
from quietgrid.model.question import Quantity
from quietgrid.model.readings import IMPORT
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.messages import Sums


@dataclass(frozen=True)
class SealedDay:
    """One day of n homes, sealed.

    Args:
        ciphertext: uint64 [n, t]. resolution: seconds.
        keys: uint8 [3, n, 32], the day keys of pairs 01, 02, 12: what the keyholders hold, two each.
    """

    ciphertext: NDArray[np.uint64]
    resolution: int
    keys: NDArray[np.uint8]


@dataclass(frozen=True)
class Asked:
    """A total the gate let open: the sum of ciphertexts, and what each keyholder answered."""

    blind: NDArray[np.uint64]
    sums: dict[int, Sums]


def seal(readings_wh: NDArray[np.int64], resolution: int = 900) -> SealedDay:
    """Seal a day of readings under fresh keys.

    Args:
        readings_wh: int [n, t], homes × intervals of one day, 0 <= value < 2^24. resolution: seconds.

    Returns: 8 bytes a reading, useless without two of three keyholders.

    Raises:
        InputError: a shape or value that does not fit.

    >>> sealed = seal(np.full((30, 96), 250))
    >>> bool((sealed.ciphertext == 250).any())
    False
    """
    values = np.asarray(readings_wh)
    if values.ndim != 2 or values.shape[1] > slots_per_day(resolution) or values.dtype.kind not in "iu":
        raise InputError("readings do not fit", where="seal", fix="give integers [homes, intervals of one day], in Wh")
    if values.size and (int(values.min()) < 0 or int(values.max()) >= MAX_READING_WH):
        raise InputError("a reading is out of range", where="seal", fix="use Wh per interval, 0 up to 2^24")
    keys = np.frombuffer(secrets.token_bytes(96 * len(values)), np.uint8).reshape(3, len(values), 32).copy()
    ciphertext = values.astype(np.uint64)
    add_masks(ciphertext, keys, IMPORT, 0, resolution)
    return SealedDay(ciphertext, resolution, keys)


def ask(
    sealed: SealedDay, homes: NDArray[np.bool_] | None = None, *, keyholders: tuple[int, ...] = (0, 1, 2),
    rules: GateRules | None = None,
) -> Asked:  # fmt: skip
    """Ask for the total of some homes (default: all).

    Args:
        sealed: From `seal`. homes: bool [n]. keyholders: who is up; any two are enough. rules: the gate's numbers.

    Raises:
        GateRefusal: fewer than k homes. UnavailableError (from `open_total`): fewer than two keyholders.

    >>> day = seal(np.full((30, 96), 250))
    >>> ask(day, np.arange(30) < 3)
    Traceback (most recent call last):
    quietgrid.errors.GateRefusal: 3 homes are too few for a total – floor – ask for at least 15
    """
    rules = rules or GateRules()
    n, t = sealed.ciphertext.shape
    chosen = np.ones(n, np.bool_) if homes is None else np.asarray(homes, np.bool_)
    if int(chosen.sum()) < rules.k and rules.on("floor"):
        raise GateRefusal(
            "floor",
            f"{int(chosen.sum())} homes are too few for a total",
            where="floor",
            fix=f"ask for at least {rules.k}",
        )
    plan = _plan(chosen, t, sealed.resolution, rules)
    include = plan.include[IMPORT] & plan.allowed
    blind = np.where(include, sealed.ciphertext, np.uint64(0)).sum(axis=0, dtype=np.uint64)
    sums = {}
    for index in keyholders:
        parts = [
            masked_sums(sealed.keys[pair], IMPORT, 0, sealed.resolution, include).astype("<u8").tobytes()
            for pair in PAIRS_OF[index]
        ]
        sums[index] = Sums(index, b"", pack_bits(plan.allowed), plan.homes.astype("<i4").tobytes(), parts)
    return Asked(blind, sums)


def _plan(chosen: NDArray[np.bool_], t: int, resolution: int, rules: GateRules) -> TotalsPlan:
    n = len(chosen)
    numbers = np.arange(n, dtype=np.uint64)
    members = MemberList(
        bytes(16), 0, 0, Window(0, slots_per_day(resolution), resolution), numbers, numbers, np.zeros(n, np.int32),
        np.ones(n, np.uint8), np.full(n, 10_000), ("all",),
    )  # fmt: skip
    present = np.repeat(chosen[:, None], t, axis=1)
    close = Closed(0, 0, 0, t, present, np.zeros((n, t), np.int16), b"")
    return totals_plan(members, "all", Quantity.IMPORT, [close], rules)


def open_total(asked: Asked) -> NDArray[np.int64]:
    """The totals: sum of ciphertexts minus the three components.

    Returns: int64 [t], Wh per interval.

    Raises:
        UnavailableError: fewer than two keyholders answered. VerificationError: keyholders contradict each other.

    >>> readings = np.arange(30 * 96).reshape(30, 96)
    >>> bool((open_total(ask(seal(readings))) == readings.sum(axis=0)).all())
    True
    >>> bool((open_total(ask(seal(readings), keyholders=(0, 2))) == readings.sum(axis=0)).all())
    True
    """
    answer: Answer = open_sums(asked.blind, asked.sums)
    return answer.values
