"""Consents on the household's pages: days handed to someone, taken back; the recovery code; erasing everything."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.errors import InputError, NotFoundError
from quietgrid.homeweb.bills import CHECKED, RELEASED
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.privacy import SEEN
from quietgrid.homeweb.settings import PageSettings, Recipient
from quietgrid.homeweb.words import days_text
from quietgrid.household import rewards
from quietgrid.household.views import EPOCH, day_of
from quietgrid.model.interval import DAY_S
from quietgrid.store.household import GivenConsent

Context = dict[str, Any]
PACKAGE, BACKUP = "consent package", "backup made"
CONSENT_DAYS, KEPT_DAYS = 30, 100
PURPOSES = (("advice", "Advice"), ("offer", "An offer"), ("research", "Research"), ("dispute", "A dispute"))


def page(desk: Desk, settings: PageSettings) -> Context:
    """The context of the list."""
    latest = desk.today() - timedelta(days=1)
    earliest = max(desk.first_day, latest - timedelta(days=KEPT_DAYS - 1))
    made = desk.note(BACKUP)
    return {
        "consents": [_row(desk, key, group) for key, group in groups(desk).items()],
        "recipients": [(str(n), recipient.name) for n, recipient in enumerate(settings.recipients)],
        "purposes": list(PURPOSES),
        "earliest": earliest.isoformat(),
        "latest": latest.isoformat(),
        "backup": {"made_at": float(made) if made else None},
        "home": str(desk.home.parts.vault.home),
    }


def groups(desk: Desk) -> dict[str, list[GivenConsent]]:
    """Consents given together, newest first, by an id made of what they share."""
    out: dict[str, list[GivenConsent]] = {}
    for given in desk.home.consents():
        text = f"{given.recipient}\0{given.purpose}\0{given.expires}"
        out.setdefault(sha256(text.encode()).hexdigest()[:16], []).append(given)
    return out


def _row(desk: Desk, key: str, group: Sequence[GivenConsent]) -> Context:
    first = group[0]
    return {
        "id": key,
        "recipient": first.recipient,
        "purpose": dict(PURPOSES).get(first.purpose, first.purpose),
        "days": _days(group),
        "until": first.expires,
        "state": "active" if first.expires > desk.now() else "ended",
        "package_url": f"/consents/{key}/package" if desk.note(PACKAGE, key) else "",
    }


def _days(group: Sequence[GivenConsent]) -> str:
    days = sorted(
        EPOCH + timedelta(days=int(c.subject.removeprefix("day:"))) for c in group if c.subject.startswith("day:")
    )
    if not days:
        return ", ".join(c.subject for c in group)
    if (days[-1] - days[0]).days + 1 == len(days):
        return days_text(days[0], days[-1])
    return ", ".join(days_text(day, day) for day in days)


def give(desk: Desk, settings: PageSettings, form: Mapping[str, str]) -> str:
    """Hand over days; the new consent's id.

    Raises:
        InputError: a field does not fit.
    """
    if form.get("understood") != "yes":
        raise InputError("the box is not ticked", where="consent", fix="tick it, if you do want this")
    first, last = day_of(form.get("first", ""), "first day"), day_of(form.get("last", ""), "last day")
    _check_days(desk, first, last)
    purpose = form.get("purpose", "")
    if purpose not in dict(PURPOSES):
        raise InputError("no such purpose", where="what for", fix="choose one of the list")
    recipient = _recipient(settings, form)
    expires = desk.now() + CONSENT_DAYS * DAY_S
    days = list(range((first - EPOCH).days, (last - EPOCH).days + 1))
    with desk.lock:
        package = desk.home.share(days, (recipient.name, recipient.key), purpose, expires)
    text = f"{recipient.name}\0{purpose}\0{expires}"
    key = sha256(text.encode()).hexdigest()[:16]
    desk.put_note(PACKAGE, pack_signed(package).hex(), key)
    return key


def _check_days(desk: Desk, first: date, last: date) -> None:
    latest = desk.today() - timedelta(days=1)
    earliest = max(desk.first_day, latest - timedelta(days=KEPT_DAYS - 1))
    if not earliest <= first <= last <= latest:
        raise InputError(
            "these days cannot be handed over", where="first day, last day",
            fix=f"choose days from {earliest.isoformat()} to {latest.isoformat()}, the first one first",
        )  # fmt: skip


def _recipient(settings: PageSettings, form: Mapping[str, str]) -> Recipient:
    chosen = form.get("recipient", "")
    if chosen.isascii() and chosen.isdigit() and int(chosen) < len(settings.recipients):
        return settings.recipients[int(chosen)]
    name, text = form.get("name", "").strip(), "".join(form.get("key", "").split())
    if not 0 < len(name) <= 100:
        raise InputError("the recipient has no name", where="to", fix="say who gets the days")
    try:
        key = b64decode(text, validate=True)
    except ValueError as error:
        raise InputError("the recipient's key is not base64", where="key", fix="paste it again") from error
    if not key:
        raise InputError("the recipient's key is missing", where="key", fix="ask the recipient for it")
    return Recipient(name, key)


def package(desk: Desk, key: str) -> bytes:
    """The sealed package of a consent, to be handed to its recipient."""
    text = desk.note(PACKAGE, key)
    if not text:
        raise NotFoundError("there is no such package", where="consent", fix="give the consent again")
    return bytes.fromhex(text)


def end(desk: Desk, key: str) -> None:
    """Take a consent back."""
    group = groups(desk).get(key)
    if group is None:
        raise NotFoundError("there is no such consent", where="consent", fix="take it from the list")
    with desk.lock:
        for given in group:
            desk.home.withdraw(given.subject, given.recipient)
    desk.drop_note(PACKAGE, key)


def backup(desk: Desk) -> Context:
    """Make a recovery code; shown once."""
    made = desk.home.parts.vault.backup()
    desk.put_note(BACKUP, repr(desk.now()))
    return {"code": made.code, "blob": b64encode(made.blob).decode()}


def erase(desk: Desk, form: Mapping[str, str]) -> None:
    """Erase the keys of this home, here and at the keyholders.

    Raises:
        InputError: the home's id was not typed. UnavailableError: a keyholder is away; nothing was erased.
    """
    if form.get("confirm", "").strip() != str(desk.home.parts.vault.home):
        raise InputError("the home's number was not typed right", where="confirm", fix="type it as shown")
    with desk.lock:
        desk.home.erase("asked for by the household")
        desk.drop_notes(PACKAGE, BACKUP, CHECKED, RELEASED, SEEN)
        rewards.forget(desk.home.parts.store, desk.home.parts.vault.home)
