"""The concentrator's word on how far it has each meter's frames (PROTOCOL C, K10)."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import SingleUseError
from quietgrid.lab import Community, Resident
from quietgrid.meter import MeterBank
from quietgrid.model.interval import Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import parse_head
from quietgrid.wire.own import Standing

HOMES = 15


@pytest.fixture
def community(tmp_path: Path) -> Community:
    """Fifteen meters that have not sealed anything."""
    first = demo.replay_window().first
    homes = demo.load(HOMES, Window(first, first + 96, 900)).homes
    parties = [Party(h.number, h.name, PartyKind(h.kind), "Hill", 10_000, h.tariff) for h in homes]
    residents = [Resident(p, 500 + p.home, h.registers) for p, h in zip(parties, homes, strict=True)]
    made = Community(tmp_path / "state", residents, Window(first, first + 40 * 96, 900))
    made.join()
    return made


def _measure(community: Community, a: int, b: int) -> None:
    window = Window(community.window.first + a, community.window.first + b, 900)
    readings = demo.load(HOMES, window).readings
    community.measure(replace(readings, meters=np.array([r.pid for r in community.residents], np.uint64)))


def _seqs(community: Community, pids: list[int]) -> list[int]:
    signed = community.platform.parts.concentrator.standing(b"n" * 16, np.array(pids, np.uint64))
    message = open_signed(signed, Standing, community.card.concentrator_pk)
    assert message.nonce == b"n" * 16
    return np.frombuffer(message.seqs, "<u8").tolist()


def test_it_is_the_highest_frame_of_each_meter(community: Community) -> None:
    assert _seqs(community, [501, 502, 9]) == [0, 0, 0]
    _measure(community, 0, 4)
    _measure(community, 4, 8)
    highest = {p.pid: p.seq for p in _all_frames(community)}
    assert _seqs(community, [501, 502, 9]) == [highest[501], highest[502], 0]


def _all_frames(community: Community) -> list[FrameHead]:
    frames = []
    day = community.window.first // 96
    for pid in community.bank.pids.tolist():
        for proof in community.bank.proofs(pid, day):
            frames.append(parse_head(proof.frame))
    return sorted(frames, key=lambda head: head.seq)


def test_a_whole_folder_put_back_is_found_and_never_seals_again(community: Community, tmp_path: Path) -> None:
    _measure(community, 0, 4)
    community.bank.close()
    copytree(community.folders.fleet, tmp_path / "old")
    community.bank = MeterBank.open(community.folders.fleet, community.clock)
    _measure(community, 4, 8)
    community.bank.close()
    old = MeterBank.open(tmp_path / "old", community.clock)
    standing = community.platform.parts.concentrator.standing(old.nonce, old.pids)
    with pytest.raises(SingleUseError):
        old.resume(standing)
    window = Window(community.window.first + 8, community.window.first + 9, 900)
    readings = demo.load(HOMES, window).readings
    community.clock.unix += 3600
    with pytest.raises(SingleUseError):
        old.seal(replace(readings, meters=old.pids))
    new = MeterBank.open(community.folders.fleet, community.clock)
    new.resume(community.platform.parts.concentrator.standing(new.nonce, new.pids))
    assert new.sealed_until == community.window.first + 8
    community.bank = new
