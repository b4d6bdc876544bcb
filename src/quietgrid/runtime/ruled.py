"""The numbers that votes changed, as the platform runs with them: from what `CommunityParameters` said.

A vote moves what the platform does within what its settings allow: of the setting and the number on the chain the
stricter one holds, so neither can weaken the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quietgrid.model.parameter import PARAMETERS, PUBLISH_BUDGET, Direction, Voted
from quietgrid.model.publication import PublishRules
from quietgrid.model.sending import ChainEvent
from quietgrid.store import PlatformTx

CONTRACT = "CommunityParameters"
MOST = 10_000


def voted(tx: PlatformTx, before: tuple[int, int] | None = None) -> dict[int, Voted]:
    """The numbers as the chain has them, by the contract's number; empty without a chain.

    Args:
        before: (block, index): as they were before that event.
    """
    return numbers(tx.chain.events(contract=CONTRACT, limit=MOST)[::-1], before)


def numbers(said: Sequence[ChainEvent], before: tuple[int, int] | None = None) -> dict[int, Voted]:
    """The same from what the contract said, oldest first."""
    found: dict[int, Voted] = {}
    for event in said:
        if before is not None and (event.block, event.index) >= before:
            break
        number = event.values.get("parameter")
        if not isinstance(number, int) or number >= len(PARAMETERS):
            continue  # a number this version does not know
        if event.name == "ParameterDefined":
            found[number] = _defined(number, event)
        elif event.name == "ParameterChanged" and number in found:
            found[number] = replace(found[number], value=int(event.values["newValue"]), block=event.block)
    return found


def publishing(tx: PlatformTx, rules: PublishRules) -> PublishRules:
    """The rules of publishing: the yearly budget is the lower of the setting and what was voted."""
    budget = voted(tx).get(PUBLISH_BUDGET)
    if budget is None or budget.value >= rules.budget_milli:
        return rules
    return replace(rules, budget_milli=budget.value, epsilon_milli=min(rules.epsilon_milli, budget.value))


def _defined(number: int, event: ChainEvent) -> Voted:
    held = {name: int(event.values[name]) for name in ("value", "lowest", "highest", "step", "direction")}
    direction = list(Direction)[held.pop("direction")]
    return Voted(number, direction=direction, block=event.block, **held)
