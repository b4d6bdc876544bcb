"""Keyholders over HTTP: batches are cut, and whoever answers nonsense is as good as away."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.client import HttpKeyholder, HttpPeer
from quietgrid.client.keyholders import cut
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import UnavailableError
from quietgrid.wire import keyholder_http as http
from quietgrid.wire.messages import Head, Refusal, Signed, Vote, VoteLog
from tests.client.scripted import Answer, scripted

ME = Identity.from_seed(bytes(32))
HEAD = ME.sign(Head(0, 0, bytes(32)))
REFUSAL = Refusal(403, "floor", "no", "", "")


def packed(value: object) -> Answer:
    return 200, http.MSGPACK, msgspec.msgpack.encode(value)


@given(sizes=st.lists(st.integers(0, 300), max_size=40), items=st.integers(1, 10), size=st.integers(1, 600))
def test_cut_keeps_order_and_limits(sizes: list[int], items: int, size: int) -> None:
    batch = [Signed("x", bytes(n), b"", b"") for n in sizes]
    parts = list(cut(batch, items, size))
    assert [msgspec.msgpack.decode(bytes(raw), type=Signed) for part in parts for raw in part] == batch
    for part in parts:
        assert 0 < len(part) <= items
        assert len(part) == 1 or sum(len(bytes(raw)) for raw in part) <= size
    for one, next_one in pairwise(parts):
        full = len(one) == items or sum(len(bytes(raw)) for raw in [*one, next_one[0]]) > size
        assert full


def test_thousands_go_in_several_requests_and_come_back_in_order() -> None:
    def answer(path: str, body: bytes) -> Answer:
        got = msgspec.msgpack.decode(body, type=list[Signed])
        return packed([(signed, None) if signed.body[0] % 2 else (None, REFUSAL) for signed in got])

    batch = [Signed("x", bytes([n % 251]), b"", b"") for n in range(3 * http.BATCH_ITEMS + 5)]
    with scripted(answer) as server:
        outcomes = HttpKeyholder(0, server.url).votes_on(batch)
        assert len(server.asked) == 4
        assert all(len(body) <= http.BATCH_BYTES for _, body in server.asked)
    assert outcomes == [signed if signed.body[0] % 2 else REFUSAL for signed in batch]


def test_nothing_to_ask_asks_nothing() -> None:
    with scripted(lambda path, body: packed([])) as server:
        keyholder = HttpKeyholder(0, server.url)
        assert keyholder.enrol([]) == keyholder.questions([]) == keyholder.register([]) == []
        keyholder.opened([])
        assert not server.asked


def test_a_peer_is_asked_even_for_nothing() -> None:
    """So it is known whether it can be reached, and it sees our head."""
    with scripted(lambda path, body: packed([])) as server:
        peer = HttpPeer(1, server.url, ME.public)
        assert peer.votes([], HEAD) == []
        assert msgspec.msgpack.decode(server.asked[0][1], type=tuple[list[bytes], Signed]) == ([], HEAD)
    with pytest.raises(UnavailableError):
        peer.votes([], HEAD)


@pytest.mark.parametrize(
    "wrong",
    [[], [(HEAD, None), (HEAD, None)], [(HEAD, REFUSAL)], [(None, None)], [None], {}, "x", 7],
    ids=["none", "two", "both", "neither", "nil", "map", "text", "number"],
)
def test_nonsense_is_as_good_as_away(wrong: object) -> None:
    with scripted(lambda path, body: packed(wrong)) as server, pytest.raises(UnavailableError):
        HttpKeyholder(0, server.url).questions([HEAD])


def test_a_peer_that_leaves_out_votes() -> None:
    with scripted(lambda path, body: packed([None])) as server, pytest.raises(UnavailableError, match="left out"):
        HttpPeer(1, server.url, ME.public).votes([bytes(32), bytes(32)], HEAD)


@pytest.mark.parametrize(
    ("signed", "text"),
    [
        (Identity.generate().sign(VoteLog(1, [], 0, 0, b"")), "signer"),
        (ME.sign(VoteLog(2, [], 0, 0, b"")), "another's log"),
        (ME.sign(Vote(1, b"")), "no 'vote-log'"),
        (msgspec.structs.replace(ME.sign(VoteLog(1, [], 0, 0, b"")), signature=bytes(64)), "signature"),
    ],
    ids=["another signer", "another's", "another message", "broken"],
)
def test_a_log_must_be_the_peer_s(signed: Signed, text: str) -> None:
    with scripted(lambda path, body: packed(signed)) as server, pytest.raises(UnavailableError, match=text):
        HttpPeer(1, server.url, ME.public).log_after(0, HEAD)


def test_a_log_arrives() -> None:
    log = VoteLog(1, [HEAD], 5, 3, b"h")
    with scripted(lambda path, body: packed(ME.sign(log))) as server:
        assert HttpPeer(1, server.url, ME.public).log_after(4, HEAD) == log
        assert msgspec.msgpack.decode(server.asked[0][1], type=tuple[int, Signed]) == (4, HEAD)
