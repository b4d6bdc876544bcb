"""`simulate --suite paillier`: the classical chain for some days, and its own check.

AES-256-GCM at the meter → Paillier at the home's edge → concentrator → blind sums at the PES → the decryption process
→ RSA-OAEP (or HPKE) to the reader. Enrolment, member list, closes, votes, questions, gate and ledger are those of the
masks; keyholder 0, the household association, holds the one private key, the other two vote. The mask keys that
enrolment hands over are not used. What this mode does not have is in decision 0034.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from quietgrid.concentrator import Collector
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.paillier import DEFAULT_BITS, SIZES, PublicKey
from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.crypto.unseal import PrivateKem, RsaReader
from quietgrid.errors import InputError, VerificationError
from quietgrid.keyholder import Decryption
from quietgrid.lab.community import Community
from quietgrid.lab.series import Input, sample_input, series_input
from quietgrid.lab.simulate import MAX_GAPS, Progress, Timer, plain_total
from quietgrid.mdms import Answer, open_sealed, total_of, totals_questions
from quietgrid.meter import Channel, Edge
from quietgrid.model.interval import Window, local_days, slots_per_day
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT, register_list
from quietgrid.model.sealed import FrameHead
from quietgrid.model.total import Total
from quietgrid.pes import Closer, blind_blocks
from quietgrid.runtime.series_file import load_series
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Close, QuestionMessage, Refusal, Sums
from quietgrid.wire.paillier import Evidence, answer_info

DECRYPTS = 0
"""The keyholder with the private key: the household association has the least use for it."""
READERS = ("rsa", "hpke")


@dataclass
class ChainReport:
    """What a simulation of the classical chain did.

    Args:
        homes, meters, leaves, days, resolution, intervals: the community and its time.
        key_bits: of the Paillier key. reader: how answers reach the reader, ``rsa`` or ``hpke``.
        readings_sealed, cells_missing: as in `lab.simulate.Report`. ciphertexts, sealed_bytes: in all frames.
        totals_opened, totals_refused: totals of one interval. totals_equal: all equal the plain sums exactly.
        ledger_entries: in the ledger of the keyholder that decrypts.
        cpu_s: CPU seconds by stage. wall_s: in all.
    """

    homes: int
    meters: int
    leaves: int
    days: int
    resolution: int
    intervals: int
    key_bits: int
    reader: str
    readings_sealed: int = 0
    ciphertexts: int = 0
    sealed_bytes: int = 0
    cells_missing: int = 0
    totals_opened: int = 0
    totals_refused: dict[str, int] = field(default_factory=dict)
    totals_equal: bool = True
    ledger_entries: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether every total is what it should be."""
        return self.totals_equal and self.totals_opened > 0

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "exact": self.exact}


def simulate_paillier(  # noqa: PLR0913  (a scenario is these numbers)
    homes: int, days: int, resolution: int = 900, *, source: str = "sample", seed: int = 1, missing: float = 0.0,
    bits: int = DEFAULT_BITS, reader: str = "rsa", progress: Progress | None = None, folder: Path | None = None,
) -> ChainReport:  # fmt: skip
    """Run the classical chain in this process and compare every total with the plain sum.

    Args:
        homes, days, resolution, source, seed, missing, progress, folder: see `lab.simulate.simulate`.
        bits: Of the Paillier key, 3072 or 2048. reader: ``rsa`` (RSA-OAEP, 3072 bits) or ``hpke``.

    Raises:
        InputError: numbers that do not fit.
    """
    if not 0 <= missing <= MAX_GAPS or reader not in READERS:
        raise InputError("that cannot be simulated", where="missing, reader", fix=f"missing <= {MAX_GAPS}, rsa or hpke")
    if bits not in SIZES:
        raise InputError(f"{bits} bits are no size", where="key bits", fix=f"use {' or '.join(map(str, SIZES))}")
    began = time.monotonic()
    with TemporaryDirectory(prefix="quietgrid-") as scratch:
        timer = Timer()
        with timer("load"):
            given = (
                sample_input(homes, days, resolution)
                if source == "sample"
                else series_input(load_series(Path(source)), homes, days, resolution)
            )
        chain = Chain(given, folder or Path(scratch), timer, bits, reader)
        try:
            pieces = list(given.readings.window.by_day())
            for number, (day, a, b) in enumerate(pieces):
                chain.day(day, a, b, np.random.default_rng([seed, day]), missing)
                if progress is not None:
                    progress("days", number + 1, len(pieces))
            report = chain.finish()
        finally:
            chain.close()
    report.wall_s = round(time.monotonic() - began, 3)
    return report


class Chain:
    """One run of the classical chain.

    Args:
        given: What it runs on. folder: where the community is kept. timer: of its stages. bits, reader: as given.
    """

    def __init__(self, given: Input, folder: Path, timer: Timer, bits: int, reader: str) -> None:
        self._given, self._timer = given, timer
        window = given.readings.window
        with timer("join"):
            self.community = Community(folder, given.residents, window, tz=given.tz)
            self.members = self.community.join()
            platform, card = self.community.platform, self.community.card
            self._community_id = card.community
            self.reader: PrivateKem | RsaReader = RsaReader() if reader == "rsa" else PrivateKem.generate(X25519)
            key = PrivateKey.load_or_create(self.community.folders.keyholder(DECRYPTS) / "paillier", bits)
            self.public = PublicKey.from_bytes(key.public.to_bytes())
            self.decryption = Decryption(key, self._community_id, self.reader.public)
            self.community.keyholders[DECRYPTS].parts.engine = self.decryption
            self._closer = Closer(platform.parts.store, platform.parts.identity, self.community.clock)
            self.collector = Collector(platform.parts.store, self.public, self.community.clock)
            self._homes = self._homes_of()
        self._seq = 0
        self.report = ChainReport(
            len({r.party.home for r in given.residents}), len(given.residents), len(self.members.leaf_names),
            len(local_days(window, given.tz)), window.resolution, len(window), bits, reader,
        )  # fmt: skip

    def _homes_of(self) -> list[tuple[int, int, Channel, Edge]]:
        """Per resident: meter id, registers, the meter's end of its channel, and its edge."""
        found = []
        for resident in self._given.residents:
            key = Channel.new_key()
            signer = self.community.bank.signer(resident.pid)
            edge = Edge(Channel(key), signer, self.public, self._community_id)
            found.append((resident.pid, resident.registers, Channel(key), edge))
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.community.close()

    # -- a day -----------------------------------------------------------------------------------------------------

    def day(self, day: int, a: int, b: int, rng: np.random.Generator, missing: float) -> list[Total]:
        """Slots [a, b) of a UTC day from meters to opened totals, each compared with the plain sum."""
        columns = self.measure(day, a, b, rng, missing)
        totals = [total for question in self.ask(day, a, b) if (total := self.answer(question)) is not None]
        with self._timer("check"):
            self._check(totals, *columns)
        return totals

    def measure(
        self, day: int, a: int, b: int, rng: np.random.Generator, missing: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Slots [a, b) of a day from the meters to the concentrator; what was imported, exported and delivered."""
        resolution = self._given.readings.window.resolution
        first = day * slots_per_day(resolution)
        cut = self._given.readings.cut(Window(first + a, first + b, resolution))
        present = cut.present & (rng.random(cut.present.shape) >= missing)
        self.community.clock.unix = float((first + b) * resolution)
        with self._timer("edge"):
            frames = self._seal(
                FrameHead(resolution, 0, day, 0, 0, a, b - a, 0), cut.imported_wh, cut.exported_wh, present
            )
        with self._timer("ingest"):
            refused = [reason for reason in self.collector.accept(frames) if reason]
            if refused:
                raise VerificationError(
                    f"a frame was rejected: {refused[0]}", where="concentrator", fix="see the reason"
                )
        return cut.imported_wh, cut.exported_wh, present

    def _seal(
        self, head: FrameHead, imported: NDArray[np.int64], exported: NDArray[np.int64], present: NDArray[np.bool_]
    ) -> list[bytes]:
        self._seq += 1
        frames = []
        for row, (pid, registers, channel, edge) in enumerate(self._homes):
            columns = [(imported if register == IMPORT else exported)[row] for register in register_list(registers)]
            mine = FrameHead(head.resolution, registers, head.day, pid, self._seq, head.first, head.count, head.version)
            if present[row].any():
                frames.append(edge.frame(channel.seal(mine, columns, present[row])))
                self.report.readings_sealed += int(present[row].sum()) * len(columns)
        self.report.cells_missing += int((~present).sum())
        self.report.sealed_bytes += sum(map(len, frames))
        return frames

    def ask(self, day: int, a: int, b: int) -> list[Signed]:
        """Close what arrived once it has settled, have it voted on, register the questions."""
        with self._timer("close"):
            self.community.clock.unix += self.community.rules.settle_slots * self._given.readings.window.resolution
            return self._closed(day, a, b)

    def _closed(self, day: int, a: int, b: int) -> list[Signed]:
        platform = self.community.platform
        kept = self.collector.frames(self.members.pids, day, a, b)
        version = np.full((len(kept), b - a), -1, np.int16)
        for row, frame in enumerate(kept):
            if frame is not None:
                version[row, frame[0].present] = 0
                self.report.ciphertexts += sum(map(len, frame[0].ciphertexts.values()))
        closes = self._closer.close(self.members, day, a, b, version)
        platform.keyholders.vote(closes)
        by_leaf = {decode(Close, signed.body).leaf: signed.hash() for signed in closes}
        questions = totals_questions(self.members, day, (a, b), by_leaf, self.community.rules)
        return platform.answering.register(questions)

    def answer(self, signed: Signed) -> Total | None:
        """One question: sums at the PES, the gate and the decryption process, the answer at its reader.

        Returns: None where the gate refuses; the report counts why.
        """
        platform, link = self.community.platform, self.community.links[DECRYPTS]
        message = decode(QuestionMessage, signed.body)
        with self._timer("sums"):
            evidence = self.evidence(signed)
        with self._timer("decrypt"):
            self.decryption.take(evidence.body())
            outcome = link.questions([signed])[0]
        if isinstance(outcome, Refusal):
            if not outcome.rule:
                raise error_of(outcome)
            refused = Counter(self.report.totals_refused)
            refused[outcome.rule] += message.end - message.first
            self.report.totals_refused = dict(refused)
            return None
        with self._timer("read"):
            sums = open_signed(outcome, Sums, self.community.card.keyholder_pks[DECRYPTS])
            if sums.question != signed.hash():
                raise VerificationError("sums for another question", where="decryption process", fix="ask it again")
            info = answer_info(self._community_id, signed.hash())
            answer: Answer = open_sealed(sums, self.reader.open, info)
            plan = platform.answering.totals_plan(message, self.members)
            return total_of(message.node, Quantity(message.quantity), plan, self.members, answer)

    def evidence(self, signed: Signed) -> Evidence:
        """What the platform sends with a question: the frames behind it and the PES's sums of them."""
        message = decode(QuestionMessage, signed.body)
        plan = self.community.platform.answering.totals_plan(message, self.members)
        kept = self.collector.frames(self.members.pids[plan.rows], plan.day, plan.a, plan.b)
        sums = blind_blocks(self.public, [None if one is None else one[0] for one in kept], plan)
        return Evidence(signed.hash(), [one[1] for one in kept if one is not None], sums)

    # -- what it should be -----------------------------------------------------------------------------------------

    def _check(
        self, totals: Sequence[Total], imported: NDArray[np.int64], exported: NDArray[np.int64],
        present: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        row_of = {int(pid): row for row, pid in enumerate(self._given.readings.meters)}
        rows = np.array([row_of[int(pid)] for pid in self.members.pids], np.int64)
        columns = {
            register: np.where(
                present[rows] & (self.members.registers >> register & 1)[:, None].astype(np.bool_), wh, 0
            )
            for register, wh in ((IMPORT, imported[rows]), (EXPORT, exported[rows]))
        }
        refused = Counter(self.report.totals_refused)
        for total in totals:
            plain = plain_total(self.members, self.community.rules.k, (total.node, total.quantity), columns)
            self.report.totals_equal &= np.array_equal(total.energy_wh[total.answered], plain[total.answered])
            self.report.totals_opened += int(total.answered.sum())
            under = ~total.answered & (total.homes < self.community.rules.k)
            refused["floor"] += int(under.sum())
            refused["share"] += int((~total.answered & ~under).sum())
        self.report.totals_refused = {rule: count for rule, count in refused.items() if count}

    def finish(self) -> ChainReport:
        """The report."""
        with self.community.keyholders[DECRYPTS].parts.store.read() as tx:
            self.report.ledger_entries = tx.ledger.head()[0]
        self.report.cpu_s = {stage: round(seconds, 3) for stage, seconds in self._timer.seconds.items()}
        return self.report
