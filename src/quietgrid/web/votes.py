"""A proposal as pages show it: words, a bar, steps. For the platform's pages and the household's."""

from __future__ import annotations

from quietgrid.model.proposal import GRID_UNIT, Proposal, Support, VoteState
from quietgrid.web.formats import when

TONES = {
    VoteState.PENDING: "idle", VoteState.ACTIVE: "warn", VoteState.CANCELED: "bad", VoteState.DEFEATED: "bad",
    VoteState.SUCCEEDED: "ok", VoteState.QUEUED: "warn", VoteState.EXPIRED: "bad", VoteState.EXECUTED: "ok",
    VoteState.UNKNOWN: "idle",
}  # fmt: skip
WORDS = {
    VoteState.PENDING: "not open yet", VoteState.ACTIVE: "vote open", VoteState.CANCELED: "canceled",
    VoteState.DEFEATED: "rejected", VoteState.SUCCEEDED: "accepted", VoteState.QUEUED: "accepted, waiting",
    VoteState.EXPIRED: "expired", VoteState.EXECUTED: "executed", VoteState.UNKNOWN: "node away",
}  # fmt: skip
REACHED = {
    VoteState.PENDING: (1, None), VoteState.ACTIVE: (1, 1), VoteState.CANCELED: (1, 2), VoteState.DEFEATED: (2, 2),
    VoteState.SUCCEEDED: (3, None), VoteState.QUEUED: (3, 3), VoteState.EXPIRED: (3, 3), VoteState.EXECUTED: (5, None),
    VoteState.UNKNOWN: (1, None),
}  # fmt: skip
"""How many of the five steps are done, and which is on (or where it ended)."""
BAR = 100.0


def shown(one: Proposal, tz: str) -> dict[str, object]:
    """One proposal as the page has it."""
    cast = {support: one.cast(support) for support in (Support.FOR, Support.AGAINST, Support.ABSTAIN)}
    whole = max(one.power or 0, sum(cast.values()))
    votes = [
        {"voter": v.voter, "support": v.support.value, "grid": v.weight // GRID_UNIT, "reason": v.reason}
        for v in one.votes
    ]
    quorum = None if one.quorum is None else one.quorum // GRID_UNIT
    return {
        "number": one.number, "id": one.id, "description": one.description, "effects": list(one.effects),
        "proposer": one.proposer, "word": WORDS[one.state], "tone": TONES[one.state], "bar": _bar(cast, whole),
        "cast": {support.value: amount // GRID_UNIT for support, amount in cast.items()},
        "quorum": quorum, "quorate": one.quorate, "power": None if one.power is None else one.power // GRID_UNIT,
        "quorum_at": round(BAR * one.quorum / whole, 2) if one.quorum is not None and whole else None,
        "votes": votes, "steps": steps(one, tz),
    }  # fmt: skip


def steps(one: Proposal, tz: str) -> list[dict[str, str]]:
    """From the proposal to its execution: what is done, what is on, what comes."""
    done, on = REACHED[one.state]
    stopped = one.state in (VoteState.CANCELED, VoteState.DEFEATED)
    counted = f"counted {when(one.ends, tz)}" if done > 2 else "when the vote is over"
    if one.executed is None:
        executed = "by anybody, when the wait is over"
    else:
        executed = when(one.executed_at, tz) if one.executed_at else f"block {one.executed:,}"
    texts = [
        ("Proposed", f"block {one.created:,}"), ("Vote", f"{when(one.starts, tz)} to {when(one.ends, tz)}"),
        (WORDS[one.state].capitalize() if stopped else "Accepted", counted),
        ("Expired" if one.state is VoteState.EXPIRED else "Waiting in the timelock",
         f"until {when(one.eta, tz)}" if one.eta else "after the vote"),
        ("Executed", executed),
    ]  # fmt: skip
    stuck = "stuck" if TONES[one.state] == "bad" else "now"
    marks = ["done" if n < done else stuck if n == on else "next" for n in range(len(texts))]
    return [{"name": name, "text": text, "state": mark} for (name, text), mark in zip(texts, marks, strict=True)]


def _bar(cast: dict[Support, int], whole: int) -> list[dict[str, object]]:
    """Parts of a bar of width 100: where each answer begins and how wide it is."""
    parts: list[dict[str, object]] = []
    at = 0.0
    for support, amount in cast.items():
        width = BAR * amount / whole if whole else 0.0
        parts.append({"name": support.value, "at": round(at, 2), "width": round(width, 2)})
        at += width
    return parts
