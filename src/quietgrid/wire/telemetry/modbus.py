"""Asking and telling one device over Modbus TCP (extra `scada`).

Modbus has no authentication and no secrecy: whoever reaches the port can write. Use it only on a separated network or
inside a TLS tunnel. Source: Modbus application protocol 1.1b3; pymodbus (BSD).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quietgrid.errors import MissingExtraError, UnavailableError
from quietgrid.model.grid import MeasuredKind, SetPointKind
from quietgrid.wire.telemetry.config import DeviceAt
from quietgrid.wire.telemetry.registers import Register

Words = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Heard:
    """What a device said.

    Args:
        values: (kind, element) -> (value, whether the device vouches for it). alive: its counter, None without one.
        held: set-points as the device has them.
    """

    values: Mapping[tuple[MeasuredKind, str], tuple[int, bool]]
    alive: int | None
    held: Mapping[tuple[SetPointKind, str], int]


class ModbusDevice:
    """One device; connects when it is asked, lets go when it does not answer.

    Args:
        at: Where it is and what its registers say.

    Raises (every call):
        UnavailableError: it cannot be reached, does not answer in time or refuses. MissingExtraError: no pymodbus.
    """

    def __init__(self, at: DeviceAt) -> None:
        self.at = at
        self._client: Any = None

    def read(self) -> Heard:
        """All values."""
        words: Words = {}
        for table in ("input", "holding"):
            for block in self.at.registers.blocks(table):
                words |= {(table, address): word for address, word in zip(block, self._ask(table, block), strict=True)}
        values, held, alive = {}, {}, None
        for register in self.at.registers.registers:
            value = register.decode([words[register.table, register.address + n] for n in range(register.words)])
            if isinstance(register.kind, MeasuredKind) and value is not None:
                good = register.quality is None or words[register.table, register.quality] == 0
                values[register.kind, register.element] = value, good
            elif isinstance(register.kind, SetPointKind) and value is not None:
                held[register.kind, register.element] = value
            elif register.what == "alive":
                alive = value
        return Heard(values, alive, held)

    def write(self, register: Register, value: int) -> None:
        """Write one value, in the kind's unit.

        Raises:
            InputError: it does not fit the register.
        """
        words = register.encode(value)
        answer = self._call("write_registers", register.address, words)
        if answer.isError():
            raise self._away(f"refuses {register.name}")

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, table: str, block: range) -> list[int]:
        question = "read_input_registers" if table == "input" else "read_holding_registers"
        answer = self._call(question, block.start, count=len(block))
        if answer.isError() or len(answer.registers) != len(block):
            raise self._away(f"does not have {table} registers {block.start} to {block.stop - 1}")
        return list(answer.registers)

    def _call(self, question: str, *arguments: Any, **more: Any) -> Any:
        client = self._connected()
        from pymodbus.exceptions import ModbusException

        try:
            return getattr(client, question)(*arguments, device_id=self.at.unit, **more)
        except (ModbusException, OSError) as error:
            self.close()
            raise self._away("does not answer") from error

    def _connected(self) -> Any:
        try:
            from pymodbus.client import ModbusTcpClient
        except ImportError as error:
            raise MissingExtraError(
                "Modbus needs the extra `scada`", where=self.at.name, fix="pip install 'quietgrid[scada]'"
            ) from error
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what is wrong is said by us, without addresses
        if self._client is None:
            self._client = ModbusTcpClient(self.at.host, port=self.at.port, timeout=self.at.timeout_s, retries=1)
        if not self._client.connected and not self._client.connect():
            self._client = None
            raise self._away("cannot be reached")
        return self._client

    def _away(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"{self.at.name} {what}", where=f"{self.at.host}:{self.at.port}", fix="check network, power and the map"
        )
