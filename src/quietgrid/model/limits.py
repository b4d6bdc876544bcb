"""`Limits`: what groups may draw or feed in beyond what is expected. All that market and response see of a grid.

A group is seen as one number an interval, its *move*: watts its homes draw more than expected (negative: less, or feed
in). Every limit of the grid (a voltage, a branch) has a room, and every group uses it by so much a watt:

>>> from quietgrid.model.interval import Window
>>> limits = Limits.unbounded(("Mill Lane", "Church Road"), Window(0, 2, 900))
>>> limits.allowed(np.array([[5_000, 0], [0, -7_000]])).tolist()
[True, True]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
UNBOUNDED_W = 1 << 40
"""More than any grid carries: no limit."""
CHECKED = 1 << 22
"""Numbers a check holds at a time: bounds memory."""


@dataclass(frozen=True)
class Limits:
    """Headroom of g groups over t intervals, and c limits behind it.

    Args:
        window: The intervals. groups: g names.
        import_w, export_w: int64 [g, t], W: the most a group may draw (feed in) beyond what is expected while all
            others do what is expected.
        names: c, for people: ``voltage of Bus 7 low``. room: [c, t], what is left: relative voltage, or W of a branch;
            negative where the limit is broken already.
        draw, feed: [c, g], what a watt drawn (fed in) by a group uses of the room, wherever in the group; negative
            where it relieves.

    Raises:
        InputError: shapes that do not fit.

    Privacy: groups and devices of the grid; nothing about a home.
    """

    window: Window
    groups: tuple[str, ...]
    import_w: Ints
    export_w: Ints
    names: tuple[str, ...]
    room: Floats
    draw: Floats
    feed: Floats

    def __post_init__(self) -> None:
        c, g, t = len(self.names), len(self.groups), len(self.window)
        fits = self.import_w.shape == self.export_w.shape == (g, t) and self.room.shape == (c, t)
        if not fits or self.draw.shape != (c, g) or self.feed.shape != (c, g):
            raise InputError("limits do not fit their groups and window", where="limits", fix="one column an interval")

    @classmethod
    def unbounded(cls, groups: tuple[str, ...], window: Window) -> Limits:
        """No limits: where no grid is known."""
        most = np.full((len(groups), len(window)), UNBOUNDED_W, np.int64)
        none = np.zeros((0, len(groups)))
        return cls(window, groups, most, most, (), np.zeros((0, len(window))), none, none)

    def allowed(self, moves_w: Ints) -> NDArray[np.bool_]:
        """Whether moves keep all limits. Where one is broken already: whether they do not make it worse.

        Args:
            moves_w: int64 [..., g, t], W; any number of candidates at once.

        Returns:
            bool [..., t].

        Cost: c × g a candidate and interval.
        """
        moves = self._fit(moves_w)
        flat = moves.reshape(-1, *moves.shape[-2:])
        kept = np.empty((len(flat), flat.shape[-1]), np.bool_)
        step = max(1, CHECKED // max(1, self.room.size))
        for first in range(0, len(flat), step):
            part = flat[first : first + step]
            own = ((part <= self.import_w) & (-part <= self.export_w)).all(axis=1)
            kept[first : first + step] = own & (self._used(part) <= np.maximum(self.room, 0) + 1e-12).all(axis=1)
        return kept.reshape(*moves.shape[:-2], moves.shape[-1])

    def binding(self, moves_w: Ints) -> list[tuple[str, ...]]:
        """Names of the limits each interval of one candidate breaks. Args: moves_w: int64 [g, t]."""
        moves = self._fit(moves_w)
        over = self._used(moves[None])[0] > np.maximum(self.room, 0) + 1e-12
        return [tuple(self.names[c] for c in np.flatnonzero(column)) for column in over.T]

    def scaled(self, moves_w: Ints) -> Floats:
        """[t]: the largest share of one candidate's moves, 0 to 1, that keeps all limits.

        Args:
            moves_w: int64 [g, t]. Rounding the shared moves may round relief away: ask `allowed` afterwards.
        """
        moves = self._fit(moves_w)
        used = self._used(moves[None])[0]
        room = np.concatenate([np.maximum(self.room, 0), self.import_w, self.export_w])
        used = np.concatenate([used, moves, -moves])
        share = np.divide(room, used, out=np.ones_like(used, dtype=np.float64), where=used > room)
        return np.asarray(share.min(axis=0, initial=1.0), np.float64)

    def _used(self, moves: Ints) -> Floats:
        """[k, c, t]."""
        return np.asarray(self.draw @ np.maximum(moves, 0) + self.feed @ np.maximum(-moves, 0), np.float64)

    def _fit(self, moves: Ints) -> Ints:
        if moves.shape[-2:] != (len(self.groups), len(self.window)):
            raise InputError(f"moves of shape {moves.shape} for {len(self.groups)} groups and {len(self.window)} "
                             "intervals", where="limits", fix="one row a group, one column an interval")  # fmt: skip
        return moves
