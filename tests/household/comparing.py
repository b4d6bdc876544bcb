"""A village that compares itself: a month of readings, figures signed by the platform, and a server with a key of ours.

`Service` is the platform's side kept small: the real engine on the bytes it was sent, one question at a time.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from quietgrid.algorithms.advice import advice
from quietgrid.algorithms.comparison import CLASS_PERCENTS, PERCENTS, usual_of
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.fhe import Public, Server
from quietgrid.errors import ConflictError, NotFoundError, UnavailableError
from quietgrid.household import Home
from quietgrid.household.insight_link import Engine, KeyInfo, SealedRequest, Seen, Trouble
from quietgrid.household.insight_link import Service as Said
from quietgrid.model.interval import Window, month_window
from quietgrid.model.readings import Readings
from quietgrid.wire.insight import AdviceRule, CommunityFigures, PeerRow
from tests.household.village import COMMUNITY, TOWN, Village

TZ = "Europe/Berlin"
MONTH = "2024-11"
WINDOW = month_window(2024, 11, TZ, 900)
SHAPE = (17, 14, 13, 13, 14, 20, 34, 48, 46, 41, 40, 43, 48, 44, 39, 38, 42, 55, 74, 84, 76, 62, 51, 44)


def month_of_readings(window: Window = WINDOW, scale: int = 1, seed: int = 5) -> Readings:
    """Readings of the three meters: a day with a late peak, weekends that take more."""
    rng = np.random.default_rng(seed)
    hour = (np.arange(len(window)) // 4) % 24
    day = np.arange(len(window)) // 96
    base = np.array([*SHAPE[:-3], 140, 130, 60])[hour] * (10 + 4 * (day % 7 == 1))
    imported = np.stack([base * scale // 8 + rng.integers(0, 30, len(window)) for _ in range(3)])
    return Readings(
        np.array([1, 2, 3], np.uint64), window, imported, np.zeros_like(imported), np.ones_like(imported, bool)
    )


def figures(**more: Any) -> CommunityFigures:
    """What the platform published of November, all homes: 48, an average of 300 kWh."""
    average = 300_000
    profile = [part * 9 for part in SHAPE]
    fields: dict[str, Any] = {
        "community": COMMUNITY, "month": MONTH, "first": WINDOW.first, "end": WINDOW.end, "resolution": 900,
        "group": "all", "groups": [PeerRow("all", "all homes", 48, average, 30_000, 500)], "average": average // 100,
        "bands": [900 + 500 * n for n in range(len(PERCENTS))],
        "classes": [average * percent // 10_000 for percent in CLASS_PERCENTS], "usual": list(usual_of(profile)),
        "percents": list(PERCENTS), "spread_month": MONTH, "spread_epsilon_milli": 500, "spread_margin_homes": 6,
        "profile_wh": profile, "profile_homes": 48, "degree_days": [],
        "advice": [AdviceRule(one.id, [(c.feature, c.at_least, c.value) for c in one.rule]) for one in advice()],
        "published": float(WINDOW.end * 900),
    }  # fmt: skip
    return CommunityFigures(**{**fields, **more})


@dataclass
class Service:
    """`InsightLink`.

    Args:
        made: what is published, by month. built: whether there is an engine. wait: how often an answer is not there
            yet. fails: it cannot be computed.
    """

    made: dict[str, CommunityFigures] = field(default_factory=lambda: {MONTH: figures()})
    built: bool = True
    away: bool = False
    wait: int = 2
    fails: bool = False
    key: bytes = b""
    uploads: int = 0
    asked: list[dict[str, bytes]] = field(default_factory=list)
    _made: tuple[bytes, Server] | None = None
    _open: dict[str, tuple[int, SealedRequest]] = field(default_factory=dict)

    def figures(self, month: str, group: str) -> tuple[Signed, list[str], list[str]]:
        if self.away:
            raise UnavailableError("it does not answer", where="platform", fix="try again later")
        if (month or MONTH) not in self.made:
            raise NotFoundError("nothing is published of this month", where="month", fix="choose another")
        return TOWN.platform.sign(self.made[month or MONTH]), ["all"], list(self.made)

    def service(self) -> Said:
        engine = Engine(self.built, "0.1.0", "" if self.built else "run `make fhe`")
        if not self.key:
            return Said(engine)
        return Said(engine, KeyInfo(self._server()._key.key_id.hex(), sha256(self.key).hexdigest(), len(self.key)))

    def _server(self) -> Server:
        """Of the key that is here; made once."""
        if self._made is None or self._made[0] != self.key:
            self._made = self.key, Server(self.key)
        return self._made[1]

    def put_key(self, key: bytes, say: Callable[[int], None]) -> KeyInfo:
        say(len(key) // 2)
        self.key = key
        self.uploads += 1
        say(len(key))
        known = self.service().key
        assert known is not None
        return known

    def drop_key(self) -> None:
        if self.away:
            raise UnavailableError("it does not answer", where="platform", fix="try again later")
        self.key = b""

    def ask(self, figures: bytes, parts: Mapping[str, bytes]) -> SealedRequest:
        if figures != TOWN.platform.sign(self.made[MONTH]).hash():
            raise ConflictError("newer figures are published", where="figures", fix="compare again")
        self.asked.append(dict(parts))
        month = self.made[MONTH]
        rules = tuple(tuple(rule.conditions) for rule in month.advice)
        public = Public(month.average, tuple(month.bands), tuple(month.classes), tuple(month.usual), rules)
        seen = [_seen(name, data) for name, data in parts.items()]
        if self.fails:
            done = SealedRequest("17", "failed", problem=Trouble("Not computed", "the engine ended", "ask again"))
        else:
            answer = self._server().insight(*(parts[name] for name in ("month", "profile", "features")), public)
            done = SealedRequest("17", "done", 0, figures.hex(), seen, _seen("answer", answer), 1.5)
        self._open["17"] = (self.wait, done)
        return SealedRequest("17", "waiting", 1)

    def look(self, id: str) -> SealedRequest:
        left, done = self._open[id]
        self._open[id] = (left - 1, done)
        return done if left <= 0 else SealedRequest(id, "computing")


def _seen(name: str, data: bytes) -> Seen:
    return Seen(sha256(data).hexdigest(), len(data), name, b64encode(data).decode())


def comparing(folder: Path, service: Service, batch: Readings | None = None) -> tuple[Village, Home]:
    """Home 11 of a village with its month delivered, ten days after its end."""
    village, month = Village(folder), batch or month_of_readings()
    for day, a, b in month.window.by_day():  # a meter keeps the keys of a few days only
        village.clock.unix = (day + 1) * 86_400.0
        village.deliver(village.bank.seal(month.cut(Window(day * 96 + a, day * 96 + b, 900))))
    village.clock.unix = month.window.end * 900.0 + 10 * 86_400
    return village, Home(replace(village.home().parts, insight=service))
