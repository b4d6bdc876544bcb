"""Frames of suite 2 are checked like those of suite 1 before they are kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from quietgrid.concentrator import Collector, Limits
from quietgrid.concentrator.rules import CONFLICT, UNKNOWN
from quietgrid.errors import FrameError
from quietgrid.lab.paillier import Chain
from quietgrid.lab.series import sample_input
from quietgrid.lab.simulate import Timer
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import MAC_BYTES


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    made = Chain(sample_input(20, 1, 1800), tmp_path_factory.mktemp("chain"), Timer(), 2048, "hpke")
    yield made
    made.close()


def collector(chain: Chain, limits: Limits | None = None) -> Collector:
    return Collector(chain.community.platform.parts.store, chain.public, chain.community.clock, limits)


def sealed(chain: Chain, seq: int, first: int = 40, count: int = 8) -> tuple[int, bytes]:
    """A frame of the first resident, and its meter's id."""
    pid, registers, channel, edge = chain._homes[0]
    day = chain._given.readings.window.first // 48
    chain.community.clock.unix = float((day + 1) * 86_400)
    columns = [np.full(count, 250)] * registers.bit_count()
    head = FrameHead(1800, registers, day, pid, seq, first, count, 0)
    return pid, edge.frame(channel.seal(head, columns, np.ones(count, np.bool_)))


def test_a_good_frame_is_kept_once(chain: Chain) -> None:
    kept = collector(chain)
    pid, frame = sealed(chain, 1)
    day = chain._given.readings.window.first // 48
    assert kept.accept([frame, frame]) == ["", ""], "the same bytes again are kept already"
    found = kept.frames(np.array([pid, 5], np.uint64), day, 40, 48)
    assert found[0] is not None
    assert found[0][1] == frame
    assert found[1] is None
    assert kept.frames(np.array([pid], np.uint64), day, 40, 47) == [None], "another stretch of slots"
    assert kept.accept([sealed(chain, 2)[1], sealed(chain, 3, 38, 4)[1]]) == [CONFLICT, CONFLICT]
    assert kept.accept([sealed(chain, 4, 36, 4)[1]]) == [""]


def test_what_is_refused_and_why(chain: Chain) -> None:
    kept = collector(chain)
    _, frame = sealed(chain, 10)
    wrong_mac = frame[:-1] + bytes([frame[-1] ^ 1])
    changed = frame[:200] + bytes([frame[200] ^ 1]) + frame[201:]
    stranger = frame[:8] + (5).to_bytes(8, "little") + frame[16:]
    corrected = frame[:28] + b"\1" + frame[29:]
    future = frame[:4] + (40_000).to_bytes(4, "little") + frame[8:]
    reasons = kept.accept([wrong_mac, changed, stranger, corrected, future, frame[:-1], b"", bytes(1 << 17)])
    assert "MAC" in reasons[0]
    assert "MAC" in reasons[1]
    assert reasons[2] == UNKNOWN
    assert "corrections" in reasons[3]
    assert "clock" in reasons[4]
    assert all(reasons)
    assert kept.accept([frame]) == [""]


def test_a_ciphertext_that_is_none_is_refused_behind_a_right_mac(chain: Chain) -> None:
    from quietgrid.crypto.public.frame_mac import frame_mac

    kept = collector(chain)
    pid, frame = sealed(chain, 20)
    k_mac = chain.community.bank.signer(pid)[1]
    start = 32 + 1
    value = slice(start + 21, start + 21 + 512)
    n = int(chain.public.n)
    for number in (0, 1, n, n * n - n):
        body = frame[: value.start] + number.to_bytes(512, "big") + frame[value.stop : -MAC_BYTES]
        assert "ciphertext" in kept.accept([body + frame_mac(k_mac, body)])[0]
    loaded = frame[: start + 1] + b"\2" + frame[start + 2 : -MAC_BYTES]
    assert "no fresh one" in kept.accept([loaded + frame_mac(k_mac, loaded)])[0]


def test_requests_have_limits(chain: Chain) -> None:
    _, frame = sealed(chain, 30)
    for limits in (Limits(request_frames=1), Limits(request_bytes=100)):
        with pytest.raises(FrameError, match="too large"):
            collector(chain, limits).accept([frame, frame])
