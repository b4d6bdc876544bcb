"""Frequency: what is measured, what the community could do in an island, what would be cut. Nothing is switched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.api.desk import grid as desk
from quietgrid.api.desk import grid_pictures as pictures
from quietgrid.balance.frequency import FrequencyReport, IslandStudy
from quietgrid.errors import InputError, SourceError
from quietgrid.model.interval import DAY_S
from quietgrid.web.feeds import age
from quietgrid.web.formats import percent, power
from quietgrid.web.grid import charts
from quietgrid.web.grid.parts import EVENTS, entry
from quietgrid.web.kit import Look, Looking, Paper
from quietgrid.wire.frequency import MeasuredFrequency

router = APIRouter()
LOSSES, CHARGES = (1, 3, 5, 10, 20, 30), (0, 25, 50, 75, 100)


@router.get("/grid/frequency")
def frequency(
    look: Looking, loss: Annotated[int, Query(ge=1, le=100)] = 3, charge: Annotated[int, Query(ge=0, le=100)] = 50
) -> Response:
    """What is measured, and the island study."""
    return _page(look, loss, charge, None)


@router.post("/grid/frequency")
def judge(sent: Paper) -> Response:
    """How a course of frequency was that somebody measured; the file is read and forgotten."""
    look, text = sent.look, sent.fields.get("paper", "")
    try:
        found, report = pictures.judged(look.services, look.viewer, text, look.services.card.tz)
    except SourceError as error:
        return _page(look, 3, 50, {"error": f"{error.what}. {error.fix}".strip()})
    return _page(look, 3, 50, _judged(found, report))


def _page(look: Look, loss: int, charge: int, judged: dict[str, object] | None) -> Response:
    services, viewer = look.services, look.viewer
    found = desk.status(services, viewer)
    hertz = found.frequency
    measured = pictures.measured_frequency(services, viewer, found.now - DAY_S, found.now + 1)
    simulated = hertz.label.startswith("simulated")
    name = "Frequency, simulated" if simulated else "Frequency"
    context: dict[str, object] = {
        "unseen": found.unseen, "network": found.state != "no network", "simulated": simulated,
        "hertz": {"value": None if hertz.hz is None else f"{hertz.hz:.3f}", "label": hertz.label,
                  "age": "" if hertz.at is None else age(max(0, round(found.now - hertz.at)))},
        "spec": charts.frequency(measured, name, services.card.tz) if measured else None, "count": len(measured),
        "form": {"loss": loss, "losses": sorted({*LOSSES, loss}), "charge": charge,
                 "charges": sorted({*CHARGES, charge})},
        "island": _island(look, loss, charge) if found.state != "no network" else None, "judged": judged,
    }  # fmt: skip
    return look.page("grid/frequency.html", context, active=entry(look, "frequency"), live=EVENTS)


def _island(look: Look, loss: int, charge: int) -> dict[str, object] | None:
    try:
        study, assets, now = pictures.island(look.services, look.viewer, loss=loss, charge=charge)
    except InputError:
        return None  # nothing draws power: there is no island to study
    courses = {"Without the community": study.alone, "With the batteries' answer": study.helped}
    minutes = assets.endurance_s / 60 if assets.battery_w else 0.0
    return {
        "spec": charts.island(courses), "now": now, "loss": power(study.loss_w), "load": power(study.area.base_w),
        "battery": power(assets.battery_w), "endurance": f"{minutes:.0f} min" if assets.battery_w else "no batteries",
        "rows": [
            {"name": name, "nadir": f"{course.nadir_hz:.3f}", "rocof": f"{course.rocof_hz_per_s:.2f}",
             "end": f"{course.end_hz:.3f}", "cut": ", ".join(block for _, block in course.trips) or "nothing"}
            for name, course in courses.items()
        ],
        "stages": _stages(study),
    }  # fmt: skip


def _stages(study: IslandStudy) -> list[dict[str, object]]:
    return [
        {"hz": f"{stage.hz:.1f}", "groups": ", ".join(block.name for block in stage.blocks) or "none more",
         "share": percent(stage.share), "wanted": percent(stage.wanted_share), "reached": stage.reached}
        for stage in study.plan
    ]  # fmt: skip


def _judged(found: MeasuredFrequency, report: FrequencyReport) -> dict[str, object]:
    quality, given = report.quality, report.delivered
    if quality is None:
        return {"error": "Nothing was measured in this file."}
    return {
        "error": "", "start": found.start, "hours": f"{quality.measured_s / 3600:.2f}", "step": found.step_s,
        "missing": age(round(quality.missing_s)), "mean": f"{quality.mean_hz:.4f}",
        "lowest": f"{quality.lowest_hz:.3f}", "highest": f"{quality.highest_hz:.3f}",
        "outside_50": percent(quality.outside_50, 2), "outside_200": percent(quality.outside_200, 3),
        "within": percent(quality.within_en50160, 2), "always": quality.always_en50160,
        "given": f"{given.given_wh / 1000:.2f}", "taken": f"{given.taken_wh / 1000:.2f}",
    }  # fmt: skip
