"""Suite 2, the private half: making a Paillier key, and opening with it.

Scheme, source, assumption and limits: see `crypto.public.paillier`. Primes p and q of half the length, both 3 modulo 4
with ``gcd(p - 1, q - 1) = 2`` (Damgård, Jurik and Nielsen), from `secrets`, 64 rounds of Miller and Rabin each beside
what GMP does. Opening goes modulo p² and q² and is put together by the Chinese remainder theorem (Paillier 1999,
section 7). Does not give: constant time (exponentiation uses GMP's hardened function, and nothing more is claimed);
erasure (Python's numbers cannot be wiped: the process is the boundary, not the object); and above all no limit on
*what* is opened: that is the gate's.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import gmpy2

from quietgrid.crypto.public.paillier import DEFAULT_BITS, SIZES, VERSION, Ciphertext, PublicKey
from quietgrid.crypto.public.signatures import load_or_create_secret
from quietgrid.errors import ConfigError, InputError

_ROUNDS = 64
_APART = 100
"""p and q differ in their first 100 bits."""


class PrivateKey:
    """A key that opens. Secret.

    Args:
        p, q: The primes. base: of the public key, an n-th power modulo n².

    Raises:
        ConfigError: numbers that are no such key.
    """

    def __init__(self, p: int, q: int, base: int) -> None:
        self._p, self._q = gmpy2.mpz(p), gmpy2.mpz(q)
        bits = (self._p * self._q).bit_length()
        wrong = (
            bits not in SIZES
            or {self._p.bit_length(), self._q.bit_length()} != {bits // 2}
            or self._p % 4 != 3
            or self._q % 4 != 3
            or abs(self._p - self._q).bit_length() <= bits // 2 - _APART
            or gmpy2.gcd(self._p - 1, self._q - 1) != 2
            or not (gmpy2.is_prime(self._p, _ROUNDS) and gmpy2.is_prime(self._q, _ROUNDS))
        )
        if wrong:
            raise ConfigError("these numbers are no private key", where="paillier", fix="restore the file it came from")
        self.public = PublicKey(self._p * self._q, base)
        self._p2, self._q2 = self._p * self._p, self._q * self._q
        n = self.public.n
        self._hp = gmpy2.invert(self._log(1 + n, self._p, self._p2), self._p)
        self._hq = gmpy2.invert(self._log(1 + n, self._q, self._q2), self._q)
        self._p_inverse = gmpy2.invert(self._p, self._q)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.bits} bits)"

    @classmethod
    def generate(cls, bits: int = DEFAULT_BITS) -> PrivateKey:
        """A fresh key; takes a second or a few.

        Raises:
            InputError: a size that is not taken.
        """
        if bits not in SIZES:
            raise InputError(f"{bits} bits are no size", where="paillier", fix=f"use {' or '.join(map(str, SIZES))}")
        while True:
            p, q = _prime(bits // 2), _prime(bits // 2)
            apart = abs(p - q).bit_length() > bits // 2 - _APART
            if apart and gmpy2.gcd(p - 1, q - 1) == 2:
                break
        n = p * q
        while True:
            x = gmpy2.mpz(2 + secrets.randbelow(int(n) - 2))
            if gmpy2.gcd(x, n) == 1:
                break
        return cls(p, q, int(gmpy2.powmod(-x * x % n, n, n * n)))

    # -- bytes -----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """version u8 ‖ bytes of n u16 ‖ p ‖ q ‖ base: secret."""
        size = self.public.size
        head = bytes([VERSION, size & 0xFF, size >> 8])
        parts = ((self._p, size // 2), (self._q, size // 2), (self.public.base, 2 * size))
        return head + b"".join(int(number).to_bytes(length, "big") for number, length in parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> PrivateKey:
        """The key in `data`, as `to_bytes` gives it.

        Raises:
            ConfigError: it is not one.
        """
        size = int.from_bytes(data[1:3], "little")
        if data[:1] != bytes([VERSION]) or 8 * size not in SIZES or len(data) != 3 + 3 * size:
            raise ConfigError(
                "not a private key of this version", where="paillier", fix="restore the file it came from"
            )
        p, q, base = data[3 : 3 + size // 2], data[3 + size // 2 : 3 + size], data[3 + size :]
        return cls(int.from_bytes(p, "big"), int.from_bytes(q, "big"), int.from_bytes(base, "big"))

    @classmethod
    def load_or_create(cls, path: Path, bits: int = DEFAULT_BITS) -> PrivateKey:
        """The key kept in `path` (made there on first use, mode 0600)."""
        return cls.from_bytes(load_or_create_secret(path, lambda: cls.generate(bits).to_bytes()))

    # -- opening ---------------------------------------------------------------------------------------------------

    def decrypt(self, ciphertext: Ciphertext) -> int:
        """The plaintext, 0 <= m < n.

        Raises:
            VerificationError: another key's, or not a ciphertext.

        Cost: two exponentiations of half the length, about 10 ms at 3072 bits.
        """
        public = self.public
        public.own(ciphertext)
        value = public.take(int(ciphertext.value), ciphertext.load).value
        at_p = self._log(value, self._p, self._p2) * self._hp % self._p
        at_q = self._log(value, self._q, self._q2) * self._hq % self._q
        return int(at_p + self._p * ((at_q - at_p) * self._p_inverse % self._q))

    def _log(self, value: Any, prime: Any, square: Any) -> Any:
        return (gmpy2.powmod_sec(value % square, prime - 1, square) - 1) // prime % prime


def _prime(bits: int) -> Any:
    """A random prime, 3 modulo 4, its two highest bits set so that a product of two has twice the length."""
    while True:
        candidate = gmpy2.mpz(secrets.randbits(bits) | 0b11 << bits - 2 | 0b11)
        if gmpy2.is_prime(candidate, _ROUNDS):
            return candidate
