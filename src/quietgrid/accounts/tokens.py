"""Random tokens for links, sessions and visitors, their stored hashes, and CSRF tokens bound to them.

A token is 256 random bits, so its SHA-256 needs no salt and no slow hash. The CSRF token is an HMAC under the session's
own token: it changes with every session, is stored nowhere, and cannot be made without the cookie (which scripts
cannot read). Source: OWASP CSRF cheat sheet, "signed double-submit, bound to the session".
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from quietgrid.errors import ForbiddenError

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """256 random bits in 43 letters that fit a URL and a cookie."""
    return secrets.token_urlsafe(32)


def well_formed(token: str) -> bool:
    """Whether a text can be a token at all."""
    return _FORM.fullmatch(token) is not None


def token_hash(token: str) -> bytes:
    """What is stored of a token, 32 bytes."""
    return hashlib.sha256(b"qg1 token\0" + token.encode()).digest()


def csrf_token(token: str) -> str:
    """The CSRF token that belongs to a session's (or visitor's) token.

    >>> csrf_token("a") == csrf_token("a") != csrf_token("b")
    True
    """
    return hmac.new(token.encode(), b"qg1 csrf", hashlib.sha256).hexdigest()


def check_csrf(token: str, given: str) -> None:
    """Let a form pass that carries the right CSRF token.

    Raises:
        ForbiddenError: missing or of another session.
    """
    if not token or not hmac.compare_digest(csrf_token(token).encode(), given.encode()):
        raise ForbiddenError(
            "the form is not from this session", where="CSRF token", fix="open the page again and send it from there"
        )
