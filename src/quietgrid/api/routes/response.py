"""Demand response: utilities, programs, events, participation, measurement."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes_response as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import response as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso_at, span
from quietgrid.model import response as model
from quietgrid.response import RulePack

router = APIRouter(prefix="/response", tags=["response"])
Name = Annotated[str, Path(pattern=r"^[a-zA-Z0-9_-]{1,128}$", examples=["evening-peak"])]
Limit = Annotated[int, Query(ge=1, le=desk.MOST)]
SEE, OPERATE = need(Permission.RESPONSE), need(Permission.RESPONSE_OPERATE)
APPROVE = need(Permission.RESPONSE_APPROVE)
CSV = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/utilities", response_model=shapes.Utilities, openapi_extra=SEE)
def utilities(kit: Kit, viewer: Asker) -> shapes.Utilities:
    """Who runs programs."""
    return shapes.Utilities(utilities=[_utility(one) for one in desk.utilities(kit, viewer)])


@router.post("/utilities", response_model=shapes.Utility, status_code=201, openapi_extra=OPERATE)
def put_utility(kit: Kit, viewer: Asker, body: shapes.NewUtility) -> shapes.Utility:
    """Put a utility in; it is verified by somebody who may approve."""
    return _utility(desk.save_utility(kit, viewer, model.Utility(body.id, body.name, tuple(body.regions))))


@router.post("/utilities/{name}/verify", response_model=shapes.Utility, openapi_extra=APPROVE)
def verify_utility(kit: Kit, viewer: Asker, name: Name) -> shapes.Utility:
    """Vouch for a utility and its regions."""
    return _utility(desk.verify_utility(kit, viewer, name))


@router.get("/packs", response_model=shapes.Packs, openapi_extra=SEE)
def rule_packs(kit: Kit, viewer: Asker) -> shapes.Packs:
    """The regions' rules."""
    return shapes.Packs(packs=[_pack(one) for one in desk.rule_packs(kit, viewer)])


@router.get("/programs", response_model=shapes.Programs, openapi_extra=SEE)
def programs(kit: Kit, viewer: Asker) -> shapes.Programs:
    """All programs."""
    return shapes.Programs(programs=[program_of(one) for one in desk.programs(kit, viewer)])


@router.post("/programs", response_model=shapes.Program, status_code=201, openapi_extra=OPERATE)
def put_program(kit: Kit, viewer: Asker, body: shapes.NewProgram) -> shapes.Program:
    """Put a program in, or change it; its region's rules apply."""
    kept = desk.save_program(kit, viewer, program_in(body, kit.now()))
    return program_of(next(one for one in desk.programs(kit, viewer) if one.program.id == kept.id))


@router.post("/programs/{name}/close", response_model=shapes.Program, openapi_extra=OPERATE)
def close_program(kit: Kit, viewer: Asker, name: Name) -> shapes.Program:
    """End a program now; events that have not begun are cancelled."""
    desk.close_program(kit, viewer, name)
    return program_of(next(one for one in desk.programs(kit, viewer) if one.program.id == name))


@router.get("/events", response_model=shapes.Events, openapi_extra=SEE)
def events(
    kit: Kit, viewer: Asker, program: Annotated[str, Query(max_length=128)] = "", limit: Limit = 100
) -> shapes.Events:
    """Events, the newest first."""
    return shapes.Events(events=[event_of(one) for one in desk.events(kit, viewer, program, limit)])


@router.get("/events.csv", response_class=Response, openapi_extra=SEE, responses=CSV)  # type: ignore[arg-type]
def events_csv(kit: Kit, viewer: Asker) -> Response:
    """Every event that is over, one line a group."""
    return Response(desk.as_csv(kit, viewer), media_type="text/csv")


@router.post("/events", response_model=shapes.Event, status_code=201, openapi_extra=OPERATE)
def propose(kit: Kit, viewer: Asker, body: shapes.NewEvent) -> shapes.Event:
    """Start an event by hand; a large one waits for a second person. `emergency` asks everybody at once."""
    window = span(body.start, body.end, kit.card.resolution, 0, kit.card.tz)
    made = desk.propose(
        kit, viewer, body.program, window, target_in(body.target), body.target_wh, rate_cents=body.rate_cents,
        reason=body.reason, emergency=body.emergency,
    )  # fmt: skip
    return event_of(desk.event(kit, viewer, made.id))


@router.get("/events/{name}", response_model=shapes.Event, openapi_extra=SEE)
def event(kit: Kit, viewer: Asker, name: Name) -> shapes.Event:
    """One event with who takes part and what was delivered."""
    return event_of(desk.event(kit, viewer, name))


@router.post("/events/{name}/approve", response_model=shapes.Event, openapi_extra=APPROVE)
def approve(kit: Kit, viewer: Asker, name: Name) -> shapes.Event:
    """Approve a large event that somebody else started."""
    return event_of(desk.event(kit, viewer, desk.approve(kit, viewer, name).id))


@router.post("/events/{name}/cancel", response_model=shapes.Event, openapi_extra=OPERATE)
def cancel(kit: Kit, viewer: Asker, name: Name, body: shapes.Reason) -> shapes.Event:
    """Cancel an event that is not over; homes read why."""
    return event_of(desk.event(kit, viewer, desk.cancel(kit, viewer, name, body.reason).id))


# -- shapes ----------------------------------------------------------------------------------------------------------


def _utility(one: model.Utility) -> shapes.Utility:
    at = iso_at(one.verified_at) if one.verified_by else None
    return shapes.Utility(
        id=one.id, name=one.name, regions=list(one.regions), verified=bool(one.verified_by), verified_at=at
    )


def _pack(one: RulePack) -> shapes.Pack:
    kept = {name: getattr(one, name) for name in shapes.Pack.model_fields if name not in ("sources",)}
    return shapes.Pack(**kept, sources=dict(one.sources))


def target_in(one: shapes.Target) -> model.Target:
    """A target as it is kept."""
    able = tuple(model.Capability(name) for name in one.capabilities)
    return model.Target(one.region, tuple(one.feeders), tuple(one.segments), able)


def _target(one: model.Target) -> shapes.Target:
    return shapes.Target(
        region=one.region, feeders=list(one.feeders), segments=list(one.segments),
        capabilities=[able.value for able in one.capabilities],
    )  # fmt: skip


def program_in(body: shapes.NewProgram, now: float) -> model.Program:
    """A program as it is kept, from now on."""
    terms = model.Terms(**(body.terms.model_dump() | {"scarce": tuple(body.terms.scarce)}))
    threshold = None
    if body.threshold is not None:
        given = body.threshold.model_dump()
        threshold = model.Threshold(**(given | {"trigger": model.Trigger(body.threshold.trigger)}))
    return model.Program(
        body.id, body.name, body.utility, body.region, "", terms, threshold, target_in(body.target), now
    )


def program_of(look: desk.ProgramLook) -> shapes.Program:
    """A program as JSON."""
    one = look.program
    threshold = None if one.threshold is None else shapes.Threshold(**asdict(one.threshold))
    return shapes.Program(
        id=one.id, name=one.name, utility=one.utility, region=one.region, terms=shapes.Terms(**asdict(one.terms)),
        threshold=threshold, target=_target(one.target), pack=one.pack, revision=one.revision,
        starts=iso_at(one.starts), ends=iso_at(one.ends) if one.ends else None, homes=look.homes, events=look.events,
    )  # fmt: skip


def event_of(look: desk.EventLook) -> shapes.Event:
    """An event as JSON."""
    one, window, counts = look.event, look.event.window, look.counters
    groups = [
        shapes.Delivered(**{name: getattr(part, name) for name in shapes.Delivered.model_fields})
        for part in look.measured
    ]
    return shapes.Event(
        id=one.id, program=one.program, start=iso_at(window.first * window.resolution),
        end=iso_at(window.end * window.resolution), state=one.state.value, cause=one.cause.value,
        reason=one.cancelled or one.reason, target=_target(one.target), target_wh=one.target_wh,
        rate_cents=one.rate_cents, expected_wh=one.expected_wh, sure_wh=one.sure_wh, delivered_wh=look.delivered_wh,
        participation=shapes.Counts(
            asked=counts.asked, joined=counts.joined, out=counts.out, silent=counts.silent
        ),
        groups=groups, rewarded_homes=look.rewards[0], rewards_micro=look.rewards[1], avoided_carbon=look.carbon,
    )  # fmt: skip
