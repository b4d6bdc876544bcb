"""Passwords by Argon2id, on two threads of their own so that a flood of sign-ins cannot take all memory or all cores.

Scheme: Argon2id, 19 MiB, 2 passes, 1 lane (OWASP 2023; RFC 9106), 16-byte salt, PHC string. 23 ms a check.
Does not give: anything against a password that is guessed elsewhere; sign-in links and rate limits are there as well.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from quietgrid.errors import InputError, SignInError

MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
MIN_LENGTH, MAX_LENGTH = 12, 256


class Passwords:
    """Makes and checks password hashes.

    Args:
        threads: How many at the same time.
    """

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="password")
        self._nobody = ""

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def make(self, password: str) -> str:
        """The PHC string of a new password.

        Raises:
            InputError: shorter than 12 or longer than 256 characters.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise InputError(
                f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters", where="password", fix="take a few words"
            )
        return self._pool.submit(_make, password).result()

    def check(self, stored: str, password: str) -> None:
        """Let the right password pass.

        Args:
            stored: PHC string; empty for an account without a password (or no account): takes as long, always fails.

        Raises:
            SignInError: wrong.
        """
        if not stored and not self._nobody:
            self._nobody = self._pool.submit(_make, secrets.token_urlsafe(16)).result()
        right = self._pool.submit(_fits, stored or self._nobody, password[: MAX_LENGTH + 1]).result()
        if not right or not stored:
            raise SignInError("name or password is wrong", where="sign-in", fix="try again or ask for a sign-in link")


def _make(password: str) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


def _fits(stored: str, password: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True
