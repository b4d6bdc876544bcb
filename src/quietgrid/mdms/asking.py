"""Questions as the MDMS puts them: there is nothing to choose, each follows from closes, members and book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quietgrid.algorithms.plan import partition
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Kind
from quietgrid.wire.messages import QuestionMessage


def totals_questions(
    members: MemberList, day: int, span: tuple[int, int], closes: Mapping[int, bytes], rules: GateRules
) -> list[QuestionMessage]:
    """One question per node and quantity of the partition, for slots [a, b) of a day.

    Args:
        members: The epoch's list. day: UTC day. span: (a, b).
        closes: Leaf -> hash of its close of exactly these slots.
    """
    per_day = slots_per_day(members.window.resolution)
    first, end = day * per_day + span[0], day * per_day + span[1]
    out = []
    for node, (leaves, quantities) in partition(members, rules).items():
        if any(leaf not in closes for leaf in leaves):
            continue
        hashes = [closes[leaf] for leaf in leaves]
        for quantity in quantities:
            out.append(
                QuestionMessage(
                    members.community, members.epoch, Kind.TOTALS, node, quantity.value, first, end, "", hashes
                )
            )
    return out


def halves_question(
    members: MemberList, node: str, quantity: str, span: tuple[int, int], closes: Sequence[bytes], alarm: bytes
) -> QuestionMessage:
    """The total of one close in halves, after an alarm (its hash); `span` in absolute slots."""
    return QuestionMessage(
        members.community, members.epoch, Kind.HALVES, node, quantity, *span, alarm.hex(), list(closes)
    )


def bills_question(
    members: MemberList, leaf: int, window: Window, closes: Sequence[bytes], late: Sequence[bytes] = ()
) -> QuestionMessage:
    """The batch of one leaf and billing period: all closes of the period, in order, then its late closes."""
    node = members.leaf_names[leaf]
    return QuestionMessage(
        members.community, members.epoch, Kind.BILLS, node, "", window.first, window.end, "", [*closes, *late]
    )


def event_question(
    members: MemberList, leaf: int, event: str, window: Window, closes: Sequence[bytes]
) -> QuestionMessage:
    """The numbers of one registered event in one leaf: all closes of a window that holds it, in order."""
    node = members.leaf_names[leaf]
    return QuestionMessage(
        members.community, members.epoch, Kind.EVENT, node, "", window.first, window.end, event, list(closes)
    )
