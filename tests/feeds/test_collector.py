"""The collector with three reporters: who lies, who is silent, what is late, what comes twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from quietgrid.chain.reports import Place, ReporterKey
from quietgrid.errors import ConflictError, InputError, NotFoundError, RefusedError, VerificationError
from quietgrid.feeds.reporter import NOWHERE
from quietgrid.model.feed import FeedReport
from tests.feeds.stand import PACE, PRICE, Fixed, Stand


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_three_agree(stand: Stand) -> None:
    answer = stand.round(0, 1, 2)
    assert answer is not None
    assert (answer.answer, answer.interval, len(answer.agreed), answer.silent) == (82_300, stand.interval, 3, ())
    assert answer.observed_at == stand.now - PACE.wait_s, "observed when the reporter looked, not when it is about"


def test_one_lies_and_is_named(stand: Stand) -> None:
    stand.sources[1].said = Decimal("999")
    answer = stand.round(0, 1, 2)
    assert answer is not None
    assert (answer.answer, answer.outliers) == (82_300, (stand.keys[1].address,))


def test_one_is_silent_and_it_goes_on_after_a_while(stand: Stand) -> None:
    stand.collector.step()
    stand.hand_over(0, 2)
    assert stand.collector.step() == [], "the third may still come"
    stand.now += PACE.wait_s
    (answer,) = stand.collector.step()
    assert (answer.answer, answer.silent) == (82_300, (stand.keys[1].address,))


def test_two_are_silent_and_nothing_breaks(stand: Stand) -> None:
    assert stand.round(0, 1, 2) is not None
    for _ in range(5):
        assert stand.round(0) is None
    assert stand.collector.state(PRICE).note == "1 of 3 reporters reported, 2 are needed"
    assert len(stand.shelf.kept) == 1
    assert stand.round(0, 1) is not None, "as soon as two are there again"


def test_nobody_there_is_said_and_asked_again_about_now(stand: Stand) -> None:
    stand.collector.step()
    (first,) = stand.collector.asked()
    stand.now, stand.interval = stand.now + PACE.ask_s, stand.interval + 900
    stand.collector.step()
    (second,) = stand.collector.asked()
    assert (second.round_id, second.interval) == (first.round_id, first.interval + 900)
    assert stand.collector.state(PRICE).note == "no reporter reported"


def test_a_stale_observation_is_refused_and_shown(stand: Stand) -> None:
    stand.reporters[2] = stand.reporter(2, lambda: stand.now - 7_201)
    stand.collector.step()
    with pytest.raises(InputError, match="stale: observed 7201 s ago"):
        stand.hand_over(2)
    assert list(stand.collector.state(PRICE).refused) == [stand.keys[2].address]
    stand.hand_over(0, 1)
    stand.now += PACE.wait_s
    (answer,) = stand.collector.step()
    assert answer.silent == (stand.keys[2].address,)


def test_the_same_report_twice_is_one(stand: Stand) -> None:
    stand.collector.step()
    (asked,) = stand.collector.asked()
    report = stand.reporters[0].answer(asked)
    assert stand.collector.take(report)
    assert not stand.collector.take(report)
    stand.sources[0].said = Decimal("90")
    other = stand.reporter(0).answer(asked)
    with pytest.raises(ConflictError, match="one report a round"):
        stand.collector.take(other)
    stand.hand_over(1, 2)
    (answer,) = stand.collector.step()
    assert answer.answer == 82_300
    assert not stand.collector.take(report), "the round is kept; the same once more changes nothing"
    with pytest.raises(ConflictError, match="no round is open"):
        stand.collector.take(other)
    assert len(stand.shelf.kept) == 1


def test_strangers_and_forgeries_are_refused(stand: Stand) -> None:
    stand.collector.step()
    (asked,) = stand.collector.asked()
    stranger = ReporterKey(b"\x77" * 32)
    at = int(stand.now)
    signed = FeedReport("price", 1, asked.interval, 82_300, at, stranger.sign(NOWHERE, 1, 82_300, at))
    with pytest.raises(VerificationError, match="not a reporter"):
        stand.collector.take(signed)
    honest = stand.reporters[0].answer(asked)
    for forged in (replace(honest, answer=90_000), replace(honest, observed_at=at - 1)):
        with pytest.raises(VerificationError):
            stand.collector.take(forged)
    with pytest.raises(VerificationError, match="not a report's signature"):
        stand.collector.take(replace(honest, signature=honest.signature[:64]))
    elsewhere = stand.keys[0].sign(Place(1, "0x" + "11" * 20), 1, 82_300, at)
    with pytest.raises(VerificationError, match="not a reporter"):
        stand.collector.take(replace(honest, signature=elsewhere))
    with pytest.raises(ConflictError, match="round 1 is open"):
        stand.collector.take(replace(honest, interval=honest.interval + 900))
    with pytest.raises(NotFoundError):
        stand.collector.take(replace(honest, feed="gossip"))
    assert stand.collector.state(PRICE).reports == {}


def test_a_collector_that_was_killed_goes_on(stand: Stand) -> None:
    """Its open round is forgotten with it; the reporters hand over again, and nothing is kept twice."""
    assert stand.round(0, 1, 2) is not None
    stand.now += 30
    stand.interval += 900
    stand.collector.step()
    stand.hand_over(0)
    stand.collector = stand.started()
    assert stand.collector.asked() == []
    stand.collector.step()
    stand.hand_over(0, 1, 2)
    (answer,) = stand.collector.step()
    assert [answer.round_id, len(stand.shelf.kept)] == [2, 2]


def test_no_new_round_without_a_new_interval_until_half_a_heartbeat(stand: Stand) -> None:
    assert stand.round(0, 1, 2) is not None
    stand.now += PRICE.terms.heartbeat_s / 2 - 1
    stand.collector.step()
    assert stand.collector.asked() == []
    stand.now += 1
    stand.collector.step()
    assert len(stand.collector.asked()) == 1, "the answer is kept alive though the clock stands still"


def test_without_a_contract_nothing_is_asked(stand: Stand) -> None:
    stand.shelf.known = False
    stand.collector.step()
    assert stand.collector.asked() == []
    assert stand.collector.state(PRICE).note == "waiting for the feed's contract"


def test_a_reporter_signs_for_its_own_contracts_and_for_now_only(stand: Stand) -> None:
    stand.collector.step()
    (asked,) = stand.collector.asked()
    reporter = stand.reporters[0]
    with pytest.raises(RefusedError, match="not the feed's contract"):
        reporter.answer(replace(asked, contract="0x" + "11" * 20))
    for away in (-7_201, 900):
        with pytest.raises(RefusedError, match="not now"):
            reporter.answer(replace(asked, interval=asked.interval + away))
    with pytest.raises(NotFoundError, match="no source"):
        reporter.answer(replace(asked, feed="temperature"))
    stand.sources[1] = Fixed(None)
    with pytest.raises(NotFoundError, match="no value"):
        stand.reporter(1).answer(asked)
    assert reporter.answer(asked) is reporter.answer(asked)
