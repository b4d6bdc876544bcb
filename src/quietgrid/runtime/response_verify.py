"""After an event: its groups measured from opened totals, then one number a home and month through the gate, rewards.

Every step can be done again: what was measured, registered, opened and posted stays, so that a crash in between changes
nothing. A number the gate refuses is noted and earns nothing; its homes are measured in their group.

Privacy: opens one number of homes that agreed (PROTOCOL A, "event facts"); totals of groups otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.baseline import preset
from quietgrid.algorithms.calendar import Calendar
from quietgrid.algorithms.herd import slot_weights
from quietgrid.algorithms.plan import closed_cells
from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.errors import NotFoundError
from quietgrid.mdms import event_question
from quietgrid.model.forecast import History
from quietgrid.model.interval import DAY_S, Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Kind, Quantity
from quietgrid.model.readings import IMPORT
from quietgrid.model.response import Choice, Event, EventState, Measured, Program, Reward
from quietgrid.response import MonthFact, measure, month_facts, month_reward, postings
from quietgrid.response.facts import Leaf, event_subject, month_subject, parts_of
from quietgrid.runtime.answering import EVENT
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.response import CONSENTED, Response, asked_of
from quietgrid.store.response import FactRow
from quietgrid.store.stores import PlatformTx
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Consent, EventMessage, QuestionMessage, Sums

BACK_DAYS = 75
"""Of totals that a measurement looks at: 45 to choose days from, and the placebos before them."""
SETTLED = "response period"
"""Documents: periods of a program whose numbers were all asked."""
REFUSED = "refused"


class Verifying:
    """Measures, asks and rewards.

    Args:
        response: The programs and events. platform, periods: as wired.
    """

    def __init__(self, response: Response, platform: Platform, periods: Periods) -> None:
        self._response, self._platform, self._periods = response, platform, periods
        self._store = response.store

    # -- groups ----------------------------------------------------------------------------------------------------

    def measure_ended(self) -> int:
        """Measure every event that ended and whose totals are open; how many."""
        done = 0
        with self._store.read() as tx:
            waiting = tx.response.events(states=(EventState.ENDED,))
            reached = tx.answers.last_close(0)
        for event in reversed(waiting):
            if event.window.end <= reached:
                done += self._measure(event)
        return done

    def _measure(self, event: Event) -> bool:
        with self._store.begin() as tx:
            program = tx.response.program(event.program)
            pack = self._response.pack(program.pack)
            calendar = Calendar(self._response.card.tz, pack.calendar)
            others = [
                other.window for other in tx.response.events(end=event.window.end)
                if other.id != event.id and other.state is not EventState.CANCELLED
            ]  # fmt: skip
            found: list[Measured] = []
            for group in self.groups(tx, event, program):
                history, homes = self.history(tx, group, event.window)
                try:
                    found.append(measure(event, history, preset(program.terms.baseline), calendar, others, homes))
                except NotFoundError:
                    continue
            tx.response.put_measured(found)
            kept = event.to(EventState.VERIFIED)
            tx.response.save_event(kept)
            delivered = sum(one.delivered_wh for one in found)
            tx.log.append("response", "response.measure", event.id, {"groups": len(found), "delivered_wh": delivered})
        self._response.tell("event.changed", kept)
        return True

    def groups(self, tx: PlatformTx, event: Event, program: Program) -> list[str]:
        """Leaves in which an event asked somebody, by name; while it asks nobody yet, those it is for."""
        members = self._platform.members(event.window.first)
        asked = np.array(asked_of(tx, event.id), np.uint64)
        here = np.unique(members.leaves[np.isin(members.homes, asked)]).tolist()
        names = tuple(members.leaf_names[leaf] for leaf in here) if here else members.leaf_names
        for target in (program.target, event.target):
            if target.feeders:
                names = tuple(name for name in names if name in target.feeders)
        return list(names)

    def history(self, tx: PlatformTx, group: str, event: Window) -> tuple[History, int]:
        """Opened import totals of a group up to an event's end, and the fewest homes behind one of the event."""
        per_day = slots_per_day(event.resolution)
        window = Window(max(0, event.end - BACK_DAYS * per_day), event.end, event.resolution)
        quantities = {quantity for node, quantity in tx.totals.nodes() if node == group}
        quantity = Quantity.IMPORT if Quantity.IMPORT in quantities else Quantity.NET
        try:
            total = tx.totals.total(group, quantity, window)
        except NotFoundError:
            nothing = np.zeros(len(window), np.int64)
            return History(group, quantity, window, nothing, nothing.astype(np.bool_)), 0
        homes = int(total.homes[-len(event) :].min())
        known = _evened(total.energy_wh, total.homes, total.answered)
        return History(group, quantity, window, known, total.answered), homes

    # -- homes -----------------------------------------------------------------------------------------------------

    def settle_due(self) -> int:
        """Ask the numbers of every billing period that is fully closed and has events; how many opened."""
        opened = 0
        with self._store.read() as tx:
            programs = tx.response.programs()
            reached = tx.answers.last_close(0)
            done = set(tx.documents.all(SETTLED))
        for period in self._periods.windows():
            if period.end > reached:
                continue
            for program in programs:
                if f"{program.id}/{period.first}" not in done:
                    opened += self._settle(program, period)
        return opened

    def _settle(self, program: Program, period: Window) -> int:
        """One program's numbers of one period, asked once; what is not answered yet is asked again."""
        with self._store.read() as tx:
            events = sorted(
                (e for e in tx.response.events(program.id, first=period.first, end=period.end)
                 if e.state in (EventState.VERIFIED, EventState.ENDED, EventState.REWARDED, EventState.PAID)),
                key=lambda one: one.window.first,
            )  # fmt: skip
            others = [
                e.window for e in tx.response.events(first=period.first, end=period.end)
                if e.program != program.id and e.state is not EventState.CANCELLED
            ]  # fmt: skip
        if any(event.state is EventState.ENDED for event in events):
            return 0
        if events:
            self._register(program, period, events, others)
        opened, waiting = 0, 0
        members = self._platform.members(period.first)
        with self._store.read() as tx:
            facts = tx.response.facts(program=program.id, period=period.first, state="registered")
        for fact in facts:
            if self._ask(fact, program, members):
                opened += 1
            else:
                waiting += 1
        if not waiting:
            self._finish(program, period, events)
        return opened

    def _register(self, program: Program, period: Window, events: Sequence[Event], others: Sequence[Window]) -> None:
        """Choose and register the numbers, all of them in one commit; nothing if that was done before."""
        members = self._platform.members(period.first)
        card = self._response.card
        calendar = Calendar(card.tz, self._response.pack(program.pack).calendar)
        parts, _ = parts_of(events, program.terms, period, calendar, others)
        month = month_subject(program.id, period, card.tz)
        k = self._response_floor(period)
        with self._store.begin() as tx:
            if tx.response.facts(program=program.id, period=period.first):
                return
            took, each = self._took(tx, program, events, month)
            notices = []
            for leaf, name in enumerate(members.leaf_names):
                rules = self._leaf(tx, members, leaf, period, k)
                facts, left = month_facts(parts, took, each, rules)
                if left:
                    tx.log.append("response", "response.group-only", name, {"homes": len(left)})
                for number, fact in enumerate(facts, start=1):
                    row, message = self._row(fact, program, period, (name, number, month), (members, leaf))
                    signed = self._platform.parts.identity.sign(message)
                    tx.response.put_fact(replace(row, signed=pack_signed(signed)))
                    tx.documents.put(EVENT, f"{message.event}/{leaf}", pack_signed(signed))
                    notices.append(signed)
            self._platform.keyholders.keep(tx, notices)
            tx.log.append("response", "response.facts", month, {"vectors": len(notices), "events": len(events)})
        self._platform.keyholders.catch_up()

    def _response_floor(self, period: Window) -> int:
        return self._platform.floors.on(period.first * period.resolution // DAY_S).k

    def _took(
        self, tx: PlatformTx, program: Program, events: Sequence[Event], month: str
    ) -> tuple[dict[int, list[str]], set[int]]:
        """Home -> events it took part in, of homes that consented to the month's number, in order of joining."""
        joined = sorted(tx.response.enrolments(program.id), key=lambda one: (one.since, one.home))
        took: dict[int, list[str]] = {one.home: [] for one in joined}
        gone = self._platform.erasures.homes
        for event in events:
            for one in tx.response.participations(event.id):
                agreed = tx.documents.find(CONSENTED, f"{month}/{one.home:016x}")
                if one.choice is Choice.IN and one.home in took and one.home not in gone and _valid(agreed, event):
                    took[one.home].append(event.id)
        each = {
            one.home for one in joined if one.each and all(
                tx.documents.find(CONSENTED, f"{event_subject(event)}/{one.home:016x}") is not None
                for event in events if event.id in took[one.home]
            )
        }  # fmt: skip
        return took, each

    def _leaf(self, tx: PlatformTx, members: MemberList, leaf: int, period: Window, k: int) -> Leaf:
        """The rules of one leaf, with what is registered there already."""
        book = self._periods.book(leaf, period)
        rows = [resolve(v, period) for v in book.vectors if v.register == IMPORT and v.rule != "prices"]
        known = []
        for data in tx.documents.all(EVENT).values():
            message = decode(EventMessage, unpack_signed(data).body)
            weights = slot_weights(message.slots, period.first, len(period))
            if message.leaf == leaf and message.register == IMPORT and weights.any():
                known.append((weights, frozenset(message.holders)))
        vectors = np.stack(rows) if rows else np.zeros((0, len(period)), np.int64)
        homes = tuple(members.homes_in(leaf).tolist())
        return Leaf(homes, k, period, vectors, known)

    def _row(
        self, fact: MonthFact, program: Program, period: Window, named: tuple[str, int, str],
        where: tuple[MemberList, int],
    ) -> tuple[FactRow, EventMessage]:  # fmt: skip
        """A number as it is kept and as the keyholders are told. Kept names end in ``@`` and the leaf."""
        node, number, month = named
        members, leaf = where
        vector = f"{program.id}/{fact.events[0]}" if fact.apart else month if number == 1 else f"{month}#{number}"
        message = EventMessage(
            members.community, vector, members.epoch, leaf, IMPORT, period.resolution, list(fact.slots),
            list(fact.holders),
        )  # fmt: skip
        row = FactRow(
            f"{vector}@{node}", program.id, period.first, node, fact.events, fact.holders, b"", fact.days,
            fact.step_cents,
        )  # fmt: skip
        return row, message

    def _ask(self, fact: FactRow, program: Program, members: MemberList) -> bool:
        """Ask one number of its holders and post what it earns; whether it is decided (opened or refused)."""
        message = decode(EventMessage, unpack_signed(fact.signed).body)
        with self._store.read() as tx:
            asked = [row for row in tx.answers.questions(Kind.EVENT, 1 << 20) if row.hash == fact.question]
        if asked:
            signed = unpack_signed(asked[0].signed)
        else:
            signed = self._platform.answering.register([self._question(message, members)])[0]
            with self._store.begin() as tx:
                tx.response.save_fact(fact.name, signed.hash(), "registered")
        outcomes = self._platform.answering.ask([signed], members)
        if outcomes.refused:
            _, refusal = outcomes.refused[0]
            with self._store.begin() as tx:
                tx.response.save_fact(fact.name, signed.hash(), f"{REFUSED}: {refusal.rule}: {refusal.what}")
                tx.log.append("response", "response.refused", fact.name, {"rule": refusal.rule})
            return True
        if not outcomes.answered:
            return False
        self._reward(fact, program, members, decode(QuestionMessage, signed.body), signed.hash())
        return True

    def _question(self, message: EventMessage, members: MemberList) -> QuestionMessage:
        """The question of a registered number: the closes that hold its intervals, in order."""
        first, end = message.slots[0][0], message.slots[-1][0] + 1
        with self._store.read() as tx:
            closes = tx.answers.closes(message.leaf, first, end)
        window = Window(closes[0].first, closes[-1].end, members.window.resolution)
        return event_question(members, message.leaf, message.event, window, [row.hash for row in closes])

    def _reward(
        self, fact: FactRow, program: Program, members: MemberList, question: QuestionMessage, digest: bytes
    ) -> None:
        """Numbers, rewards and postings of one opened answer, in one commit."""
        plan, held = self._platform.answering.event_plan(question, members)
        one = month_fact(fact)
        cells = closed_cells(plan, IMPORT)[held]
        window = Window(question.first, question.end, members.window.resolution)
        weights = plan.weights[0]
        with self._store.begin() as tx:
            values = np.frombuffer(tx.answers.answer(digest).body, "<i8")
            said = next(iter(tx.answers.sums(digest).values()))
            allowed = unpack_bits(decode(Sums, unpack_signed(said).body).allowed, len(values))
            mean = self._mean(tx, fact.leaf, window)
            rewards: list[Reward] = []
            for at, home in enumerate(plan.homes[held].tolist()):
                if not allowed[at]:
                    continue
                gone = ~cells[at] & (weights != 0)
                filled = int(values[at]) + int(np.round((weights * mean)[gone].sum()))
                rewards.append(month_reward(one, home, filled, int(gone.sum()), program, fact.name))
            tx.response.put_rewards(rewards)
            batch = postings(rewards, one, program.utility)
            tx.postings.post(batch, fact.period)
            tx.response.save_fact(fact.name, digest, "opened")
            tx.log.append("response", "response.reward", fact.name, {"homes": len(rewards), "postings": len(batch)})

    def _mean(self, tx: PlatformTx, leaf: str, window: Window) -> NDArray[np.float64]:
        """float64 [t]: what a home of a leaf used on average, by its opened totals; 0 where none opened."""
        try:
            total = tx.totals.total(leaf, Quantity.IMPORT, window)
        except NotFoundError:
            return np.zeros(len(window))
        return np.where(total.answered, total.energy_wh / np.maximum(total.homes, 1), 0.0)

    def _finish(self, program: Program, period: Window, events: Sequence[Event]) -> None:
        """All numbers of a period are decided: its events are rewarded."""
        changed = []
        with self._store.begin() as tx:
            for event in events:
                if event.state is EventState.VERIFIED:
                    kept = event.to(EventState.REWARDED)
                    tx.response.save_event(kept)
                    changed.append(kept)
            tx.documents.replace(SETTLED, f"{program.id}/{period.first}", b"")
        for kept in changed:
            self._response.tell("event.changed", kept)

    def pay_due(self) -> int:
        """Events whose rewards were all settled are paid; how many."""
        with self._store.read() as tx:
            rewarded = tx.response.events(states=(EventState.REWARDED,))
            open_ = {posting.id for posting in tx.postings.unsettled(codes=("reward",))}
            facts = tx.response.facts(state="opened")
        changed = []
        for event in rewarded:
            names = [fact.name for fact in facts if event.id in fact.events]
            if any(one.startswith(f"reward {name} ") for one in open_ for name in names):
                continue
            kept = event.to(EventState.PAID)
            with self._store.begin() as tx:
                tx.response.save_event(kept)
                tx.log.append("response", "response.paid", event.id)
            changed.append(kept)
        for kept in changed:
            self._response.tell("event.changed", kept)
        return len(changed)


def month_fact(fact: FactRow) -> MonthFact:
    """A kept number with its vector, days and step, as they follow from what was registered."""
    message = decode(EventMessage, unpack_signed(fact.signed).body)
    slots = tuple((int(slot), int(weight)) for slot, weight in message.slots)
    return MonthFact(fact.events, fact.holders, slots, fact.days, fact.step_cents)


def _valid(body: bytes | None, event: Event) -> bool:
    """Whether a consent held when the event ended."""
    if body is None:
        return False
    return decode(Consent, unpack_signed(body).body).expires > event.window.end * event.window.resolution


def _evened(
    energy_wh: NDArray[np.int64], homes: NDArray[np.int32],
    answered: NDArray[np.bool_],
) -> NDArray[np.int64]:  # fmt: skip
    """Totals brought to as many homes as the fullest interval had, so that missing ones are no reduction."""
    most = int(homes[answered].max(initial=1))
    return np.where(answered, np.round(energy_wh * most / np.maximum(homes, 1)), 0).astype(np.int64)
