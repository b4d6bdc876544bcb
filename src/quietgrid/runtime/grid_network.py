"""The network that is in force: as bytes in the platform's store, and the sample's for the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.network import Lines, Network, Nodes, Sources, Transformers, UnitKind, Units

FORM = "quietgrid network 1"
_TABLES: Mapping[str, type[Any]] = {
    "nodes": Nodes, "lines": Lines, "transformers": Transformers, "sources": Sources, "units": Units,
}  # fmt: skip
_ROWS = frozenset({"from_node", "to_node", "nodes", "groups", "clock", "tap", "tap_min", "tap_max", "tap_neutral"})
_FLAGS = frozenset({"from_closed", "to_closed", "closed", "tap_at_to", "on_load"})
_TEXTS = frozenset({"names", "profiles", "kinds"})


def pack(network: Network) -> bytes:
    """A network as bytes (msgpack of its columns); `unpack` is the way back."""
    tables = {
        name: {
            column: list(values) if column in _TEXTS else values.tolist() for column, values in _columns(network, name)
        }
        for name in _TABLES
    }
    head = {"form": FORM, "name": network.name, "groups": list(network.groups), "frequency_hz": network.frequency_hz}
    return msgspec.msgpack.encode({**head, **tables})


def unpack(body: bytes) -> Network:
    """The network of some bytes.

    Raises:
        InputError: they are not a network.
    """
    try:
        read = msgspec.msgpack.decode(body, type=dict[str, Any])
        if read.pop("form") != FORM:
            raise InputError("this is no network", where="grid_network", fix="import the network again")
        tables = {name: kind(**_read(read[name])) for name, kind in _TABLES.items()}
        return Network(read["name"], groups=tuple(read["groups"]), frequency_hz=read["frequency_hz"], **tables)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise InputError("this is no network", where="grid_network", fix="import the network again") from error


def _columns(network: Network, table: str) -> list[tuple[str, Any]]:
    return list(vars(getattr(network, table)).items())


def _read(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, values in columns.items():
        if name == "kinds":
            out[name] = tuple(UnitKind(value) for value in values)
        elif name in _TEXTS:
            out[name] = tuple(values)
        else:
            kind = np.int32 if name in _ROWS else np.bool_ if name in _FLAGS else np.float64
            out[name] = np.array(values, kind)
    return out
