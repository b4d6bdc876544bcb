"""A region's rules as data, in versions: notice, how often, caps. An event is judged by the version it was made under.

A pack is what a community starts from, not legal advice: each value says where it comes from or that it is a choice of
this project. A community changes a value by a vote on a new version; what was decided under the old one stays.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from quietgrid.errors import ConfigError, NotFoundError

BUILT_IN = ("gb", "de")


@dataclass(frozen=True, slots=True)
class RulePack:
    """One version of a region's rules.

    Args:
        region, version: which. calendar: region of the holidays (`algorithms.calendar`).
        notice_s: the least between announcement and start. events_a_month: the most a home is asked.
        longest_s: of an event. rate_cents: the most a kWh. cap_micro: the most a home gets or pays a month.
        retention_days: how long choices of homes are kept. floor_homes: the least behind any number of a group.
        sources: name of a value -> where it comes from.
    """

    region: str
    version: int
    calendar: str
    notice_s: int
    events_a_month: int
    longest_s: int
    rate_cents: int
    cap_micro: int
    retention_days: int
    floor_homes: int
    sources: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """How a program names it: ``DE/1``."""
        return f"{self.region}/{self.version}"


def read_pack(text: str, where: str) -> RulePack:
    """A pack from TOML.

    Raises:
        ConfigError: a value is missing or is no whole number, or has no source.
    """
    try:
        data = tomllib.loads(text)
        sources = {str(name): str(said) for name, said in data.pop("sources").items()}
        one = RulePack(**data, sources=tuple(sorted(sources.items())))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError("not a rule pack", where=where, fix="see the packs that come along") from error
    named = set(data) - {"region", "version", "calendar"}
    if named - set(sources) or any(not isinstance(data[name], int) or data[name] < 0 for name in named):
        raise ConfigError("each value is a whole number with a source", where=where, fix="say where it comes from")
    return one


@cache
def packs() -> dict[str, RulePack]:
    """The packs that come along, by name."""
    folder = files("quietgrid.response") / "packs"
    found = [read_pack((folder / f"{name}.toml").read_text(), name) for name in BUILT_IN]
    return {one.name: one for one in found}


def pack_of(name: str, known: dict[str, RulePack] | None = None) -> RulePack:
    """A pack by its name, or of a region (``DE-NI`` too) its newest version.

    Args:
        known: more packs, by name; those that come along unless given.

    Raises:
        NotFoundError: no pack is known.

    >>> pack_of("DE-NI").name
    'DE/1'
    """
    have = packs() if known is None else known
    if name in have:
        return have[name]
    region = name.partition("/")[0].partition("-")[0]
    fitting = [one for one in have.values() if one.region == region and "/" not in name]
    if not fitting:
        raise NotFoundError("no rule pack of this name or region", where=name, fix=f"one of: {', '.join(have)}")
    return max(fitting, key=lambda one: one.version)
