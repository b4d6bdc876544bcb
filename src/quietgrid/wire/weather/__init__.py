"""Weather as files and services give it, as columns on intervals."""

from quietgrid.wire.weather.open_meteo import read_csv, read_json

__all__ = ["read_csv", "read_json"]
