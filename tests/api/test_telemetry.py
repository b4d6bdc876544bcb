"""`POST /api/v1/grid/telemetry` at a real platform: a gateway's batch, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.demo import demo_network
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.runtime.telemetry import Latest, telemetry_at
from quietgrid.wire.telemetry import SetPoints, batch_of
from tests.api.town import Town

ROUTE = "/api/v1/grid/telemetry"
STATION = Identity.from_seed(bytes(32))
PACKED = {"content-type": "application/msgpack"}


@pytest.fixture
def latest(town: Town, tmp_path: Path) -> Iterator[Latest]:
    """The town with a gateway."""
    (tmp_path / "grid").mkdir()
    text = f'[[gateway]]\nname = "{tmp_path.name}"\nkey = "{STATION.public.hex()}"\n'
    (tmp_path / "grid" / "telemetry.toml").write_text(text)
    taker = Latest()
    town.services.telemetry = telemetry_at(town.community.platform, tmp_path, lambda: demo_network(60), taker)
    yield taker
    town.services.telemetry = None


def batch(town: Town, name: str, number: int, element: str = "Orchard Hill", value: int = 4_000) -> Signed:
    now = town.services.now()
    row = Measurement(MeasuredKind.HEAD_W, element, value, now - 900 + number, name)
    return STATION.sign(batch_of(town.services.card.community, name, number, [row]))


def test_a_batch_is_accepted_once(town: Town, latest: Latest, tmp_path: Path) -> None:
    client, body = town.client(), pack_signed(batch(town, tmp_path.name, 1))
    answer = client.post(ROUTE, content=body, headers=PACKED)
    assert answer.status_code == 200, answer.text
    held = open_signed(unpack_signed(answer.content), SetPoints, town.services.card.platform_pk)
    assert (held.sequence, held.rows) == (1, [])
    assert [m.value for m in latest.values().values()] == [4_000]
    again = client.post(ROUTE, content=body, headers=PACKED)
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["fix"] == "go on after 1"
    assert client.post(ROUTE, content=pack_signed(batch(town, tmp_path.name, 2)), headers=PACKED).status_code == 200


def test_a_forged_batch_is_refused(town: Town, latest: Latest, tmp_path: Path) -> None:
    forged = msgspec.structs.replace(batch(town, tmp_path.name, 1), signature=bytes(64))
    answer = town.client().post(ROUTE, content=pack_signed(forged), headers=PACKED)
    assert answer.status_code == 422
    assert latest.values() == {}


def test_a_home_cannot_be_measured(town: Town, latest: Latest, tmp_path: Path) -> None:
    for element in ("home-7", "Bus 112", "Line 64"):
        answer = town.client().post(ROUTE, content=pack_signed(batch(town, tmp_path.name, 1, element)), headers=PACKED)
        assert answer.status_code == 404
        assert "may not be measured" in answer.json()["detail"]
        assert "4000" not in answer.text
    assert latest.values() == {}


def test_sizes_and_forms(town: Town, latest: Latest) -> None:
    client = town.client()
    assert client.post(ROUTE, content=b"\x90", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post(ROUTE, content=b"", headers=PACKED).status_code == 400
    assert client.post(ROUTE, content=bytes(65 * 1024), headers=PACKED).status_code == 413
    assert client.post(ROUTE, content=b"\xc1", headers=PACKED).status_code == 422


def test_without_a_gateway_there_is_nothing(town: Town) -> None:
    answer = town.client().post(ROUTE, content=b"\x90", headers=PACKED)
    assert answer.status_code == 404
    assert "no gateway is registered" in answer.json()["detail"]
