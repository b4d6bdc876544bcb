"""The engine by itself; behind its gate it is in tests/lab/test_paillier.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.crypto.unseal import PrivateKem, RsaReader
from quietgrid.errors import GateRefusal, InputError, UnavailableError, VerificationError
from quietgrid.keyholder import Decryption
from quietgrid.keyholder.gate import Evaluated
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.wire.messages import QuestionMessage
from quietgrid.wire.paillier import Evidence

VECTORS = Path(__file__).parents[2] / "vectors" / "paillier.json"
COMMUNITY = bytes(16)


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    case: dict[str, Any] = json.loads(VECTORS.read_text())["cases"][0]
    return PrivateKey(*(int(case[name], 16) for name in ("p", "q", "base")))


def question(kind: str) -> QuestionMessage:
    return QuestionMessage(COMMUNITY, 0, kind, "Leaf", "import" if kind == "totals" else "", 0, 4, "", [])


def ruling() -> Evaluated:
    none = np.zeros(0, np.uint64)
    members = MemberList(
        COMMUNITY, 0, 0, Window(0, 96, 900), none, none, np.zeros(0, np.int32), np.zeros(0, np.uint8),
        np.zeros(0, np.int64), ("Leaf",),
    )  # fmt: skip

    def never(*_: object) -> Any:
        raise AssertionError("nothing may be computed")

    shut = np.zeros(4, np.bool_)
    return Evaluated(shut, np.zeros(4, np.int32), none, None, never, np.zeros(0, np.int64), members, (0,), "", never)


def refuse(_: int) -> bytes:
    raise AssertionError("no meter is asked for")


def test_only_totals_open(key: PrivateKey) -> None:
    engine = Decryption(key, COMMUNITY, PrivateKem.generate().public)
    for kind in ("bills", "halves", "event"):
        with pytest.raises(GateRefusal, match="totals only") as refused:
            engine.components(question(kind), ruling(), refuse)
        assert refused.value.rule == "suite"


def test_evidence_is_used_once_and_bounded(key: PrivateKey) -> None:
    reader = RsaReader()
    engine = Decryption(key, COMMUNITY, reader.public, kept_bytes=4_000)
    asked = question("totals")
    for _ in range(2):
        engine.take(Evidence(asked.hash(), [], []).body())
    sealed = engine.components(asked, ruling(), refuse)
    assert reader.open(sealed[0], b"qg1 paillier answer" + COMMUNITY + asked.hash()) == bytes(32), "all shut: zeros"
    with pytest.raises(UnavailableError, match="not here"):
        engine.components(asked, ruling(), refuse)
    engine.take(Evidence(asked.hash(), [], []).body())
    for number in range(3):
        engine.take(Evidence(bytes([number]) * 32, [bytes(1_900)], []).body())
    with pytest.raises(UnavailableError, match="not here"):
        engine.components(asked, ruling(), refuse)
    with pytest.raises(InputError, match="too much"):
        engine.take(Evidence(asked.hash(), [bytes(4_000)], []).body())
    for data in (b"", b"\x93", bytes(100)):
        with pytest.raises(VerificationError):
            engine.take(data)


def test_a_frame_of_nobody_is_refused(key: PrivateKey) -> None:
    engine = Decryption(key, COMMUNITY, PrivateKem.generate().public)
    asked = question("totals")
    engine.take(Evidence(asked.hash(), [b"frame"], []).body())
    with pytest.raises(VerificationError, match="more frames"):
        engine.components(asked, ruling(), refuse)


def test_a_reader_that_cannot_read_is_refused(key: PrivateKey) -> None:
    for public in (b"", b"\3", b"\3" + bytes(300), b"\1" + bytes(31), b"\7" + bytes(32)):
        with pytest.raises(VerificationError):
            Decryption(key, COMMUNITY, public)
