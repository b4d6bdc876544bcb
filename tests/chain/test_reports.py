"""What reporters sign: the same bytes as a general EIP-712 library, and as the contract."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment, Placed, Plan
from quietgrid.chain.node import fund
from quietgrid.chain.reports import Place, ReporterKey, checksummed, digest, signer
from quietgrid.errors import ConfigError, InputError, VerificationError
from quietgrid.model.feed import feed_named

ORACLE = "0xCd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"
KEY = secrets.token_bytes(32)
ROUNDS, ANSWERS, TIMES = st.integers(0, 2**80 - 1), st.integers(-(2**255), 2**255 - 1), st.integers(0, 2**64 - 1)


def typed(place: Place, round_id: int, answer: int, observed_at: int) -> dict[str, object]:
    def fields(*pairs: str) -> list[dict[str, str]]:
        return [dict(zip(("type", "name"), pair.split(), strict=True)) for pair in pairs]

    domain = fields("string name", "string version", "uint256 chainId", "address verifyingContract")
    return {
        "types": {
            "EIP712Domain": domain, "Report": fields("uint80 roundId", "int256 answer", "uint64 observedAt")
        },
        "primaryType": "Report",
        "domain": {"name": "Quietgrid feed", "version": "1", "chainId": place.chain_id,
                   "verifyingContract": place.contract},
        "message": {"roundId": round_id, "answer": answer, "observedAt": observed_at},
    }  # fmt: skip


@given(ROUNDS, ANSWERS, TIMES)
def test_as_a_general_library_signs_it(round_id: int, answer: int, observed_at: int) -> None:
    place, own, other = Place(31_337, ORACLE), ReporterKey(KEY), Account(KEY)
    assert own.address == other.address
    signature = own.sign(place, round_id, answer, observed_at)
    assert signature == other.sign_typed(typed(place, round_id, answer, observed_at))
    assert signer(place, round_id, answer, observed_at, signature) == own.address
    assert signer(place, round_id, answer ^ 1, observed_at, signature) != own.address


def test_as_the_contract_reads_it(chain: Chain) -> None:
    maker, terms = Account.generate(), feed_named("price").terms
    fund(chain, maker.address)
    who = [Account.generate().address for _ in range(3)]
    config = (terms.heartbeat_s, 2, 3, terms.spread, terms.deviation, terms.smallest_spread, terms.smallest_deviation)
    plan = Plan((Placed("P", "PriceOracle", lambda _all: [(maker.address, who, config)]),), ())
    address = Deployment(chain, maker, plan).run()["P"]
    for round_id, answer, at in ((1, 82_300, 1_800_000_000), (2**80 - 1, -1, 2**64 - 1)):
        found = chain.view("PriceOracle", address, "reportDigest", round_id, answer, at)
        assert found == digest(Place(chain.chain_id(), address), round_id, answer, at)


def test_other_bytes_are_no_signature() -> None:
    place, key = Place(1, ORACLE), ReporterKey(KEY)
    good = key.sign(place, 1, 2, 3)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([55 - good[64]])
    for bad in (b"", good[:64], good + b"0", good[:64] + b"\x00", bytes(64) + b"\x1b", high):
        with pytest.raises(VerificationError):
            signer(place, 1, 2, 3, bad)
    for numbers in ((2**80, 0, 0), (0, 2**255, 0), (0, 0, -1)):
        with pytest.raises(InputError):
            digest(place, *numbers)


def test_addresses_have_their_checksum() -> None:
    assert checksummed("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def test_the_key_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "reporter" / "key"
    first = ReporterKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ReporterKey.load_or_create(path).address == first.address == Account.load_or_create(path).address
    path.write_text("00ff\n")
    with pytest.raises(ConfigError):
        ReporterKey.load_or_create(path)
