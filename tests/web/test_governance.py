"""How a proposal is shown: its bar, its steps, whatever became of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quietgrid.model.proposal import GRID_UNIT, Proposal, Support, Vote, VoteState
from quietgrid.web.environment import render
from quietgrid.web.votes import shown, steps
from tests.web.samples import EVENING, governance

TZ = "Europe/Berlin"
ONE = Proposal(
    1, "0x" + "9f" * 32, "member-0", "Publish less", (), ("publish budget 6 → 5",), VoteState.ACTIVE,
    (
        Vote("member-0", Support.FOR, 3_000 * GRID_UNIT, "", 7),
        Vote("member-1", Support.AGAINST, 1_000 * GRID_UNIT, "No", 8),
    ),
    1_000 * GRID_UNIT, 5_000 * GRID_UNIT, EVENING, EVENING + 60, None, 6, None, None,
)  # fmt: skip


def marks(one: Proposal) -> list[str]:
    return [step["state"] for step in steps(one, TZ)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (VoteState.PENDING, ["done", "next", "next", "next", "next"]),
        (VoteState.ACTIVE, ["done", "now", "next", "next", "next"]),
        (VoteState.SUCCEEDED, ["done", "done", "done", "next", "next"]),
        (VoteState.QUEUED, ["done", "done", "done", "now", "next"]),
        (VoteState.EXECUTED, ["done"] * 5),
        (VoteState.DEFEATED, ["done", "done", "stuck", "next", "next"]),
        (VoteState.CANCELED, ["done", "next", "stuck", "next", "next"]),
        (VoteState.EXPIRED, ["done", "done", "done", "stuck", "next"]),
        (VoteState.UNKNOWN, ["done", "next", "next", "next", "next"]),
    ],
)
def test_steps(state: VoteState, expected: list[str]) -> None:
    assert marks(replace(ONE, state=state)) == expected


@pytest.mark.parametrize("state", VoteState)
def test_every_state_renders(state: VoteState) -> None:
    text = render("audit/governance.html", governance() | {"proposals": [shown(replace(ONE, state=state), TZ)]})
    assert "publish budget 6 → 5" in text
    assert "3,000 GRID" in text


def test_a_bar_is_of_all_power() -> None:
    found = shown(ONE, TZ)
    assert [(part["name"], part["at"], part["width"]) for part in found["bar"]] == [  # type: ignore[attr-defined]
        ("for", 0, 60), ("against", 60, 20), ("abstain", 80, 0)
    ]  # fmt: skip
    assert found["quorum_at"] == 20
    assert found["quorate"] is True


def test_the_node_is_away() -> None:
    """Without power and quorum the bar is of what was cast."""
    found = shown(replace(ONE, state=VoteState.UNKNOWN, quorum=None, power=None), TZ)
    assert (found["quorum"], found["quorum_at"], found["quorate"]) == (None, None, None)
    assert [part["width"] for part in found["bar"]] == [75, 25, 0]  # type: ignore[attr-defined]


def test_where_it_ended_has_its_name() -> None:
    assert steps(replace(ONE, state=VoteState.DEFEATED), TZ)[2]["name"] == "Rejected"
    assert steps(replace(ONE, state=VoteState.EXPIRED), TZ)[3]["name"] == "Expired"
    done = replace(ONE, state=VoteState.EXECUTED, executed=12)
    assert steps(done, TZ)[4]["text"] == "block 12"
    assert "2026" in steps(replace(done, executed_at=EVENING), TZ)[4]["text"]
