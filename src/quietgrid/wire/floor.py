"""`FloorRaised`: the platform's word to the keyholders that a vote raised the privacy floor, and from which day on.

A total is answered under the floor of its UTC day, a period's bills and events under that of the day they begin with:
so everybody who knows the notices uses the same floor for the same numbers, whenever they are asked (decision 0033).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from quietgrid.errors import GateRefusal
from quietgrid.model.closed import Raised
from quietgrid.model.interval import DAY_S
from quietgrid.wire.messages import Message

HIGHEST = 100_000
"""Hard bound of `CommunityParameters` for the floor."""


class FloorRaised(Message, frozen=True):
    """From the start of UTC day `day` on, a total needs `homes` homes. Signed by the platform.

    `block`, `transaction`: where `CommunityParameters` said it, for everybody to look up. `announced_at`: unix seconds;
    the day begins later.
    """

    NAME: ClassVar[str] = "floor"
    community: bytes
    homes: int
    day: int
    block: int
    transaction: bytes
    announced_at: float

    def raised(self) -> Raised:
        """As the gate takes it."""
        return Raised(self.homes, self.day)


def check_raised(message: FloorRaised, k: int, before: Sequence[Raised], last_day: int = -1) -> None:
    """Accept a floor that a vote raised: never a lower one, and only for days that are still to come.

    Args:
        message: What the platform says. k: floor of that day as known here. before: floors raised before.
        last_day: the last UTC day something of which was let open here.

    Raises:
        GateRefusal: ``raise``.
    """
    if not k < message.homes <= HIGHEST:
        raise GateRefusal(
            "raise", f"a floor is only raised: {k} homes hold on that day, {message.homes} were told",
            where=f"UTC day {message.day}", fix=f"name more than {k} and at most {HIGHEST}",
        )  # fmt: skip
    newest = max((one.day for one in before), default=-1)
    if message.day * DAY_S <= message.announced_at or message.day <= max(last_day, newest):
        raise GateRefusal(
            "raise", "a floor begins on a day to come: numbers of this one are answered, or another floor is later",
            where=f"UTC day {message.day}", fix="announce it for a later day",
        )  # fmt: skip
