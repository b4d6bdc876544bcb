"""The start page: history being replayed, then one evening in three views, the attempt to spy, the keyholders."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.accounts import Role, Viewer
from quietgrid.api.desk import evening
from quietgrid.api.services import Services
from quietgrid.api.settings import LOOPBACK
from quietgrid.model.interval import Window, zone
from quietgrid.web import charts
from quietgrid.web.kit import Look, Looking, Sent, go
from quietgrid.web.live import leaf_series, rows
from quietgrid.web.replay import replay_page
from quietgrid.web.signin import HINT

router = APIRouter(include_in_schema=False)
SPY_FROM, SPY_TO = 18, 19
VISITOR = Viewer("visitor", Role.AUDITOR)
"""With whose eyes the page is made for a visitor: it only reads, and has no form but the sign-in."""
LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "::1"})
DEFAULT_PAGE = {Role.ANALYST: "/mdms/aggregates", Role.AUDITOR: "/audit", Role.OPERATOR: "/grid"}


@router.get("/")
def start(look: Looking) -> Response:
    """Replay until ready; then, signed in, one evening (demo) or one's first page."""
    services = look.services
    status = evening.progress(services)
    if not status.ready:
        return replay_page(look)
    if look.session is None and _may_look(look):
        return _evening(look, None)
    role = look.viewer.role
    if role is Role.HOUSEHOLD:
        return _elsewhere(look)
    return _evening(look, None) if services.settings.demo else go(DEFAULT_PAGE[role], look)


@router.get("/docs/trust")
def trust(look: Looking) -> Response:
    """Whom one has to trust for what."""
    return look.page("trust.html", {"floor": look.services.rules.k})


@router.post("/demo/player")
def player(sent: Sent) -> Response:
    """Pause, play, step, fast, slow."""
    look = sent.look
    evening.pace(look.services, look.viewer, sent.fields.get("do", ""))
    if not look.partial:
        return go("/", look)
    return look.part("partials/player.html", {"player": _player(look.services, evening.progress(look.services))})


@router.post("/demo/holders")
def holders(sent: Sent) -> Response:
    """Stop or start a keyholder; or confirm, as its operator, that it goes on without another."""
    look, number = sent.look, int(sent.one_of("number", "0", "1", "2"))
    if sent.fields.get("do") == "carry-on":
        evening.carry_on(look.services, look.viewer, number)
    else:
        evening.holder(look.services, look.viewer, number, sent.fields.get("do", ""))
    if not look.partial:
        return go("/", look)
    return look.part("partials/holders.html", {"holders": _holders(evening.progress(look.services))})


@router.post("/demo/spy")
def spy(sent: Sent) -> Response:
    """Ask for one home's evening hour; show what each keyholder said."""
    look = sent.look
    home, _, _ = evening.demo_home(look.services)
    attempt = evening.spy(look.services, look.viewer, home, _evening_hour(look.services))
    context = _spy(look.services, attempt)
    return look.part("partials/spy.html", {"spy": context}) if look.partial else _evening(look, context)


def _may_look(look: Look) -> bool:
    """Whether a visitor of this machine is shown the evening: made-up readings, and nothing that can be pressed."""
    settings, client = look.services.settings, look.request.client
    here = client is not None and client.host in LOOPBACK_ADDRESSES and settings.host in LOOPBACK
    return settings.demo and settings.open_start and here


def _evening(look: Look, spied: dict[str, object] | None) -> Response:
    services, viewer = look.services, look.viewer if look.session is not None else VISITOR
    status = evening.status(services, viewer)
    _, name, leaf = evening.demo_home(services)
    series = leaf_series(services, viewer, leaf, status.closed_end)
    stored = evening.stored(services, viewer)
    answered = [energy for energy, ok in zip(series.energy_wh.tolist(), series.answered.tolist(), strict=True) if ok]
    context: dict[str, object] = {
        "home": {"name": name, "glance_url": f"{services.settings.household_url}/glance"},
        "stored": {
            "rows": rows(stored), "readings": stored.readings, "size_mb": stored.size / 1e6,
        },
        "utility": {
            "node": leaf, "homes": series.least_homes, "energy_wh": answered[-1] if answered else 0,
            "status": series.status.value if series.status else "provisional",
            "spec": charts.lines(series, services.card.tz, "step"),
        },
        "player": _player(services, status), "holders": _holders(status), "spy": spied,
    }  # fmt: skip
    if look.session is None:
        context["hint"] = HINT
    live = "/api/v1/events" if look.session is not None else ""
    return look.page("start.html", context, active="start", live=live)


def _player(services: Services, status: evening.Status) -> dict[str, object]:
    end = status.closed_end * services.card.resolution
    return {"at": end - services.card.resolution, "end": end, "paused": status.paused, "fast": status.speed > 1}


def _holders(status: evening.Status) -> dict[str, object]:
    shown = {"up": "up", "stopped": "stopped", "away": "catching-up"}
    listed = [{"number": h.number, "name": h.name, "state": shown[h.state]} for h in status.holders]
    up = sum(h.state == "up" for h in status.holders)
    text, tone = {
        3: ("All three answer: every total is checked twice and confirmed.", "ok"),
        2: ("Two of three answer: totals still open, marked provisional until the third confirms.", "ok"),
        1: ("Only one answers: nothing opens. Nothing is lost: what waits opens when a second is back.", "warn"),
        0: ("None answers: nothing opens. Nothing is lost: what waits opens when two are back.", "bad"),
    }[up]
    gone, alone = status.alone_too_long, None
    if gone is not None:
        operators = [
            {"number": h.number, "name": h.name, "confirmed": gone in h.without} for h in status.holders
            if h.number != gone
        ]  # fmt: skip
        waiting = [o for o in operators if not o["confirmed"]]
        alone = {"gone": gone, "operators": operators, "done": not waiting}
        if waiting:
            tone, text = "warn", "Two of three answer, but nothing opens until both operators confirm. Nothing is lost."
    return {"list": listed, "tone": tone, "text": text, "alone": alone}


def _evening_hour(services: Services) -> Window:
    """The last local 18:00 to 19:00 that is closed."""
    resolution = services.card.resolution
    with services.store.read() as tx:
        closed = tx.answers.last_close(0) * resolution
    now = datetime.fromtimestamp(closed, zone(services.card.tz))
    end = now.replace(hour=SPY_TO, minute=0, second=0)
    if end > now:
        end -= timedelta(days=1)
    first = end.replace(hour=SPY_FROM)
    return Window(int(first.timestamp()) // resolution, int(end.timestamp()) // resolution, resolution)


def _spy(services: Services, attempt: evening.Attempt) -> dict[str, object]:
    with services.store.read() as tx:
        name = tx.registry.party(attempt.home).party.name
    said = next((r for r in attempt.refusals if r.rule not in ("", "away")), attempt.refusals[0])
    answers = [
        {"name": f"Keyholder {r.holder}", "text": f"{r.rule}: {r.what}" if r.rule else r.what} for r in attempt.refusals
    ]
    what, fix = (text[:1].upper() + text[1:] + "." for text in (said.what, said.fix or "ask for the feeder's total"))
    return {
        "rule": said.rule, "what": what, "fix": fix, "at": attempt.at, "home": name, "answers": answers,
        "privacy_url": f"{services.settings.household_url}/privacy",
    }  # fmt: skip


def _elsewhere(look: Look) -> Response:
    """A household's pages are on its own origin."""
    url = look.services.settings.household_url
    problem = {
        "title": "Your pages are at home", "status": 200, "kind": "empty", "where": "", "id": "-", "fix": "",
        "what": "Your readings open only in your home's own process, at its own address"
        + (f": {url}" if url else "."),
    }  # fmt: skip
    return look.page("error.html", {"problem": problem, "retry": url})
