"""Ways to plan that installed packages offer beside the built-in ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TypeGuard, TypeVar

from quietgrid.errors import InputError

Way = TypeVar("Way")


def offered(
    group: str, built_in: Mapping[str, Way], fits: Callable[[object], TypeGuard[Way]], how: str
) -> dict[str, Way]:
    """Every way by its name.

    Args:
        group: Of entry points. fits: whether what an entry point names is one (a class is called first). how: what one
            needs, for who wrote another thing.

    Raises:
        InputError: a package offers something under a name that is taken, or something that does not fit.
    """
    found = dict(built_in)
    for entry in entry_points(group=group):
        loaded = entry.load()
        made = loaded() if isinstance(loaded, type) else loaded
        if entry.name in found or not fits(made):
            raise InputError(
                f"the schedule {entry.name!r} is taken or is none", where=entry.value,
                fix=f"choose another name in the package's entry points; {how}",
            )  # fmt: skip
        found[entry.name] = made
    return found
