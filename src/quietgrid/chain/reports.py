"""Reports of the oracles: what is signed, by whom, and who signed. EIP-712 as `ValidatedFeed` checks it.

Three fixed-length hashes need no general encoder, so a reporter's process loads Keccak and secp256k1 and nothing else.

Source: EIP-712 (domain separator, struct hash); `contracts/src/oracles/ValidatedFeed.sol`. Not given: a signature says
who reported, not that what was reported is true; for that there is the quorum.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey, PublicKey
from eth_hash.auto import keccak

from quietgrid.chain.keyfile import load_or_create
from quietgrid.errors import InputError, VerificationError

_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_REPORT = keccak(b"Report(uint80 roundId,int256 answer,uint64 observedAt)")
_NAME, _VERSION = keccak(b"Quietgrid feed"), keccak(b"1")
_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half of the curve's order: OpenZeppelin refuses the other half, so that a signature has one form."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report counts: a chain and a contract. A report for one is worth nothing at another."""

    chain_id: int
    contract: str


class ReporterKey:
    """A reporter's account.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key)
        self.address = _address(self._key.public_key)

    @classmethod
    def load_or_create(cls, path: Path) -> ReporterKey:
        """The key in a file; made there (mode 0600) if there is none.

        Raises:
            ConfigError: what is there is no key.
        """
        return cls(load_or_create(path))

    def sign(self, place: Place, round_id: int, answer: int, observed_at: int) -> bytes:
        """65 bytes r ‖ s ‖ v over a report."""
        signed: bytes = self._key.sign_recoverable(digest(place, round_id, answer, observed_at), hasher=None)
        return signed[:64] + bytes([signed[64] + 27])


def digest(place: Place, round_id: int, answer: int, observed_at: int) -> bytes:
    """The 32 bytes a reporter signs.

    Raises:
        InputError: a number that the contract's types cannot hold.
    """
    fits = 0 <= round_id < 1 << 80 and -(1 << 255) <= answer < 1 << 255 and 0 <= observed_at < 1 << 64
    if not fits:
        raise InputError("a report's numbers do not fit", where="report", fix="uint80, int256, uint64")
    domain = keccak(_DOMAIN + _NAME + _VERSION + _word(place.chain_id) + bytes(12) + bytes.fromhex(place.contract[2:]))
    report = keccak(_REPORT + _word(round_id) + (answer % (1 << 256)).to_bytes(32, "big") + _word(observed_at))
    return bytes(keccak(b"\x19\x01" + domain + report))


def signer(place: Place, round_id: int, answer: int, observed_at: int, signature: bytes) -> str:
    """The address that signed a report.

    Raises:
        VerificationError: these bytes are no signature.
    """
    if len(signature) != 65 or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > _HALF:
        raise VerificationError("this is not a report's signature", where="report", fix="65 bytes r, s, v; low s")
    try:
        found = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest(place, round_id, answer, observed_at), hasher=None
        )
    except ValueError as error:
        raise VerificationError("the signature does not hold", where="report", fix="sign again") from error
    return _address(found)


def checksummed(address: str) -> str:
    """An address with the checksum of EIP-55, as all of this room writes them."""
    plain = address.removeprefix("0x").lower()
    check = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(n, 16) >= 8 else c for c, n in zip(plain, check, strict=False))


def _address(key: PublicKey) -> str:
    return checksummed(keccak(key.format(compressed=False)[1:])[12:].hex())


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
