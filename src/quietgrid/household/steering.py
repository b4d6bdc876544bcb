"""What the home lets its own battery and roof do for the grid: its people decide, a switch ends it.

The platform tells a whole group the same shares of everybody's own capacity. Here they become Wh of the own battery
and W of the own roof, within the owner's limits, and go to the own device as orders that end by themselves: if the
platform or this process is away, the device goes on as told until the end and then serves its home as ever. Nothing is
sent back, neither that the home follows nor what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError, QuietgridError, UnavailableError, VerificationError
from quietgrid.household.links import SignedClient
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Clock, Window
from quietgrid.model.schedule import HOUR_S, WHOLE
from quietgrid.model.signal import Signal, SignalKind
from quietgrid.store import VaultStore
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.steering import METER_DEVICE, NO_LIMIT, PUT_OFF, DeviceOrders, DeviceState, OwnSignals, signals_of

DRAW_UNIT, FEED_UNIT = "draw_ppm", "feed_in_percent"
CHOICE = "steering"
"""Document: what the home's people chose."""
LEAST_RESERVE = 20


class Choice(msgspec.Struct, frozen=True):
    """What the home's people chose.

    Args:
        follow: Whether the battery and the roof do what the group is asked for. reserve_percent: of the battery, kept
            for the home: nothing is given on request below it.
    """

    follow: bool = True
    reserve_percent: int = LEAST_RESERVE


class ChoiceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /api/own/device``; what is left out stays."""

    follow: bool | None = None
    reserve_percent: int | None = None


class SignalsLink(Protocol):
    """Where signals come from."""

    def signals(self) -> Signed:
        """What our group is told: a `Signed[OwnSignals]`."""


class DeviceLink(Protocol):
    """The device behind our own meter."""

    def state(self) -> DeviceState:
        """What it is and did; `NotFoundError` where there is none."""

    def order(self, orders: DeviceOrders) -> None:
        """Replace what it was told from the orders' first interval on."""


class HttpSignals:
    """`SignalsLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def signals(self) -> Signed:
        """See `SignalsLink`."""
        return self._client.get("/api/v1/own/signals", Signed)


class HttpDevice:
    """`DeviceLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def state(self) -> DeviceState:
        """See `DeviceLink`."""
        return self._client.get(METER_DEVICE, DeviceState)

    def order(self, orders: DeviceOrders) -> None:
        """See `DeviceLink`."""
        self._client.post(METER_DEVICE, orders, msgspec.Raw)


@dataclass(frozen=True)
class Asked:
    """What is asked of the home for one run of intervals. draw_wh: of its battery together. most_out_w: or None."""

    window: Window
    draw_wh: int
    most_out_w: int | None


@dataclass(frozen=True)
class Look:
    """Args: state: of the device. choice: the home's. asked: from now on. away: the platform does not answer."""

    state: DeviceState
    choice: Choice
    asked: tuple[Asked, ...]
    away: bool

    def as_json(self) -> dict[str, object]:
        """For the household's own API."""
        state = self.state
        return {
            "battery": {"capacity_wh": state.capacity_wh, "power_w": state.power_w, "level_wh": state.level_wh},
            "roof": {"power_w": state.pv_w},
            "follow": self.choice.follow,
            "reserve_percent": self.choice.reserve_percent,
            "platform_away": self.away,
            "asked": [
                {"start": one.window.start_time.isoformat(), "end": one.window.end_time.isoformat(),
                 "draw_wh": one.draw_wh, "most_fed_in_w": one.most_out_w}
                for one in self.asked
            ],
            "done": [
                {"start": Window(one.slot, one.slot + 1, state.resolution).start_time.isoformat(),
                 "asked_wh": one.asked_wh, "moved_wh": one.moved_wh, "cut_wh": one.cut_wh}
                for one in state.done
            ],
        }  # fmt: skip


class SteeredHome(Protocol):
    """What is needed of a home (`household.service.HomeParts`), also by `household.events`."""

    @property
    def card(self) -> CommunityCard:
        """The community."""

    @property
    def vault(self) -> Vault:
        """Ours."""

    @property
    def store(self) -> VaultStore:
        """Where choices are kept."""

    @property
    def clock(self) -> Clock:
        """The community's time."""


class Steering:
    """One home's.

    Args:
        parts: Of the home. signals, device: links.
    """

    def __init__(self, parts: SteeredHome, signals: SignalsLink, device: DeviceLink) -> None:
        self._parts, self._signals, self._device = parts, signals, device
        self._told: OwnSignals | None = None
        self._events: dict[str, dict[int, tuple[int, int]]] = {}

    # -- what the home's people see and decide -----------------------------------------------------------------------

    def state(self) -> DeviceState:
        """What the own device says.

        Raises:
            NotFoundError: there is neither a battery nor a roof. UnavailableError: it does not answer.
        """
        return self._device.state()

    def choice(self) -> Choice:
        """What was chosen."""
        with self._parts.store.read() as tx:
            kept = tx.documents.find(CHOICE, str(self._parts.vault.home))
        return Choice() if kept is None else msgspec.json.decode(kept, type=Choice)

    def choose(self, choice: Choice) -> None:
        """Choose, and tell the device at once.

        Raises:
            InputError: a reserve that cannot be. NotFoundError, UnavailableError: as `state`.
        """
        if not 0 <= choice.reserve_percent <= 100:
            raise InputError("a reserve is a part of the battery", where="reserve_percent", fix="give 0 to 100")
        state = self.state()
        if self._told is None and choice.follow:
            self.look()
        with self._parts.store.begin() as tx:
            tx.documents.replace(CHOICE, str(self._parts.vault.home), msgspec.json.encode(choice))
        self._send(state, choice)

    def asked(self, state: DeviceState) -> list[Asked]:
        """What is asked of this home from now on, one entry for each run of intervals with something to do."""
        if self._told is None:
            return []
        orders = orders_of(self._told, state, Choice(reserve_percent=0))
        out: list[Asked] = []
        for number, (draw, most) in enumerate(zip(orders.draw_wh, orders.most_out_w, strict=True)):
            slot = orders.first + number
            one = (1 if draw > 0 else -1 if draw < 0 else 0, most)
            if one == (0, NO_LIMIT):
                continue
            last = out[-1] if out else None
            same = last is not None and last.window.end == slot and (last.most_out_w or NO_LIMIT) == most
            if last is not None and same and (last.draw_wh > 0) == (draw > 0) and bool(last.draw_wh) == bool(draw):
                window = Window(last.window.first, slot + 1, state.resolution)
                out[-1] = Asked(window, last.draw_wh + draw, last.most_out_w)
            else:
                window = Window(slot, slot + 1, state.resolution)
                out.append(Asked(window, draw, None if most == NO_LIMIT else most))
        return out

    def look(self) -> Look:
        """Everything the home's people see: own device, own choice, what is asked of them.

        Raises:
            NotFoundError: there is neither a battery nor a roof. UnavailableError: it does not answer.
        """
        state, away = self.state(), False
        try:
            self._told = self.fetch()
        except NotFoundError:
            self._told = None
        except UnavailableError:
            away = True
        return Look(state, self.choice(), tuple(self.asked(state)), away)

    # -- doing it ----------------------------------------------------------------------------------------------------

    def fetch(self) -> OwnSignals:
        """Ask the platform what our group is told.

        Raises:
            VerificationError: not signed by the platform, or of another community. UnavailableError: it is away.
        """
        return read_signals(self._signals.signals(), self._parts)

    def follow(self, told: OwnSignals) -> bool:
        """Make orders of what was told, and send them if they are others than before; whether they were sent."""
        self._told = told
        return self._send(self.state(), self.choice())

    def take_part(self, event: str, slots: range, reserve_percent: int, share_percent: int) -> bool:
        """Have the own device use less in these intervals, beside what the group is told; none: not any more.

        Args:
            reserve_percent: of the battery, kept for the home. share_percent: of what the home would draw, where it has
                no battery: it is made up for afterwards.

        Returns: Whether there is a device that can.
        """
        self._events.pop(event, None)
        if len(slots):
            self._events[event] = dict.fromkeys(slots, (reserve_percent, share_percent))
        try:
            return self._send(self.state(), self.choice())
        except NotFoundError:  # neither a battery nor a roof: only what can be put off
            return self._put_off()

    def _put_off(self) -> bool:
        """Orders for a home without a device of its own: put so many percent off, as a share of its use."""
        wanted = {slot: share for one in self._events.values() for slot, (_, share) in one.items()}
        resolution = self._parts.card.resolution
        first = int(self._parts.clock.now()) // resolution
        end = max(wanted, default=first - 1) + 1
        draw = [-wanted.get(slot, 0) for slot in range(first, end)]
        try:
            self._device.order(DeviceOrders(first, resolution, draw, [NO_LIMIT] * len(draw), PUT_OFF))
        except NotFoundError:
            return False
        return True

    def _with_events(self, orders: DeviceOrders, state: DeviceState) -> DeviceOrders:
        """Orders with what the home's events ask of its battery on top."""
        asked = {slot: one for event in self._events.values() for slot, one in event.items() if slot >= orders.first}
        if not asked or not state.capacity_wh:
            return orders
        end = max(orders.first + len(orders.draw_wh), max(asked) + 1)
        more = end - orders.first - len(orders.draw_wh)
        draw, most = [*orders.draw_wh, *[0] * more], [*orders.most_out_w, *[NO_LIMIT] * more]
        reserve = state.capacity_wh * max(one[0] for one in asked.values()) // 100
        each = min(state.power_w * state.resolution // HOUR_S, (state.capacity_wh - reserve) // len(asked))
        for slot in asked:
            draw[slot - orders.first] = min(draw[slot - orders.first], -each)
        return DeviceOrders(orders.first, orders.resolution, draw, most, max(orders.reserve_wh, reserve))

    def _send(self, state: DeviceState, choice: Choice) -> bool:
        if self._told is None:
            first = int(self._parts.clock.now()) // state.resolution
            orders = DeviceOrders(first, state.resolution, [], [], 0)
        else:
            orders = orders_of(self._told, state, choice)
        orders = self._with_events(orders, state)
        if _rest(state.told, orders.first) == _rest(orders, orders.first):
            return False
        self._device.order(orders)
        return True


def read_signals(signed: Signed, parts: SteeredHome) -> OwnSignals:
    """What a group is told, checked."""
    told = open_signed(signed, OwnSignals, parts.card.platform_pk)
    if told.community != parts.card.community:
        raise VerificationError("signals of another community were sent", where="signals", fix="tell the operator")
    return told


def orders_of(told: OwnSignals, state: DeviceState, choice: Choice) -> DeviceOrders:
    """What the own device is told: the broadcast shares of the own battery and roof, within the owner's limits.

    Raises:
        InputError: a signal that cannot be.
    """
    first = int(told.at) // state.resolution
    fitting = [one for one in signals_of(told) if _concerns(one, state, first)] if choice.follow else []
    end = max((one.window.end for one in fitting), default=first)
    draw, most = [0] * (end - first), [NO_LIMIT] * (end - first)
    for one in fitting:
        for slot in range(max(first, one.window.first), one.window.end):
            value = one.values[slot - one.window.first]
            if one.unit == DRAW_UNIT:
                power = state.power_w * state.resolution // HOUR_S
                draw[slot - first] = max(-power, min(power, round(value * state.capacity_wh / WHOLE)))
            elif value < 100:
                most[slot - first] = state.pv_w * max(0, value) // 100
    return DeviceOrders(first, state.resolution, draw, most, state.capacity_wh * choice.reserve_percent // 100)


def _concerns(one: Signal, state: DeviceState, first: int) -> bool:
    here = one.kind is SignalKind.SET_POINT and one.window.resolution == state.resolution and one.window.end > first
    return here and {DRAW_UNIT: state.capacity_wh, FEED_UNIT: state.pv_w}.get(one.unit, 0) > 0


def _rest(orders: DeviceOrders, first: int) -> tuple[list[tuple[int, int]], int]:
    """What orders say from a slot on, without the end where nothing is asked."""
    rows = list(zip(orders.draw_wh, orders.most_out_w, strict=True))[max(0, first - orders.first) :]
    while rows and rows[-1] == (0, NO_LIMIT):
        rows.pop()
    return rows, orders.reserve_wh if rows else 0


class SteeringHome(Protocol):
    """A home with its steering (`household.service.Home`)."""

    @property
    def steering(self) -> Steering | None:
        """None where nothing is steered."""


def steering_of(home: SteeringHome) -> Steering:
    """A home's steering.

    Raises:
        NotFoundError: nothing is steered here.
    """
    if home.steering is None:
        raise NotFoundError("no device of this home can be reached", where="device", fix="nothing is asked of it")
    return home.steering


class Steerer:
    """Follows for all homes of one process, as the demo has it: a group is asked for once an interval.

    Args:
        homes: id -> its steering.
    """

    def __init__(self, homes: Mapping[int, Steering]) -> None:
        self._homes = dict(homes)
        self._group: dict[int, str] = {}

    @classmethod
    def of(cls, homes: Mapping[int, SteeringHome]) -> Steerer:
        """That of homes whose devices can be reached."""
        return cls({home: one.steering for home, one in homes.items() if one.steering is not None})

    def step(self) -> int:
        """One round; how many devices got new orders.

        Raises:
            QuietgridError: the platform or the devices are away; the next round tries again.
        """
        known: dict[str, OwnSignals] = {}
        sent = 0
        for home, steering in list(self._homes.items()):
            try:
                steering.state()
            except NotFoundError:
                del self._homes[home]  # neither a battery nor a roof
                continue
            told = known.get(self._group.get(home, ""))
            if told is None:
                try:
                    told = steering.fetch()
                except NotFoundError:
                    continue  # no grid is known (yet)
                known[told.group] = told
                self._group[home] = told.group
            sent += steering.follow(told)
        return sent


def keep_following(
    steerer: Steerer, now: Callable[[], float], resolution: int, wait: Callable[[float], object], pause_s: float = 0.5
) -> None:
    """Make a round in every interval of the community's time until `wait` says to end, sooner again after a failure.

    Args:
        wait: sleeps so many seconds; says something true to end.
    """
    last = -1
    while not wait(pause_s):
        slot = int(now()) // resolution
        if slot == last:
            continue
        try:
            steerer.step()
            last = slot
        except QuietgridError:
            if wait(4 * pause_s):
                return
