"""From question to answer: crashes, lies, forgeries, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.lab.local import LocalLink
from quietgrid.model.question import Kind
from quietgrid.model.total import Status
from quietgrid.runtime.answering import Answering
from quietgrid.runtime.disputes import Disputes
from quietgrid.runtime.founding import identity
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.wire.disputes import Finding
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import QuestionMessage, Sums
from tests.runtime.hamlet import Hamlet, days


class Meddler(LocalLink):
    """A keyholder that changes what it sends. `change`: from its true sums to what it signs instead."""

    def __init__(self, honest: LocalLink, change: Callable[[Sums], Sums], key: object = None) -> None:
        super().__init__(honest.index)
        self.keyholder = honest.keyholder
        self.change = change
        self.key = key

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        sent: list[Outcome] = []
        for outcome in super().questions(questions):
            if isinstance(outcome, Signed):
                key = self.key or self.keyholder.parts.identity
                outcome = key.sign(self.change(decode(Sums, outcome.body)))
            sent.append(outcome)
        return sent


def meddle(town: Hamlet, index: int, change: Callable[[Sums], Sums], key: object = None) -> None:
    links = list(town.community.links)
    links[index] = Meddler(links[index], change, key)
    keyholders = Keyholders(links, town.store)
    parts = town.platform.parts
    town.platform.keyholders = keyholders
    town.platform.answering = Answering(parts.store, parts.identity, parts.card, keyholders, parts.rules, parts.clock)


def plus_one(which: Sequence[int]) -> Callable[[Sums], Sums]:
    """Adds 1 to the first number of some components."""

    def change(sums: Sums) -> Sums:
        components = [
            (np.frombuffer(c, "<u8") + np.uint64(at in which)).astype("<u8").tobytes()
            for at, c in enumerate(sums.components)
        ]
        return msgspec.structs.replace(sums, components=components)

    return change


def withheld(town: Hamlet) -> list[tuple[str, object]]:
    with town.store.read() as tx:
        return [(e.subject, e.detail) for e in tx.log.entries(limit=1000) if e.action == "answer.withheld"]


@pytest.mark.parametrize(("which", "suspects"), [((0, 1), (1,)), ((0,), (0, 1)), ((1,), (1, 2))])
def test_a_lie_is_withheld_and_whoever_may_have_lied_is_named(
    hamlet: Callable[..., Hamlet], which: tuple[int, ...], suspects: tuple[int, ...]
) -> None:
    town = hamlet()
    meddle(town, 1, plus_one(which))
    town.community.measure(town.readings(days(0, 1)))
    outcomes = town.community.settle()
    assert outcomes.answered == 0
    assert [liar.suspects for liar in outcomes.liars] == [suspects]
    assert [(subject, detail["suspects"]) for subject, detail in withheld(town)] == [("Lane", list(suspects))]
    with town.store.read() as tx:
        assert tx.totals.nodes() == []
    meddle(town, 1, lambda sums: sums)
    again = town.platform.resume()
    assert again.answered == 0, "what was sent once stands: it cannot be taken back"
    assert "keyholder 1" in [subject for subject, _ in withheld(town)]


@pytest.mark.parametrize(
    "change",
    [
        lambda sums: msgspec.structs.replace(sums, question=bytes(32)),
        lambda sums: msgspec.structs.replace(sums, keyholder=0),
    ],
    ids=["another question", "another keyholder"],
)
def test_sums_for_something_else_do_not_stop_the_others(
    hamlet: Callable[..., Hamlet], change: Callable[[Sums], Sums]
) -> None:
    town = hamlet()
    meddle(town, 2, change)
    readings = town.readings(days(0, 1))
    town.community.measure(readings)
    assert town.community.settle().answered == 1
    total = town.total(days(0, 1))
    assert total.status is Status.PROVISIONAL
    assert total.energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()
    assert [subject for subject, _ in withheld(town)] == ["keyholder 2"]
    meddle(town, 2, lambda sums: sums)
    town.platform.resume()
    assert town.total(days(0, 1)).status is Status.CONFIRMED


def test_a_forged_signature_does_not_stop_the_others(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    meddle(town, 0, lambda sums: sums, key=town.community.household_keys[100])
    town.community.measure(town.readings(days(0, 1)))
    assert town.community.settle().answered == 1
    assert town.total(days(0, 1)).status is Status.PROVISIONAL


@pytest.mark.parametrize(
    "change",
    [
        lambda sums: msgspec.structs.replace(sums, allowed=bytes(len(sums.allowed))),
        lambda sums: msgspec.structs.replace(sums, components=[c[:-8] for c in sums.components]),
        lambda sums: msgspec.structs.replace(sums, components=sums.components[:1]),
    ],
    ids=["other numbers", "too short", "one component"],
)
def test_sums_that_do_not_fit_are_withheld(hamlet: Callable[..., Hamlet], change: Callable[[Sums], Sums]) -> None:
    town = hamlet()
    meddle(town, 1, change)
    town.community.measure(town.readings(days(0, 1)))
    outcomes = town.community.settle()
    assert (outcomes.answered, outcomes.waiting) == (0, 1)
    assert [subject for subject, _ in withheld(town)] == ["Lane"]


def test_a_crash_between_sums_and_answer_loses_nothing(
    hamlet: Callable[..., Hamlet], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = hamlet()
    readings = town.readings(days(0, 2))
    town.community.measure(readings)

    def crash(self: Answering, opened: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Answering, "_record", crash)
        with pytest.raises(KeyboardInterrupt):
            town.community.settle()
    with town.store.read() as tx:
        assert len(tx.answers.unanswered()) == 2
    for link in town.community.links:
        link.up = False
    assert town.platform.resume().answered == 2, "the sums are on disk: nobody has to be asked again"
    assert town.total(days(0, 2)).energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()


def test_one_home_is_refused_with_the_rule(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    town.community.measure(town.readings(days(0, 1)))
    town.community.settle()
    with town.store.read() as tx:
        close = tx.answers.closes(0, days(0, 1).first, days(0, 1).end)[0]
    question = QuestionMessage(
        town.members.community, 0, Kind.TOTALS, "home:101", "import", close.first, close.end, "", [close.hash]
    )
    answering = town.platform.answering
    outcomes = answering.ask(answering.register([question]), town.members)
    assert [(node, refusal.rule) for node, refusal in outcomes.refused] == [("home:101", "floor")]
    with town.store.read() as tx:
        assert tx.answers.unanswered() == [], "a refusal is final: it is not asked again"
    assert town.platform.resume().refused == []


def test_nothing_to_ask(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    outcomes = town.platform.answering.ask([], town.members)
    assert (outcomes.answered, outcomes.waiting) == (0, 0)


def test_with_a_liar_named_and_the_third_away_it_waits(hamlet: Callable[..., Hamlet]) -> None:
    """Two answered and contradict each other; one is named: the other alone opens nothing, and stops nobody."""
    town = hamlet()
    meddle(town, 1, plus_one((0,)))
    town.community.stop_keyholder(2)
    town.community.measure(town.readings(days(0, 1)))
    assert [liar.suspects for liar in town.community.settle().liars] == [(0, 1)]
    found = Disputes(town.platform.parts).withheld()
    assert [(item.pairs, item.suspects, item.finding) for item in found] == [((0,), (0, 1), None)]
    auditor = identity(town.community.folders.state / "auditor")
    community = town.community.card.community
    finding = Finding(community, found[0].question, 0, 1, 0, 0, 0, "it signed two sums", 0.0)
    assert Disputes(town.platform.parts).take(auditor.sign(finding))
    again = town.platform.resume()
    assert (again.answered, again.waiting, again.liars) == (0, 1, [])
    assert len(withheld(town)) == 1, "told once, however often it is asked"
