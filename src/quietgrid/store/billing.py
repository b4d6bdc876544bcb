"""Bills by home, period and version. A version, once issued, never changes; a correction is the next version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.store.schema import INT, NUMBER, PLATFORM, TEXT, Tables, column, key, signed64, table, unsigned64

DRAFT, APPROVED, ISSUED = "draft", "approved", "issued"
STATES = (DRAFT, APPROVED, ISSUED)

_bill = table(
    "bill",
    PLATFORM,
    key("home", INT),
    key("first", INT),
    key("end", INT),
    key("version", INT),
    column("status", TEXT),
    column("total_micro", INT),
    column("currency", TEXT),
    column("lines", TEXT),
    column("detail", TEXT),
    column("made_at", NUMBER),
    column("approved_by", TEXT),
    column("issued_at", NUMBER, null=True),
    sa.Index("bill_by_period", "first", "end", "status"),
)


@dataclass(frozen=True, slots=True)
class BillRow:
    """One version of one bill.

    Args:
        home: Home. first, end: the period, absolute slots. version: 1, 2, …
        total_micro: What is due, millionths of `currency`.
        lines: JSON-able lines. detail: JSON-able rest (tariff version, VAT, estimated parts, proof).
        status: ``draft``, ``approved`` or ``issued``.
    """

    home: int
    first: int
    end: int
    version: int
    total_micro: int
    currency: str
    lines: list[dict[str, Any]]
    detail: dict[str, Any]
    status: str = DRAFT
    made_at: float = 0.0
    approved_by: str = ""
    issued_at: float | None = None

    @property
    def key(self) -> tuple[int, int, int, int]:
        """(home, first, end, version)."""
        return self.home, self.first, self.end, self.version


class Billing(Tables):
    """Bills."""

    def put(self, bills: Sequence[BillRow]) -> int:
        """Keep drafts; a draft may be put again with other lines; how many rows were written.

        Raises:
            ConflictError: a version that is approved or issued would change.
        """
        written = 0
        for bill in bills:
            values = {"total_micro": bill.total_micro, "currency": bill.currency, "lines": _json(bill.lines)}
            values |= {"detail": _json(bill.detail)}
            stored = self._c.execute(sa.select(_bill).where(_same(bill.key))).first()
            if stored is None:
                home, first, end, version = bill.key
                ids = {"home": signed64(home), "first": first, "end": end, "version": version}
                rest = {"status": DRAFT, "made_at": self._clock.now(), "approved_by": "", "issued_at": None}
                self._c.execute(sa.insert(_bill).values(**ids, **values, **rest))
            elif all(getattr(stored, name) == value for name, value in values.items()):
                continue
            elif stored.status == DRAFT:
                values |= {"made_at": self._clock.now()}
                self._c.execute(sa.update(_bill).where(_same(bill.key)).values(values))
            else:
                raise ConflictError(
                    f"this bill is {stored.status}", where=_shown(bill.key), fix="make the next version instead"
                )
            written += 1
        return written

    def bill(self, home: int, first: int, version: int | None = None) -> BillRow:
        """A home's bill of the period that starts at `first`: one version, or the newest."""
        query = sa.select(_bill).where(_bill.c.home == signed64(home), _bill.c.first == first)
        if version is not None:
            query = query.where(_bill.c.version == version)
        query = query.order_by(_bill.c.version.desc()).limit(1)
        return _as_bill(self._one(query, "bill", f"home {home}, slot {first}"))

    def bills(self, home: int | None = None, first: int | None = None, status: str = "") -> list[BillRow]:
        """Bills of a home, of a period, in a state; newest period first, then by home and version."""
        t = _bill.c
        query = sa.select(_bill).order_by(t.first.desc(), t.home, t.version)
        if home is not None:
            query = query.where(t.home == signed64(home))
        if first is not None:
            query = query.where(t.first == first)
        if status:
            query = query.where(t.status == status)
        return [_as_bill(row) for row in self._c.execute(query)]

    def set_status(self, keys: Sequence[tuple[int, int, int, int]], status: str, by: str) -> int:
        """Approve drafts or issue approved bills; how many changed. In that state already: left alone.

        Raises:
            ConflictError: a step would be skipped or taken back. NotFoundError: no such bill.
        """
        if status not in STATES[1:]:
            raise ConflictError(f"a bill cannot be set to {status!r}", where="bill", fix="approve or issue it")
        before = STATES[STATES.index(status) - 1]
        changed = 0
        for bill in keys:
            stored = self._c.execute(sa.select(_bill.c.status).where(_same(bill))).scalar()
            if stored is None:
                raise NotFoundError("there is no such bill", where=_shown(bill), fix="run billing first")
            if stored == status:
                continue
            if stored != before:
                raise ConflictError(f"a bill that is {stored} cannot be {status}", where=_shown(bill), fix="in order")
            values: dict[str, Any] = {"status": status}
            values |= {"approved_by": by} if status == APPROVED else {"issued_at": self._clock.now()}
            self._c.execute(sa.update(_bill).where(_same(bill)).values(values))
            changed += 1
        return changed

    def periods(self) -> list[tuple[int, int]]:
        """Periods (absolute slots) with bills, newest first."""
        t = _bill.c
        query = sa.select(t.first, t.end).distinct().order_by(t.first.desc(), t.end.desc())
        return [(int(first), int(end)) for first, end in self._c.execute(query)]

    def counts(self, first: int) -> dict[str, int]:
        """Bills of the period that starts at `first`, by state."""
        query = sa.select(_bill.c.status, sa.func.count()).where(_bill.c.first == first).group_by(_bill.c.status)
        return dict.fromkeys(STATES, 0) | {str(state): int(n) for state, n in self._c.execute(query)}


def _same(key: tuple[int, int, int, int]) -> sa.ColumnElement[bool]:
    home, first, end, version = key
    t = _bill.c
    return sa.and_(t.home == signed64(home), t.first == first, t.end == end, t.version == version)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _shown(key: tuple[int, int, int, int]) -> str:
    return f"home {key[0]}, slots {key[1]} to {key[2]}, version {key[3]}"


def _as_bill(row: sa.Row[Any]) -> BillRow:
    ids = (unsigned64(row.home), row.first, row.end, row.version, row.total_micro, row.currency)
    texts = (json.loads(row.lines), json.loads(row.detail), row.status, row.made_at, row.approved_by, row.issued_at)
    return BillRow(*ids, *texts)
