"""Looking for a meter that spoils totals: alarms, the closes after them in halves, and where the strikes point (G13).

All of it is in the database: questions, answers and votes say which closes were answered in halves, what came out and
who was in which half, so that a restart in the middle goes on where it was, and a page can show it at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.halves import implausible
from quietgrid.algorithms.strikes import EPISODES, EPISODES_DAYS, Round, Suspicion, halved_closes, suspicion
from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import NotFoundError
from quietgrid.mdms import halves_question
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.runtime.answering import Answering, Outcomes
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.store import PlatformStore, PlatformTx
from quietgrid.wire.messages import Alarm, Opened, QuestionMessage


@dataclass(frozen=True)
class Search:
    """One search for a meter that spoils the totals of a node.

    Args:
        node, quantity: Whose total. since: absolute slot of the first implausible number.
        closes: Closes answered in halves so far. limit: how many there will be at most.
        over: Whether it has ended, by naming a home or at its limit.
        suspicion: Where the strikes of all searches of this node, quantity and epoch point.
    """

    node: str
    quantity: str
    since: int
    closes: int
    limit: int
    over: bool
    suspicion: Suspicion


@dataclass
class _Episode:
    """An alarm, the closes that follow it (one a leaf of the node), and those answered in halves."""

    asked: QuestionMessage
    opened: Opened
    following: list[tuple[tuple[int, int], list[bytes]]]
    limit: int
    rounds: list[Round]

    @property
    def end(self) -> int:
        """The absolute slot after the last close that may be halved, as far as closes go."""
        return self.following[-1][0][1] if self.following else self.asked.end


class Strikes:
    """Raises alarms and asks halves.

    Args:
        store: The platform's. identity: its key. keyholders, answering: as the platform has them.
    """

    def __init__(self, store: PlatformStore, identity: Identity, keyholders: Keyholders, answering: Answering) -> None:
        self._store, self._identity = store, identity
        self._keyholders, self._answering = keyholders, answering
        self._over: set[bytes] = set()
        self._looked = False

    def follow(self, members: MemberList, new: list[bytes]) -> Outcomes:
        """Raise an alarm for implausible totals, and ask the closes that follow earlier ones in halves.

        Args:
            members: The epoch's list. new: questions whose total has just turned out implausible.
        """
        total = Outcomes()
        with self._store.read() as tx:
            alarms = _alarms(tx)
            if not self._looked:  # a crash may have come between a total and its alarm
                window = members.window
                new = list(dict.fromkeys([*tx.totals.implausible(window.first, window.end), *new]))
        self._looked = True
        if not (new or alarms):
            return total
        for digest, alarm in alarms.items():
            if digest not in self._over and _question(alarm).epoch == members.epoch:
                total.add(self._go_on(digest, alarm, members))
        with self._store.read() as tx:
            asked = [decode(QuestionMessage, unpack_signed(tx.answers.question(q).signed).body) for q in new]
        for question in sorted(asked, key=lambda q: q.first):
            if question.epoch == members.epoch and self._due(question, members):
                digest, alarm = self._raise(question)
                total.add(self._go_on(digest, alarm, members))
        return total

    def searches(self, members: MemberList) -> list[Search]:
        """All searches of an epoch, newest first.

        Privacy: homes and how often they were in a bad half; no reading. Cost: one pass over the closes in halves.
        """
        with self._store.read() as tx:
            alarms = {d: a for d, a in _alarms(tx).items() if _question(a).epoch == members.epoch}
        episodes = {digest: self._episode(digest, alarm, members) for digest, alarm in alarms.items()}
        out = []
        for one in episodes.values():
            found = suspicion([r for d in _near(alarms, one.asked, members) for r in episodes[d].rounds])
            over = found.named is not None or len(one.following) >= one.limit
            since = self._since(one, members)
            out.append(Search(one.asked.node, one.asked.quantity, since, len(one.rounds), one.limit, over, found))
        return sorted(out, key=lambda search: -search.since)

    def _since(self, episode: _Episode, members: MemberList) -> int:
        plan = self._answering.totals_plan(episode.asked, members)
        outside = implausible(members, plan, np.frombuffer(episode.opened.answer, "<i8"))
        return episode.asked.first + int(np.argmax(outside))

    # -- one search ------------------------------------------------------------------------------------------------

    def _due(self, question: QuestionMessage, members: MemberList) -> bool:
        """Whether an implausible total begins a search: none is going on, none has named a home, few enough began."""
        with self._store.read() as tx:
            near = _near(_alarms(tx), question, members)
            named = any(tx.documents.find("named", digest.hex()) is not None for digest in near)
        if named or len(near) >= EPISODES or any(digest not in self._over for digest in near):
            return False
        return all(question.first >= self._episode(d, alarm, members).end for d, alarm in near.items())

    def _raise(self, question: QuestionMessage) -> tuple[bytes, Alarm]:
        """Tell the keyholders; kept first, so that a restart goes on with it."""
        with self._store.read() as tx:
            row = tx.answers.question(question.hash())
            answer = tx.answers.answer(question.hash())
        opened = self._identity.sign(Opened(answer.question, answer.body, answer.digests, answer.status))
        alarm = Alarm(question.community, row.signed, pack_signed(opened))
        signed = self._identity.sign(alarm)
        with self._store.begin() as tx:
            tx.documents.put("alarm", signed.hash().hex(), pack_signed(signed))
            tx.log.append("mdms", "strikes.search", question.node, {"of": question.quantity, "first": question.first})
        self._keyholders.notify([signed])
        return signed.hash(), alarm

    def _go_on(self, digest: bytes, alarm: Alarm, members: MemberList) -> Outcomes:
        """Ask the closes that follow an alarm in halves, one after the other, until a home is named."""
        total = Outcomes()
        episode = self._episode(digest, alarm, members)
        with self._store.read() as tx:
            near = _near(_alarms(tx), episode.asked, members)
        rounds = [r for d, a in near.items() if d != digest for r in self._episode(d, a, members).rounds]
        rounds += episode.rounds
        asked, waiting = episode.asked, False
        for span, closes in episode.following:
            message = halves_question(members, asked.node, asked.quantity, span, closes, digest)
            if suspicion(rounds).named is not None:
                break
            if self._settled(message):
                continue
            total.add(self._answering.ask(self._answering.register([message]), members))
            waiting |= not self._settled(message)  # keyholders are away, or contradict each other: asked again
            rounds += self._rounds([message], members)
        named = suspicion(rounds).named
        if named is not None:
            with self._store.begin() as tx:
                if tx.documents.put("named", digest.hex(), str(named).encode()):
                    tx.log.append("mdms", "strikes.named", asked.node, {"home": str(named), "of": asked.quantity})
        if named is not None or (len(episode.following) >= episode.limit and not waiting):
            self._over.add(digest)
        return total

    def _settled(self, message: QuestionMessage) -> bool:
        """Whether a question was answered, or refused by so many that it never will be."""
        digest = message.hash()
        with self._store.read() as tx:
            try:
                tx.answers.answer(digest)
            except NotFoundError:
                return len(tx.answers.refusals(digest)) > 1
        return True

    def _rounds(self, messages: Sequence[QuestionMessage], members: MemberList) -> list[Round]:
        """What the answers that there are show."""
        found = []
        for message in messages:
            with self._store.read() as tx:
                try:
                    body = tx.answers.answer(message.hash()).body
                except NotFoundError:
                    continue
            plan = self._answering.halves_plan(message, members)
            found.append(plan.round(np.frombuffer(body, "<i8")))
        return found

    def _episode(self, digest: bytes, alarm: Alarm, members: MemberList) -> _Episode:
        asked = _question(alarm)
        plan = self._answering.totals_plan(asked, members)
        limit = halved_closes(len(np.unique(members.homes[plan.rows])))
        following: dict[tuple[int, int], list[bytes]] = {}
        with self._store.read() as tx:
            leaves = [tx.answers.close(digest).leaf for digest in asked.closes]
            for leaf in leaves:
                for row in tx.answers.closes(leaf, asked.end, members.window.end):
                    following.setdefault((row.first, row.end), []).append(row.hash)
        spans = [item for item in sorted(following.items()) if len(item[1]) == len(leaves)][:limit]
        messages = [halves_question(members, asked.node, asked.quantity, s, closes, digest) for s, closes in spans]
        opened = decode(Opened, unpack_signed(alarm.opened).body)
        return _Episode(asked, opened, spans, limit, self._rounds(messages, members))


def found_so_far(tx: PlatformTx) -> list[tuple[str, str, int, list[int]]]:
    """(node, quantity, absolute slot since which totals cannot be true, meters of the home that was named) of each
    search, from what is written down alone; for a detailed account see `Strikes.searches`."""
    out = []
    for digest, alarm in _alarms(tx).items():
        asked, named = _question(alarm), tx.documents.find("named", digest.hex())
        meters = [] if named is None else [meter.pid for meter in tx.registry.meters_of(int(named))]
        out.append((asked.node, asked.quantity, asked.first, meters))
    return sorted(out, key=lambda row: -row[2])


def _alarms(tx: PlatformTx) -> dict[bytes, Alarm]:
    found = [unpack_signed(data) for data in tx.documents.all("alarm").values()]
    return {signed.hash(): decode(Alarm, signed.body) for signed in found}


def _question(alarm: Alarm) -> QuestionMessage:
    return decode(QuestionMessage, unpack_signed(alarm.question).body)


def _near(alarms: dict[bytes, Alarm], question: QuestionMessage, members: MemberList) -> dict[bytes, Alarm]:
    """The alarms of the same node, quantity and epoch within the days in which searches are counted together."""
    days = EPISODES_DAYS * slots_per_day(members.window.resolution)
    place = (question.epoch, question.node, question.quantity)
    found = {}
    for digest, alarm in alarms.items():
        asked = _question(alarm)
        if (asked.epoch, asked.node, asked.quantity) == place and abs(asked.first - question.first) < days:
            found[digest] = alarm
    return found
