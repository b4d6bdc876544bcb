"""The sample community: 120 homes in four feeder sections, made from SimBench, for demos and tests.

>>> sample = load(homes=2)
>>> sample.homes[0].name, sample.readings.imported_wh.shape
('Orchard Hill 1', (2, 3840))

The readings are composed at load time, in integers only, so that every machine gets the same ones and so
that any window of time can be asked for: two moved household profiles, heat pump, charging point and PV
from SimBench (`profiles`, `recipes`), seeded appliances (`appliances`), a battery that serves its own home
(`storage`). See ATTRIBUTION.md for what is measured and what is made up. Data under ODbL, not MIT.
"""

from quietgrid.demo.grid import demo_network, home_units
from quietgrid.demo.prices import prices
from quietgrid.demo.sample import DEMO_DAYS, FIRST_DAY, Home, Sample, load, replay_window

SHOWN_HOME = 3
"""The home whose side of things the demo shows: solar on the roof, no battery, busy evenings."""

__all__ = [
    "DEMO_DAYS", "FIRST_DAY", "SHOWN_HOME", "Home", "Sample", "demo_network", "home_units", "load", "prices",
    "replay_window",
]  # fmt: skip
