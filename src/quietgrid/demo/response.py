"""What the demo's people decide about demand response: who joins, who says no. Made up, seeded, the same every time.

Half of each section joins: the herd rule lets no more than n - k of its n homes have a number of their own.
"""

from __future__ import annotations

from hashlib import sha256

UTILITY, UTILITY_NAME, REGION = "lindenhof-netz", "Lindenhof Netz", "DE"
PROGRAM, PROGRAM_NAME = "evening-peak", "Evening peak"
LEVEL_WH = 130
"""Threshold, a home and quarter of an hour: an ordinary working day's evening comes near it."""
INTERVALS = 8
NO_ONE_IN = 8
BATTERY_PART = 5
"""Of its battery a home offers one part in so many an hour: the rest serves the home."""
WASHING_W = 600
"""What a home without a battery says it can put off."""


def joins(home: int) -> bool:
    """Whether a home joins the program: every other one.

    >>> [home for home in range(1, 8) if joins(home)]
    [1, 3, 5, 7]
    """
    return home % 2 == 1


def says_no(home: int, event: str) -> bool:
    """Whether a home's people want to be left alone in an event: about one in eight do; the home that is shown never.

    >>> sum(says_no(home, "evening") for home in range(1, 121, 2)) in range(3, 15)
    True
    """
    digest = sha256(f"{home}/{event}".encode()).digest()
    return home != 3 and digest[0] % NO_ONE_IN == 0
