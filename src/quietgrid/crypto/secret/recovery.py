"""The household's backup: its roots, wrapped under a code that is printed once.

Scheme: a random 128-bit code in Crockford base 32 with a 22-bit checksum; roots under ChaCha20-Poly1305 with a key from
HKDF-SHA256(code, salt, ``"qg1 recovery"``). Source: RFC 8439, RFC 5869. Assumption: the code is random and only on
paper, so that no slow hash is needed (PROTOCOL C, K12: not a passphrase). Does not give: anything against who has both
the paper and the blob; erasure means destroying one of them.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietgrid.errors import InputError, VerificationError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")
_CHECK_BITS = 22
_LETTERS = (128 + _CHECK_BITS) // 5
_FORMAT = b"\x01"
_SALT, _NONCE = 16, 12


def _check(code: bytes) -> int:
    digest = hashlib.sha256(b"qg1 recovery check" + code).digest()
    return int.from_bytes(digest[:3], "big") >> (24 - _CHECK_BITS)


def new_code() -> bytes:
    """A fresh code, 16 bytes."""
    return secrets.token_bytes(16)


def print_code(code: bytes) -> str:
    """The code for paper: six groups of five letters and digits.

    >>> print_code(bytes(16))[:11]
    '00000-00000'
    """
    if len(code) != 16:
        raise InputError("a code has 16 bytes", where="recovery code", fix="use new_code()")
    number = int.from_bytes(code, "big") << _CHECK_BITS | _check(code)
    letters = "".join(_ALPHABET[number >> 5 * i & 31] for i in reversed(range(_LETTERS)))
    return "-".join(letters[i : i + 5] for i in range(0, _LETTERS, 5))


def read_code(printed: str) -> bytes:
    """The code someone typed: spaces, dashes, case, and O I L for 0 1 1 do not matter.

    Raises:
        InputError: a wrong length or letter, or a mistyped letter (missed once in four million).
    """
    letters = "".join(c for c in printed.upper() if c.isalnum()).translate(_READ_AS)
    if len(letters) != _LETTERS or any(c not in _ALPHABET for c in letters):
        raise InputError("this is not a recovery code", where="recovery code", fix="type all six groups of five")
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    code = (number >> _CHECK_BITS).to_bytes(16, "big")
    if number & (1 << _CHECK_BITS) - 1 != _check(code):
        raise InputError("a letter of the recovery code is wrong", where="recovery code", fix="compare with the paper")
    return code


def _aead(code: bytes, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), 32, salt=salt, info=b"qg1 recovery").derive(code))


def wrap(payload: bytes, code: bytes, context: bytes) -> bytes:
    """Wrap `payload` (roots) under a code.

    Args:
        payload: what to keep. code: 16 bytes. context: bound to the blob, such as community ‖ home.

    Returns:
        The blob: format u8, salt 16 B, nonce 12 B, ciphertext with tag. It may lie anywhere.
    """
    if len(code) != 16:
        raise InputError("a code has 16 bytes", where="recovery code", fix="use new_code() or read_code()")
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    return _FORMAT + salt + nonce + _aead(code, salt).encrypt(nonce, payload, _FORMAT + context)


def unwrap(blob: bytes, code: bytes, context: bytes) -> bytes:
    """What was wrapped.

    Raises:
        VerificationError: another code, another context, or a changed blob.
    """
    head = 1 + _SALT + _NONCE
    wrong = VerificationError("the backup does not open", where="recovery", fix="check the code and whose backup it is")
    if len(blob) < head + 16 or blob[:1] != _FORMAT or len(code) != 16:
        raise wrong
    try:
        return _aead(code, blob[1 : 1 + _SALT]).decrypt(blob[1 + _SALT : head], blob[head:], _FORMAT + context)
    except InvalidTag as error:
        raise wrong from error
