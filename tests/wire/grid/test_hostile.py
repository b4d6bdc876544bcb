"""Files nobody meant well with: an error of ours or a network, never anything else."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import InputError, SourceError
from quietgrid.wire.grid import pandapower, pgm, read_grid, simbench, table
from tests.wire.grid.test_pandapower import grid, saved
from tests.wire.grid.test_pgm import PLAIN

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(), st.text(max_size=5), st.just("1e999"),
    st.just("nan"), st.just([]), st.just({}), st.just([[1]]), st.just("9" * 400),
)  # fmt: skip
ANY = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
READERS = {"pandapower": pandapower.from_json, "pgm": pgm.from_json}


def read(reader: str, body: bytes) -> None:
    said = None
    try:
        READERS[reader](body, "x.json")
    except InputError as error:
        said = error
    assert said is None or (said.what and said.where and said.fix)


@given(st.binary(max_size=60), st.sampled_from(list(READERS)))
@settings(max_examples=100, deadline=None)
def test_any_bytes(body: bytes, reader: str) -> None:
    read(reader, body)


@given(
    st.dictionaries(st.sampled_from(["data", "node", "line", "bus", "_object", "attributes", "type"]), ANY),
    st.sampled_from(list(READERS)),
)
@settings(max_examples=100, deadline=None)
def test_any_json(document: dict[str, Any], reader: str) -> None:
    read(reader, json.dumps(document).encode())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_pgm_grid_with_an_odd_cell(data: st.DataObject) -> None:
    changed = json.loads(json.dumps(PLAIN))
    component = data.draw(st.sampled_from(sorted(changed)))
    changed[component][0][data.draw(st.sampled_from(sorted(changed[component][0])))] = data.draw(ODD)
    read("pgm", json.dumps(changed).encode())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_pandapower_net_with_an_odd_cell_or_table(data: st.DataObject) -> None:
    changed: dict[str, Any] = grid() | {"switch": [{"et": "l", "element": 0, "bus": 1, "closed": True, "name": "s"}]}
    name = data.draw(st.sampled_from(sorted(changed)))
    changed[name][0][data.draw(st.sampled_from(sorted(changed[name][0])))] = data.draw(ODD)
    beside = data.draw(
        st.dictionaries(st.sampled_from(["line", "f_hz", "name", "gen", "bus_geodata"]), ANY, max_size=1)
    )
    read("pandapower", saved(changed, **beside))


@given(st.text(alphabet=';"\nabNULL19.', max_size=60), st.sampled_from(["Node", "Line", "Switch", "Load"]))
@settings(max_examples=60, deadline=None)
def test_any_csv(text: str, name: str) -> None:
    said = []
    try:
        found = simbench._table(text.encode(), f"{name}.csv")
        for column in ("a", "b", "id"):
            for take in (found.numbers, found.whole, found.flags, found.texts):
                with contextlib.suppress(SourceError):
                    take(column)
    except SourceError as error:
        said.append(error.where)
    assert all(where.startswith(f"{name}.csv") for where in said)


def test_json_that_lies_too_deep() -> None:
    for reader in READERS:
        with pytest.raises(SourceError):
            READERS[reader](b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "x.json")


@pytest.mark.parametrize("limit", [1_000, 200_000])
def test_depth_is_seen_before_anything_follows_it(limit: int) -> None:
    """Whatever the interpreter allows, and whatever brackets in strings pretend."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        hidden = b'{"a":"' + b"]" * 100_000 + b'\\"]","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        with pytest.raises(SourceError, match="too deep"):
            table.decoded(hidden, "x.json")
    finally:
        sys.setrecursionlimit(before)
    assert table.decoded(b'{"a":"' + b"[" * 1_000 + b'"}', "x.json") == {"a": "[" * 1_000}


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.json").write_text(json.dumps(PLAIN))
    monkeypatch.setattr(table, "MAX_BYTES", 100)
    with pytest.raises(SourceError, match="larger than"):
        read_grid(tmp_path / "x.json")
    monkeypatch.undo()
    monkeypatch.setattr(table, "MAX_ROWS", 2)
    with pytest.raises(SourceError, match="too many"):
        read_grid(tmp_path / "x.json")
