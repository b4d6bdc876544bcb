"""Running the grid: what was opened since the last look becomes states, alarms, breakers, set-points.

`GridRun.step` is one look. In a real community a thread (`GridWorker`) makes one every few seconds; in the demo its
driver wakes that thread after every close, with the community's time of that moment.

Without telemetry the state comes from totals alone and says so; nobody invents a frequency.

Privacy: opened totals of groups, measurements of heads and busbars. Nothing here can see a home's use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Flow, Model
from quietgrid.balance.deciding import Decisions
from quietgrid.balance.picture import GroupTotals, Measured, spread, states
from quietgrid.balance.rules import OperatingRules, holds, standing
from quietgrid.balance.service import Grid, Look, breaker
from quietgrid.balance.state import measured_state
from quietgrid.balance.voltage import VoltageSettings, decide, taps_since
from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.model.limits import Limits
from quietgrid.model.network import Floats, Network, Rows
from quietgrid.model.operation import BreakerState, GridState, Standing, StopState
from quietgrid.runtime.grid_limits import newest_limits
from quietgrid.runtime.grid_market import market_said
from quietgrid.runtime.grid_network import pack, unpack
from quietgrid.runtime.grid_planning import Planning
from quietgrid.runtime.grid_totals import GroupFlow, group_totals, newest_flows
from quietgrid.runtime.grid_watch import GridWatch, Watching
from quietgrid.runtime.onchain import ChainWorker
from quietgrid.runtime.platform import Platform

AGAIN = 8
"""Intervals that are looked at once more: a total may open late."""
AT_ONCE = 384
"""Intervals a look takes."""
PAUSE_S = 2.0
TAPS_BACK_S = 6 * 3_600.0
"""So far back tap changes are looked for; older ones are seen by every state."""
SILENT_S = 30.0
"""In the demo, whose clock jumps: what said something within so many real seconds is not stale."""
DEMO_VALID_S = 8 * 900.0
"""In the demo an interval passes in seconds: set-points must outlast a look that comes late."""
FEED = "prices"
"""Part: prices of the coming interval are not known."""


class GridRun:
    """The grid of a running platform.

    Args:
        platform: The wired stages. demo: take the sample's network if none was put in force and its sections are ours.
        rules: see `OperatingRules`.
    """

    def __init__(self, platform: Platform, *, demo: bool = False, rules: OperatingRules | None = None) -> None:
        self._platform, self._demo = platform, demo
        self._store, self._clock = platform.parts.store, platform.parts.clock
        self.grid = Grid(self._store, self._clock, rules, silent_s=SILENT_S if demo else 0.0)
        self.decisions = Decisions(self.grid)
        self.planning = Planning(self._store, self._clock, platform.parts.card.resolution, self.network)
        self.voltage = VoltageSettings(valid_s=DEMO_VALID_S) if demo else VoltageSettings()
        card = platform.parts.card
        self.watching = GridWatch(self._store, card.resolution, card.tz)
        """Looks for attacks in heads and totals."""
        self.chain: ChainWorker | None = None
        """What looks at the chain; None without one."""
        self._away: dict[str, float] = {}
        self._made: tuple[int, Model] | None = None
        self._lock = threading.Lock()

    # -- the network -----------------------------------------------------------------------------------------------

    def put_network(self, network: Network, by: str) -> int:
        """Put a network in force; its version. The same again changes nothing."""
        with self._store.begin() as tx:
            before = tx.grid.network_version()
            version = tx.grid.put_network(network.name, pack(network), by)
            if version != before:
                tx.log.append(by, "grid.network", f"version {version}", {"nodes": len(network.nodes.names)})
        return version

    def model(self) -> Model | None:
        """The network in force, made ready; None without one."""
        with self._lock:
            with self._store.read() as tx:
                version = tx.grid.network_version()
            if not version and self._demo:
                version = self._take_sample()
            if not version:
                return None
            if self._made is None or self._made[0] != version:
                with self._store.read() as tx:
                    row = tx.grid.network()
                if row is None:
                    return None
                self._made = (row.version, Model(unpack(row.body)))
            return self._made[1]

    def network(self) -> Network:
        """The network in force.

        Raises:
            NotFoundError: there is none.
        """
        model = self.model()
        if model is None:
            raise NotFoundError("no network is in force", where="grid", fix="`quietgrid grid import` brings one")
        return model.network

    def _take_sample(self) -> int:
        from quietgrid.demo.grid import demo_network

        try:
            members = self._platform.members()
        except NotFoundError:
            return 0  # nobody has joined yet
        network = demo_network(len(np.unique(members.homes)))
        return self.put_network(network, "demo") if set(members.leaf_names) <= set(network.groups) else 0

    def market(self) -> tuple[bool, str]:
        """Whether markets are open, and why not: the breaker here, and what the chain's `GridManagement` said last."""
        own = self.grid.breaker("market")
        if own.state is BreakerState.OPEN:
            return False, own.why
        with self._store.read() as tx:
            said = market_said(tx)
        return not said.why, said.why

    # -- looking ---------------------------------------------------------------------------------------------------

    def take(self, measured: Sequence[Measurement]) -> None:
        """Keep measurements; see `Grid.take`."""
        self.grid.take(measured)

    def set_points(self, at: float) -> list[SetPoint]:
        """What devices are told to do at a moment, one a device; those without one keep their safe value."""
        return [one.active for one in self.standing(at) if one.active is not None]

    def standing(self, at: float) -> list[Standing]:
        """What every device does at a moment if nothing else reaches it; nothing without a network."""
        model = self.model()
        if model is None:
            return []
        with self._store.read() as tx:
            points = tx.grid.set_points(at, at + 1)
        return standing(model.network, points, at)

    def step(self, now: float | None = None) -> Look | None:
        """One look; None without a network.

        Args:
            now: Unix seconds in the community's time; the clock's unless told.
        """
        model = self.model()
        if model is None:
            return None
        at = self._clock.now() if now is None else now
        window = self._due()
        found = self._states(model, window) if len(window) else []
        suspected = self.watching.levels(model.network, window.end) if found else []
        look = self.grid.look(found, self._parts(at, found), at, suspected)
        if found:
            self._regulate(model, at)
        return look

    def _due(self) -> Window:
        """Intervals that were closed and not looked at, and a few before them whose totals were not all open."""
        resolution = self._platform.parts.card.resolution
        with self._store.read() as tx:
            end, last = tx.answers.last_close(0), tx.grid.last_state()
            if not end:
                return Window(0, 0, resolution)
            if last is None:
                closes = tx.answers.closes(0, 0, end)
                first = min((row.first for row in closes), default=end)
                return Window(first, min(end, first + AT_ONCE), resolution)
            begin = last.slot + 1
            for state in tx.grid.states(Window(max(0, begin - AGAIN), begin, resolution)):
                if any(not group.homes for group in state.groups):
                    begin = min(begin, state.slot)
        return Window(begin, max(begin, min(end, begin + AT_ONCE)), resolution)

    def flow(self, slot: int) -> Flow | None:
        """Voltages and currents of one interval, as its state was found; None without a network.

        Cost: see `Model.flow`, and with instruments `Estimator.estimate`.
        """
        model = self.model()
        if model is None:
            return None
        totals, said = self._found(model, Window(slot, slot + 1, self._platform.parts.card.resolution))
        return said.flow or model.flow(*spread(model.network, totals), taps=said.taps)

    def _states(self, model: Model, window: Window) -> list[GridState]:
        return states(model, *self._found(model, window))

    def _found(self, model: Model, window: Window) -> tuple[GroupTotals, Measured]:
        """What is open and what was measured of a window."""
        with self._store.read() as tx:
            totals = group_totals(tx, model.network.groups, window)
            start, end = window.first * window.resolution, window.end * window.resolution
            measured = [m for m in tx.grid.measurements(start, end) if m.good]
            points = tx.grid.set_points(start, end)
        heads = {
            name: _means(measured, window, MeasuredKind.HEAD_W, name)
            for name in {m.element for m in measured if m.kind is MeasuredKind.HEAD_W}
        }
        hertz = [m for m in measured if m.kind is MeasuredKind.FREQUENCY_MILLIHZ]
        frequency = _means(hertz, window, MeasuredKind.FREQUENCY_MILLIHZ) / 1000 if hertz else None
        state, taps = measured_state(model, totals, measured), _taps(model.network, points, window)
        if state is None:
            return totals, Measured(heads, frequency, taps=taps)
        return totals, Measured(heads, frequency, state.flow, taps, state.fits())

    def _regulate(self, model: Model, at: float) -> None:
        """Decide voltage set-points where somebody measures, nothing is stopped and totals are fresh."""
        resolution = self._platform.parts.card.resolution
        with self._store.begin() as tx:
            stop, last = tx.grid.stop(), tx.grid.last_state()
            fresh = any(age <= self.grid.rules.stale_s for age in self.grid.ages(tx, at).values())
            halted = stop is not None and stop.state is StopState.STOPPED
            if last is None or not fresh or halted or breaker(tx, "data").state is BreakerState.OPEN:
                return
            recent = tx.grid.states(Window(max(0, last.slot - AGAIN), last.slot + 1, resolution))
            points = tx.grid.set_points(at, at + 1)
            held = [one.active for one in standing(model.network, points, at) if one.active is not None]
            since = taps_since(model.network, tx.grid.set_points(at - TAPS_BACK_S, at + 1), at)
            told = decide(recent, model.network, self.voltage, at, held, since)
            tx.grid.put_set_points(told)
            known = {(one.kind, one.element): one.value for one in held}
            changed = {
                f"{p.kind.value} {p.element}": p.value for p in told if known.get((p.kind, p.element)) != p.value
            }
            if changed:
                tx.log.append("grid", "grid.voltage", "set-points", changed)

    def watch(self) -> Watching:
        """How far the watch for attacks is."""
        model = self.model()
        with self._store.read() as tx:
            end = tx.answers.last_close(0)
        return Watching("not measured") if model is None else self.watching.standing(model.network, end)

    def away(self) -> dict[str, float]:
        """Parts that did not answer at the last look -> for how many seconds."""
        now = self._clock.now()
        return {name: now - since for name, since in sorted(self._away.items())}

    def flows(self) -> list[GroupFlow]:
        """What each group drew and fed in, in the newest interval whose total is open."""
        model = self.model()
        if model is None:
            return []
        with self._store.read() as tx:
            return newest_flows(tx, model.network.groups, self._platform.parts.card.resolution)

    def limits(self) -> Limits:
        """What groups may draw or feed in beyond what they did in the newest interval with a total.

        Raises:
            NotFoundError: there is no network, or no total is open yet.
        """
        model = self.model()
        if model is None:
            raise NotFoundError("no network is in force", where="grid", fix="`quietgrid grid import` brings one")
        with self._store.read() as tx:
            return newest_limits(tx, model, self._platform.parts.card.resolution)

    def _parts(self, at: float, found: Sequence[GridState]) -> dict[str, float]:
        """Part -> for how long it has been away."""
        gone = {f"keyholder {index}" for index in self._platform.keyholders.away}
        worker = self.chain
        if worker is not None and (worker.chain is None or not worker.chain.standing().reachable):
            gone.add("chain")
        if self._without_prices(at):
            gone.add(FEED)
        names = {f"keyholder {index}" for index in range(len(self._platform.parts.links))} | {FEED}
        names |= {"chain"} if worker is not None else set()
        self._away = {name: self._away.get(name, at) for name in gone}
        away = {name: at - self._away[name] if name in gone else 0.0 for name in sorted(names)}
        newest = found[-1] if found else None
        if newest is None:
            with self._store.read() as tx:
                newest = tx.grid.last_state()
        if newest is not None:
            away["totals"] = max(0.0, at - newest.ends)
        return away

    def _without_prices(self, at: float) -> bool:
        """Whether a feed that was ever published has no price for the coming interval."""
        resolution = self._platform.parts.card.resolution
        slot = int(at) // resolution
        with self._store.read() as tx:
            feeds = tx.registry.feeds()
            known = [bool(tx.registry.prices(feed, Window(slot, slot + 1, resolution))[1].all()) for feed in feeds]
        return not all(known)


def _means(measured: Sequence[Measurement], window: Window, kind: MeasuredKind, element: str | None = None) -> Floats:
    """[t]: the mean of a kind's values in each interval, NaN where there is none."""
    sums, counts = np.zeros(len(window)), np.zeros(len(window))
    for one in measured:
        if one.kind is kind and (element is None or one.element == element):
            slot = int(one.at) // window.resolution - window.first
            sums[slot] += one.value
            counts[slot] += 1
    means: NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(window), np.nan), where=counts > 0)
    return means


def _taps(network: Network, points: Sequence[SetPoint], window: Window) -> Rows | None:
    """int32 [t, transformers]: the positions that were told in the middle of each interval; None where none was."""
    told = [point for point in points if point.kind is SetPointKind.TAP]
    if not told:
        return None
    taps = np.tile(network.transformers.tap, (len(window), 1))
    for row, name in enumerate(network.transformers.names):
        for slot in range(len(window)):
            one = holds(told, SetPointKind.TAP, name, (window.first + slot + 0.5) * window.resolution)
            if one is not None:
                taps[slot, row] = one.value
    return taps.astype(np.int32)


class GridWorker:
    """The thread that looks at the grid.

    Args:
        run: What it runs. tell: told every new trouble once, in words. pause_s: between looks; None: only when woken.
    """

    def __init__(self, run: GridRun, tell: Callable[[str], None], pause_s: float | None = PAUSE_S) -> None:
        self._run, self._tell, self._pause_s = run, tell, pause_s
        self._woken, self._stop = threading.Event(), threading.Event()
        self._at: float | None = None
        self._thread = threading.Thread(target=self._loop, name="grid", daemon=True)
        self.note = ""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self, at: float | None = None) -> None:
        """Have it look now. Args: at: the community's time of that moment; the clock's unless told."""
        self._at = at
        self._woken.set()

    def stop(self) -> None:
        """End it; waits at most three seconds."""
        self._stop.set()
        self._woken.set()
        self._thread.join(3)

    def _loop(self) -> None:
        while not self._stop.is_set():
            woken = self._woken.wait(self._pause_s)
            self._woken.clear()
            if self._stop.is_set():
                return
            try:
                while (done := self._run.step(self._at if woken else None)) and done.states >= AT_ONCE:
                    if self._stop.is_set():
                        return
                self.note = ""
            except QuietgridError as error:
                if self.note != str(error):
                    self._tell(str(error))
                self.note = str(error)
