"""The classical chain end to end: every total equals the plain sum, and the gate holds where one key could open all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from quietgrid.errors import InputError
from quietgrid.lab.paillier import DECRYPTS, Chain, simulate_paillier
from quietgrid.lab.series import sample_input
from quietgrid.lab.simulate import Timer
from quietgrid.model.question import Kind
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import QuestionMessage, Refusal
from quietgrid.wire.paillier import Evidence


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Twenty homes whose meters have sealed the first UTC day piece; nothing is asked yet."""
    made = Chain(sample_input(20, 1, 1800), tmp_path_factory.mktemp("chain"), Timer(), 2048, "hpke")
    yield made
    made.close()


def piece(chain: Chain, number: int) -> tuple[int, int, int]:
    return list(chain._given.readings.window.by_day())[number]


@pytest.mark.parametrize(("reader", "resolution"), [("rsa", 1800), ("hpke", 900)])
def test_every_total_equals_the_plain_sum(reader: str, resolution: int, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    report = simulate_paillier(
        24, 1, resolution, missing=0.02, bits=2048, reader=reader, folder=tmp_path,
        progress=lambda *what: seen.append(what),
    )  # fmt: skip
    assert report.exact
    assert report.totals_equal
    assert report.totals_opened > 86_400 // resolution
    assert 0 < report.cells_missing < 0.04 * 24 * report.intervals
    assert report.readings_sealed > 0
    assert 4 * report.ciphertexts < report.readings_sealed, "many readings in a ciphertext"
    assert report.ledger_entries > 0
    assert seen[-1] == ("days", 2, 2)
    assert report.as_dict()["exact"] is True
    keys = list(tmp_path.rglob("paillier"))
    assert [path.parent.name for path in keys] == [Path(keys[0]).parent.name], "one private key, in one place"
    assert "keyholder" in str(keys[0].parent)


def test_the_gate_holds(chain: Chain) -> None:
    day, a, b = piece(chain, 0)
    imported, exported, present = chain.measure(day, a, b, np.random.default_rng(1), 0.0)
    questions = chain.ask(day, a, b)
    link, signed = chain.community.links[DECRYPTS], questions[0]
    good = chain.evidence(signed)

    def refusal(outcome: Outcome) -> Refusal:
        assert isinstance(outcome, Refusal)
        return outcome

    def with_evidence(evidence: Evidence) -> Refusal:
        chain.decryption.take(evidence.body())
        return refusal(link.questions([signed])[0])

    for peer in (1, 2):
        chain.community.peer_links[DECRYPTS, peer].up = False
    waiting = with_evidence(replace(good, sums=[]))
    assert (waiting.status, waiting.rule) == (503, "")
    assert "frames" not in waiting.what, "no second vote, no answer: the evidence is not even looked at"
    for peer in (1, 2):
        chain.community.peer_links[DECRYPTS, peer].up = True
    assert "not the sum" in refusal(link.questions([signed])[0]).what

    assert "not here" in refusal(link.questions([signed])[0]).what, "nothing is opened without the frames"
    one = chain.collector.frames(chain.members.pids, day, a, b)[0]
    assert one is not None
    alone = [[*one[0].ciphertexts[0]], *good.sums[1:]]
    assert "not the sum" in with_evidence(replace(good, sums=alone)).what, "one home's ciphertext under a total's name"
    assert "part of a packed frame" in with_evidence(replace(good, frames=[one[1]], sums=alone)).what
    assert "part of a packed frame" in with_evidence(replace(good, frames=good.frames[1:])).what
    twice = [good.frames[0], *good.frames[:-1]]
    assert "not of this total" in with_evidence(replace(good, frames=twice)).what
    assert "more frames" in with_evidence(replace(good, frames=[*good.frames, good.frames[0]])).what
    broken = bytearray(good.frames[0])
    broken[60] ^= 1
    assert "signature" in with_evidence(replace(good, frames=[bytes(broken), *good.frames[1:]])).what
    assert "not the sum" in with_evidence(replace(good, sums=[])).what

    total = chain.answer(signed)
    assert total is not None
    plain = imported.sum(axis=0) - (exported.sum(axis=0) if total.quantity.value == "net" else 0)
    assert total.energy_wh.tolist() == plain.tolist()
    before = ledger(chain)
    again = chain.answer(signed)
    assert again is not None
    assert again.energy_wh.tolist() == total.energy_wh.tolist()
    assert ledger(chain) == before, "the same bytes again, and no second entry"
    assert present.all()
    chain._check([total], imported, exported, present)
    assert chain.report.totals_equal
    chain._check([total], imported + 1, exported, present)
    assert not chain.report.totals_equal, "the check of a simulation can fail"


def ledger(chain: Chain) -> int:
    with chain.community.keyholders[DECRYPTS].parts.store.read() as tx:
        return tx.ledger.head()[0]


def test_too_few_homes_stay_shut_and_one_home_is_refused(chain: Chain) -> None:
    """Six of twenty frames are withheld: the process decrypts nothing that may open, and says the floor."""
    day, a, b = piece(chain, 1)
    chain.measure(day, a, b, np.random.default_rng(1), 0.0)
    for pid in chain.members.pids[:6].tolist():
        del chain.collector._kept[pid, day]
    questions = chain.ask(day, a, b)
    for signed in questions:
        total = chain.answer(signed)
        assert total is not None
        assert not total.answered.any()
        assert not total.energy_wh.any()
    platform, message = chain.community.platform, QuestionMessage(
        chain.members.community, chain.members.epoch, Kind.TOTALS, f"home:{int(chain.members.homes[0])}", "import",
        a, b, "", [],
    )  # fmt: skip
    outcome = chain.community.links[DECRYPTS].questions([platform.parts.identity.sign(message)])[0]
    assert isinstance(outcome, Refusal)
    assert outcome.rule == "floor"


def test_numbers_that_make_no_scenario() -> None:
    for missing, reader in ((-0.1, "rsa"), (0.3, "rsa"), (0.0, "gpg")):
        with pytest.raises(InputError, match="simulated"):
            simulate_paillier(20, 1, missing=missing, reader=reader)
