"""Day records at the platform: the meters' signed words on past days, by which bills are proven."""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import VerificationError
from quietgrid.model.interval import Window
from quietgrid.store import PlatformStore
from quietgrid.wire.messages import DayRecord, Enrol


class Records:
    """Takes and hands out day records."""

    def __init__(self, store: PlatformStore) -> None:
        self._store = store
        self._keys: dict[int, bytes] = {}

    def put(self, signed: Sequence[Signed]) -> int:
        """Check and keep records; how many are new.

        Raises:
            VerificationError: not signed by the meter it names. ConflictError: the meter said otherwise before.
        """
        records = [(self._open(s), s) for s in signed]
        new = 0
        with self._store.begin() as tx:
            for record, envelope in records:
                new += tx.documents.put("day-record", f"{record.pid}/{record.day}", pack_signed(envelope))
        return new

    def _open(self, signed: Signed) -> DayRecord:
        record = decode(DayRecord, signed.body)
        return open_signed(signed, DayRecord, self.meter_key(record.pid))

    def meter_key(self, pid: int) -> bytes:
        """The public key a meter was enrolled with."""
        if pid not in self._keys:
            with self._store.read() as tx:
                enrol = decode(Enrol, unpack_signed(tx.registry.meter(pid).enrol).body)
            if enrol.pid != pid:
                raise VerificationError("an enrolment names another meter", where=f"meter {pid}", fix="enrol it again")
            self._keys[pid] = enrol.meter_pk
        return self._keys[pid]

    def of(self, home: int, window: Window) -> list[Signed]:
        """The records of a home's meters for the days of a period, in order."""
        found = []
        with self._store.read() as tx:
            for meter in tx.registry.meters_of(home):
                for day, _, _ in window.by_day():
                    data = tx.documents.find("day-record", f"{meter.pid}/{day}")
                    if data is not None:
                        found.append(unpack_signed(data))
        return found
