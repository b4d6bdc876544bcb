"""`fhe_homes`: encrypted insight, model and plans of every London home (the sample's where they are not there)."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fhe_model import features_of_homes
from benchmarks.measure import bar, peak_memory_mb
from quietgrid.algorithms.advice import advice
from quietgrid.algorithms.heating import heating
from quietgrid.algorithms.insight import Community, from_digits, insight
from quietgrid.algorithms.schedule.steps import Steps, flatten
from quietgrid.crypto.public.fhe import Public, Server
from quietgrid.crypto.secret.fhe import Client
from quietgrid.demo.sample import TZ, load
from quietgrid.model.insight import HOURS, Features
from quietgrid.model.interval import local_window
from quietgrid.model.readings import Readings
from quietgrid.wire.series import read_lcl

NAME = "fhe_homes"

HOMES, PLANS, INTERVALS = 90, 50, 24
STEPS = Steps(6, 400, 3000)
FILE = "lcl_households_2013_30min_kwh.csv.gz"


def _readings() -> tuple[Readings, str, str]:
    """A January of homes, their time zone and what they are."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("QUIETGRID_DATA") or beside) / FILE
    if path.is_file():
        series = read_lcl(path).complete(99)
        window = local_window(date(2013, 1, 1), date(2013, 2, 1), series.tz, series.readings.window.resolution)
        return series.readings.cut(window), series.tz, "London homes"
    return load(HOMES, local_window(date(2017, 1, 1), date(2017, 2, 1), TZ, 900)).readings, TZ, "homes of the sample"


def community_of(homes: list[Features]) -> Community:
    """What such homes would publish: mean, ten thresholds, six classes, a mean profile and a quarter, all advice."""
    months = sorted(home.month for home in homes)
    at = [months[len(months) * i // 11] for i in range(1, 11)]
    mean = sum(months) // len(months)
    profile = np.array([home.profile for home in homes], np.int64).mean(axis=0)
    usual = tuple(min(255, int(value * 5) // 4) for value in profile)
    classes = tuple(mean * share // 100 for share in (50, 70, 90, 110, 140, 200))
    return Community(mean, tuple(at), classes, usual, tuple(one.rule for one in advice()))


def _public(here: Community) -> Public:
    rules = tuple(tuple((c.feature, c.at_least, c.value) for c in rule) for rule in here.advice)
    return Public(here.average, here.bands, here.classes, here.usual, rules)


def run(quick: bool) -> dict[str, Any]:
    """Every answer is opened and compared with its twin."""
    readings, tz, what = _readings()
    features = features_of_homes(readings, tz)
    here, model = community_of(features), heating()
    public = _public(here)
    client = Client.generate()
    server = Server(client.server_key())
    begin, cpu = time.perf_counter(), time.process_time()
    equal = learned = heated = 0
    homes = features[: 2 if quick else HOMES]
    for home in homes:
        question = (
            client.encrypt([home.month], "u16"), client.encrypt(home.profile, "u8"), client.encrypt(home.values, "u8"),
        )  # fmt: skip
        found = from_digits(client.decrypt(server.insight(*question, public)), HOURS, len(here.advice))
        equal += found == insight(home.month, home.profile, home.values, here)
        levels = model.levels(home)
        said = client.decrypt(server.score(client.encrypt(levels, "u4"), model.tables, model.edge)) == [1]
        learned += said == model.decide(levels)
        heated += said
    cpu = time.process_time() - cpu
    plans = 1 if quick else PLANS
    right = sum(_plan(client, server, readings, number) for number in range(plans))
    return {
        "name": NAME,
        "work": f"insight and heating model of {len(homes)} {what}, {plans} plans of {INTERVALS} hours",
        "ours": {
            "insights_equal": equal, "models_equal": learned, "heated_by_electricity": heated, "plans_equal": right,
            "home_cpu_s": round(cpu / len(homes), 3), "wall_s": round(time.perf_counter() - begin, 1),
            "lookups": server.lookups, "peak_memory_mb": peak_memory_mb(),
        },
        "bars": [
            bar("homes whose insight equals its twin", len(homes), equal),
            bar("homes whose model equals its twin", len(homes), learned),
            bar("plans that equal their twins", plans, right),
        ],
        "note": "what the community publishes is made from the same homes; the model was trained on the sample",
    }  # fmt: skip


def _plan(client: Client, server: Server, readings: Readings, number: int) -> bool:
    """One home and day: whether the encrypted plan equals its twin."""
    per_hour = 3600 // readings.window.resolution
    hours = readings.imported_wh[number % len(readings.meters)].reshape(-1, per_hour).sum(axis=1)
    day = number % (len(hours) // HOURS)
    loads = [min(65_535, int(value)) for value in hours[day * HOURS : (day + 1) * HOURS]]
    level, k = number % 7, 2 + number % 5
    limits = STEPS.capacity, STEPS.step_wh, STEPS.limit_wh
    answer = server.flatten(client.encrypt(loads, "u16"), client.encrypt([level], "u4"), k, limits)
    return tuple(move - 1 for move in client.decrypt(answer)) == flatten(loads, level, k, STEPS)
