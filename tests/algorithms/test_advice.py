"""Advice: the table holds, and the arithmetic that is shown gives the result that is shown."""

import re
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.advice import Prices, advice, named, prices_of, read, rules, saving
from quietgrid.algorithms.comparison import community_of, usual_of
from quietgrid.algorithms.insight import insight
from quietgrid.errors import InputError
from quietgrid.model.insight import Feature, Features
from quietgrid.model.tariff import ALL_HOURS, Band, Block, Tariff, TariffKind

PRICES = Prices("EUR", 326_655, 248_591, 441_966)
SMALL = st.integers(0, 255)
HOMES = st.builds(
    Features, st.integers(0, 65_535), st.tuples(*[SMALL] * 24), st.tuples(*[SMALL] * len(Feature))
)  # fmt: skip
ENTRY = '[[advice]]\nid = "x"\ntitle = "t"\ntext = "t"\nwhen = [["BASE", ">=", 100]]\nkwh = "base * 2"\n'


def recalculated(line: str) -> Fraction:
    """What the left side of a shown line comes to, without units."""
    bare = re.sub(r"[^0-9.()+\-*/ ]", "", line.replace(",", "").replace("−", "-").replace("×", "*").replace("÷", "/"))
    return Fraction(eval(bare)).limit_denominator(10**6)  # noqa: S307 -- digits and signs only


@given(HOMES, st.sampled_from(advice()))
def test_the_arithmetic_shown_is_the_arithmetic_done(home: Features, one) -> None:  # type: ignore[no-untyped-def]
    worth = saving(one, home, PRICES)
    *inputs, kwh_line, money_line = worth.lines
    left, right = kwh_line.rsplit(" = ", 1)
    left = re.sub(r"kWh/K|kWh|degree-days|[A-Za-zä%]+", "", left).replace(" /K", "")
    assert worth.kwh == int(re.match(r"[\d,]+", right)[0].replace(",", ""))  # type: ignore[index]
    if "(0 %" not in kwh_line and "÷ 0" not in kwh_line:
        assert abs(max(0, recalculated(left)) - worth.kwh) <= Fraction(51, 100)
    rate = PRICES.high_micro - PRICES.low_micro if worth.moved else PRICES.mean_micro
    assert worth.money_micro == worth.kwh * rate
    assert money_line.endswith(f"{worth.money_micro / 1e6:,.2f} EUR a year")
    assert inputs


@given(HOMES)
def test_what_applies_at_home_is_what_the_circuit_counts(home: Features) -> None:
    here = community_of(300_000, (), usual_of([]), rules())
    seen = insight(home.month, home.profile, home.values, here).advice
    assert seen == tuple(
        number for number, one in enumerate(advice())
        if all((home.values[c.feature] >= c.value) == c.at_least for c in one.rule)
    )  # fmt: skip


def test_every_advice_can_apply_and_is_worth_something_then() -> None:
    for one in advice():
        values = [20, 25, 100, 0, 20, 20]
        for condition in one.rule:
            values[condition.feature] = condition.value + 4 if condition.at_least else condition.value - 1
        home = Features(3000, (41,) * 24, tuple(values))
        assert all((home.values[c.feature] >= c.value) == c.at_least for c in one.rule), one.id
        assert saving(one, home, PRICES).money_micro > 0, one.id
        assert one.text.endswith("."), one.id


def test_moving_is_worth_nothing_at_one_price() -> None:
    flat = Prices("EUR", 300_000, 300_000, 300_000)
    home = Features(3000, (41,) * 24, (20, 60, 100, 0, 20, 20))
    assert saving(named("evening"), home, flat).money_micro == 0
    assert saving(named("evening"), home, PRICES).moved


def tariff(kind: TariffKind, **more: object) -> Tariff:
    return Tariff("t", 1, "EUR", kind, "Europe/Berlin", date(2020, 1, 1), vat_bp=1900, **more)  # type: ignore[arg-type]


def test_prices_of_each_kind_of_tariff() -> None:
    flat = tariff(TariffKind.FLAT, bands=(Band("all", 100_000),))
    assert prices_of(flat, (1,) * 24) == Prices("EUR", 119_000, 119_000, 119_000)
    night = tuple(sum(1 << h for h in range(6)) for _ in range(7))
    day = tuple(ALL_HOURS[0] & ~mask for mask in night)
    use = tariff(TariffKind.TIME_OF_USE, bands=(Band("night", 100_000, night), Band("day", 200_000, day)))
    assert prices_of(use, (1,) * 24) == Prices("EUR", 208_250, 119_000, 238_000)
    assert prices_of(use, (1,) * 6 + (0,) * 18).mean_micro == 119_000
    block = tariff(TariffKind.BLOCK, blocks=(Block(100_000, 200_000), Block(None, 300_000)))
    assert prices_of(block, (1,) * 24, 100_000).mean_micro == 238_000
    assert prices_of(block, (1,) * 24, 100_001).high_micro == 357_000
    spot = tariff(TariffKind.REAL_TIME, bands=(Band("all", 100_000),), feed="day-ahead")
    assert prices_of(spot, (0,) * 24, 0, (0,) * 23 + (240_000,)) == Prices("EUR", 130_900, 119_000, 404_600)
    with pytest.raises(InputError, match="needs its feed"):
        prices_of(spot, (1,) * 24)


@pytest.mark.parametrize(
    ("change", "to"),
    [('">="', '"=="'), ("100", "105"), ("100", "2560"), ('"BASE"', '"WIND"'), ("base * 2", "base ** 2"),
     ("base * 2", "wind * 2"), ("base * 2", "base *"), ("base * 2", "print(base)"), ('"t"', "1 1"),
     ('id = "x"', 'id_ = "x"')],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(change: str, to: str) -> None:
    assert read(ENTRY)[0].rule[0].value == 10
    with pytest.raises(InputError):
        read(ENTRY.replace(change, to))


def test_an_id_is_there_once() -> None:
    with pytest.raises(InputError, match="twice"):
        read(ENTRY + ENTRY)
    with pytest.raises(InputError, match="no such advice"):
        named("unheard-of")
