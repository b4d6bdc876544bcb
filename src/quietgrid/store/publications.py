"""Published statistics, one a period for ever, and who was part of which at what price.

A row is written before anybody sees a figure of it, and never changes: noise drawn twice could be averaged away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    Tables,
    column,
    key,
    put,
    signed64,
    signed_list,
    table,
    unsigned64,
    unsigned_array,
)

_publication = table(
    "publication",
    PLATFORM,
    key("statistic", TEXT),
    key("first", INT),
    key("end", INT),
    column("hash", BLOB, unique=True),
    column("signed", BLOB),
    column("at", NUMBER),
)
_part = table(
    "publication_part",
    PLATFORM,
    key("statistic", TEXT),
    key("first", INT),
    key("end", INT),
    key("home", INT),
    column("figure", TEXT),
    column("year", INT),
    column("epsilon_milli", INT),
    sa.Index("publication_part_by_home", "home", "year"),
)


@dataclass(frozen=True)
class PublicationParts:
    """Who is part of one statistic. Args: homes uint64 [n]; figures: n names; year; epsilon_milli: int64 [n]."""

    homes: NDArray[np.uint64]
    figures: list[str]
    year: int
    epsilon_milli: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What one home spent in one year: epsilon in thousandths, and in how many statistics it is (plain ones too)."""

    home: int
    year: int
    epsilon_milli: int
    statistics: int


class Publications(Tables):
    """Published statistics and the epsilon ledger."""

    def put(self, statistic: str, first: int, end: int, hash: bytes, signed: bytes, parts: PublicationParts) -> bool:
        """Keep a publication and charge the homes in it, in one; True if it is new.

        Raises:
            ConflictError: the statistic of this period is published already, with other bytes.
        """
        place = {"statistic": statistic, "first": first, "end": end}
        row = {**place, "hash": hash, "signed": signed, "at": self._clock.now()}
        new = put(self._c, _publication, [row], ignore=("at",)) == 1
        columns = zip(signed_list(parts.homes), parts.figures, parts.epsilon_milli.tolist(), strict=True)
        put(
            self._c, _part,
            [{**place, "home": home, "figure": figure, "year": parts.year, "epsilon_milli": epsilon}
             for home, figure, epsilon in columns],
        )  # fmt: skip
        return new

    def find(self, statistic: str, first: int, end: int) -> bytes | None:
        """The signed publication of a statistic and period, None if there is none."""
        t = _publication.c
        query = sa.select(t.signed).where(t.statistic == statistic, t.first == first, t.end == end)
        signed = self._c.execute(query).scalar()
        return None if signed is None else bytes(signed)

    def all(self) -> list[bytes]:
        """All signed publications, newest period first, then by statistic."""
        t = _publication.c
        query = sa.select(t.signed).order_by(t.first.desc(), t.end.desc(), t.statistic)
        return [bytes(signed) for signed in self._c.execute(query).scalars()]

    def parts(self, first: int, end: int) -> dict[str, PublicationParts]:
        """Who is part of what is published of a period: statistic -> its homes, figures and prices."""
        t = _part.c
        query = sa.select(_part).where(t.first == first, t.end == end).order_by(t.statistic, t.home)
        found: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
        for row in self._c.execute(query):
            found.setdefault(str(row.statistic), []).append(row)
        return {
            statistic: PublicationParts(
                unsigned_array([row.home for row in rows]), [row.figure for row in rows], rows[0].year,
                np.array([row.epsilon_milli for row in rows], np.int64),
            )
            for statistic, rows in found.items()
        }  # fmt: skip

    def of_home(self, home: int) -> list[tuple[bytes, str, int]]:
        """What a home is part of, newest first: (signed publication, figure, epsilon in thousandths)."""
        t, p = _part.c, _publication.c
        same = sa.and_(p.statistic == t.statistic, p.first == t.first, p.end == t.end)
        query = sa.select(p.signed, t.figure, t.epsilon_milli).select_from(_part.join(_publication, same))
        query = query.where(t.home == signed64(home)).order_by(t.first.desc(), t.statistic)
        return [(bytes(row.signed), str(row.figure), int(row.epsilon_milli)) for row in self._c.execute(query)]

    def most_spent(self, year: int) -> tuple[int, int]:
        """Thousandths of epsilon of the home that spent most in a year, and how many homes took part."""
        t = _part.c
        sums = (
            sa.select(sa.func.sum(t.epsilon_milli).label("epsilon")).where(t.year == year).group_by(t.home).subquery()
        )
        most, homes = self._c.execute(sa.select(sa.func.max(sums.c.epsilon), sa.func.count()).select_from(sums)).one()
        return int(most or 0), int(homes)

    def spent(self, year: int | None = None, limit: int | None = None, offset: int = 0) -> list[SpentRow]:
        """The epsilon ledger: what each home spent (in one year), newest year first, then by home."""
        t = _part.c
        query = sa.select(
            t.home, t.year, sa.func.sum(t.epsilon_milli).label("epsilon"), sa.func.count().label("statistics")
        )
        query = query.group_by(t.home, t.year).order_by(t.year.desc(), t.home)
        query = query.limit(limit).offset(offset)
        if year is not None:
            query = query.where(t.year == year)
        return [
            SpentRow(unsigned64(row.home), int(row.year), int(row.epsilon), int(row.statistics))
            for row in self._c.execute(query)
        ]
