"""Opening a sealed demand curve by bisection: only the ticks that earlier answers force.

Bids are step functions: on a fine grid the jumps of their sum *are* single orders, floor or not (B1). So a zone and
auction opens only the path to its clearing tick: about log2 of the grid. What still leaks is the sums on that path
and the marginal step.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.errors import GateRefusal, InputError

Answer = tuple[int, int]
"""(tick, sign of the opened net demand there: -1, 0 or 1)."""


def most_ticks(ticks: int) -> int:
    """How many ticks of a grid of `ticks` may be opened: ``⌈log2 P⌉ + 1``.

    >>> [most_ticks(p) for p in (1, 2, 100, 128, 129)]
    [1, 2, 8, 8, 9]
    """
    if ticks < 1:
        raise InputError("the price grid is empty", where="auction", fix="use at least one tick")
    return (ticks - 1).bit_length() + 1


def bracket(answers: Sequence[Answer], ticks: int, *, where: str = "auction") -> tuple[int, int]:
    """Where the clearing tick can still be: ``low <= clearing <= high``; `ticks` itself means "beyond the grid".

    Net demand falls with the price; the clearing tick is the lowest at which it is not positive. Each answer must be
    at the midpoint that those before it force.

    Raises:
        GateRefusal: rule ``ticks``: an answer at another tick, or one too many.

    >>> bracket([(4, 1), (7, -1)], 9)
    (5, 7)
    """
    allowance = most_ticks(ticks)
    if len(answers) > allowance:
        _refuse(f"{len(answers)} ticks, at most {allowance} may be opened", where)
    low, high = 0, ticks
    for tick, sign in answers:
        if low == high:
            _refuse("the clearing tick is already known", where)
        if tick != (low + high) // 2:
            _refuse(f"tick {tick} is not the one earlier answers force", where)
        if sign not in (-1, 0, 1):
            raise InputError("a sign is -1, 0 or 1", where=where, fix="report the sign of net demand")
        low, high = (tick + 1, high) if sign > 0 else (low, tick)
    return low, high


def next_tick(answers: Sequence[Answer], ticks: int, *, where: str = "auction") -> int | None:
    """The one tick that may be opened now, or None when the clearing tick is known (``bracket(...)[0]``).

    Args:
        answers: All answers of this zone and auction so far, in order. ticks: Size of the price grid.

    Raises:
        GateRefusal: rule ``ticks`` (see `bracket`).

    Privacy: uses signs only. Source: PROTOCOL A, "sealed bids"; B1.

    >>> next_tick([], 9), next_tick([(4, 1)], 9), next_tick([(4, 1), (7, -1), (6, 1)], 9)
    (4, 7, None)
    """
    low, high = bracket(answers, ticks, where=where)
    return None if low == high else (low + high) // 2


def check_tick(tick: int, answers: Sequence[Answer], ticks: int, *, where: str = "auction") -> None:
    """Refuse to open any tick but the forced one.

    Raises:
        GateRefusal: rule ``ticks``.
    """
    forced = next_tick(answers, ticks, where=where)
    if tick != forced:
        _refuse(f"tick {tick} is not the one earlier answers force", where)


def _refuse(what: str, where: str) -> None:
    raise GateRefusal("ticks", what, where=where, fix="open the midpoint of what is still possible")
