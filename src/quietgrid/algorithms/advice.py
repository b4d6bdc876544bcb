"""Advice: when it applies, and what it saves in kWh and money a year, with the arithmetic shown.

The table is `advice.toml`, beside this file, which explains itself. Conditions are comparisons of small numbers, so
that they can be computed on encrypted ones; what it saves is worked out at home, where energy and prices are known.
Numbers are fractions until they are rounded for showing. Privacy: a home's features in; nothing leaves.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files

from quietgrid.algorithms.insight import BYTE, Condition
from quietgrid.errors import InputError
from quietgrid.model.insight import UNITS, Feature, Features
from quietgrid.model.quantity import MICRO, WH_PER_KWH, divide_half_even, share_bp
from quietgrid.model.tariff import Tariff, TariffKind

NAMES = {
    Feature.BASE: "base", Feature.EVENING: "evening", Feature.WEEKEND: "weekend", Feature.HEATING: "heating",
    Feature.NIGHT: "night", Feature.PEAK: "peak",
}  # fmt: skip
"""What formulas call the features."""
KNOWN = {
    "base": "base load", "evening": "share of the evening", "weekend": "a weekend day beside a weekday",
    "heating": "for one degree-day", "night": "share of the night", "peak": "highest hour", "month": "this month",
}  # fmt: skip
SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Div: "÷"}


@dataclass(frozen=True, slots=True)
class Given:
    """A number of a formula. Args: value; unit: for people; source: what it is or where it is from."""

    value: Fraction
    unit: str
    source: str

    def __str__(self) -> str:
        return f"{shown(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Args:
        id: short. title, text: for people. rule: the conditions, all of which must hold. kwh: formula of the kWh a
            year. moves: the energy is used at another time, not saved. given: numbers of the formula, by name.
    """

    id: str
    title: str
    text: str
    rule: tuple[Condition, ...]
    kwh: str
    moves: bool
    given: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class Prices:
    """What a kilowatt-hour costs a home, with VAT.

    Args:
        currency: ISO 4217. mean_micro: of its mean one. low_micro, high_micro: in its cheapest and dearest hours.
    """

    currency: str
    mean_micro: int
    low_micro: int
    high_micro: int


@dataclass(frozen=True)
class Saving:
    """What a piece of advice is worth to a home in a year.

    Args:
        kwh: saved, or moved to another time. money_micro: worth. moved: not saved. lines: the arithmetic in words:
            inputs, kilowatt-hours, money.
    """

    kwh: int
    money_micro: int
    moved: bool
    lines: tuple[str, ...]


@cache
def advice() -> tuple[Advice, ...]:
    """The table, in its order: the numbers of an encrypted answer count in it.

    >>> [one.id for one in advice()][:2]
    ['always-on', 'standby']
    """
    return read(files("quietgrid.algorithms").joinpath("advice.toml").read_text(encoding="utf-8"))


def read(text: str) -> tuple[Advice, ...]:
    """A table of advice.

    Raises:
        InputError: something in it cannot be used.
    """
    try:
        found = tuple(_advice(entry) for entry in tomllib.loads(text).get("advice", []))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"a table that cannot be read: {error}", where="advice", fix="see the table's head") from error
    if len({one.id for one in found}) != len(found) or len(found) > 64:
        raise InputError("an id twice, or more than 64", where="advice", fix="name each once")
    return found


def _advice(entry: Mapping[str, object]) -> Advice:
    rows = entry["when"]
    with_ = entry.get("with", {})
    if not isinstance(rows, list) or not isinstance(with_, dict) or not 1 <= len(rows) <= 15:
        raise ValueError(str(entry["id"]))
    given = {name: Given(Fraction(str(value)), str(unit), str(source)) for name, (value, unit, source) in with_.items()}
    one = Advice(
        str(entry["id"]), str(entry["title"]), str(entry["text"]), tuple(_condition(*row) for row in rows),
        str(entry["kwh"]), bool(entry.get("moves", False)), given,
    )  # fmt: skip
    probe = {name: Given(Fraction(1), "", "") for name in (*KNOWN, *given)}
    _work_out(_tree(one.kwh), probe)
    return one


def _condition(feature: str, op: str, value: int) -> Condition:
    which = Feature[feature]
    small, rest = divmod(int(value), UNITS[which][0])
    if op not in (">=", "<") or rest or not 0 <= small <= BYTE:
        raise ValueError(f"{feature} {op} {value}")
    return Condition(int(which), op == ">=", small)


def rules(table: Sequence[Advice] | None = None) -> tuple[tuple[Condition, ...], ...]:
    """The conditions of each piece of advice, in order."""
    return tuple(one.rule for one in (advice() if table is None else table))


def named(id: str) -> Advice:
    """The advice of an id.

    Raises:
        InputError: this version has none of that id.
    """
    for one in advice():
        if one.id == id:
            return one
    raise InputError("there is no such advice", where=id[:40], fix="use the same version on both sides")


def saving(one: Advice, features: Features, prices: Prices) -> Saving:
    """What a piece of advice saves this home, below zero counts as none.

    >>> home = Features(3120, (41,) * 24, (30, 20, 100, 0, 20, 30))
    >>> worth = saving(named("always-on"), home, Prices("EUR", 330_000, 330_000, 330_000))
    >>> print(*worth.lines[-2:], sep="\\n")
    (300 W − 150 W) × 8,760 h ÷ 1,000 × 0.5 = 657 kWh a year
    657 kWh × 0.33 EUR = 216.81 EUR a year
    """
    amounts = {
        NAMES[which]: Given(Fraction(features.amount(which)), UNITS[which][1], KNOWN[NAMES[which]]) for which in Feature
    }
    amounts["heating"] = Given(amounts["heating"].value / WH_PER_KWH, "kWh/K", KNOWN["heating"])
    amounts["month"] = Given(Fraction(features.month, 10), "kWh", KNOWN["month"])
    known = {**amounts, **one.given}
    tree = _tree(one.kwh)
    kwh = max(0, round(_work_out(tree, known)))
    price = prices.high_micro - prices.low_micro if one.moves else prices.mean_micro
    money = kwh * max(0, price)
    worth = f"({_money(prices.high_micro)} − {_money(prices.low_micro)})" if one.moves else _money(prices.mean_micro)
    what = "kWh a year, used at another time" if one.moves else "kWh a year"
    inputs = [f"{known[name].source}: {known[name]}" for name in _names(tree)]
    return Saving(
        kwh, money, one.moves,
        (*inputs, f"{_said(tree, known)} = {kwh:,} {what}",
         f"{kwh:,} kWh × {worth} {prices.currency} = {money / MICRO:,.2f} {prices.currency} a year"),
    )  # fmt: skip


def prices_of(tariff: Tariff, hours_wh: Sequence[int], month_wh: int = 0, feed_by_hour: Sequence[int] = ()) -> Prices:
    """What a kilowatt-hour costs under a tariff, with VAT; the standing charge, which nothing saves, is left out.

    Args:
        hours_wh: drawn in each local hour, 24: weighs the hours of a day, all weekdays alike. month_wh: of the month,
            finds the block. feed_by_hour: mean price of the feed in each local hour, micro-money; real-time only.

    Raises:
        InputError: a real-time tariff without 24 prices of its feed.
    """
    if tariff.kind is TariffKind.BLOCK:
        reached = next(block for block in tariff.blocks if block.upto_wh is None or month_wh <= block.upto_wh)
        price = _gross(reached.price_micro_per_kwh, tariff)
        return Prices(tariff.currency, price, price, price)
    if tariff.kind is TariffKind.REAL_TIME and len(feed_by_hour) != 24:
        raise InputError("a real-time tariff needs its feed", where=tariff.name, fix="give 24 mean prices")
    feed = feed_by_hour or (0,) * 24
    week = [
        next(band.price_micro_per_kwh for band in tariff.bands if band.hours[day] >> hour & 1) + feed[hour]
        for day in range(7)
        for hour in range(24)
    ]
    weights = [max(0, wh) for wh in hours_wh] * 7
    spent = sum(price * weight for price, weight in zip(week, weights, strict=True))
    mean = divide_half_even(spent, sum(weights)) if any(weights) else divide_half_even(sum(week), len(week))
    return Prices(tariff.currency, *(_gross(price, tariff) for price in (mean, min(week), max(week))))


def _gross(price_micro: int, tariff: Tariff) -> int:
    return price_micro + share_bp(price_micro, tariff.vat_bp)


def shown(value: Fraction) -> str:
    """A number for people, at most two decimals.

    >>> shown(Fraction(8760)), shown(Fraction(1, 3)), shown(Fraction(1, 2))
    ('8,760', '0.33', '0.5')
    """
    text = f"{float(value):,.2f}"
    return text.rstrip("0").rstrip(".")


def _money(micro: int) -> str:
    return f"{micro / MICRO:.6f}".rstrip("0").rstrip(".")


def _tree(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise InputError("a formula that cannot be read", where=formula, fix="numbers, names, + - * /") from error


def _work_out(tree: ast.expr, known: Mapping[str, Given]) -> Fraction:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float):
        return Fraction(str(tree.value))
    if isinstance(tree, ast.Name) and tree.id in known:
        return known[tree.id].value
    if isinstance(tree, ast.BinOp) and type(tree.op) in SIGNS:
        left, right = _work_out(tree.left, known), _work_out(tree.right, known)
        if isinstance(tree.op, ast.Add):
            return left + right
        if isinstance(tree.op, ast.Sub):
            return left - right
        if isinstance(tree.op, ast.Mult):
            return left * right
        return left / right if right else Fraction(0)
    raise InputError("a formula has something it may not", where=ast.unparse(tree), fix="numbers, names, + - * /")


def _names(tree: ast.expr) -> list[str]:
    """The names of a formula, in order of appearance."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(node.id for node in sorted(found, key=lambda node: node.col_offset)))


def _said(tree: ast.expr, known: Mapping[str, Given], inner: int = 0) -> str:
    """A formula with its numbers; brackets where they are needed."""
    if isinstance(tree, ast.Name):
        return str(known[tree.id])
    if isinstance(tree, ast.BinOp):
        strength = 1 if isinstance(tree.op, ast.Add | ast.Sub) else 2
        right = strength + isinstance(tree.op, ast.Sub | ast.Div)
        text = f"{_said(tree.left, known, strength)} {SIGNS[type(tree.op)]} {_said(tree.right, known, right)}"
        return f"({text})" if strength < inner else text
    return shown(_work_out(tree, known))
