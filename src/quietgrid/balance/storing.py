"""Storage plans made on encrypted loads: which ways there are, and the server's part of one.

Pure: no clock, no store. The platform runs `answer` in a process of its own (`runtime.encrypted_jobs`). A station
encrypts, opens and follows; that is `lab.stations` in the demo.

Privacy: sees ciphertexts, how many there are, and what is public in a question: limits, prices, how many are picked.
"""

from __future__ import annotations

from functools import cache
from typing import TypeGuard

import msgspec

from quietgrid.algorithms.schedule.encrypted import STEP_SCHEDULES, Engine, StepSchedule
from quietgrid.balance.offers import offered
from quietgrid.errors import InputError, NotFoundError
from quietgrid.wire.storing import Request, terms_of

ENTRY_POINTS = "quietgrid.encrypted_schedules"


@cache
def planners() -> dict[str, StepSchedule]:
    """Every encrypted way to plan by its name: the built-in ones, and those that installed packages offer.

    Raises:
        InputError: a package offers something under a built-in name, or something that is no schedule.
    """
    return offered(ENTRY_POINTS, STEP_SCHEDULES, _plans, "see `StepSchedule` for what it needs")


def _plans(made: object) -> TypeGuard[StepSchedule]:
    named = all(callable(getattr(made, name, None)) for name in ("question", "plain", "encrypted"))
    return named and isinstance(getattr(made, "words", None), str)


def planner(name: str) -> StepSchedule:
    """One way to plan.

    Raises:
        NotFoundError: there is none of that name.
    """
    known = planners()
    if name not in known:
        raise NotFoundError(
            f"no encrypted schedule is called {name!r}", where="schedule", fix=f"use one of {', '.join(known)}"
        )
    return known[name]


def answer(engine: Engine, request: bytes) -> bytes:
    """Compute an encrypted plan.

    Args:
        engine: With the station's server key. request: msgpack `wire.storing.Request`.

    Raises:
        InputError: it cannot be read, or its parts are not what the schedule needs. NotFoundError: no such schedule.
        FrameError: a part is cut off, of another version or key.

    Cost: about 250 to 2,400 table lookups for 24 intervals, see docs/explanation/fhe.md.
    """
    try:
        asked = msgspec.msgpack.decode(request, type=Request)
    except msgspec.MsgspecError as error:
        raise InputError(
            "a request that cannot be read", where="request", fix="send it as this version does"
        ) from error
    way, terms = planner(asked.schedule), terms_of(asked.terms)
    try:
        return way.encrypted(engine, asked.parts, terms)
    except ValueError as error:  # more or fewer parts than the schedule unpacks
        raise InputError(
            "parts that do not fit the schedule", where=asked.schedule, fix="see its `question`"
        ) from error
