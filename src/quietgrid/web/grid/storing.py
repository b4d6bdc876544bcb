"""The Storage page's part about stations whose storages are planned on ciphertexts: the sum before and behind them."""

from __future__ import annotations

from collections.abc import Mapping

from quietgrid.api.desk import storage as desk
from quietgrid.crypto.public.fhe import is_built
from quietgrid.model.schedule import HOUR_S
from quietgrid.model.total import Total
from quietgrid.runtime.storing import StoredDay, peaks
from quietgrid.web.charts import Spec
from quietgrid.web.formats import power
from quietgrid.web.kit import Look

MEGA = 1_000_000


def stations(look: Look) -> dict[str, object]:
    """What the page shows of the stations."""
    services, viewer = look.services, look.viewer
    found = desk.view(services, viewer)
    if found is None:
        return {"running": False, "built": is_built(), "floor": services.rules.k}
    known = desk.algorithms(services, viewer)
    rows = [_row(day, known) for day in found.days]
    opened = next((day for day in found.days if peaks(day)), None)
    return {
        "running": True, "built": found.built, "floor": found.floor, "stations": found.stations, "note": found.phase,
        "waiting": found.waiting, "days": rows,
        "day": None if opened is None else _row(opened, known) | _picture(opened, services.card.tz),
    }  # fmt: skip


def _row(day: StoredDay, known: Mapping[str, str]) -> dict[str, object]:
    plans, high = day.plans, peaks(day)
    seen = plans.question_bytes + plans.answer_bytes
    return {
        "start": plans.day, "algorithm": plans.schedule, "words": known.get(plans.schedule, "no longer installed"),
        "asked": plans.asked, "planned": plans.done, "failed": plans.failed, "cpu_s": plans.cpu_ms / 1_000,
        "seen": f"{seen / MEGA:.1f} MB", "before": power(high[0]) if high else "",
        "behind": power(high[1]) if high else "", "lowered": "" if high is None else _lowered(*high),
    }  # fmt: skip


def _lowered(before: int, behind: int) -> str:
    """What became of the peak, in words."""
    if behind == before:
        return "as high as without the storages"
    percent = abs(before - behind) * 100 / max(before, 1)
    return f"{percent:.1f} % {'lower' if behind < before else 'higher'} than without the storages"


def _picture(day: StoredDay, tz: str) -> dict[str, object]:
    before, behind = day.before, day.behind
    if before is None or behind is None:
        return {}
    window = before.window
    spec: Spec = {
        "kind": "lines", "time": True, "tz": tz, "unit": "kW", "digits": 1, "x_title": "Interval",
        "x": [slot * window.resolution for slot in range(window.first, window.end)],
        "series": [
            {"name": "What stations use", "color": "grid", "style": "dash", "data": _kilowatts(before)},
            {"name": "With their storages", "color": "home", "style": "line", "data": _kilowatts(behind)},
        ],
    }  # fmt: skip
    least = min(int(one.homes[one.answered].min()) for one in (before, behind))
    return {"spec": spec, "least": least}


def _kilowatts(total: Total) -> list[float | None]:
    hour = HOUR_S // total.window.resolution
    pairs = zip(total.energy_wh.tolist(), total.answered.tolist(), strict=True)
    return [round(energy * hour / 1_000, 2) if ok else None for energy, ok in pairs]
