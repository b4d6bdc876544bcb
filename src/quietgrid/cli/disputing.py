"""The auditor at work on a withheld answer: checks the evidence, narrows one component down, signs what it found.

Source: PROTOCOL C, A5. Privacy: sees component sums and, of one pair, one meter's key of one day; no ciphertext.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from quietgrid.client.auditor import AuditorPlatform, Dispute, signer
from quietgrid.client.keyholders import HttpKeyholder
from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS, PAIRS_OF
from quietgrid.errors import ConfigError, InputError, UnavailableError, VerificationError
from quietgrid.household.omissions import check_complaint, parse_complaint
from quietgrid.keyholder.disputes import Case, find_liar, listed
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.model.question import Kind
from quietgrid.runtime.audit import Bundle, SealedDay
from quietgrid.runtime.founding import Body
from quietgrid.runtime.replay import Replay
from quietgrid.wire.disputes import COMPONENTS, NOBODY, Evidence, Finding
from quietgrid.wire.messages import Clearance, CommunityCard, DayRecord, Enrol, Members, QuestionMessage, Sums


class Auditor:
    """The auditor of one community.

    Args:
        card: Of the community, from a source the auditor trusts. keys: its own. platform, keyholders: addresses.
    """

    def __init__(
        self, card: CommunityCard, keys: Body, platform: str, keyholders: Sequence[str], clock: Clock | None = None
    ) -> None:
        if keys.identity.public != card.auditor_pk:
            raise ConfigError("the card names another auditor", where="auditor", fix="use the auditor's own keys")
        self._card, self._keys, self._clock = card, keys, clock or SystemClock()
        sign = signer(keys.identity, card.community, self._clock)
        self._platform = AuditorPlatform(platform, sign)
        self._holders = [HttpKeyholder(index, url, sign=sign) for index, url in enumerate(keyholders)]

    def close(self) -> None:
        """Let go of connections."""
        self._platform.close()
        for holder in self._holders:
            holder.close()

    def disputes(self) -> list[Dispute]:
        """Withheld answers, newest first."""
        return self._platform.disputes()

    def investigate(self, name: str, component: str = "") -> Finding:
        """Name who lied about a withheld answer and hand the signed finding in.

        Args:
            name: Of the dispute. component: ``01``, ``02`` or ``12``; the first that differs unless told.

        Raises:
            VerificationError: the evidence does not hold. InputError: that component does not differ.
            GateRefusal: ``dispute``: a keyholder shows no more of these readings.
            UnavailableError: a holder is away, or the meter's record of the day is not there yet.
        """
        evidence = self._platform.evidence(name)
        case = self._case(evidence, component)
        verdict = find_liar(case)
        liar = NOBODY if verdict.liar is None else verdict.liar
        finding = Finding(
            self._card.community, evidence.question.hash(), case.pair, liar, verdict.pid, verdict.day, verdict.slot,
            verdict.why, self._clock.now(),
        )  # fmt: skip
        self._platform.report(self._keys.identity.sign(finding))
        return finding

    def clear(self, complaint: bytes, reason: str) -> tuple[list[str], dict[int, str]]:
        """Have the keyholders answer totals again of the section that a complaint is about.

        Returns: Names of the sections, and keyholder -> why it does not ("" where it does).

        Raises:
            VerificationError: the complaint does not hold, so it stopped nothing.
        """
        reports = check_complaint(parse_complaint(complaint), self._card)
        cleared = [
            self._keys.identity.sign(Clearance(self._card.community, leaf, reason))
            for leaf in sorted({report.leaf for report in reports})
        ]
        found = {}
        for holder in self._holders:
            try:
                refused = [said.what for said in holder.register(cleared) if said is not None]
                found[holder.index] = refused[0] if refused else ""
            except UnavailableError as error:
                found[holder.index] = error.what
        return sorted({report.section for report in reports}), found

    def _case(self, evidence: Evidence, component: str) -> Case:
        """The evidence, checked: nothing in it is believed because the platform sent it."""
        card = self._card
        question = open_signed(evidence.question, QuestionMessage, card.platform_pk)
        if question.kind == Kind.EVENT:
            raise InputError("answers about events are not narrowed down", where=question.node, fix="ask the operators")
        bundle = msgspec.msgpack.decode(evidence.bundle, type=Bundle)
        replay = Replay(msgspec.structs.replace(bundle, card=card.body()), _no_days)
        replay.check_lists()
        replay.check_closes()
        if not replay.report.holds:
            raise VerificationError(replay.report.problems[0], where="evidence", fix="show it to the operators")
        plan, members = replay.plan(question)
        pair = self._pair(evidence, component)
        lists = [decode(Members, signed.body) for signed in bundle.members]
        newest = max((m for m in lists if m.epoch == question.epoch), key=lambda m: m.revision)
        pids = np.frombuffer(newest.pids, "<u8").tolist()
        listed_as = dict(zip(pids, newest.evidence, strict=True))

        def kcv(pid: int, day: int) -> bytes:
            return self._record(pid, day, listed_as[pid]).kcv[pair]

        ask = {index: self._holders[index].dispute for index in PAIRS[pair]}
        return Case(
            card, evidence.question, pair, evidence.sums, self._keys.identity.sign, self._keys.kem, ask, kcv,
            lambda number: listed(plan, members, number),
        )  # fmt: skip

    def _pair(self, evidence: Evidence, component: str) -> int:
        """The component to narrow down, which must differ between the two that sent it."""
        if component and component not in COMPONENTS:
            raise InputError("no such component", where=component[:8], fix="name 01, 02 or 12")
        sums = {i: open_signed(s, Sums, self._card.keyholder_pks[i]) for i, s in evidence.sums.items() if 0 <= i < 3}
        differ = []
        for pair, (a, b) in enumerate(PAIRS):
            if a in sums and b in sums:
                versions = {sums[i].components[PAIRS_OF[i].index(pair)] for i in (a, b)}
                differ += [pair] * (len(versions) > 1)
        chosen = [pair for pair in differ if component in ("", COMPONENTS[pair])]
        if not chosen:
            raise InputError("no component like this differs", where=component or "evidence", fix="list the disputes")
        return chosen[0]

    def _record(self, pid: int, day: int, evidence: bytes) -> DayRecord:
        """A meter's signed word on a day; its key is the one the registrar's list stands for."""
        word = self._platform.word(pid, day)
        enrol = decode(Enrol, word.enrolment)
        if enrol.hash() != evidence or enrol.pid != pid:
            raise VerificationError("the list names another enrolment", where=f"meter {pid}", fix="ask the registrar")
        if word.record is None:
            raise UnavailableError(
                "the meter has not signed its record of that day yet", where=f"meter {pid}, day {day}",
                fix="it comes a week after the day; narrow it down again then",
            )  # fmt: skip
        record = open_signed(word.record, DayRecord, enrol.meter_pk)
        if (record.pid, record.day, record.community) != (pid, day, self._card.community):
            raise VerificationError("a record of another day or meter", where=f"meter {pid}", fix="ask again")
        return record


def _no_days(day: int, register: int) -> SealedDay:
    """The evidence of a dispute holds no ciphertext, and needs none."""
    raise InputError("no sealed readings are in the evidence", where=f"day {day}", fix="use a bundle")
