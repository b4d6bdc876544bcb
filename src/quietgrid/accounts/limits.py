"""Rate limits: a bucket of tokens per key (an address, a name), refilled at a steady rate. Memory is bounded."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from quietgrid.errors import TooManyError

KEPT = 10_000


class RateLimit:
    """So many a minute and key, with a burst of as many.

    Args:
        per_minute: Allowed on average. monotonic: seconds that only grow.

    >>> now = [0.0]
    >>> limit = RateLimit(2, lambda: now[0])
    >>> limit.take("a"); limit.take("a"); limit.take("b")
    >>> limit.take("a")
    Traceback (most recent call last):
    quietgrid.errors.TooManyError: too many requests – limit of 2 a minute – wait 30 s
    >>> now[0] = 30.0
    >>> limit.take("a")
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._rate = per_minute / 60.0
        self._now = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count one request of `key`.

        Raises:
            TooManyError: the bucket is empty; says how long to wait.
        """
        with self._lock:
            now = self._now()
            left, since = self._left.pop(key, (self._most, now))
            left = min(self._most, left + (now - since) * self._rate)
            enough = left >= 1.0
            self._left[key] = (left - 1.0 if enough else left, now)
            if len(self._left) > KEPT:
                self._left.popitem(last=False)
        if not enough:
            wait = max(1, math.ceil((1.0 - left) / self._rate))
            raise TooManyError(
                "too many requests", where=f"limit of {self._most:.0f} a minute", fix=f"wait {wait} s",
                retry_after_s=wait,
            )  # fmt: skip
