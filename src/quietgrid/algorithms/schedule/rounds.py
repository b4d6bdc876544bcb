"""Price rounds: where batteries differ, a few prices are broadcast, each answered by the group's sum, and then mixed.

The optimum of the sums may be out of reach of batteries that differ. In a round the platform announces a price; every
home works out at home what its battery would do (`respond`); only the sum opens. A small programme finds the best mix
of the rounds so far, and its dual leads to the next price. In the end the *weights* of the mix are broadcast: every
home does the same mix of its own answers (`combine`), which keeps its own limits since they are convex. Together they
draw what the mix says, or a little less: a home that would charge in one answer and give in another saves the losses.
Each round also gives a bound that no schedule of these batteries can beat, so the gap that is left is known.
Source: Dantzig and Wolfe, "Decomposition principle for linear programs", Operations Research 8 (1), 1960; Wentges,
"Weighted Dantzig-Wolfe decomposition for linear mixed-integer programming", 1997 (prices held near the best so far).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quietgrid.algorithms.schedule.local import draw_wh
from quietgrid.algorithms.schedule.lp import (
    KWH,
    MICRO,
    Floats,
    Rows,
    columns,
    prices_of,
    rows_of,
    run,
    solve,
    variables_of,
)
from quietgrid.algorithms.schedule.respond import respond
from quietgrid.errors import InfeasibleError
from quietgrid.model.schedule import FULL, WHOLE, Ints, Objective, Outlook, Storages

GAP, ROUNDS = 0.01, 40
STEADY = 0.95
"""How much of a price comes from the round with the best bound so far: a mix's own dual jumps about."""
PENALTY = 100.0
"""Currency units a kWh beyond a cap: dear enough to be avoided wherever possible."""


@dataclass(frozen=True)
class Answer:
    """What a group says to a round: sums.

    Args:
        draw_wh: int64 [g, t], what the storages of each group would draw. extra_micro: int64 [g], what their wear costs
            less what is left in them is worth.
    """

    draw_wh: Ints
    extra_micro: Ints


Ask = Callable[[Ints], Answer]
"""Announces prices, int64 [g, t], millionths a kWh, and returns the sums of what homes would do."""


@dataclass(frozen=True)
class Repaired:
    """What price rounds came to.

    Args:
        weights: int64 [rounds + 1, g], millionths, a million a group: of what was broadcast first, then of each round.
        prices: int64 [rounds, g, t], as announced. draw_wh: int64 [g, t], expected of the storages.
        objective, bound: currency units. gap: of the objective, at most so much is lost; a share.
    """

    weights: Ints
    prices: Ints
    draw_wh: Ints
    objective: float
    bound: float
    gap: float


def repair(outlook: Outlook, first: Answer, ask: Ask, *, gap: float = GAP, rounds: int = ROUNDS) -> Repaired:
    """Announce prices until the mix is within `gap` of the best these storages can do.

    Args:
        outlook: With one storage a group: its optimum is the first bound, its prices are where to start.
        first: What follows from the trajectory that was broadcast. ask: announces prices and returns sums.
        gap: A share of the objective. rounds: at most so many.

    Raises:
        InfeasibleError: after the last round the caps are still exceeded.

    Privacy: each round opens one sum a group and interval, as a total does, and must be asked through the same gate.
    Cost: 5 ms a round here.
    """
    answers, prices = [first], list[Ints]()
    mix, best = _mix(outlook, answers), _centre(outlook)
    while _gap(mix.objective, best.bound) > gap and len(prices) < rounds:
        price = STEADY * best.price + (1 - STEADY) * mix.price
        market = STEADY * best.market + (1 - STEADY) * (mix.objective - mix.floor)
        answer = ask(np.rint(price / MICRO).astype(np.int64))
        reached = (
            market
            + float(answer.extra_micro.sum()) * MICRO
            + float((price * answer.draw_wh).sum()) * KWH
            - _blur(outlook)
        )
        if reached > best.bound and (price >= 0).all():
            best = _Centre(price, market, reached)
        prices.append(np.rint(price / MICRO).astype(np.int64))
        answers.append(answer)
        mix = _mix(outlook, answers)
    if mix.beyond_wh > len(outlook.window):
        raise InfeasibleError(
            f"after {len(prices)} price rounds a cap is still exceeded, by {mix.beyond_wh:.0f} Wh in all",
            limits=tuple(cap.name for cap in outlook.caps), where="outlook", fix="raise the limits, or ask more rounds",
        )  # fmt: skip
    weights = _whole_weights(mix.weights)
    drawn = (weights[:, :, None] * np.stack([answer.draw_wh for answer in answers])).sum(axis=0) / WHOLE
    shape = (len(prices), len(outlook.groups), len(outlook.window))
    return Repaired(
        weights, np.array(prices, np.int64).reshape(shape), np.rint(drawn).astype(np.int64), mix.objective, best.bound,
        _gap(mix.objective, best.bound),
    )  # fmt: skip


def answer_of(outlook: Outlook, storages: Storages, level_wh: Ints) -> Answer:
    """The sums of what `storages` (one row a home) do when their levels are `level_wh`."""
    draw = draw_wh(storages, level_wh)
    sums = np.zeros((len(outlook.groups), level_wh.shape[1]), np.int64)
    np.add.at(sums, storages.groups, draw)
    aim: Objective = outlook.objective
    each = np.maximum(-draw, 0).sum(axis=1) * aim.wear_micro_per_kwh - level_wh[:, -1] * aim.stored_micro_per_kwh
    extra = np.zeros(len(outlook.groups), np.int64)
    np.add.at(extra, storages.groups, each)
    return Answer(sums, extra // FULL)


def answering(outlook: Outlook, storages: Storages, kept: list[Ints]) -> Ask:
    """Homes in this process, for simulations: `storages` has one row a home; each round's levels join `kept`."""

    def ask(price: Ints) -> Answer:
        level = np.empty((len(storages), price.shape[1]), np.int64)
        for number in range(len(outlook.groups)):
            rows = np.flatnonzero(storages.groups == number)
            own = Storages(*(getattr(storages, name)[rows] for name in Storages.__dataclass_fields__))
            level[rows] = respond(own, price[number], outlook.window.resolution, outlook.objective)
        kept.append(level)
        return answer_of(outlook, storages, level)

    return ask


@dataclass(frozen=True)
class _Centre:
    """Prices with the best bound so far, what all but the storages cost at least at these prices, and the bound."""

    price: Floats
    market: float
    bound: float


def _centre(outlook: Outlook) -> _Centre:
    """The optimum of the sums: its prices are where to start."""
    found = solve(outlook)
    draw, aim = (found.charged_wh - found.given_wh), outlook.objective
    extra = (
        float(found.given_wh.sum()) * aim.wear_micro_per_kwh - found.level_wh[:, -1].sum() * aim.stored_micro_per_kwh
    )
    worth = float((found.price[outlook.storages.groups] * draw).sum()) * KWH + extra * MICRO * KWH
    return _Centre(found.price, found.objective - worth, found.objective)


@dataclass(frozen=True)
class _Mix:
    weights: Floats
    price: Floats
    objective: float
    floor: float
    beyond_wh: float


def _mix(outlook: Outlook, answers: list[Answer]) -> _Mix:
    """The best mix of the answers so far; caps may be exceeded at a penalty."""
    zero = np.zeros(0, np.int64)
    bare = replace(outlook, storages=Storages(*(zero,) * 8))
    at, t, k, g = columns(bare), np.arange(len(outlook.window)), len(answers), len(outlook.groups)
    lower, upper, cost = variables_of(bare, at, None)
    rows: Rows = rows_of(bare, at, exact=False)
    balance, caps = rows.count - at.t, at.m * at.t
    beyond, over = at.width + k * g, 2 * len(outlook.caps) * at.t
    each = np.arange(over)
    for i, answer in enumerate(answers):
        column, draw = (at.width + i * g + np.arange(g))[:, None], answer.draw_wh * KWH
        rows.join((balance + t, column, -draw))
        for number in range(len(outlook.caps)):
            here = slice(None) if number == g else slice(number, number + 1)
            for side in range(2):
                rows.join((caps + (2 * number + side) * at.t + t, column[here], draw[here]))
    rows.join((caps + each, beyond + each, np.where(each // at.t % 2 == 0, -1.0, 1.0)))
    mixed = np.arange(k * g)
    rows.add(np.ones(g), np.ones(g), (mixed % g, at.width + mixed, 1.0))
    extra = np.concatenate([answer.extra_micro * MICRO for answer in answers])
    done = run(
        (np.append(lower, np.zeros(k * g + over)), np.append(upper, np.full(k * g + over, np.inf)),
         np.concatenate([cost, extra, np.full(over, PENALTY)])), rows, many=False,
    )  # fmt: skip
    if done is None:
        raise InfeasibleError("a flexible load cannot be served", limits=("flexible",), where="outlook")
    values, duals, objective = done
    return _Mix(
        values[at.width : beyond].reshape(k, g), prices_of(bare, at, duals), objective, float(duals[-g:].sum()),
        float(values[beyond:].sum()) / KWH,
    )  # fmt: skip


def _gap(objective: float, bound: float) -> float:
    """How much of the objective may be lost, as a share of the bound."""
    return max(objective - bound, 0.0) / max(abs(bound), 1e-6) if np.isfinite(bound) else np.inf


def _blur(outlook: Outlook) -> float:
    """What rounding a price to a millionth, and energy to a Wh, can move a bound by."""
    seconds = outlook.window.resolution
    energy = int((outlook.storages.charge_wh(seconds) + outlook.storages.discharge_wh(seconds)).sum())
    return 0.5 * MICRO * energy * KWH * len(outlook.window)


def _whole_weights(weights: Floats) -> Ints:
    """Weights in millionths that add up to a million a group."""
    whole: Ints = np.floor(np.maximum(weights, 0) * WHOLE).astype(np.int64)
    whole[whole.argmax(axis=0), np.arange(whole.shape[1])] += WHOLE - whole.sum(axis=0)
    return whole
