"""What comes from the grid's instruments: signed batches are checked, devices are asked, and all is handed on.

A batch is taken once: its number has to be above the last one of its gateway, which is on disk before anything is
handed on (a crash in between loses a batch, never takes one twice). What is not in the list of what may be measured
refuses the whole batch. Rows out of order, or more than `LATE_S` old, are left out and counted.

Privacy: the list (`algorithms.measurable`) has no element that is about fewer homes than the gate's floor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import ConflictError, InputError, NotFoundError, VerificationError
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint
from quietgrid.model.interval import Clock
from quietgrid.model.network import Network
from quietgrid.runtime.broker import Broker
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.scada import Poller
from quietgrid.store.stores import PlatformStore
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.telemetry import (
    Gateway,
    SetPoints,
    TelemetryBatch,
    TelemetryConfig,
    measurements_of,
    read_config,
    set_points_row,
)

DOCUMENT = "telemetry gateway"
LATE_S = 14 * 86_400.0
AHEAD_S = 300.0
"""Clocks may differ by so much."""
QUIET_S = 60.0
"""A gateway that sent nothing, not even an empty batch, for so long does not count as reachable."""
Element = tuple[MeasuredKind, str]


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """How a gateway or device stands.

    Args:
        name: Of it. kind: ``gateway``, ``device`` or ``broker``. reachable: it sent, or answered, just now.
        note: what is wrong, in words; empty if nothing is.
    """

    name: str
    kind: str
    reachable: bool
    note: str


class Taker(Protocol):
    """Who measurements are for."""

    def take(self, measured: Sequence[Measurement]) -> None:
        """Take what was measured, in order of time for each element."""


class Latest:
    """Keeps the newest value of each element: a `Taker` of its own where nothing else is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Element, Measurement] = {}

    def take(self, measured: Sequence[Measurement]) -> None:
        """Keep what is newest."""
        with self._lock:
            self._values |= {(m.kind, m.element): m for m in measured}

    def values(self) -> dict[Element, Measurement]:
        """Everything, by kind and element."""
        with self._lock:
            return dict(self._values)


class Telemetry:
    """The platform's end of all gateways and devices.

    Args:
        card: The community. identity: the platform's key; answers are signed. store: keeps the gateways' numbers.
        clock: the community's time. config: who measures. network: gives the grid in force. floor: homes behind any
            sum. taker: who gets it. set_points: time -> what holds then.
    """

    def __init__(  # noqa: PLR0913  (what it stands between)
        self, card: CommunityCard, identity: Identity, store: PlatformStore, clock: Clock, config: TelemetryConfig,
        network: Callable[[], Network], floor: int, taker: Taker,
        set_points: Callable[[float], Sequence[SetPoint]] = lambda _: (),
    ) -> None:  # fmt: skip
        self._card, self._identity, self._store, self._clock = card, identity, store, clock
        self._gateways: Mapping[str, Gateway] = config.gateways
        self._network, self._floor, self._taker, self._set_points = network, floor, taker, set_points
        self._known: tuple[Network, frozenset[Element]] | None = None
        self._lock = threading.Lock()
        self._newest: dict[tuple[str, Element], float] = {}
        self._heard: dict[str, float] = {}
        self.pollers = [Poller(at, clock, self._from_device, set_points) for at in config.devices]
        self.broker = None if config.broker is None else Broker(config.broker, self.accept)

    @property
    def allowed(self) -> frozenset[Element]:
        """What may be measured of the network in force.

        Raises:
            NotFoundError: there is none.
        """
        from quietgrid.algorithms.measurable import measurable

        network = self._network()
        if self._known is None or self._known[0] is not network:
            self._known = network, measurable(network, self._floor)
        return self._known[1]

    def start(self) -> None:
        """Start asking the devices, and hearing the broker."""
        for poller in self.pollers:
            poller.start()
        if self.broker is not None:
            self.broker.start()

    def stop(self) -> None:
        """Stop asking."""
        if self.broker is not None:
            self.broker.stop()
        for poller in self.pollers:
            poller.stop()

    def standing(self) -> list[SourceStanding]:
        """How every gateway and device stands, and the broker, in order of their names."""
        now, out = time.monotonic(), []
        for name in self._gateways:
            silent = now - self._heard[name] if name in self._heard else None
            note = "no batch since this platform started" if silent is None else f"no batch for {silent:.0f} s"
            reachable = silent is not None and silent < QUIET_S
            out.append(SourceStanding(name, "gateway", reachable, "" if reachable else note))
        for device in (poller.standing for poller in self.pollers):
            wrong = f"does not hold {', '.join(device.wrong)}" if device.wrong else ""
            note = "; ".join(text for text in (device.note, wrong) if text)
            out.append(SourceStanding(device.name, "device", device.reachable, note))
        if self.broker is not None:
            out.append(SourceStanding(self.broker.at.host, "broker", self.broker.connected, self.broker.note))
        return sorted(out, key=lambda one: (one.name, one.kind))

    def accept(self, body: bytes) -> Signed:
        """Take one batch, as sent; the signed `SetPoints` that hold for its gateway.

        Raises:
            VerificationError: not signed by a gateway that is registered here. ConflictError: its number was used.
            NotFoundError: an element that may not be measured. InputError: rows that cannot be.
        """
        signed = unpack_signed(body)
        claimed = decode(TelemetryBatch, signed.body)
        gateway = self._gateways.get(claimed.gateway)
        if gateway is None:
            raise VerificationError("no such gateway is registered", where="telemetry", fix="register its key")
        batch = open_signed(signed, TelemetryBatch, gateway.public)
        if batch.community != self._card.community:
            raise VerificationError("signed for another community", where="telemetry", fix="sign for this one")
        with self._lock:
            now = self._clock.now()
            measured, late = self._checked(batch, gateway, now)
            self._count(batch)
            self._heard[gateway.name] = time.monotonic()
            self._newest |= {(m.source, (m.kind, m.element)): m.at for m in measured}
            if measured:
                self._taker.take(measured)
        rows = [set_points_row(point) for point in self._set_points(now)]
        return self._identity.sign(SetPoints(self._card.community, gateway.name, batch.sequence, now, late, rows))

    def _checked(self, batch: TelemetryBatch, gateway: Gateway, now: float) -> tuple[list[Measurement], int]:
        """The rows to hand on, in order of time, and how many are too late."""
        found, late, newest = [], 0, dict(self._newest)
        for m in sorted(measurements_of(batch), key=lambda m: m.at):
            element = m.kind, m.element
            own = gateway.elements is None or " ".join(element).strip() in gateway.elements
            if element not in self.allowed or not own:
                raise _unknown(f"{m.kind.value} of batch {batch.sequence} of {gateway.name}")
            if m.at > now + AHEAD_S:
                raise InputError("a measurement from the future", where=f"batch {batch.sequence} of {gateway.name}",
                                 fix="check the gateway's clock")  # fmt: skip
            if m.at < now - LATE_S or m.at <= newest.get((m.source, element), float("-inf")):
                late += 1
                continue
            newest[m.source, element] = m.at
            found.append(m)
        return found, late

    def _count(self, batch: TelemetryBatch) -> None:
        """Keep a gateway's number, or refuse it."""
        with self._store.begin() as tx:
            known = tx.documents.find(DOCUMENT, batch.gateway)
            last = int(known) if known else -1
            if batch.sequence <= last:
                raise ConflictError(
                    "this number was used by a batch before", where=f"batch {batch.sequence} of {batch.gateway}",
                    fix=f"go on after {last}",
                )  # fmt: skip
            tx.documents.replace(DOCUMENT, batch.gateway, str(batch.sequence).encode())

    def _from_device(self, measured: Sequence[Measurement]) -> None:
        """Hand on what a device said; `NotFoundError`, and nothing of it, if its map has what may not be measured."""
        with self._lock:
            for m in measured:
                if (m.kind, m.element) not in self.allowed:
                    raise _unknown(f"{m.kind.value} {m.element} of {m.source}")
            self._taker.take(measured)


def _unknown(where: str) -> NotFoundError:
    return NotFoundError(
        "this may not be measured here, or there is no such thing", where=where,
        fix="see the list in the how-to: groups and feeders above the floor, nodes without a home",
    )  # fmt: skip


def telemetry_at(
    platform: Platform, state: Path, network: Callable[[], Network], taker: Taker,
    set_points: Callable[[float], Sequence[SetPoint]] = lambda _: (),
) -> Telemetry | None:  # fmt: skip
    """What takes the measurements of a state directory's gateways and devices; None where nobody is registered.

    Args:
        network: gives the grid. taker: who measurements are for. set_points: time -> what holds then.
    """
    config = config_at(state)
    if not config.gateways and not config.devices:
        return None
    parts, floor = platform.parts, platform.floors.today(platform.parts.clock).k
    return Telemetry(
        parts.card, parts.identity, parts.store, parts.clock, config, network, floor, taker, set_points
    )  # fmt: skip


def config_at(state: Path) -> TelemetryConfig:
    """Who measures, from the state directory: ``grid/telemetry.toml``."""
    return read_config(state / "grid" / "telemetry.toml")
