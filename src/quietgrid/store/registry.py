"""The platform's registry: parties, meters, acknowledgements, tariffs, and what is published (`published`).

Privacy: names and contracts live here and in billing only. `k_mac` opens nothing; it only tells true frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.model.party import Party, PartyKind
from quietgrid.store.published import Published
from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    column,
    key,
    put,
    signed64,
    table,
    unsigned64,
    unsigned_array,
)

_party = table(
    "party",
    PLATFORM,
    key("home", INT),
    column("name", TEXT),
    column("kind", TEXT),
    column("feeder", TEXT),
    column("connection_w", INT),
    column("tariff", TEXT),
    column("joined", INT),
    column("left", INT, null=True),
)
_meter = table(
    "meter",
    PLATFORM,
    key("pid", INT),
    column("row", INT, unique=True),
    column("home", INT),
    column("registers", INT),
    column("d0", INT),
    column("retired", INT, null=True),
    column("enrol_hash", BLOB),
    column("enrol", BLOB),
    sa.Index("meter_by_home", "home"),
)
_ack = table("ack", PLATFORM, key("pid", INT), key("keyholder", INT), column("signed", BLOB))
_tariff = table(
    "tariff",
    PLATFORM,
    key("name", TEXT),
    key("version", INT),
    column("valid_from", INT),
    column("body", TEXT),
    column("at", NUMBER),
)
_mac_key = table("concentrator_key", PLATFORM, key("pid", INT), column("k_mac", BLOB))


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A party and the UTC days it joined and left (None: still here)."""

    party: Party
    joined: int
    left: int | None


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One meter.

    `enrol` is the encoded `Signed[Enrol]`; `acks` how many keyholders have it; `row` is -1 before it is added.
    """

    pid: int
    home: int
    registers: int
    d0: int
    enrol_hash: bytes
    enrol: bytes
    retired: int | None = None
    row: int = -1
    acks: int = 0


@dataclass(frozen=True)
class Meters:
    """All meters as columns, index = row.

    Args:
        pids, homes: uint64 [n]. registers: uint8 [n]. d0: int64 [n].
        retired: int64 [n], first day without it (2^62: none). active: bool [n], three acknowledgements.
    """

    pids: NDArray[np.uint64]
    homes: NDArray[np.uint64]
    registers: NDArray[np.uint8]
    d0: NDArray[np.int64]
    retired: NDArray[np.int64]
    active: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pids)


NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class TariffRow:
    """A version of a tariff; `valid_from` a UTC day; `body` its rates as JSON."""

    name: str
    version: int
    valid_from: int
    body: dict[str, Any]


class Registry(Published):
    """Who is who. Everything the platform knows about parties and meters."""

    def put_party(self, party: Party, joined: int) -> bool:
        """Add a party; True if it is new."""
        return self.put_parties([party], joined) == 1

    def put_parties(self, parties: Sequence[Party], joined: int) -> int:
        """Add parties that join on a UTC day; how many are new."""
        rows = [
            {"home": signed64(p.home), "name": p.name, "kind": p.kind.value, "feeder": p.feeder, "tariff": p.tariff,
             "connection_w": p.connection_w, "joined": joined, "left": None}
            for p in parties
        ]  # fmt: skip
        return put(self._c, _party, rows)

    def move_out(self, home: int, left: int) -> None:
        """Record the first day without a party."""
        self._update_party(home, {"left": left})

    def set_tariff(self, home: int, tariff: str) -> None:
        """Give a party another tariff from its next billing period on."""
        self._update_party(home, {"tariff": tariff})

    def party(self, home: int) -> PartyRow:
        """One party."""
        query = sa.select(_party).where(_party.c.home == signed64(home))
        return _as_party(self._one(query, "party", f"home {home}"))

    def parties(self, left: bool = False) -> list[PartyRow]:
        """All parties by feeder and home; also those who left, if asked."""
        query = sa.select(_party).order_by(_party.c.feeder, _party.c.home)
        if not left:
            query = query.where(_party.c.left.is_(None))
        return [_as_party(row) for row in self._c.execute(query)]

    def add_meter(self, meter: MeterRow) -> int:
        """Add a meter at the end of the enrolment order; its row (that of before if it is known)."""
        return self.add_meters([meter])[0]

    def add_meters(self, meters: Sequence[MeterRow]) -> list[int]:
        """Add meters at the end of the enrolment order; their rows (those of before for known ones)."""
        pids = [signed64(meter.pid) for meter in meters]
        rows: dict[int, int] = {}
        for at in range(0, len(pids), 500):
            query = sa.select(_meter.c.pid, _meter.c.row).where(_meter.c.pid.in_(pids[at : at + 500]))
            rows |= {found.pid: found.row for found in self._c.execute(query)}
        last = self._c.execute(sa.select(sa.func.max(_meter.c.row))).scalar()
        after = -1 if last is None else int(last)
        for pid in pids:
            if pid not in rows:
                after += 1
                rows[pid] = after
        records = [
            {"pid": pid, "row": rows[pid], "home": signed64(m.home), "registers": m.registers, "d0": m.d0,
             "enrol_hash": m.enrol_hash, "enrol": m.enrol}
            for pid, m in zip(pids, meters, strict=True)
        ]  # fmt: skip
        put(self._c, _meter, records)
        return [rows[pid] for pid in pids]

    def meter(self, pid: int) -> MeterRow:
        """One meter."""
        row = self._one(sa.select(_meter).where(_meter.c.pid == signed64(pid)), "meter", f"pid {pid}")
        return replace(_as_meter(row), acks=len(self.acks(pid)))

    def meters_of(self, home: int) -> list[MeterRow]:
        """The meters of a home, in enrolment order."""
        query = sa.select(_meter).where(_meter.c.home == signed64(home)).order_by(_meter.c.row)
        return [replace(_as_meter(row), acks=len(self.acks(unsigned64(row.pid)))) for row in self._c.execute(query)]

    def meters(self) -> Meters:
        """All meters as columns by row."""
        t = _meter.c
        acks = sa.select(sa.func.count()).where(_ack.c.pid == t.pid).scalar_subquery()
        query = sa.select(t.pid, t.home, t.registers, t.d0, t.retired, acks.label("acks")).order_by(t.row)
        rows = self._c.execute(query).all()
        return Meters(
            unsigned_array([row.pid for row in rows]),
            unsigned_array([row.home for row in rows]),
            np.array([row.registers for row in rows], np.uint8),
            np.array([row.d0 for row in rows], np.int64),
            np.array([NEVER if row.retired is None else row.retired for row in rows], np.int64),
            np.array([row.acks >= 3 for row in rows], np.bool_),
        )

    def retire_meter(self, pid: int, day: int) -> None:
        """Record the first day without a meter (replaced, moved out)."""
        if self._c.execute(sa.update(_meter).where(_meter.c.pid == signed64(pid)).values(retired=day)).rowcount != 1:
            raise NotFoundError("there is no such meter", where=f"pid {pid}", fix="check the number")

    def put_ack(self, pid: int, keyholder: int, signed: bytes) -> int:
        """Keep a keyholder's acknowledgement of a meter; how many there are now. Active with three."""
        self.put_acks([(pid, keyholder, signed)])
        return len(self.acks(pid))

    def put_acks(self, acks: Sequence[tuple[int, int, bytes]]) -> None:
        """Keep acknowledgements: (pid, keyholder, encoded `Signed[Ack]`)."""
        rows = [{"pid": signed64(pid), "keyholder": keyholder, "signed": signed} for pid, keyholder, signed in acks]
        put(self._c, _ack, rows)

    def acks(self, pid: int) -> dict[int, bytes]:
        """Acknowledgements of a meter by keyholder."""
        rows = self._c.execute(sa.select(_ack).where(_ack.c.pid == signed64(pid)))
        return {int(row.keyholder): bytes(row.signed) for row in rows}

    def put_tariff(self, name: str, version: int, valid_from: int, body: Mapping[str, Any]) -> bool:
        """Keep a version of a tariff for ever, valid from a UTC day; True if it is new."""
        row = {"name": name, "version": version, "valid_from": valid_from, "body": json.dumps(body, sort_keys=True)}
        return put(self._c, _tariff, [row | {"at": self._clock.now()}], ignore=("at",)) == 1

    def tariff(self, name: str, day: int) -> TariffRow:
        """The version of a tariff that is valid on a UTC day: the newest that had started."""
        t = _tariff.c
        query = sa.select(_tariff).where(t.name == name, t.valid_from <= day)
        query = query.order_by(t.valid_from.desc(), t.version.desc()).limit(1)
        return _as_tariff(self._one(query, "tariff", f"{name} on day {day}"))

    def tariffs(self) -> list[TariffRow]:
        """All versions of all tariffs."""
        query = sa.select(_tariff).order_by(_tariff.c.name, _tariff.c.version)
        return [_as_tariff(row) for row in self._c.execute(query)]

    def put_key(self, pid: int, k_mac: bytes) -> None:
        """Keep a meter's MAC key. Never exported."""
        self.put_keys([(pid, k_mac)])

    def put_keys(self, keys: Sequence[tuple[int, bytes]]) -> None:
        """Keep MAC keys: (pid, k_mac of 32 bytes)."""
        put(self._c, _mac_key, [{"pid": signed64(pid), "k_mac": k_mac} for pid, k_mac in keys])

    def keys(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """uint64 [n] pids and uint8 [n, 32] MAC keys."""
        rows = self._c.execute(sa.select(_mac_key.c.pid, _mac_key.c.k_mac)).all()
        keys = np.frombuffer(b"".join(row.k_mac for row in rows), np.uint8).reshape(len(rows), 32)
        return unsigned_array([row.pid for row in rows]), keys

    def drop_key(self, pid: int) -> None:
        """Forget a meter's MAC key (erasure)."""
        self._c.execute(sa.delete(_mac_key).where(_mac_key.c.pid == signed64(pid)))

    def _update_party(self, home: int, values: Mapping[str, Any]) -> None:
        if self._c.execute(sa.update(_party).where(_party.c.home == signed64(home)).values(values)).rowcount != 1:
            raise NotFoundError("there is no such party", where=f"home {home}", fix="check the number")


def _as_party(row: sa.Row[Any]) -> PartyRow:
    kind = PartyKind(row.kind)
    party = Party(unsigned64(row.home), row.name, kind, row.feeder, row.connection_w, row.tariff)
    return PartyRow(party, row.joined, row.left)


def _as_meter(row: sa.Row[Any]) -> MeterRow:
    ids = (unsigned64(row.pid), unsigned64(row.home), row.registers, row.d0)
    return MeterRow(*ids, bytes(row.enrol_hash), bytes(row.enrol), row.retired, row.row)


def _as_tariff(row: sa.Row[Any]) -> TariffRow:
    return TariffRow(row.name, row.version, row.valid_from, json.loads(row.body))
