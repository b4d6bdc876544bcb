"""Contexts of the page Community: a comparison with everything in it, without a spread, its empty states, the proof."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from quietgrid.algorithms.comparison import CLASS_PERCENTS

LETTERS = "ABCDEFG"
BANDS = (92_000, 128_000, 160_000, 190_000, 222_000, 256_000, 300_000, 362_000, 470_000)
OWN, AVERAGE = 312_400, 251_700
SHAPE = (17, 14, 13, 13, 14, 20, 34, 48, 46, 41, 40, 43, 48, 44, 39, 38, 42, 55, 74, 84, 76, 62, 51, 44)


def _strip(bands: tuple[int, ...] = BANDS, noisy: bool = True) -> dict[str, Any]:
    most = 543_672

    def at(wh: int) -> float:
        return round(100 * wh / most, 2)

    edges = [0, *(AVERAGE * percent // 100 for percent in CLASS_PERCENTS), most]
    classes = [
        {"letter": LETTERS[n], "x": at(edges[n]), "width": round(at(edges[n + 1]) - at(edges[n]), 2),
         "middle": round((at(edges[n]) + at(edges[n + 1])) / 2, 2), "low": edges[n],
         "high": edges[n + 1] if n < 6 else None, "mine": LETTERS[n] == "E"}
        for n in range(7)
    ]  # fmt: skip
    sides = [0, *bands, most]
    tenths = [
        {"x": at(sides[n]), "width": round(at(sides[n + 1]) - at(sides[n]), 2), "low": sides[n], "high": sides[n + 1],
         "percent_low": 10 * n, "percent_high": 10 * n + 10, "mine": n == 7, "odd": n % 2 == 1}
        for n in range(len(sides) - 1)
    ]  # fmt: skip
    return {
        "classes": classes, "bands": tenths if bands else [], "most": most,
        "own": {"x": at(OWN), "wh": OWN, "anchor": "middle"},
        "average": {"x": at(AVERAGE), "wh": AVERAGE, "anchor": "middle"},
        "margin": {"x": at(AVERAGE - 30_000), "width": at(60_000)} if noisy else None,
    }  # fmt: skip


def _profile() -> dict[str, Any]:
    total = sum(SHAPE)
    mean = [round(100 * part / total, 2) for part in SHAPE]
    own = [round(part * (1.9 if hour in (6, 19) else 0.92), 2) for hour, part in enumerate(mean)]
    out = (6, 19)
    return {
        "kind": "lines", "time": False, "x": [f"{hour:02d}:00" for hour in range(24)], "x_title": "Hour from",
        "unit": "% of the day", "digits": 1,
        "series": [
            {"name": "You", "color": "home", "style": "bar", "stack": "own", "data": [None if h in out else v for h, v in enumerate(own)]},
            {"name": "You, stands out", "color": "export", "style": "hatch", "stack": "own", "data": [v if h in out else None for h, v in enumerate(own)]},
            {"name": "Mean home", "color": "grid", "style": "line", "data": mean},
            {"name": "Still usual", "color": "ink-2", "style": "dash", "data": [round(1.5 * v + 1, 2) for v in mean]},
        ],
    }  # fmt: skip


def where(**more: Any) -> dict[str, Any]:
    trend = {
        "kind": "bars", "time": False, "x": ["March 2026", "April 2026", "May 2026", "June 2026"], "x_title": "Month",
        "unit": "kWh", "digits": 1,
        "series": [
            {"name": "You", "color": "home", "style": "bar", "data": [402.1, None, 330.8, 312.4]},
            {"name": "Average of your group", "color": "grid", "style": "hatch", "data": [301.9, 281.0, 262.3, 251.7]},
        ],
    }  # fmt: skip
    features = [
        {"name": "Base load", "what": "mean power of the lowest tenth of all hours", "value": "280 W", "sent": 28},
        {
            "name": "For one degree-day",
            "what": "a day's energy against how far it was below 15 °C outside",
            "value": "no weather is known of this month",
            "sent": 0,
        },
    ]
    advice = [
        {"id": "always-on", "title": "Find what never sleeps", "text": "Even in your quietest hours much is drawn.", "kwh": "569 kWh a year",
         "money": "185.96 EUR", "moved": False,
         "lines": ["base load: 280 W", "base load of a home without such devices: 150 W", "hours a year: 8,760 h", "assumed: 0.5",
                   "(280 W − 150 W) × 8,760 h ÷ 1,000 × 0.5 = 569 kWh a year", "569 kWh × 0.3267 EUR = 185.96 EUR a year"]},
        {"id": "evening", "title": "Move work out of the evening", "text": "Dishwasher, washing machine and dryer do not mind when they run.",
         "kwh": "171 kWh a year", "money": "33.05 EUR", "moved": True,
         "lines": ["this month: 312.4 kWh", "312.4 kWh × 12 months × (31 % − 22 %) ÷ 100 × 0.5 = 169 kWh a year, used at another time",
                   "169 kWh × (0.442 − 0.2486) EUR = 32.68 EUR a year"]},
    ]  # fmt: skip
    noise = [
        {
            "name": "Average of all homes",
            "homes": 48,
            "epsilon": "0.5",
            "text": "95 % of the noise is below 30.0 kWh either way. You are 60.7 kWh away, so noise hardly changed your side.",
        },
        {
            "name": "How homes spread of May 2026, scaled",
            "homes": 48,
            "epsilon": "0.5",
            "text": "Each count of homes may be off by 6 (95 %), so your place by about 13 of 100.",
        },
        {
            "name": "Mean day",
            "homes": 48,
            "epsilon": "",
            "text": "Exact: from totals that the keyholders opened. Nothing of it is noisy.",
        },
    ]
    return {
        "month": "June 2026", "side": "above", "letter": "E", "letter_words": "above", "letters": list(LETTERS),
        "percent_low": 70, "percent_high": 80, "spread": True, "own_wh": OWN, "daily_wh": 10_413, "filled_wh": 2_100,
        "missing": 23, "average_wh": AVERAGE, "group": "all homes", "group_name": "all", "homes": 48,
        "difference_percent": 24, "hours": "06:00 to 07:00, 19:00 to 20:00", "profile_homes": 48, "priced": True,
        "strip": _strip(), "profile": _profile(), "trend": trend, "features": features, "advice": advice, "noise": noise,
    } | more  # fmt: skip


def sealed(**more: Any) -> dict[str, Any]:
    plain = {
        "built": True, "has_key": False, "going": False, "steps": [], "upload": None, "result": None, "trouble": None,
    }  # fmt: skip
    return plain | more


def _result(**more: Any) -> dict[str, Any]:
    def bytes_of(name: str) -> bytes:
        return b"".join(hashlib.sha256(f"{name} {n}".encode()).digest() for n in range(2))

    sizes = {
        "Your month, one number": 76,
        "Your day, 24 numbers": 428,
        "Your features, six numbers": 140,
        "The answer, as it came back": 20_246,
    }
    seen = [
        {"name": name, "bytes": size, "sha256": hashlib.sha256(name.encode()).hexdigest(),
         "lines": [bytes_of(name)[at : at + 12].hex(" ") for at in (0, 12, 24, 36)]}
        for name, size in sizes.items()
    ]  # fmt: skip
    digest = hashlib.sha256(b"key").hexdigest()
    return {
        "equal": True, "at": 1_773_335_700, "seconds": "2.6", "side": "above", "letter": "E", "percent_low": 70,
        "percent_high": 80, "hours": 2, "advice": 2, "month": "2026-06", "up": 644, "down": 20_246,
        "key_id": digest[:32], "key_bytes": 30_146_616, "key_sha256": digest, "client_bytes": 395, "id": digest[:16],
        "seen": seen,
    } | more  # fmt: skip


def pages(base: Callable[..., dict[str, Any]]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> (template, context)."""
    template = "household/community.html"
    chosen = {
        "month": "2026-06", "group": "all", "months": [("2026-06", "June 2026"), ("2026-05", "May 2026")],
        "groups": [("all", "all homes: 48 homes"), ("tariff:time-of-use", "homes with the tariff Evening: 22 homes")],
    }  # fmt: skip

    def page(**more: Any) -> tuple[str, dict[str, Any]]:
        plain = {"chosen": chosen, "trouble": None, "where": where(), "sealed": sealed()}
        return template, base("household", active="community") | plain | more

    def trouble(kind: str, title: str, text: str, href: str = "") -> tuple[str, dict[str, Any]]:
        said = {"kind": kind, "title": title, "text": text, "href": href, "label": "Newest month"}
        return page(where=None, trouble=said, chosen=chosen | {"months": [], "groups": []})

    going = [
        {"name": "Make a key", "text": "stays in your vault", "state": "done"},
        {"name": "Upload", "text": "30 MB, once", "state": "now"},
        {"name": "Encrypt and send", "text": "your month, your day, six features", "state": "next"},
        {"name": "Computing", "text": "on numbers it cannot read", "state": "next"},
        {"name": "Open", "text": "here, with your key", "state": "next"},
    ]
    upload = {"percent": 41, "text": "12.3 of 30.1 MB"}
    failed = {"title": "The platform has no engine for encrypted numbers", "fix": "Ask the operator", "missing": True}
    bare = where(
        spread=False, strip=_strip((), False), profile=None, hours="", profile_homes=0, advice=[], missing=0, side="at",
        letter="D", priced=False, noise=where()["noise"][:1],
    )  # fmt: skip
    return {
        "community": page(),
        "community-bare": page(where=bare, sealed=sealed(built=False)),
        "community-proof": page(sealed=sealed(has_key=True, result=_result())),
        "community-other": page(sealed=sealed(has_key=True, result=_result(equal=False))),
        "community-going": page(sealed=sealed(has_key=True, going=True, steps=going, upload=upload)),
        "community-failed": page(sealed=sealed(has_key=True, trouble=failed)),
        "community-none": trouble("empty", "No month is published yet", "Nothing is published. Come back after the first bills."),
        "community-few": trouble("few", "Too few homes to show", "A group has fewer homes than the floor. Choose all homes.", "/community"),
    }  # fmt: skip
