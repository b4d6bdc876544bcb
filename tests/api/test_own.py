"""A home's own process: signed requests, its own sealed series, which only its keys open."""

from __future__ import annotations

import time
from base64 import b64decode

import httpx
import msgspec
import numpy as np
import pytest

from quietgrid.accounts import Accounts, Role
from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import NotFoundError, QuietgridError, SignInError
from quietgrid.household.links import HttpPlatform, SignedClient
from quietgrid.wire.own import SealedSeries
from quietgrid.wire.recovery import RecoveryRequest, Release, Takeover
from quietgrid.wire.request_auth import authorization
from quietgrid.wire.vouching import check_vouching
from tests.api.town import Town


def signed(town: Town, home: int, path: str, key: Identity | None = None, now: float | None = None) -> dict[str, str]:
    identity = key or town.community.household_keys[home]
    at = time.time() if now is None else now
    return {"Authorization": authorization(identity, town.community.card.community, home, ("GET", path, b""), at)}


def test_a_signed_request_gets_the_own_series_only(town: Town) -> None:
    path = "/api/v1/meters/1/history?from=2016-06-01&to=2016-06-03"
    answer = town.client().get(path, headers=signed(town, 1001, path))
    assert answer.status_code == 200
    assert len(answer.json()["sealed"]) == 2  # import and export
    assert town.client().get(path, headers=signed(town, 1002, path)).status_code == 404


def test_what_comes_is_sealed(town: Town) -> None:
    body = town.client("household").get("/api/v1/meters/1/consumption?from=2016-06-01&to=2016-06-03").json()
    series = decode(SealedSeries, b64decode(body["sealed"][0]))
    words = np.frombuffer(series.ciphertext, "<u8")
    readings = town.sample.readings.imported_wh[0]
    assert len(words) == len(readings) == 192
    assert not (words == readings.astype(np.uint64)).any()
    assert np.unpackbits(np.frombuffer(series.closed, np.uint8), count=192).all()


@pytest.mark.parametrize("wrong", ["key", "path", "old", "again", "garbage", "home"])
def test_a_wrong_signature_is_nobody(town: Town, wrong: str) -> None:
    path = "/api/v1/meters/1/history"
    client = town.client()
    headers = signed(town, 1001, path)
    if wrong == "key":
        headers = signed(town, 1001, path, Identity.generate())
    elif wrong == "path":
        headers = signed(town, 1001, path + "?x=1")
    elif wrong == "old":
        headers = signed(town, 1001, path, now=time.time() - 600)
    elif wrong == "again":
        assert client.get(path, headers=headers).status_code == 200
    elif wrong == "garbage":
        headers = {"Authorization": "QG1 AAAA"}
    elif wrong == "home":
        headers = signed(town, 4242, path, Identity.generate())
    assert client.get(path, headers=headers).status_code == 401


def test_the_households_client_talks_to_it(town: Town) -> None:
    community = town.community
    client = httpx.Client(transport=town.client()._transport, base_url="http://localhost:8000")
    platform = HttpPlatform(SignedClient(client, community.household_keys[1001], community.card.community, 1001))
    window = town.sample.readings.window
    sealed = platform.sealed(1, 0, window)
    assert (sealed.pid, sealed.register, sealed.first, sealed.end) == (1, 0, window.first, window.end)
    assert platform.bills() == []
    assert platform.book(town.period.first).name == "book"
    assert len(platform.closes(window)) >= 2
    assert platform.records(window) == []
    assert platform.prices("day-ahead", town.period)
    with pytest.raises(QuietgridError):
        platform.sealed(2, 0, window)
    meter = check_vouching(platform.vouching(town.period), community.card, 1001, town.period)[1]
    assert meter.household == community.household_keys[1001].public
    assert meter.keyholders == (0, 1, 2)
    members = community.platform.members(town.period.first)
    place = int(np.searchsorted(members.rows(meter.leaf), members.row_of[1]))
    assert (meter.place, members.leaf_names[meter.leaf]) == (place, meter.section)
    with pytest.raises(NotFoundError):
        platform.invoice(town.period.first)  # there is no bill yet


def test_msgpack_for_those_who_ask(town: Town) -> None:
    answer = town.client("household").get("/api/v1/meters/1/history", headers={"Accept": "application/msgpack"})
    found = msgspec.msgpack.decode(answer.content, type=list[bytes])
    assert [decode(SealedSeries, body).register for body in found] == [0, 1]


def test_a_lost_key_is_replaced_by_two_keyholders_only(town: Town) -> None:
    """Home 1003 loses its key. The platform alone cannot, one keyholder cannot; two can, and the old key is nobody."""
    community, home, path = town.community, 1003, "/api/v1/meters/3/history?from=2016-06-01&to=2016-06-03"
    new, kem = Identity.generate(), PrivateKem.generate("x25519")
    request = new.sign(RecoveryRequest(community.card.community, home, new.public, kem.public, 1.0))
    forged = [Identity.generate().sign(Takeover(i, pack_signed(request), b"", [0, 1], 1.0)) for i in range(2)]
    old = community.household_keys[home]
    keyholders = community.keyholders
    for index in (0, 1):
        keyholders[index].approve_recovery(request, 3)
    for index in (0, 1, 0):
        keyholders[index].hear_recoveries()
    pk = community.card.keyholder_pks[0]
    proof = open_signed(keyholders[0].release(home), Release, pk).takeovers

    def post(takeovers: list[bytes], whose: int = home) -> int:
        body = msgspec.msgpack.encode((whose, takeovers))
        headers = {"content-type": "application/msgpack"}
        return town.client().post("/api/v1/own/recovery", content=body, headers=headers).status_code

    one = [data for data in proof if open_any(data).keyholder == 0]
    assert post([pack_signed(signed) for signed in forged]) == 422
    assert post(one * 2) == 422
    assert post(proof, 1002) == 422
    assert town.client().get(path, headers=signed(town, home, path, new)).status_code == 401
    assert town.client().get(path, headers=signed(town, home, path)).status_code == 200
    assert [post(proof), post(proof)] == [200, 200]
    assert town.client().get(path, headers=signed(town, home, path, new)).status_code == 200
    assert town.client().get(path, headers=signed(town, home, path, old)).status_code == 401
    with town.community.platform.parts.store.read() as tx:
        logged = tx.log.entries(action="household.recover", subject=f"home {home}")
    assert len(logged) == 1


def open_any(data: bytes) -> Takeover:
    return decode(Takeover, unpack_signed(data).body)


def test_replacing_a_key_signs_the_home_out(town: Town) -> None:
    accounts = Accounts(town.community.platform.parts.store)
    _, token = accounts.found("Somebody of home 1004", Role.HOUSEHOLD, 1004)
    session, viewer = accounts.sign_in_by_link(token, "here")
    assert viewer.home == 1004
    assert accounts.sign_out_home(1005) == 0
    assert accounts.sign_out_home(1004) == 1
    with pytest.raises(SignInError):
        accounts.viewer(session)
    accounts.close()
