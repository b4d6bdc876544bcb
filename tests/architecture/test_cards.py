"""The stages' trust cards: each is there, they fit together, and the life of an interval has a direction."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

import quietgrid.model as model
from docs.make_reference import FIELDS, PAGE, STAGES, Card, cards, page, read_card
from quietgrid.wire import messages

LIFE = ("meter", "concentrator", "pes", "keyholder", "mdms", "billing", "balance", "response", "settlement")
# Announced or undertaken before the interval, so that nobody waits for it afterwards.
AHEAD = {"Signal", "Question", "Alarm", "Book", "Prices", "Tariff", "Consent", "Enrol", "Members", "Certificate"}
# Acknowledged after the fact, or pulled by whom it concerns.
WAY_BACK = {"Receipt", "Ack", "Endorsement", "Vote", "Opened", "Ledger", "Release", "OwnClaims"}
SAME = {"SealedReadings": "Sealed"}
# Nouns that belong to one stage and are not in the shared vocabulary.
OF_A_STAGE = {
    "Publication", "Release", "Sealed", "Frame", "BlindSums", "Bill", "Tariff", "Ledger", "Question", "presence",
    "ClaimAccount", "OwnClaims", "CommunityFigures",
}  # fmt: skip


def flows(card: Card, field: str) -> list[tuple[str, str]]:
    """The card's (noun, other end) pairs, one name for each noun."""
    return [(SAME.get(noun, noun), end) for noun, end in card.flows(field)]


def downstream(found: list[Card]) -> dict[str, set[str]]:
    """For each stage the stages it takes something from, the way back left out."""
    needs: dict[str, set[str]] = {card.stage: set() for card in found}
    for card in found:
        for noun, source in flows(card, "In"):
            if source in STAGES and source != card.stage and noun not in AHEAD | WAY_BACK:
                needs[card.stage].add(source)
    return needs


def test_every_stage_has_its_card() -> None:
    assert [card.stage for card in cards()] == list(STAGES)


def test_a_card_without_a_line_is_refused() -> None:
    lines = ["A stage.", "", *(f"{field}: something" for field in FIELDS)]
    assert read_card("x", "\n".join(lines)).fields["Out"] == "something"
    for missing in range(2, len(lines)):
        with pytest.raises(ValueError, match="card"):
            read_card("x", "\n".join(lines[:missing] + lines[missing + 1 :]))
    with pytest.raises(ValueError, match="blank line"):
        read_card("x", "\n".join(lines[:1] + lines[2:]))


def test_the_life_of_an_interval_has_a_direction() -> None:
    order = list(TopologicalSorter(downstream(cards())).static_order())
    assert [stage for stage in order if stage in LIFE] == list(LIFE)


def test_a_cycle_would_be_found() -> None:
    needs = downstream(cards())
    needs["meter"].add("mdms")
    with pytest.raises(CycleError):
        list(TopologicalSorter(needs).static_order())


def test_what_one_stage_takes_another_gives() -> None:
    given = {card.stage: {noun for noun, _ in flows(card, "Out")} for card in cards()}
    for card in cards():
        for noun, source in flows(card, "In"):
            if source in STAGES:
                assert noun in given[source], f"{card.stage} takes {noun} from {source}, which does not give it"


def test_cards_speak_in_nouns_of_the_model() -> None:
    known = set(model.__all__) | {
        name for name, kind in vars(messages).items() if isinstance(kind, type) and issubclass(kind, messages.Message)
    }
    known |= OF_A_STAGE
    for card in cards():
        for field in ("In", "Out"):
            for noun, _ in flows(card, field):
                assert noun in known, f"{card.stage}, {field}: {noun!r} is neither in quietgrid.model nor a message"


def test_only_home_side_stages_see_readings() -> None:
    for card in cards():
        if card.stage not in ("meter", "household"):
            assert "reading" in card.fields["Never sees"].lower(), f"{card.stage} must say that it never sees a reading"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(cards()), "run `make docs`"
