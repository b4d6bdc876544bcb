"""What a community can do for frequency: its assets' answer, an island's loss, a plan by priority."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.frequency import Containment, LimitedSensitive
from quietgrid.balance.frequency import (
    Assets,
    FrequencySettings,
    assets_of,
    frequency_report,
    island_study,
    responses,
    sample_course,
    shedding,
)
from quietgrid.demo.grid import demo_network
from quietgrid.errors import InputError

LOADS = {"Orchard Hill": 40e3, "Mill Lane": 35e3, "Church Road": 30e3, "Station Road": 45e3}
SETTINGS = FrequencySettings()


def test_assets_are_those_of_the_network() -> None:
    network = demo_network()
    found = assets_of(network, charge=0.25)
    energy = float(network.units.storage_wh.sum())
    assert energy > 0
    assert (found.give_wh, found.take_wh) == (energy * 0.25, energy * 0.75)
    assert found.endurance_s == pytest.approx(found.give_wh * 3600 / found.battery_w)
    assert assets_of(network, feeding_w=1e12).feeding_w == found.feeding_w > 0
    assert Assets(0, 0, 0, 0).endurance_s == inf
    with pytest.raises(InputError, match="state of charge"):
        assets_of(network, charge=1.2)


def test_losing_three_per_cent_with_and_without_the_community() -> None:
    study = island_study(demo_network(), LOADS, SETTINGS)
    assert study.loss_w == pytest.approx(4.5e3)
    assert study.helped.nadir_hz > study.alone.nadir_hz + 0.1
    assert study.helped.trips == ()
    assert len(sample_course(study.helped)) == 121


def test_an_overload_cuts_by_priority_and_never_what_is_critical() -> None:
    settings = FrequencySettings(priorities={"Church Road": 3, "Mill Lane": 0, "Orchard Hill": 2})
    study = island_study(demo_network(), LOADS, settings, loss_share=0.6)
    cut = [name for _, name in study.alone.trips]
    assert cut == ["Church Road", "Orchard Hill", "Station Road"][: len(cut)]
    assert cut
    assert "Mill Lane" not in [block.name for stage in study.plan for block in stage.blocks]


@given(st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1, 1))
def test_no_answer_is_larger_than_the_assets(share: float, battery: float, feeding: float, deviation: float) -> None:
    settings = FrequencySettings(containment_share=share)
    answer = responses(Assets(battery, 1e3, 1e3, feeding), settings)
    powers = [one.wanted_w(deviation) for one in answer if isinstance(one, Containment | LimitedSensitive)]
    assert sum(powers) <= battery + 1e-6
    assert sum(powers) >= -battery - feeding - 1e-6


def test_a_loss_must_be_one_and_somebody_must_draw() -> None:
    with pytest.raises(InputError, match="loss"):
        island_study(demo_network(), LOADS, SETTINGS, loss_share=0)
    with pytest.raises(InputError, match="no load"):
        shedding({"a": -3.0}, SETTINGS)


def test_report_along_a_measured_course() -> None:
    hz = np.array([50.0] * 100 + [49.9] * 3600 + [np.nan] * 10)
    report = frequency_report(hz, 1.0, Assets(10e3, 100e3, 100e3, 0), FrequencySettings(full_in_s=0))
    assert report.delivered.given_wh == pytest.approx(5e3)
    assert report.quality is not None
    assert report.quality.missing_s == 10
    assert report.endurance_s == 36_000
    assert frequency_report(hz * np.nan, 1.0, Assets(1e3, 1, 1, 0), SETTINGS).quality is None
