"""What goes over HTTP between a keyholder and those who ask it: paths, body types, limits.

Every body is msgpack; what is in it is signed by who made it, so HTTP adds nothing but the way. An item of a batch
answer is a pair (signed result, refusal), of which exactly one is there. Errors are `application/problem+json`; a
household gets them as a msgpack `Refusal`, as it does from the platform.

    platform    POST /v1/enrol /v1/votes-on /v1/questions     list of Signed -> list of pairs
                POST /v1/members                              Signed -> Signed
                POST /v1/register                             list of Signed -> list of Refusal or None
                POST /v1/opened                               list of Signed -> nil
    peer        POST /v1/peer/votes                           [subjects, Signed[Head]] -> list of Signed[Vote] or None
                POST /v1/peer/log                             [seq, Signed[Head]] -> Signed[VoteLog]
                POST /v1/peer/recoveries                      [mark, Signed[Head]] -> list of Signed
    household   GET  /v1/ledger?after=&limit=                 Signed[LedgerPage]        (wire.request_auth)
                POST /v1/household/register                   list of Signed -> list of Refusal or None
    auditor     POST /v1/dispute                              Signed[Dispute] -> Signed[PartSum] (wire.request_auth)
    anyone      GET  /healthz                                 JSON: index, state, ledger head, version
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from quietgrid.errors import GateRefusal, QuietgridError, VerificationError
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import Refusal, Signed

MSGPACK = "application/msgpack"
PROBLEM = "application/problem+json"

ENROL, MEMBERS, REGISTER = "/v1/enrol", "/v1/members", "/v1/register"
VOTES_ON, QUESTIONS, OPENED = "/v1/votes-on", "/v1/questions", "/v1/opened"
PEER_VOTES, PEER_LOG, PEER_RECOVERIES = "/v1/peer/votes", "/v1/peer/log", "/v1/peer/recoveries"
LEDGER, HOUSEHOLD_REGISTER, HOUSEHOLD_RELEASE = "/v1/ledger", "/v1/household/register", "/v1/household/release"
DISPUTE = "/v1/dispute"
HEALTH = "/healthz"

PLATFORM_BODY = 16 << 20
"""Bytes a request of the platform may have (a member list of 200,000 meters is one message and cannot be cut)."""
PEER_BODY = 1 << 20
HOUSEHOLD_BODY = 2 << 20
BATCH_BYTES = 4 << 20
"""A client cuts its batches into requests of at most so many bytes,"""
BATCH_ITEMS = 512
"""and so many items, so that no request holds a keyholder for long."""
SUBJECTS_AT_ONCE = 4096
LEDGER_LIMIT = 1000

Pair = tuple[Signed | None, Refusal | None]


def pairs(outcomes: Sequence[Outcome]) -> list[Pair]:
    """Outcomes as they are sent."""
    return [(item, None) if isinstance(item, Signed) else (None, item) for item in outcomes]


def outcomes(items: Sequence[Pair]) -> list[Outcome]:
    """Outcomes as they were received, or `VerificationError` if an item is neither or both.

    >>> outcomes([(None, None)])
    Traceback (most recent call last):
    quietgrid.errors.VerificationError: an item is neither a result nor a refusal – batch – ask again
    """
    out: list[Outcome] = []
    for signed, refusal in items:
        if signed is not None and refusal is None:
            out.append(signed)
        elif refusal is not None and signed is None:
            out.append(refusal)
        else:
            raise VerificationError("an item is neither a result nor a refusal", where="batch", fix="ask again")
    return out


def problem(error: QuietgridError) -> dict[str, str | int]:
    """An error as an RFC 9457 problem; `where`, `fix` and `rule` are ours.

    >>> problem(VerificationError("no", fix="sign it"))["type"]
    'urn:quietgrid:problem:verification-error'
    """
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
    rule = error.rule if isinstance(error, GateRefusal) else ""
    said = {"detail": error.what, "where": error.where, "fix": error.fix, "rule": rule}
    head: dict[str, str | int] = {"type": f"urn:quietgrid:problem:{kind}", "title": error.title}
    return head | {"status": error.http_status} | {name: text for name, text in said.items() if text}
