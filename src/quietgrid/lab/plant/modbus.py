"""The plant's Modbus TCP server: the registers a substation's controller would have, with its watchdog.

Binds to this machine only. Modbus has no authentication; see the how-to "Connect SCADA".
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quietgrid.errors import InputError, MissingExtraError, UnavailableError
from quietgrid.lab.plant.controls import Controls, Target
from quietgrid.model.grid import MeasuredKind, Measurement, SetPointKind
from quietgrid.wire.telemetry import Register, RegisterMap

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes
    from pymodbus.server import ModbusTcpServer

HOST = "127.0.0.1"
FIRST = 10
READ_HELD, READ_INPUT, WRITES = 3, 4, (6, 16)
WAIT_S = 10.0


def plant_map(elements: Sequence[tuple[MeasuredKind, str]], safe: Mapping[Target, int]) -> RegisterMap:
    """The plant's registers: input 0 a counter, from 10 three a measurement (value, quality); holding 0 the watchdog,
    from 10 two a set-point."""
    alive, watchdog = Register("alive", "input", 0, "u16"), Register("watchdog", "holding", 0, "u16")
    measured = [
        Register("measure", "input", at, "s32", kind=kind, element=name, quality=at + 2)
        for at, (kind, name) in zip(range(FIRST, 1 << 16, 3), elements, strict=False)
    ]
    settable = [
        Register("set", "holding", at, "s32", kind=kind, element=name, safe=value)
        for at, ((kind, name), value) in zip(range(FIRST, 1 << 16, 2), safe.items(), strict=False)
    ]
    return RegisterMap((alive, *measured, watchdog, *settable))


class Registers:
    """What the registers hold: measurements go in, set-points come out. Thread-safe.

    Args:
        table: Which register says what. controls: what takes set-points. now: the community's time.
    """

    def __init__(self, table: RegisterMap, controls: Controls, now: Callable[[], float]) -> None:
        self.table, self._controls, self._now = table, controls, now
        self._lock = threading.Lock()
        self._words: dict[int, int] = {0: 0}
        for register in table.of("measure"):
            self._put(register.address, register.silent())
            self._words[register.address + 2] = 1
        self._watchdog: int | None = None
        self._settable = {register.address: register for register in table.of("set")}

    def measured(self, latest: Mapping[tuple[MeasuredKind, str], Measurement]) -> None:
        """Put the newest values in; a sensor that reported nothing says nothing."""
        with self._lock:
            self._words[0] = (self._words[0] + 1) & 0x7FFF
            for register in self.table.of("measure"):
                assert isinstance(register.kind, MeasuredKind)
                found = latest.get((register.kind, register.element))
                self._put(register.address, register.silent() if found is None else register.encode(found.value))
                self._words[register.address + 2] = 0 if found is not None and found.good else 1

    def input_word(self, address: int) -> int:
        """A word of the input table."""
        with self._lock:
            return self._words.get(address, 0)

    def holding(self) -> dict[int, int]:
        """All words of the holding table: what holds now."""
        held = self._controls.at(self._now())
        words = {0: self._watchdog or 0}
        for address, register in self._settable.items():
            assert isinstance(register.kind, SetPointKind)
            value = held.get((register.kind, register.element), 0)
            words |= {address + n: word for n, word in enumerate(register.encode(value))}
        return words

    def write(self, address: int, words: Sequence[int]) -> None:
        """Take words that were written.

        Raises:
            InputError: half a value, or no register that can be written.
        """
        at, left = address, list(words)
        found: list[tuple[Register, int]] = []
        while left:
            if at == 0:
                if left[0] != self._watchdog:
                    self._watchdog = left[0]
                    self._controls.alive()
                at, left = 1, left[1:]
                continue
            register = self._settable.get(at)
            value = register.decode(left[: register.words]) if register and len(left) >= register.words else None
            if register is None or value is None:
                raise InputError("no register that can be written", where=f"holding {at}", fix="write whole values")
            found.append((register, value))
            at, left = at + register.words, left[register.words :]
        for register, value in found:
            assert isinstance(register.kind, SetPointKind)
            self._controls.write((register.kind, register.element), value)

    def _put(self, address: int, words: Sequence[int]) -> None:
        self._words |= {address + n: word for n, word in enumerate(words)}


class ModbusPort:
    """The server, in a thread. Args: registers: see there. port: on 127.0.0.1.

    Raises:
        MissingExtraError: pymodbus is not installed.
    """

    def __init__(self, registers: Registers, port: int) -> None:
        try:
            import pymodbus.server  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                "Modbus needs the extra `scada`", where="plant", fix="pip install 'quietgrid[scada]'"
            ) from error
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._registers, self._port = registers, port
        self._loop = asyncio.new_event_loop()
        self._server: ModbusTcpServer | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modbus", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: the port is taken.
        """
        self._thread.start()
        if not self._ready.wait(WAIT_S) or self._server is None:
            raise UnavailableError("cannot listen for Modbus", where=f"{HOST}:{self._port}", fix="use another port")

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            closing: Any = self._server.shutdown  # untyped in pymodbus
            asyncio.run_coroutine_threadsafe(closing(), self._loop).result(WAIT_S)
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        table = self._registers.table
        last = {
            name: max([FIRST, *(block.stop for block in table.blocks(name))]) for name in ("input", "holding")
        }  # fmt: skip
        blank = [SimData(0, count=1, values=False, datatype=DataType.BITS)]
        held, given = (
            [SimData(0, count=last[name] + 1, values=0, datatype=DataType.REGISTERS)] for name in ("holding", "input")
        )
        device = SimDevice(0, simdata=(blank, blank, held, given), action=self._act)
        server = ModbusTcpServer(device, address=(HOST, self._port))
        try:
            await server.listen()
        except OSError:
            self._ready.set()
            return
        self._server = server
        self._ready.set()
        await server.serving

    async def _act(
        self, code: int, start: int, address: int, count: int, current: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:  # fmt: skip
        """pymodbus asks before every read and write (see its `SimDevice.action`)."""
        from pymodbus.constants import ExcCodes

        if code in WRITES and values:
            try:
                self._registers.write(address, [int(value) for value in values])
            except InputError:
                return ExcCodes.ILLEGAL_ADDRESS
        elif code == READ_INPUT:
            current[address - start : address - start + count] = [
                self._registers.input_word(address + n) for n in range(count)
            ]
        elif code == READ_HELD:
            words = self._registers.holding()
            current[address - start : address - start + count] = [words.get(address + n, 0) for n in range(count)]
        return None
