"""One root a day for each kind of record that must not change unnoticed, made here and written to `DailyRoots`.

| kind | what is below it | who can show it |
|---|---|---|
| 0 frames | the receipts' roots of the day, in order (RFC 6962); below each, a batch's frames | a home, by receipts |
| 1–3 ledgers | the head of a keyholder's privacy ledger as it stood when the day was over | the keyholder, a home |
| 4 log | the head of the platform's audit log at the end of the day | the auditor |

A day's roots are kept first, then queued under one key, so that a restart neither forgets nor changes one.
A keyholder that is away has no root for that day; the next head stands for everything before it.

Privacy: a receipt's root is over ciphertexts; the heads are hashes over salted bodies. Nothing low-entropy is hashed.
"""

from __future__ import annotations

from collections.abc import Callable

from quietgrid.crypto.public import merkle
from quietgrid.model.interval import DAY_S, Clock
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.store.anchors import AnchorRow
from quietgrid.store.stores import PlatformStore
from quietgrid.wire.links import KeyholderLink

FRAMES, LEDGER, LOG, BILLS = 0, 1, 4, 5
"""`DailyRoots.Kind`; keyholder i's ledger is LEDGER + i."""
CATCH_UP_DAYS = 400
Queue = Callable[[int, list[AnchorRow]], object]


class Anchoring:
    """Makes the roots of days that are over.

    Args:
        store: The platform's. keyholders: asked for their ledgers' heads. clock: the community's time.
        queue: puts a day's roots on their way; called again with the same roots after a crash.
    """

    def __init__(self, store: PlatformStore, keyholders: Keyholders, clock: Clock, queue: Queue) -> None:
        self._store, self._keyholders, self._clock, self._queue = store, keyholders, clock, queue

    def step(self) -> int:
        """Make and queue the roots of every day that is over and has none; how many days."""
        today = int(self._clock.now()) // DAY_S
        days = self._open_days(today)
        heads = self._heads() if days else {}
        for day in days:
            rows = self._rows(day, heads if day == today - 1 else {})
            with self._store.begin() as tx:
                tx.anchors.put(rows)
            if rows:
                self._queue(day, rows)
        return len(days)

    def again(self) -> None:
        """Queue the newest day once more: it may have been kept and not queued when the process ended."""
        with self._store.read() as tx:
            last = tx.anchors.last_day()
            rows = tx.anchors.of_day(last) if last is not None else []
        if last is not None and rows:
            self._queue(last, rows)

    def _open_days(self, today: int) -> list[int]:
        with self._store.read() as tx:
            last = tx.anchors.last_day()
            first = tx.segments.first_accepted()
        if last is None and first is None:
            return []
        begin = last + 1 if last is not None else int(first or 0) // DAY_S
        return list(range(max(begin, today - CATCH_UP_DAYS), today))

    def _rows(self, day: int, heads: dict[int, tuple[int, bytes]]) -> list[AnchorRow]:
        start, end = float(day * DAY_S), float((day + 1) * DAY_S)
        with self._store.read() as tx:
            roots = tx.segments.batch_roots(start, end)
            lines, head = tx.log.head_before(end)
        rows = []
        if roots:
            rows.append(AnchorRow(day, FRAMES, merkle.root(roots), len(roots)))
        rows += [AnchorRow(day, LEDGER + i, digest, seq) for i, (seq, digest) in sorted(heads.items()) if seq]
        if lines:
            rows.append(AnchorRow(day, LOG, head, lines))
        return rows

    def _heads(self) -> dict[int, tuple[int, bytes]]:
        def ask(link: KeyholderLink) -> tuple[int, bytes]:
            return link.ledger_head()

        return self._keyholders.call(ask)
