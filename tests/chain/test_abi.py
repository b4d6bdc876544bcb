"""Calls, results, errors and logs against values whose encoding is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.chain import abi
from quietgrid.chain.built import artifact, names
from quietgrid.errors import InputError, NotFoundError, VerificationError

ADDRESS = "0x" + "11" * 20


def test_a_call_as_the_specification_writes_it() -> None:
    """grantRole(uint64,address,uint32): selector 0x25c471a0, three words."""
    call = abi.call("AccessManager", ADDRESS, "grantRole", 2, ADDRESS, 0)
    assert call.data[:4] == bytes.fromhex("25c471a0")
    assert call.data[4:36] == (2).to_bytes(32, "big")
    assert call.data[36:68] == bytes(12) + bytes.fromhex("11" * 20)
    assert len(call.data) == 100
    assert call.what == "AccessManager.grantRole"


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no such function"):
        abi.call("DailyRoots", ADDRESS, "nothing")
    with pytest.raises(InputError, match="do not fit"):
        abi.call("AccessManager", ADDRESS, "grantRole", -1, ADDRESS, 0)
    with pytest.raises(InputError, match="do not fit"):
        abi.call("AccessManager", ADDRESS, "grantRole", 1)
    with pytest.raises(NotFoundError):
        artifact("NoSuchContract")
    with pytest.raises(VerificationError):
        abi.result("DailyRoots", "anchorOf", b"")


def test_errors_by_name_and_in_words() -> None:
    day = abi.selector({"name": "DayNotOver", "inputs": [{"type": "uint32"}]}) + (7).to_bytes(32, "big")
    assert abi.decode_error(day) == ("DayNotOver", "DayNotOver(day=7)")
    assert abi.decode_error(b"") == ("", "no reason given")
    assert abi.decode_error(b"\1\2\3\4")[0] == ""
    assert abi.decode_error(day[:10]) == ("DayNotOver", "DayNotOver(…)")
    overflow = bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big")
    assert abi.decode_error(overflow) == ("Panic", "a number overflowed")


@given(day=st.integers(0, 2**32 - 1), kind=st.integers(0, 5), root=st.binary(min_size=32, max_size=32),
       leaves=st.integers(0, 2**64 - 1))  # fmt: skip
def test_an_event_comes_back(day: int, kind: int, root: bytes, leaves: int) -> None:
    topic = abi.event_topic("DailyRoots", "RootAnchored")
    topics = [topic, day.to_bytes(32, "big"), kind.to_bytes(32, "big")]
    event = abi.decode_event("DailyRoots", topics, root + leaves.to_bytes(32, "big"))
    assert event is not None
    assert event.values == {"day": day, "kind": kind, "root": root, "leaves": leaves}


def test_somebody_elses_log_is_left_alone() -> None:
    assert abi.decode_event("DailyRoots", [bytes(32)], b"") is None
    assert abi.decode_event("DailyRoots", [], b"") is None


@pytest.mark.parametrize("name", names())
def test_no_two_functions_or_errors_share_a_selector(name: str) -> None:
    selectors = list(abi.functions(name).values())
    assert len(set(selectors)) == len(selectors)


def test_a_call_is_read_back() -> None:
    """By name and arguments; bytes of another function, or too few, are nothing."""
    made = abi.call("CommunityParameters", "0x" + "11" * 20, "set", 2, -5_000)
    assert abi.decode_call("CommunityParameters", made.data) == ("set", {"parameter": 2, "value": -5_000})
    assert abi.decode_call("DailyRoots", made.data) is None
    assert abi.decode_call("CommunityParameters", made.data[:20]) is None
    assert abi.decode_call("CommunityParameters", b"") is None


def test_the_id_an_interface_names_is_that_of_its_functions() -> None:
    """ERC-165: the xor of the selectors. What the documentation of `IEnergyTrading` says is computed anew."""
    text = (Path(__file__).resolve().parents[2] / "contracts" / "src" / "market" / "IEnergyTrading.sol").read_text()
    said = re.findall(r"ERC-165 id (0x[0-9a-f]{8})", text)
    declared = re.findall(r"function (\w+)\(([^)]*)\)", text)
    entries = [e for e in artifact("EnergyTrading").abi if e["type"] == "function"]
    found = 0
    for name, inputs in declared:
        takes = [one.split()[0].replace("OrderType", "uint8") for one in inputs.split(",")]
        (entry,) = [e for e in entries if e["name"] == name and [i["type"] for i in e["inputs"]] == takes]
        found ^= int.from_bytes(abi.selector(entry), "big")
    assert len(declared) == 4
    assert said == [f"0x{found:08x}"]
