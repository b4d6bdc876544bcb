"""Checks that are done one after the other and noted as they are done: for commands and for the Proofs pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from quietgrid.errors import QuietgridError, UnavailableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One check: what, whether it holds (None: it could not be done yet), and what was found."""

    name: str
    ok: bool | None
    text: str


@dataclass
class Steps:
    """Checks in order; the first that does not hold ends them."""

    done: list[Step] = field(default_factory=list)

    def check(self, name: str, work: Callable[[], T], found: Callable[[T], str]) -> T:
        """Do one check and note it; what it raises is raised, after it was noted."""
        try:
            result = work()
        except QuietgridError as error:
            waits = isinstance(error, UnavailableError)
            said = "; ".join(text for text in (error.what, error.where, error.fix) if text)
            self.done.append(Step(name, None if waits else False, said))
            raise
        self.done.append(Step(name, True, found(result)))
        return result


def outcome(steps: list[Step]) -> bool | None:
    """Whether all hold; None where none fails and some could not be done yet."""
    said = {step.ok for step in steps}
    return False if False in said else None if None in said else True
