"""`quietgrid grid frequency|island|shedding`: what the community can do for frequency; nothing is switched."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.grid import app
from quietgrid.cli.output import Json, emit, table
from quietgrid.errors import InputError

if TYPE_CHECKING:
    from quietgrid.balance.frequency import FrequencySettings
    from quietgrid.model.network import Network

Priorities = Annotated[
    list[str] | None,
    Parameter(name="--priority", negative="", help="GROUP=N: 0 is never cut, larger goes earlier; 1 unless told."),
]
Charge = Annotated[float, Parameter(help="State of charge of the batteries, per cent.")]


@app.command
def frequency(
    file: Path, *, tz: str = "UTC", charge: Charge = 50.0, state: Path | None = None, as_json: Json = False
) -> int:
    """Say how a measured frequency was, and what the community's batteries would have given along it (FCR).

    Args:
        file: CSV of stamps and Hz (or mHz, or deviations in mHz), one value a second or so.
        tz: Zone of stamps without an offset.
        state: Folder of databases and keys.
    """
    from quietgrid.balance.frequency import FrequencySettings, assets_of, frequency_report
    from quietgrid.wire.frequency import read_frequency

    found = read_frequency(file, tz)
    network, _ = _now(state)
    assets = assets_of(network, charge / 100)
    report = frequency_report(found.hz, found.step_s, assets, FrequencySettings())
    quality, given = report.quality, report.delivered
    text = ["nothing was measured"] if quality is None else [
        f"measured   {quality.measured_s / 3600:.2f} h every {found.step_s} s, missing {quality.missing_s:.0f} s",
        f"frequency  mean {quality.mean_hz:.4f} Hz, {quality.lowest_hz:.3f} to {quality.highest_hz:.3f} Hz",
        f"outside    ±50 mHz {quality.outside_50:.2%}, ±200 mHz {quality.outside_200:.3%} of the time",
        f"EN 50160   {quality.within_en50160:.2%} of 10 s means within 1 % (99.5 % of a year is asked for)",
    ]  # fmt: skip
    text += [
        f"batteries  {assets.battery_w / 1e3:.1f} kW: would have given {given.given_wh / 1e3:.1f} kWh and taken "
        f"{given.taken_wh / 1e3:.1f} kWh",
        f"endurance  {report.endurance_s / 60:.0f} min at full power; could not follow for {given.exhausted_s:.0f} s",
    ]
    emit(as_json, {"start": found.start, "step_s": found.step_s, **asdict(report)}, text)
    return 0


@app.command
def island(
    *, loss: float = 3.0, charge: Charge = 50.0, priority: Priorities = None, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Work out what follows when the community, cut off, loses part of its generation: with its answer and without.

    Args:
        loss: Per cent of the load.
        state: Folder of databases and keys.
    """
    from quietgrid.balance.frequency import island_study, sample_course

    network, load_w = _now(state)
    study = island_study(network, load_w, _settings(priority, charge), loss_share=loss / 100)
    rows, data = [], {}
    for name, course in (("alone", study.alone), ("with the community", study.helped)):
        cut = ", ".join(block for _, block in course.trips) or "nothing"
        rows.append([name, f"{course.nadir_hz:.3f}", f"{course.rocof_hz_per_s:.2f}", f"{course.end_hz:.3f}", cut])
        data[name.split()[0]] = {
            "nadir_hz": course.nadir_hz, "rocof_hz_per_s": course.rocof_hz_per_s, "end_hz": course.end_hz,
            "cut": [{"at_s": at, "group": block} for at, block in course.trips], "course": sample_course(course),
        }  # fmt: skip
    load = sum(max(value, 0.0) for value in load_w.values())
    head = (
        f"{study.loss_w / 1e3:.1f} kW of {load / 1e3:.1f} kW are lost after one second; simulated, nothing is switched"
    )
    text = [head, *table(["", "lowest Hz", "Hz/s", "after a minute Hz", "cut"], rows)]
    emit(as_json, {"load_w": load_w, "loss_w": study.loss_w, **data}, text)
    return 0


@app.command
def shedding(*, priority: Priorities = None, state: Path | None = None, as_json: Json = False) -> int:
    """Show the plan of load shedding: which group goes at which frequency.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.balance.frequency import shedding as plan_of

    _, load_w = _now(state)
    plan = plan_of(load_w, _settings(priority, 50.0))
    rows = [
        [f"{stage.hz:.1f}", ", ".join(block.name for block in stage.blocks) or "-", f"{stage.share:.0%}",
         f"{stage.wanted_share:.0%}", "" if stage.reached else "too little can be cut"]
        for stage in plan
    ]  # fmt: skip
    stages = [
        {"hz": stage.hz, "groups": [block.name for block in stage.blocks], "share": stage.share,
         "wanted_share": stage.wanted_share, "reached": stage.reached}
        for stage in plan
    ]  # fmt: skip
    emit(as_json, {"stages": stages, "load_w": load_w},
         table(["below Hz", "groups", "cut in all", "asked for", ""], rows))  # fmt: skip
    return 0


def _now(state: Path | None) -> tuple[Network, dict[str, float]]:
    """The grid in force and what its groups draw: their newest totals, or the mean of the year where none is open."""
    import numpy as np

    from quietgrid.cli.chain import platform_tx
    from quietgrid.errors import NotFoundError
    from quietgrid.runtime.grid_network import unpack

    with platform_tx(state) as tx:
        row, last = tx.grid.network(), tx.grid.last_state()
    if row is None:
        raise NotFoundError("no grid is in force", where="grid", fix="`quietgrid grid import FILE` brings one")
    network = unpack(row.body)
    drawn = {} if last is None else {one.group: float(one.power_w) for one in last.groups}
    if sum(max(load, 0.0) for load in drawn.values()) > 0:
        return network, drawn
    mean = np.nan_to_num(network.units.yearly_wh / 8760) * network.units.sign
    return network, {
        name: float(mean[network.unit_groups == number].sum()) for number, name in enumerate(network.groups)
    }


def _settings(priority: list[str] | None, charge: float) -> FrequencySettings:
    from quietgrid.balance.frequency import FrequencySettings

    chosen = {}
    for word in priority or []:
        name, _, number = word.rpartition("=")
        if not name or not number.isdigit():
            raise InputError("this is no priority", where=word, fix='write it as "Mill Lane=2"')
        chosen[name] = int(number)
    return FrequencySettings(priorities=chosen, charge=charge / 100)
