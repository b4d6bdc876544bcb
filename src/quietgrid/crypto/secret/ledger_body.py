"""Bodies of privacy-ledger entries about one home, readable by its keyholder and its household only.

Scheme: ChaCha20-Poly1305 under a per-home, per-keyholder ledger key, the entry's salt as nonce, the home as associated
data. The key is ``HKDF-SHA256(CK_a ‖ CK_b of day d0, info = "qg1 ledger key" ‖ pid u64 ‖ keyholder u8)`` over the two
chain keys of the home's first meter that the keyholder was given, so that the household derives it from its roots.
Source: PROTOCOL A, "Privacy ledger" (the key's derivation is ours, docs/decisions); RFC 8439. Erasing the key erases
every body. Does not give: secrecy of what kind of entry it is, or of when.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietgrid.errors import VerificationError


def ledger_key(pair_keys: bytes, pid: int, keyholder: int) -> bytes:
    """The ledger key, 32 bytes, from a keyholder's two chain keys (64 bytes, pairs ascending) of day d0."""
    info = b"qg1 ledger key" + pid.to_bytes(8, "little") + bytes([keyholder])
    return HKDF(SHA256(), 32, salt=None, info=info).derive(pair_keys)


def seal_body(key: bytes, salt: bytes, home: int, body: bytes) -> bytes:
    """The encrypted body of an entry about `home`; `salt` is the entry's and is never used twice."""
    return ChaCha20Poly1305(key).encrypt(salt[:12], body, home.to_bytes(8, "little"))


def open_body(key: bytes, salt: bytes, home: int, sealed: bytes) -> bytes:
    """The body, or `VerificationError` if it was changed or is another home's."""
    try:
        return ChaCha20Poly1305(key).decrypt(salt[:12], sealed, home.to_bytes(8, "little"))
    except InvalidTag as error:
        raise VerificationError(
            "a ledger body does not open", where="privacy ledger", fix="compare with the other keyholders' copies"
        ) from error
