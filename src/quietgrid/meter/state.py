"""What a bank knows of each of its meters, and the columns it works with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import NotFoundError, SingleUseError

NO_ROW = -1


class MeterState(msgspec.Struct, array_like=True, frozen=True):
    """One meter's lasting state, as stored: secret (the signing seed and the MAC key).

    Args:
        home: Its connection. registers: bitmap it seals. d0: first day. key_row: row in the key files, -1 before it
            has enrolled and after its keys are erased. seed, k_mac: 32 bytes each (`k_mac` empty before enrolment).
        refused: Why it must not seal any more; empty while it may.
    """

    home: int
    registers: int
    d0: int
    key_row: int
    seed: bytes
    k_mac: bytes
    refused: str = ""

    def encode(self) -> bytes:
        """As stored."""
        return msgspec.msgpack.encode(self)


class Columns:
    """The states of all meters of a bank, by place.

    Args:
        pids: uint64 [n]. states: n encoded states.
    """

    def __init__(self, pids: NDArray[np.uint64], states: Sequence[bytes]) -> None:
        self.pids = pids
        self.states = [msgspec.msgpack.decode(state, type=MeterState) for state in states]
        self._place = {int(pid): at for at, pid in enumerate(pids)}
        self.key_rows = np.array([s.key_row for s in self.states], np.int64)
        self.registers = np.array([s.registers for s in self.states], np.uint8)
        self.k_macs = [s.k_mac for s in self.states]

    def places(self, pids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [m], where these meters are.

        Raises:
            NotFoundError: one is not of this bank.
        """
        try:
            return np.array([self._place[pid] for pid in pids.tolist()], np.int64)
        except KeyError as error:
            raise NotFoundError(
                "not a meter of this bank", where=f"meter {error.args[0]}", fix="add it first"
            ) from None

    def ready(self, pids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The places of meters that may seal.

        Raises:
            SingleUseError: one has no keys, or must not use them any more.
        """
        at = self.places(pids)
        stopped = next((self.states[i] for i in at.tolist() if self.states[i].key_row == NO_ROW), None)
        if stopped is not None:
            raise SingleUseError(
                stopped.refused or "the meter has no keys yet",
                where="meter",
                fix="enrol a new meter id for this home; keys are never resumed",
            )
        return at

    def identity(self, at: int) -> Identity:
        """The signing key of the meter at a place."""
        return Identity.from_seed(self.states[at].seed)
