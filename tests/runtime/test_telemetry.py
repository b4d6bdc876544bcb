"""Signed telemetry: taken once, from who is registered, about what may be measured, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import ConflictError, InputError, NotFoundError, QuietgridError, VerificationError
from quietgrid.model import ManualClock
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.network import Transformers
from quietgrid.runtime.founding import Folders, found
from quietgrid.runtime.telemetry import AHEAD_S, LATE_S, QUIET_S, Latest, Telemetry
from quietgrid.store import open_platform
from quietgrid.wire.telemetry import (
    MOST_ROWS,
    Gateway,
    SetPoints,
    TelemetryBatch,
    TelemetryConfig,
    TelemetryRow,
    batch_of,
    set_points_of,
)
from tests.algorithms.test_powerflow import f, flags, i32, line_of

STREET = replace(
    line_of(17, tuple(range(1, 17))), transformers=Transformers(
        ("Transformer",), i32(0), i32(1), f(400.0), f(400.0), f(1e5), f(0.04), f(0.0), f(0.0), f(0.0), i32(0), i32(0),
        i32(-2), i32(2), i32(0), f(0.025), flags(False), flags(True), flags(True), flags(True),
    ),
)  # fmt: skip
NOW = 1_728_000_000.0
HEAD = (MeasuredKind.HEAD_W, "F1")
TAP = (MeasuredKind.TAP, "Transformer")
STATION = Identity.from_seed(bytes(32))
STRANGER = Identity.from_seed(bytes([1]) * 32)
POINT = SetPoint("1", SetPointKind.TAP, "Transformer", 2, NOW - 10, NOW + 900)


@dataclass
class Desk:
    """A platform's telemetry, and a gateway's."""

    state: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    latest: Latest = field(default_factory=Latest)
    elements: list[str] | None = None

    def __post_init__(self) -> None:
        folders = Folders(self.state)
        self.card = found(folders, "Lindenhof", "Europe/Berlin", 900, "EUR")
        self.identity = Identity.load_or_create(folders.platform / "identity.key")
        self.card = msgspec.structs.replace(self.card, platform_pk=self.identity.public)
        self.open()

    def open(self) -> None:
        """Start (again) with what is on disk."""
        self.store = open_platform(self.state / "platform.db", self.clock)
        gateway = Gateway("station", STATION.public.hex(), self.elements)
        self.telemetry = Telemetry(
            self.card, self.identity, self.store, self.clock, TelemetryConfig({"station": gateway}),
            lambda: STREET, 15, self.latest, lambda now: [POINT] if POINT.start <= now < POINT.end else [],
        )  # fmt: skip

    def signed(
        self, number: int, *measured: Measurement, identity: Identity = STATION, name: str = "station",
    ) -> Signed:  # fmt: skip
        return identity.sign(batch_of(self.card.community, name, number, measured))

    def send(self, signed: Signed) -> SetPoints:
        return open_signed(self.telemetry.accept(pack_signed(signed)), SetPoints, self.identity.public)


def head(value: int, at: float = NOW, good: bool = True) -> Measurement:
    return Measurement(*HEAD, value, at, "station", good)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.store.close()


def test_a_batch_is_taken_and_answered_with_what_holds(desk: Desk) -> None:
    answer = desk.send(desk.signed(7, head(4_000), Measurement(*TAP, -1, NOW, "station", False)))
    assert (answer.gateway, answer.sequence, answer.late) == ("station", 7, 0)
    assert set_points_of(answer) == [POINT]
    assert desk.latest.values() == {HEAD: head(4_000), TAP: Measurement(*TAP, -1, NOW, "station", False)}
    desk.clock.unix += 1_000
    assert desk.send(desk.signed(8)).rows == [], "the set-point is over"


def test_a_gateway_that_falls_silent_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = desk.telemetry.standing()
    assert (before.name, before.kind, before.reachable) == ("station", "gateway", False)
    assert before.note == "no batch since this platform started"
    desk.send(desk.signed(7))
    (now,) = desk.telemetry.standing()
    assert (now.reachable, now.note) == (True, "")
    later = time.monotonic() + QUIET_S + 30
    monkeypatch.setattr("quietgrid.runtime.telemetry.time.monotonic", lambda: later)
    (silent,) = desk.telemetry.standing()
    assert not silent.reachable
    assert silent.note.startswith("no batch for 9")


def test_a_number_is_taken_once_even_after_a_restart(desk: Desk) -> None:
    first = desk.signed(7, head(4_000))
    desk.send(first)
    for number in (7, 6, 0):
        with pytest.raises(ConflictError, match="go on after 7"):
            desk.send(desk.signed(number, head(1, NOW + 1)))
    with pytest.raises(ConflictError):
        desk.send(first)
    desk.store.close()
    desk.open()
    with pytest.raises(ConflictError, match="go on after 7"):
        desk.send(first)
    assert desk.latest.values() == {HEAD: head(4_000)}
    desk.send(desk.signed(900, head(4_100, NOW + 1)))
    assert desk.latest.values()[HEAD].value == 4_100, "gaps are allowed"


FORGED: dict[str, Callable[[Desk], Signed]] = {
    "somebody else's key": lambda d: d.signed(1, head(1), identity=STRANGER),
    "somebody else's key under our name": lambda d: msgspec.structs.replace(
        d.signed(1, head(1), identity=STRANGER), signer=STATION.public
    ),
    "a changed body": lambda d: msgspec.structs.replace(d.signed(1, head(1)), body=d.signed(1, head(2)).body),
    "an unknown gateway": lambda d: d.signed(1, head(1), name="other"),
    "another message": lambda d: msgspec.structs.replace(d.signed(1, head(1)), name="set-points"),
    "another community": lambda d: STATION.sign(
        msgspec.structs.replace(batch_of(d.card.community, "station", 1, [head(1)]), community=bytes(16))
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_batch_is_refused(desk: Desk, how: str) -> None:
    with pytest.raises(VerificationError):
        desk.send(FORGED[how](desk))
    assert desk.latest.values() == {}
    desk.send(desk.signed(1, head(1)))
    assert desk.latest.values() == {HEAD: head(1)}, "a forged batch uses no number up"


@pytest.mark.parametrize("body", [b"", b"\x93", b"not a batch", pack_signed(Signed("telemetry", b"\x90", b"", b""))])
def test_what_is_no_batch_is_refused(desk: Desk, body: bytes) -> None:
    with pytest.raises(QuietgridError):
        desk.telemetry.accept(body)


def test_what_may_not_be_measured_refuses_the_whole_batch(desk: Desk) -> None:
    for odd in (
        Measurement(MeasuredKind.HEAD_W, "home-7", 300, NOW, "station"),
        Measurement(MeasuredKind.VOLTAGE_MV, "F1", 400_000, NOW, "station"),
    ):
        with pytest.raises(NotFoundError, match="may not be measured"):
            desk.send(desk.signed(1, head(1), odd))
    row = TelemetryRow("gas-m3", "F1", 1, NOW)
    with pytest.raises(InputError, match="no such kind"):
        desk.send(STATION.sign(TelemetryBatch(desk.card.community, "station", 1, [row])))
    rows = [TelemetryRow("head-w", "F1", n, NOW + n / 1000) for n in range(MOST_ROWS + 1)]
    with pytest.raises(InputError, match=f"{MOST_ROWS + 1} measurements"):
        desk.send(STATION.sign(TelemetryBatch(desk.card.community, "station", 1, rows)))
    assert desk.latest.values() == {}


def test_a_gateway_may_be_bound_to_some_elements(tmp_path: Path) -> None:
    desk = Desk(tmp_path, elements=["tap Transformer"])
    with pytest.raises(NotFoundError):
        desk.send(desk.signed(1, head(1)))
    desk.send(desk.signed(1, Measurement(*TAP, 0, NOW, "station")))
    desk.store.close()


@pytest.mark.parametrize("row", [
    TelemetryRow("head-w", "F1", 1 << 60, NOW), TelemetryRow("head-w", "F1", 1, float("nan")),
    TelemetryRow("head-w", "F1", 1, -5.0), TelemetryRow("head-w", "F1" * 60, 1, NOW),
    TelemetryRow("head-w", "F1", 1, NOW + AHEAD_S + 1),
])  # fmt: skip
def test_numbers_that_cannot_be(desk: Desk, row: TelemetryRow) -> None:
    with pytest.raises(InputError):
        desk.send(STATION.sign(TelemetryBatch(desk.card.community, "station", 1, [row])))


def test_late_and_out_of_order_rows_are_left_out_and_counted(desk: Desk) -> None:
    taken: list[Measurement] = []
    desk.telemetry._taker = type("Taker", (), {"take": lambda self, some: taken.extend(some)})()
    answer = desk.send(desk.signed(1, head(3, NOW - 10), head(1, NOW - 30), head(2, NOW - 20), head(2, NOW - 20)))
    assert [m.value for m in taken] == [1, 2, 3], "in order of time, each time once"
    assert answer.late == 1
    answer = desk.send(desk.signed(2, head(9, NOW - 15), head(4, NOW), head(8, NOW - LATE_S - 1)))
    assert (taken[3:], answer.late) == ([head(4)], 2)


def test_the_store_keeps_a_number_and_no_value(desk: Desk) -> None:
    desk.send(desk.signed(7, head(4_321)))
    with desk.store.read() as tx:
        assert tx.documents.all("telemetry gateway") == {"station": b"7"}


def test_a_value_is_not_in_what_is_said_of_a_refusal(desk: Desk) -> None:
    with pytest.raises(QuietgridError) as caught:
        desk.send(desk.signed(1, replace(head(987_654), element="nowhere")))
    assert "987" not in str(caught.value)
