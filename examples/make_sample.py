"""Makes the sample community in `src/quietgrid/demo/data` from SimBench.

Needs `pip install simbench` (about 380 MB; not a dependency of Quietgrid) in an environment of its own:

    python examples/make_sample.py src/quietgrid/demo/data

What it takes from SimBench (ODbL, see `src/quietgrid/demo/ATTRIBUTION.md`): the low-voltage grid
`1-LV-rural3--2-sw` with its 118 homes and firms, nine feeders, PV plants, storages, heat pumps and charging
points, and a year (2016) of their 15-minute profiles. What it changes:

* two firms are added (an inn, a small cold store), so that there are 120 homes;
* the nine feeders are put together to four feeder sections of 30 homes, whole feeders but for one home;
* nine PV roofs are added to the first section, so that an export total may be shown there;
* storages, which SimBench hangs on buses without PV, are given to homes with PV;
* SimBench has five household profiles for 113 households. Each home gets a *recipe*: two profiles, moved by
  whole weeks (weekdays stay weekdays) and up to 45 minutes. The rest of the difference, cooking, kettles and
  washing, is drawn at load time (`quietgrid.demo.appliances`).

It writes `profiles.xz` (values of 12 bits), `homes.csv` and `parts.csv` (the recipes). The same SimBench
version gives the same bytes.
"""

from __future__ import annotations

import csv
import json
import lzma
import random
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandapower.topology as topology
import simbench

GRID = "1-LV-rural3--2-sw"
DAYS, PER_DAY = 364, 96
TOP = 4095
SECTIONS = ("Orchard Hill", "Mill Lane", "Church Road", "Station Road")
HOUSEHOLDS = ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L")
PV = ("PV1", "PV3", "PV4", "PV7")
FIRMS = {
    "G1-C": "Surveyors' office",
    "G4-A": "Hairdresser",
    "G5-A": "Bakery",
    "G6-A": "Garden café",
    "G2-A": "Village inn",
    "G3-A": "Cold store",
}
ADDED_FIRMS = (("G2-A", "commercial", 34_000), ("G3-A", "industrial", 48_000))
ADDED_ROOFS_W = (5200, 7400, 6100, 8800, 4900, 9600, 6800, 5600, 7900)
SOLAR_HOURS = 690


def profile_rows(net: Any, extra: Any) -> dict[str, np.ndarray]:
    """Every profile used, as floats per row of SimBench's own table."""
    load, renewables = net.profiles["load"], net.profiles["renewables"]
    used = sorted(set(net.load.profile) | {name for name, _, _ in ADDED_FIRMS})
    rows = {name: (load if f"{name}_pload" in load else extra)[f"{name}_pload"].to_numpy(float) for name in used}
    return rows | {name: renewables[name].to_numpy(float) for name in PV}


def by_wall_clock(values: np.ndarray) -> np.ndarray:
    """SimBench's rows run in winter time and are *labelled* in local time; give the rows by their labels.

    The hour missing in March repeats the hour before it; of the doubled hour in October the first is kept.
    """
    spring, autumn = 86 * PER_DAY + 8, 303 * PER_DAY + 12
    wall = np.arange(len(values))
    row = np.where((wall >= spring) & (wall < autumn), wall - 4, wall)
    return values[row]


def write_profiles(rows: dict[str, np.ndarray], path: Path) -> dict[str, float]:
    """Write `profiles.xz`; returns each profile's full-load hours over the 364 days."""
    coded, hours = [], {}
    for name, values in rows.items():
        # firms and charging points keep to the clock on the wall; the measured household profiles were
        # laid over the year without a summer time (their mornings do not move in March), weather knows none
        straight = by_wall_clock(values) if name.startswith(("G", "HLS", "APLS")) else values
        year = straight[: DAYS * PER_DAY]
        scaled = np.rint(np.clip(year / year.max(), 0, 1) * TOP).astype(np.int64)
        hours[name] = float(year.sum() / 4)
        coded.append(np.diff(scaled, prepend=0).astype("<i2"))
    planes = np.stack(coded).view(np.uint8).reshape(len(coded), -1, 2).transpose(0, 2, 1).tobytes()
    head = json.dumps({"names": list(rows), "days": DAYS, "per_day": PER_DAY, "first": "2016-01-01"}).encode() + b"\n"
    path.write_bytes(lzma.compress(head + planes, preset=9 | lzma.PRESET_EXTREME))
    return hours


def feeders(net: Any) -> list[list[int]]:
    """Home buses of each feeder, from the transformer outwards, the feeder with most homes first."""
    graph = nx.Graph(topology.create_nxgraph(net, include_trafos=False))
    busbar = int(net.trafo.lv_bus.iloc[0])
    far = nx.single_source_shortest_path_length(graph, busbar)
    graph.remove_node(busbar)
    homes = set(net.load.bus)
    parts = [homes.intersection(part) for part in nx.connected_components(graph)]
    found = [sorted(part, key=lambda bus: (far[bus], bus)) for part in parts if part]
    return sorted(found, key=lambda part: (-len(part), part))


def sections(net: Any) -> list[list[int]]:
    """Four sections of home buses: 28+2, 24+5+1, 21+10 less one, 22+5 and that one; two firms come on top."""
    by_size: dict[int, list[list[int]]] = {}
    for part in feeders(net):
        by_size.setdefault(len(part), []).append(part)
    take = lambda *sizes: [bus for size in sizes for bus in by_size[size].pop(0)]  # noqa: E731
    parts = [take(28, 2), take(24, 5, 1), take(21, 10), take(22, 5)]
    parts[3].append(parts[2].pop())
    assert not any(by_size.values())
    assert [len(p) for p in parts] == [30, 30, 30, 28]
    return parts


class Maker:
    """Collects the rows of `homes.csv` and `parts.csv`."""

    def __init__(self, net: Any, hours: dict[str, float]) -> None:
        self.net, self.hours = net, hours
        self.draw = random.Random(2016)
        self.homes: list[dict[str, object]] = []
        self.parts: list[tuple[int, str, int, int, int]] = []
        self.moves = [(weeks, slots) for weeks in range(-8, 9) for slots in range(-3, 4)]
        self.draw.shuffle(self.moves)
        self.storages = [
            (round(e * 1e6), round(p * 1e6)) for e, p in zip(net.storage.max_e_mwh, net.storage.sn_mva, strict=True)
        ]
        self.roofs = list(ADDED_ROOFS_W)

    def part(self, home: int, profile: str, yearly_wh: float, weeks: int = 0, slots: int = 0) -> None:
        """One line of a recipe: so many Wh a year in the shape of a profile."""
        self.parts.append((home, profile, round(yearly_wh), weeks, slots))

    def household(self, home: int, profile: str, yearly_wh: float) -> None:
        """Three quarters of a year's use as two moved profiles; appliances make the rest."""
        weeks, slots = self.moves[home % len(self.moves)]
        second = self.draw.choice([name for name in HOUSEHOLDS if name != profile])
        share = self.draw.uniform(0.15, 0.35)
        base = 0.75 * yearly_wh
        self.part(home, profile, base * (1 - share), weeks, slots)
        self.part(home, second, base * share, self.draw.randint(-8, 8), self.draw.randint(-3, 3))

    def roof(self, home: int, main: str, peak_w: float, hours: float) -> None:
        """PV: the roof's own profile and a second one, for another slope."""
        share = self.draw.uniform(0.1, 0.45)
        second = self.draw.choice([name for name in PV if name != main])
        self.part(home, main, peak_w * hours * (1 - share))
        self.part(home, second, peak_w * hours * share)

    def extras(self, home: int, bus: int) -> tuple[bool, bool]:
        """Heat pump and charging point of a bus; whether there is one of each."""
        heat = car = False
        for row in self.net.load[self.net.load.bus == bus].itertuples():
            yearly = row.p_mw * 1e6 * self.hours[row.profile]
            if row.profile.startswith(("Air", "Soil")):
                heat = True
                self.part(home, row.profile, min(yearly, 7_500_000 + 250_000 * (home % 8)), self.draw.randint(-1, 1))
            elif row.profile.startswith(("HLS", "APLS")):
                car = True
                peak = 1e6 * min(row.p_mw, 0.011)
                self.part(home, row.profile, min(peak * self.hours[row.profile], 2_400_000), self.draw.randint(-6, 6))
        return heat, car

    def add(self, bus: int | None, section: int, house: int, profile: str, firm: tuple[str, int] | None = None) -> None:
        """One home of the community, with all that hangs on its bus."""
        home = len(self.homes) + 1
        street = SECTIONS[section]
        residential = profile.startswith("H0")
        kind, connection = ("residential", 14_500) if residential else firm or ("commercial", 24_000)
        name = f"{street} {house}" if residential else f"{FIRMS[profile]}, {street} {house}"
        heat = car = False
        pv_w = 0
        if bus is None:
            self.part(home, profile, 18_000_000 if kind == "commercial" else 62_000_000)
        else:
            p_w = float(
                self.net.load[(self.net.load.bus == bus) & (self.net.load.profile == profile)].p_mw.iloc[0] * 1e6
            )
            yearly = p_w * self.hours[profile] * (self.draw.uniform(0.85, 1.3) if residential else 1.0)
            if residential:
                self.household(home, profile, max(yearly, 1_250_000))
            else:
                self.part(home, profile, yearly, self.draw.randint(-2, 2))
            heat, car = self.extras(home, bus)
            own = self.net.sgen[self.net.sgen.bus == bus]
            if len(own):
                pv_w = min(round(float(own.p_mw.iloc[0]) * 1e6), 12_000)
                self.roof(home, str(own.profile.iloc[0]), pv_w, self.hours[str(own.profile.iloc[0])])
            elif section == 0 and residential and self.roofs and home % 2:
                pv_w = self.roofs.pop()
                self.roof(home, self.draw.choice(PV), pv_w, SOLAR_HOURS)
        may_store = pv_w and residential and (section or home % 4 == 1)  # leave some for the other sections
        battery = self.storages.pop() if may_store and self.storages else (0, 0)
        if residential and (heat or car):
            connection = 22_000
        self.homes.append(
            {
                "home": home, "name": name, "kind": kind, "feeder": street, "connection_w": connection,
                "tariff": self.tariff(home, kind, section, car), "pv_w": pv_w, "battery_wh": battery[0],
                "battery_w": battery[1], "appliances": round(100 * self.draw.uniform(0.7, 1.3)) if residential else 0,
            }
        )  # fmt: skip

    def tariff(self, home: int, kind: str, section: int, car: bool) -> str:
        """Most homes are on time-of-use; every section has some of each kind but real-time, which two have."""
        if car and section in (0, 3):
            return "real-time"
        if kind == "industrial":
            return "time-of-use"
        if home % 5 == 2:
            return "flat"
        if home % 9 == 4:
            return "block"
        return "real-time" if section in (0, 3) and home % 13 == 6 else "time-of-use"


def main(target: Path) -> None:
    """Make the three files."""
    target.mkdir(parents=True, exist_ok=True)
    net = simbench.get_simbench_net(GRID)
    rows = profile_rows(net, simbench.get_all_simbench_profiles(0)["load"])
    maker = Maker(net, write_profiles(rows, target / "profiles.xz"))
    base = net.load[net.load.profile.str.startswith(("H0", "G"))].set_index("bus").profile
    for section, buses in enumerate(sections(net)):
        for house, bus in enumerate(buses, start=1):
            maker.add(bus, section, house, str(base[bus]))
    for house, (profile, kind, connection) in enumerate(ADDED_FIRMS, start=29):
        maker.add(None, 3, house, profile, (kind, connection))
    with (target / "homes.csv").open("w", newline="", encoding="utf-8") as file:
        homes = csv.DictWriter(file, list(maker.homes[0]), lineterminator="\n")
        homes.writeheader()
        homes.writerows(maker.homes)
    with (target / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        parts = csv.writer(file, lineterminator="\n")
        parts.writerow(["home", "profile", "yearly_wh", "weeks", "slots"])
        parts.writerows(maker.parts)
    print(f"{len(maker.homes)} homes, {len(rows)} profiles, {sum(f.stat().st_size for f in target.iterdir()):,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
