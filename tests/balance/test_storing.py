"""Encrypted ways to plan are found, also those of installed packages; a request is read before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quietgrid.algorithms.schedule.encrypted import STEP_SCHEDULES, Private, Terms
from quietgrid.algorithms.schedule.steps import Steps
from quietgrid.balance.storing import answer, planner, planners
from quietgrid.errors import InputError, NotFoundError
from quietgrid.wire.storing import Request, pack_terms, terms_of

TERMS = Terms(3, Steps(4, 300, 2_000), (1, 2, 3))
PLUGIN = """
class Rests:
    words = "does nothing"
    def question(self, private, terms):
        return [(private.load_wh, "u16")]
    def plain(self, private, terms):
        return (0,) * terms.intervals
    def encrypted(self, engine, parts, terms):
        (load,) = parts
        return engine.answer(engine.load(load))
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that offers a schedule, as pip installs one."""
    (tmp_path / "resting_storages.py").write_text(PLUGIN)
    info = tmp_path / "resting_storages-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: resting-storages\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[quietgrid.encrypted_schedules]\nrests = resting_storages:Rests\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    planners.cache_clear()
    yield info
    planners.cache_clear()
    sys.modules.pop("resting_storages", None)


class Echo:
    """An engine that gives back what it is given."""

    def load(self, sealed: bytes) -> bytes:
        return sealed

    def answer(self, vector: bytes) -> bytes:
        return vector


def test_built_in_ways_are_there_and_others_are_not() -> None:
    assert set(planners()) >= set(STEP_SCHEDULES)
    with pytest.raises(NotFoundError, match="shave"):
        planner("none")


def test_an_installed_package_offers_one(plugin: Path) -> None:
    way = planner("rests")
    assert way.words == "does nothing"
    assert way.plain(Private((1, 2, 3), 0), TERMS) == (0, 0, 0)
    request = msgspec.msgpack.encode(Request("rests", pack_terms(TERMS), [b"load"]))
    assert answer(Echo(), request) == b"load"  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["greedy = resting_storages:Rests", "rests = resting_storages:PLUGIN"])
def test_a_taken_name_or_something_else_is_refused(plugin: Path, line: str) -> None:
    (plugin / "entry_points.txt").write_text(f"[quietgrid.encrypted_schedules]\n{line}\n")
    (plugin.parent / "resting_storages.py").write_text(PLUGIN + "\nPLUGIN = 3\n")
    with pytest.raises(InputError, match="taken or is none"):
        planners()


def test_terms_come_back() -> None:
    assert terms_of(pack_terms(TERMS)) == TERMS


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode(Request("greedy", b"", [b"a", b"b"])),
        msgspec.msgpack.encode(Request("greedy", pack_terms(TERMS), [b"a"])),
        msgspec.msgpack.encode(Request("greedy", pack_terms(TERMS), [b"a", b"b", b"c"])),
        msgspec.msgpack.encode(Request("prefer", pack_terms(TERMS), [b"a", b"b"])),
    ],
)
def test_a_request_that_cannot_be_is_refused(request_: bytes) -> None:
    with pytest.raises(InputError):
        answer(Echo(), request_)  # type: ignore[arg-type]
