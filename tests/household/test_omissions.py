"""Delivered and left out: a home finds it by its meter's receipts, shows it to keyholders, and the auditor clears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from quietgrid.cli.entry import run
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, load_or_create_secret
from quietgrid.errors import (
    GateRefusal,
    NotFoundError,
    QuietgridError,
    SourceError,
    UnavailableError,
    VerificationError,
)
from quietgrid.household import Home, Vault
from quietgrid.household.links import FrameProof, HttpMeter, SignedClient
from quietgrid.household.omissions import Complaint, check_complaint, parse_complaint
from quietgrid.household.service import HomeParts
from quietgrid.lab import Community
from quietgrid.lab.meter_port import Port, serving
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.runtime.founding import identity
from quietgrid.runtime.own import OwnDesk
from quietgrid.store import open_vault
from quietgrid.wire.messages import Clearance, Close, Omission, Receipt, Refusal
from quietgrid.wire.vouching import Vouching
from tests.scenarios.attacks.spy import D0, Spy, found_community, random_readings, residents, settle_time

RULES = GateRules(k=3, max_share_percent=50)
PEOPLE = residents({"A": [1] * 8, "B": [1] * 8})
HOME, PID = 203, 7 * 203
SLOTS = 24
PERIOD = Window(D0 * 96, D0 * 96 + SLOTS, 900)


@dataclass
class Platform:
    """The part of `PlatformLink` that is used: closes as somebody signed them."""

    desk: OwnDesk
    signed: list[Signed]

    def closes(self, window: Window) -> list[Signed]:
        return self.signed

    def vouching(self, window: Window) -> Vouching:
        return self.desk.vouching(HOME, window)


@dataclass
class Holder:
    community: Community
    index: int

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        return self.community.keyholders[self.index].register(signed)


@dataclass
class Meter:
    community: Community

    def proofs(self, pid: int, day: int) -> list[FrameProof]:
        return [(p.receipt, p.index, p.path, p.frame) for p in self.community.bank.proofs(pid, day)]


@dataclass
class Scene:
    community: Community
    spy: Spy
    home: Home
    platform: Platform

    def closed(self, *omitted: int, voted: bool = True, signed_at: float | None = None) -> None:
        """Close all intervals of the section, without some of the home's."""
        closes = [
            self.spy.close(D0, a, a + 1, leaf=1, omit=[(HOME, a)] if a in omitted else [], signed_at=signed_at)
            for a in range(SLOTS)
        ]
        if voted:
            self.spy.vote(closes)
        self.platform.signed = closes

    def total(self, slot: int) -> np.ndarray:
        return self.spy.total(self.platform.signed[slot], "B").allowed


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    community = found_community(tmp_path / "state", PEOPLE, 2, RULES)
    community.measure(random_readings(PEOPLE, PERIOD))
    community.clock.unix = settle_time(D0, SLOTS, RULES)
    folder = tmp_path / "vault"
    load_or_create_secret(folder / "identity.key", community.household_keys[HOME].seed)
    load_or_create_secret(folder / "home", lambda: msgspec.msgpack.encode((community.card.community, HOME)))
    platform = Platform(OwnDesk(community.platform, community.periods), [])
    holders = [Holder(community, index) for index in range(3)]
    store = open_vault(tmp_path / "homes.db", community.clock)
    parts = HomeParts(community.card, Vault(folder), store, community.clock, platform, holders, Meter(community))  # type: ignore[arg-type]
    yield Scene(community, Spy(community), Home(parts), platform)
    store.close()
    community.close()


def test_nothing_was_left_out(scene: Scene) -> None:
    scene.closed()
    report, complaint = scene.home.omissions(PERIOD)
    assert (report.counted, report.left, report.share, report.stops, complaint) == (SLOTS, [], 0.0, False, None)


def test_late_is_not_left_out(scene: Scene) -> None:
    """Closed before it was delivered: the meter was late."""
    scene.closed(3, 4, voted=False, signed_at=D0 * 86_400.0)
    report, complaint = scene.home.omissions(PERIOD)
    assert (report.counted, report.left, complaint) == (SLOTS - 2, [], None)


def test_left_out_shown_stopped_and_cleared(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene.closed(3, 9)
    report, complaint = scene.home.omissions(PERIOD)
    assert [cell.slot - PERIOD.first for cell in report.left] == [3, 9]
    assert all(cell.received_at < cell.closed_at and cell.pid == PID for cell in report.left)
    assert (report.counted, report.stops, report.section) == (SLOTS - 2, True, "B")
    assert complaint is not None
    assert len(complaint.closes) == 2, "only the closes it is about"
    assert scene.total(0).all()
    scene.home.complain(complaint)
    with pytest.raises(GateRefusal) as refused:
        scene.total(1)
    assert refused.value.rule == "omission"

    file, card = tmp_path / "complaint.json", scene.community.folders.card
    file.write_bytes(complaint.encode())
    assert run(["verify", "complaint", str(file), "--card", str(card)]) == 0
    assert "the complaint holds: 2 readings were received before a close that left them out" in capsys.readouterr().out
    (shown,) = check_complaint(parse_complaint(file.read_bytes()), scene.community.card)
    assert (shown.leaf, shown.section) == (1, "B")
    auditor = identity(scene.community.folders.state / "auditor")
    scene.spy.register(auditor.sign(Clearance(scene.community.card.community, shown.leaf, "a cable was cut")))
    assert scene.total(1).all()


def test_under_the_limit_nothing_stops(scene: Scene) -> None:
    scene.closed(5)
    report, complaint = scene.home.omissions(PERIOD)
    assert (len(report.left), report.stops) == (1, False)
    assert report.share == pytest.approx(1 / SLOTS)
    assert complaint is not None
    scene.home.complain(complaint)
    assert scene.total(0).all()


def test_a_complaint_that_was_tampered_with(scene: Scene) -> None:
    scene.closed(3, 9)
    complaint = scene.home.omissions(PERIOD)[1]
    assert complaint is not None
    card, stranger, own = scene.community.card, Identity.generate(), scene.home.parts.vault.identity
    message = decode(Omission, complaint.omissions[0].body)
    proof = message.proofs[0]
    receipt = decode(Receipt, unpack_signed(proof[0]).body)
    other = Meter(scene.community).proofs(7 * 204, D0)[0]
    close = decode(Close, complaint.closes[0].body)
    platform = scene.spy.sign
    everybody = bytes([255]) * len(close.bitmap)

    def said(*proofs: FrameProof, by: Identity = own) -> list[Signed]:
        return [by.sign(msgspec.structs.replace(message, proofs=list(proofs)))]

    wrong: list[tuple[Complaint, str]] = [
        (replace(complaint, omissions=said(*message.proofs, by=stranger)), "signer"),
        (replace(complaint, omissions=said()), "without frames"),
        (replace(complaint, omissions=said((proof[0], proof[1], proof[2][:-1], proof[3]))), "too short"),
        (replace(complaint, omissions=said((proof[0], 10_000, proof[2], proof[3]))), "does not exist"),
        (replace(complaint, omissions=said(other)), "not in its receipt"),
        (replace(complaint, omissions=said((pack_signed(stranger.sign(receipt)), *proof[1:]))), "signer"),
        (replace(complaint, closes=[stranger.sign(close)]), "signer"),
        (replace(complaint, closes=[]), "nothing that was delivered"),
        (replace(complaint, closes=[platform(msgspec.structs.replace(close, bitmap=everybody))]), "nothing that was"),
        (replace(complaint, closes=[platform(msgspec.structs.replace(close, signed_at=0.0))]), "nothing that was"),
        (replace(complaint, vouching=Vouching([], [])), "nobody vouches"),
        (replace(complaint, vouching=scene.platform.desk.vouching(204, PERIOD)), "another home"),
    ]
    for changed, text in wrong:
        with pytest.raises(VerificationError, match=text):
            check_complaint(changed, card)
    for data in (b"", b"{}", b'{"complaint": [1], "closes": [], "vouching": ""}'):
        with pytest.raises(SourceError):
            parse_complaint(data)


def test_a_home_whose_meter_is_silent_cannot_say(scene: Scene) -> None:
    scene.closed(3)
    scene.home.parts.meters = None
    with pytest.raises(UnavailableError, match="no port"):
        scene.home.omissions(PERIOD)


def test_the_meters_port_answers_its_own_household_only(scene: Scene) -> None:
    community = scene.community
    keys = {home: key.public for home, key in community.household_keys.items()}
    with (
        serving(Port(community.bank, community.card, keys), 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):

        def asking(home: int, key: Identity) -> HttpMeter:
            return HttpMeter(SignedClient(client, key, community.card.community, home))

        own = asking(HOME, community.household_keys[HOME])
        assert own.proofs(PID, D0) == Meter(community).proofs(PID, D0) != []
        assert own.proofs(PID, D0 - 1) == []
        neighbour = community.household_keys[204]
        wrong: list[tuple[HttpMeter, type[QuietgridError]]] = [
            (asking(204, neighbour), NotFoundError),  # another home's meter
            (asking(HOME, neighbour), VerificationError),  # another home's key
            (asking(999, neighbour), NotFoundError),
        ]
        for asker, refused in wrong:
            with pytest.raises(refused):
                asker.proofs(PID, D0)
        assert client.get(f"/v1/proofs?pid={PID}&day={D0}").status_code == 422
        assert client.get("/elsewhere").status_code == 404
        scene.home.parts.meters = own
        scene.closed(3, 9)
        assert len(scene.home.omissions(PERIOD)[0].left) == 2
