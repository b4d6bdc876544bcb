"""One error tree. Every error says *what* happened, *where*, and *how to fix* it.

    QuietgridError
    ├── InputError          what was given cannot be used           exit 2   HTTP 400
    │   ├── FrameError      a sealed frame that cannot be accepted
    │   ├── SourceError     a file or series that cannot be read
    │   ├── ConfigError     a setting that cannot be used
    │   └── InfeasibleError limits that nothing can keep; carries their names in `limits`
    ├── NotFoundError       there is no such thing (or not for you) exit 3   HTTP 404
    ├── RefusedError        a rule said no                          exit 4   HTTP 403
    │   ├── GateRefusal     the privacy gate said no; carries `rule`
    │   ├── ForbiddenError  this role may not do this
    │   ├── SignInError     nobody is signed in, or the sign-in failed      HTTP 401
    │   ├── TooManyError    too many requests in a short time               HTTP 429
    │   ├── RevertedError   a contract said no; carries its error's `name`
    │   └── SingleUseError  a meter would have used a mask twice
    ├── ConflictError       contradicts what is already recorded    exit 5   HTTP 409
    ├── VerificationError   a signature, MAC, chain or proof fails  exit 6   HTTP 422
    ├── UnavailableError    a needed process is away; try again     exit 7   HTTP 503
    └── MissingExtraError   an optional part is not installed       exit 8   HTTP 501

No message ever holds a reading, a key or a ciphertext.
"""

from __future__ import annotations


class QuietgridError(Exception):
    """The root of every error Quietgrid raises on purpose.

    Args:
        what: One sentence: what happened.
        where: The thing it happened to (a file and line, a meter, a route).
        fix: What the reader can do about it.
    """

    title = "Something went wrong"
    exit_code = 1
    http_status = 500

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(" – ".join(part for part in (what, where, fix) if part))


class InputError(QuietgridError):
    """What was given cannot be used."""

    title = "The input cannot be used"
    exit_code = 2
    http_status = 400


class FrameError(InputError):
    """A sealed frame that cannot be accepted (length, bounds, unknown meter, wrong MAC)."""

    title = "The frame cannot be accepted"


class SourceError(InputError):
    """A file or series that cannot be read."""

    title = "The source cannot be read"


class ConfigError(InputError):
    """A setting that cannot be used."""

    title = "A setting cannot be used"


class InfeasibleError(InputError):
    """Limits that nothing within reach can keep.

    Args:
        limits: Names of the limits that cannot hold together.
    """

    title = "The limits cannot be kept"

    def __init__(self, what: str, *, limits: tuple[str, ...] = (), where: str = "", fix: str = "") -> None:
        self.limits = limits
        super().__init__(what, where=where, fix=fix)


class NotFoundError(QuietgridError):
    """There is no such thing, or not for this viewer."""

    title = "Not found"
    exit_code = 3
    http_status = 404


class RefusedError(QuietgridError):
    """A rule said no."""

    title = "Refused"
    exit_code = 4
    http_status = 403


class GateRefusal(RefusedError):
    """The privacy gate said no.

    Args:
        rule: The name of the rule (PROTOCOL A, "The gate"), such as ``floor`` or ``batch``.
    """

    title = "The privacy gate refused"

    def __init__(self, rule: str, what: str, *, where: str = "", fix: str = "") -> None:
        self.rule = rule
        super().__init__(what, where=where, fix=fix)


class ForbiddenError(RefusedError):
    """This role may not do this."""

    title = "Not allowed for this role"


class SignInError(RefusedError):
    """Nobody is signed in, or the sign-in failed. Never says which part of a sign-in was wrong."""

    title = "Please sign in"
    http_status = 401


class TooManyError(RefusedError):
    """Too many requests in a short time.

    Args:
        retry_after_s: Whole seconds after which trying again makes sense.
    """

    title = "Too many requests"
    http_status = 429

    def __init__(self, what: str, *, where: str = "", fix: str = "", retry_after_s: int = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what, where=where, fix=fix)


class RevertedError(RefusedError):
    """A contract said no.

    Args:
        name: The contract's own error, such as ``AlreadyAnchored``; empty if it gave none.
    """

    title = "The contract refused"

    def __init__(self, what: str, *, name: str = "", where: str = "", fix: str = "") -> None:
        self.name = name
        super().__init__(what, where=where, fix=fix)


class SingleUseError(RefusedError):
    """A meter would have had to use a mask twice, so it refused to seal."""

    title = "The meter refused to seal"


class ConflictError(QuietgridError):
    """Contradicts what is already recorded."""

    title = "Contradicts what is recorded"
    exit_code = 5
    http_status = 409


class VerificationError(QuietgridError):
    """A signature, MAC, hash chain or proof does not hold."""

    title = "Verification failed"
    exit_code = 6
    http_status = 422


class UnavailableError(QuietgridError):
    """A process that is needed is away or still catching up; trying again later can help."""

    title = "Not available right now"
    exit_code = 7
    http_status = 503


class MissingExtraError(QuietgridError):
    """An optional part is not installed."""

    title = "An optional part is missing"
    exit_code = 8
    http_status = 501
