"""Rules become weights; prices become small integers and back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.weights import price_weights, resolve, resolve_book, wide
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model import Book, Vector, Window
from quietgrid.model.interval import local_window, month_window, zone

DAYTIME = (0x3FFFC0,) * 7  # 6 to 22
WEEKDAYS = ((1 << 24) - 1,) * 5 + (0, 0)


def hour_by_hour(vector: Vector, window: Window) -> list[int]:
    """The rule read literally: the local hour in which each interval starts."""
    where = zone(vector.tz)
    starts = (datetime.fromtimestamp(slot * window.resolution, UTC).astimezone(where) for slot in range(*ends(window)))
    return [vector.hours[start.weekday()] >> start.hour & 1 for start in starts]


def ends(window: Window) -> tuple[int, int]:
    return window.first, window.end


@pytest.mark.parametrize("tz", ["Europe/Berlin", "Europe/London", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("resolution", [900, 1800])
@pytest.mark.parametrize("month", [1, 3, 4, 10])
def test_hours_follow_local_time_through_time_changes(tz: str, resolution: int, month: int) -> None:
    first = int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) // resolution
    window = Window(first, first + 31 * 86_400 // resolution, resolution)
    vector = Vector("day", 0, "hours", tz, (*DAYTIME[:4], 0b1011, 0x800001, 0x2000))
    assert resolve(vector, window).tolist() == hour_by_hour(vector, window)


@pytest.mark.parametrize(("month", "day", "night_hours"), [(3, 29, 7), (10, 25, 9), (6, 1, 8)])
def test_the_night_of_a_time_change_is_an_hour_shorter_or_longer(month: int, day: int, night_hours: int) -> None:
    window = local_window(date(2026, month, day), date(2026, month, day + 1), "Europe/Berlin", 900)
    night = Vector("night", 0, "hours", "Europe/Berlin", tuple(0xFFFFFF ^ mask for mask in DAYTIME))
    assert resolve(night, window).sum() == night_hours * 4


@given(st.integers(0, 30_000), st.integers(0, 3000), st.lists(st.integers(0, (1 << 24) - 1), min_size=7, max_size=7))
@settings(max_examples=40, deadline=None)
def test_any_window_and_its_parts_agree(first: int, size: int, hours: list[int]) -> None:
    vector = Vector("band", 0, "hours", "Europe/Berlin", tuple(hours))
    window = Window(first * 96 + size % 96, first * 96 + size % 96 + size, 900)
    whole = resolve(vector, window)
    half = window.first + size // 2
    parts = [resolve(vector, Window(window.first, half, 900)), resolve(vector, Window(half, window.end, 900))]
    assert whole.tolist() == np.concatenate(parts).tolist()
    assert set(whole.tolist()) <= {0, 1}


def test_all_and_books() -> None:
    window = month_window(2026, 3, "Europe/Berlin", 900)
    book = Book(0, window, (Vector("all", 0, "all"), Vector("weekdays", 1, "hours", "Europe/Berlin", WEEKDAYS)))
    matrix = resolve_book(book)
    assert matrix.shape == (2, len(window))
    assert matrix[0].all()
    assert matrix[1].sum() == 22 * 96
    assert resolve_book(Book(0, window, ())).shape == (0, len(window))


def test_refuses_unpublished_and_unfitting_inputs() -> None:
    window = month_window(2026, 3, "Europe/Berlin", 900)
    spot = Vector("spot", 0, "prices", feed="day-ahead")
    for prices in (None, {}, {"other": np.zeros(len(window), np.int64)}):
        with pytest.raises(GateRefusal, match="not published") as refusal:
            resolve(spot, window, prices)
        assert refusal.value.rule == "weights"
    with pytest.raises(InputError, match="prices for"):
        resolve(spot, window, {"day-ahead": np.zeros(5, np.int64)})
    with pytest.raises(InputError, match="24 bits"):
        resolve(Vector("band", 0, "hours", "UTC", (1 << 24,) * 7), window)
    with pytest.raises(InputError, match="time zone"):
        resolve(Vector("band", 0, "hours", "Mars/Olympus", DAYTIME), window)
    with pytest.raises(InputError, match="no prices"):
        price_weights(np.zeros(0, np.int64))


def rtp_month(seed: int = 1, slots: int = 2976) -> NDArray[np.int64]:
    """A plausible hourly real-time price: a daily shape, noise, some negative hours; steps of 10 micro a kWh."""
    rng = np.random.default_rng(seed)
    hours = np.arange(slots) // 4
    price = 80 + 40 * np.sin(hours * 2 * np.pi / 24) + 25 * rng.normal(size=hours[-1] + 1)[hours]
    return (price.clip(-20, None) * 100).round().astype(np.int64) * 10


def test_a_plausible_month_is_not_clipped() -> None:
    prices = rtp_month()
    found = price_weights(prices)
    wide(found.weights)
    assert not found.clipped.any()
    assert found.offset_micro == prices.min() < 0
    assert found.weights.max() < 4096
    assert np.abs(found.excess_micro).max() * 2 <= found.unit_micro
    assert resolve(Vector("spot", 0, "prices", feed="x"), Window(0, 2976, 900), {"x": prices}).tolist() == list(
        found.weights
    )


def test_prices_published_in_the_unit_leave_no_excess() -> None:
    prices = rtp_month()
    unit = price_weights(prices).unit_micro
    again = price_weights(prices // unit * unit)
    assert again.unit_micro <= unit
    assert not again.excess_micro.any()
    assert (again.sealed_micro == prices // unit * unit).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_spike_hour_is_clipped_at_the_highest_cap_that_passes(sign: int) -> None:
    prices = rtp_month()
    spike = np.arange(2976) // 4 == 300
    spiked = np.where(spike, 12 * sign * int(prices.mean()), prices)
    with pytest.raises(GateRefusal, match="carry the weight"):
        wide(spiked // 1000)
    found = price_weights(spiked)
    wide(found.weights)
    assert (found.clipped == spike).all()
    assert (found.sealed_micro + found.excess_micro == spiked).all()
    assert found.cap_micro > prices.max() or sign < 0
    assert found.floor_micro < prices.min() or sign > 0
    higher = spiked.clip(found.floor_micro - 2_000 * (sign < 0), found.cap_micro + 2_000 * (sign > 0))
    with pytest.raises(GateRefusal, match="carry the weight"):
        wide((higher - higher.min()) // found.unit_micro)


def test_one_odd_price_becomes_a_plain_sum() -> None:
    prices = np.full(2976, 300_000)
    prices[7] += 1
    found = price_weights(prices)
    assert not found.weights.any()
    assert found.excess_micro.tolist() == [0] * 7 + [1] + [0] * 2968


def test_all_multiples_of_seven_but_one_are_rounded_to_a_coarser_unit() -> None:
    prices = np.random.default_rng(3).integers(0, 500, 2976) * 7
    prices[5] += 1
    with pytest.raises(GateRefusal, match="modulo 7"):
        wide(prices)
    found = price_weights(prices)
    wide(found.weights)
    assert found.unit_micro > 1
    assert (found.sealed_micro + found.excess_micro == prices).all()


@given(
    st.integers(0, 2**32), st.integers(-1_000_000, 1_000_000), st.sampled_from([1, 10, 100, 1000]), st.integers(0, 9)
)
@settings(max_examples=60, deadline=None)
def test_price_identity_holds_whatever_is_published(seed: int, level: int, step: int, spikes: int) -> None:
    rng = np.random.default_rng(seed)
    prices = level + step * rng.integers(0, rng.integers(1, 5000), 1344)
    prices[rng.integers(0, 1344, spikes)] *= int(rng.integers(-20, 20))
    found = price_weights(prices)
    wide(found.weights)
    assert (found.offset_micro + found.unit_micro * found.weights + found.excess_micro == prices).all()
    assert found.weights.min() == 0
    assert found.weights.max() < 4096
    inside = ~found.clipped
    assert (2 * np.abs(found.excess_micro[inside]) <= found.unit_micro).all()
    assert found.floor_micro <= found.cap_micro
