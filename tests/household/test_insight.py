"""Where a home stands, at home: equal to a plain recomputation, refused where figures do not fit, worth in money."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from quietgrid.algorithms.advice import Prices, advice
from quietgrid.billing.bill import Bill, Line, LineKind
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import NotFoundError, UnavailableError, VerificationError
from quietgrid.household.insight import features_of_month, insight_of
from quietgrid.household.insight_month import month_of
from quietgrid.household.insight_prices import prices_of_bills
from quietgrid.model.interval import Window
from tests.household.comparing import MONTH, TZ, WINDOW, Service, comparing, figures, month_of_readings
from tests.household.village import TOWN, Village


def test_equal_to_a_plain_recomputation(tmp_path: Path) -> None:
    batch = month_of_readings()
    _, home = comparing(tmp_path, Service(), batch)
    found = insight_of(home).at_home()
    mine = (batch.imported_wh[0] + batch.imported_wh[2]).tolist()  # home 11 has meters 1 and 3
    hours: list[list[int]] = [[] for _ in range(24)]
    for slot, wh in zip(range(WINDOW.first, WINDOW.end), mine, strict=True):
        hours[datetime.fromtimestamp(slot * 900, UTC).astimezone(ZoneInfo(TZ)).hour].append(wh)
    total = sum(mine)
    means = [4 * sum(values) // len(values) for values in hours]
    f = figures()
    assert found.own_wh == total
    assert found.verdict.side == ("above" if total // 100 > f.average else "below")
    band = sum(total // 100 >= edge for edge in f.bands)
    assert (found.verdict.percent_low, found.verdict.percent_high) == (10 * band, 10 * band + 10)
    assert found.verdict.letter == "ABCDEFG"[sum(total // 100 >= edge for edge in f.classes)]
    shares = [1000 * mean // sum(means) for mean in means]
    assert list(found.verdict.hours) == [h for h in range(24) if shares[h] > f.usual[h]] == [21, 22]
    values = found.features.values
    for one in advice():
        holds = all((values[c.feature] >= c.value) == c.at_least for c in one.rule)
        assert (one.id in found.verdict.advice) == holds
    assert found.prices is None
    assert all(value.kwh > 0 for _, value in found.advice)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    service = Service()
    village, home = comparing(tmp_path, service)
    own = insight_of(home)
    with pytest.raises(NotFoundError, match="nothing is published"):
        own.at_home("2024-12")
    later = month_of_readings().window
    service.made["2024-12"] = figures(month="2024-12", first=later.end, end=later.end + 31 * 96)
    with pytest.raises(NotFoundError, match="are missing") as refused:
        own.at_home("2024-12")
    assert refused.value.where == "own readings"
    with pytest.raises(NotFoundError, match="nothing to compare"):
        insight_of(village.home())
    service.away = True
    with pytest.raises(UnavailableError):
        own.at_home()


@pytest.mark.parametrize(
    "more",
    [
        {"community": bytes(16)}, {"resolution": 1800}, {"end": WINDOW.first}, {"group": "others"}, {"usual": [1] * 23},
        {"profile_wh": [1] * 25}, {"percents": [10]}, {"month": "2024-10"},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_figures_that_do_not_fit_are_refused(village: Village, more: dict[str, Any]) -> None:
    service = Service({MONTH: figures(**more)})
    home = village.home()
    home.parts.insight = service
    with pytest.raises(VerificationError, match="do not fit"):
        insight_of(home).published(MONTH)


def test_figures_of_another_signer_are_refused(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    home = village.home()
    home.parts.insight = Service()
    monkeypatch.setattr(TOWN, "platform", Identity.generate())
    with pytest.raises(VerificationError):
        insight_of(home).published(MONTH)


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


# -- prices ----------------------------------------------------------------------------------------------------------


def bill(*lines: Line, window: Window = WINDOW, version: int = 0) -> bytes:
    return Bill(11, window, TZ, 30, "t", 1, "EUR", lines, (), 0, (), version).encode()


def line(name: str, kwh: int, price: int, kind: LineKind = LineKind.ENERGY, **more: Any) -> Line:
    return Line(kind, name, 0, kwh * 1000, price, kwh * price, 1900, **more)


def no_feed(feed: str, window: Window) -> Any:
    raise AssertionError(feed)


def test_prices_of_each_kind_of_tariff() -> None:
    flat = bill(line("all hours", 100, 200_000), Line(LineKind.STANDING, "standing charge", 0, 30, 9, 270, 1900))
    assert prices_of_bills([flat], WINDOW, no_feed) == Prices("EUR", 238_000, 238_000, 238_000)
    bands = bill(line("night", 30, 100_000), line("day", 10, 300_000), line("day", 5, 300_000, estimated=True))
    assert prices_of_bills([bands], WINDOW, no_feed) == Prices("EUR", 178_500, 119_000, 357_000)
    blocks = bill(
        line("0-120 kWh", 120, 200_000), line("120-300.5 kWh", 50, 300_000), line("over 300.5 kWh", 0, 400_000)
    )
    assert prices_of_bills([blocks], WINDOW, no_feed) == Prices("EUR", 357_000, 357_000, 357_000)


def test_prices_of_a_real_time_tariff_follow_its_feed() -> None:
    spot = bill(
        line("day-ahead", 100, 90_000, LineKind.REAL_TIME), line("grid and levies", 100, 160_000, LineKind.SURCHARGE)
    )
    hour = np.array(
        [datetime.fromtimestamp(s * 900, UTC).astimezone(ZoneInfo(TZ)).hour for s in range(WINDOW.first, WINDOW.end)]
    )
    found = prices_of_bills([spot], WINDOW, lambda feed, window: {"day-ahead": 10_000 + 5_000 * hour}[feed])
    assert found == Prices("EUR", 297_500, 202_300, 339_150)  # 1.19 × 250, 170, 285


def test_the_bill_of_the_month_counts_and_its_newest_version() -> None:
    other = Window(WINDOW.end, WINDOW.end + 96, 900)
    bills = [
        bill(line("all hours", 1, 100_000)), bill(line("all hours", 1, 200_000), version=1),
        bill(line("all hours", 1, 300_000), window=other),
    ]  # fmt: skip
    found = [prices_of_bills(bills, month, no_feed) for month in (WINDOW, Window(0, 96, 900))]
    assert [one.mean_micro for one in found if one] == [238_000, 357_000]
    assert prices_of_bills([bill()], WINDOW, no_feed) is None
    assert prices_of_bills([], WINDOW, no_feed) is None


def test_advice_is_worth_money_at_the_homes_prices(tmp_path: Path) -> None:
    village, home = comparing(tmp_path, Service(), month_of_readings(scale=3))
    village.platform.coded = [bill(line("all hours", 500, 250_000))]
    found = insight_of(home).at_home()
    assert found.prices == Prices("EUR", 297_500, 297_500, 297_500)
    assert found.advice
    for one, value in found.advice:
        assert not value.moved, one.id  # one price at all times: moving saves nothing, so it is not advised
        assert value.money_micro == value.kwh * 297_500
        assert value.lines[-1].endswith("EUR a year")
    money = [value.money_micro for _, value in found.advice]
    assert money == sorted(money, reverse=True)


def test_a_home_that_draws_nothing_has_features() -> None:
    zero = np.zeros(len(WINDOW), np.int64)
    assert features_of_month(month_of(zero, zero == 0, WINDOW, TZ)).values == (0,) * 6
