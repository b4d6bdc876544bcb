"""The tariffs a new community starts with (`defaults.toml`)."""

from __future__ import annotations

from importlib.resources import files

from quietgrid.model.tariff import Tariff
from quietgrid.model.tariff_text import tariffs_from_toml


def default_tariffs() -> list[Tariff]:
    """One tariff of each kind: Steady (flat), Evening (time-of-use), Thrift (block), Spot (real-time).

    >>> [tariff.label for tariff in default_tariffs()]
    ['Steady 1', 'Evening 1', 'Thrift 1', 'Spot 1']
    """
    return tariffs_from_toml(files("quietgrid.billing").joinpath("defaults.toml").read_text(encoding="utf-8"))
