"""One station and one server in one process: a plan made encrypted beside its twin, and many of them on a real series.

Privacy: loads are open here: it is the station's own machine, or a test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.schedule.encrypted import Private, StepSchedule, Terms, moves_of
from quietgrid.algorithms.schedule.steps import Steps
from quietgrid.crypto.public.fhe import Server
from quietgrid.crypto.secret.fhe import Client
from quietgrid.errors import InputError
from quietgrid.model.readings import Readings
from quietgrid.model.schedule import Ints

HOURS, DAY_S = 24, 86_400


@dataclass(frozen=True)
class Computed:
    """A plan computed on ciphertexts.

    Args:
        moves: steps an interval. up_bytes, down_bytes: question and answer. cpu_s, wall_s: of computing.
    """

    moves: tuple[int, ...]
    up_bytes: int
    down_bytes: int
    cpu_s: float
    wall_s: float


class OneStation:
    """A client key and the server that has its server key.

    Raises:
        MissingExtraError: the engine is not built.
    """

    def __init__(self) -> None:
        self._client = Client.generate()
        self._server = Server(self._client.server_key())

    def plan(self, way: StepSchedule, private: Private, terms: Terms) -> Computed:
        """Encrypt, compute, open."""
        parts = [self._client.encrypt(values, kind) for values, kind in way.question(private, terms)]
        cpu, wall = time.process_time(), time.perf_counter()
        answer = way.encrypted(self._server, parts, terms)
        spent = time.process_time() - cpu, time.perf_counter() - wall
        moves = moves_of(self._client.decrypt(answer))
        return Computed(moves, sum(map(len, parts)), len(answer), *spent)


def station_days(readings: Readings, count: int) -> Ints:
    """Whole UTC days of hourly loads without a gap, spread over homes and days. int64 [count, 24].

    Raises:
        InputError: the series has fewer.
    """
    window = readings.window
    per_day = DAY_S // window.resolution
    first = -window.first % per_day
    days = (len(window) - first) // per_day
    part = slice(first, first + days * per_day)
    shape = (len(readings.meters), days, HOURS, -1)
    loads = readings.imported_wh[:, part].reshape(shape).sum(axis=3)
    whole = readings.present[:, part].reshape(len(readings.meters), days, -1).all(axis=2)
    rows = loads[whole & (loads.max(axis=2) > 0)]
    if len(rows) < count:
        raise InputError(f"only {len(rows)} whole days", where="series", fix="ask for fewer station-days")
    return np.asarray(rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)], np.int64)


def terms_for(load: Sequence[int]) -> Terms:
    """A storage that suits a load: a step is a sixth of the highest hour, and it holds six; made-up day prices."""
    step = max(2, -(-max(load) // 6))
    prices = tuple(100_000 + 10_000 * abs((hour + 9) % HOURS - 12) for hour in range(len(load)))
    return Terms(len(load), Steps(6, step, 6 * step), prices, min(5, len(load) // 2))


def check(
    loads: Ints, ways: dict[str, StepSchedule], progress: Callable[[int], None] = lambda _: None
) -> list[dict[str, object]]:
    """Plan each load encrypted and in plain, every way in turn; what came of each."""
    station, out = OneStation(), []
    names = list(ways)
    for number, row in enumerate(loads.tolist()):
        name = names[number % len(names)]
        terms = terms_for(row)
        costs = tuple((price - 100_000) // 500 for price in terms.prices)
        private = Private(tuple(row), number % (terms.steps.capacity + 1), costs)
        found = station.plan(ways[name], private, terms)
        equal = found.moves == ways[name].plain(private, terms)
        moved = sum(move != 0 for move in found.moves)
        out.append({"schedule": name, "equal": equal, "moves": moved, "cpu_s": round(found.cpu_s, 2)})
        progress(1)
    return out
