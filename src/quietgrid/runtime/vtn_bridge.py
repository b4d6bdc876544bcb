"""The VTN and demand response, one and the same programs and events: what is made on one side is on the other.

Ids are the same. What OpenADR clients ask of homes goes through `Response` like everything else: its rules may refuse
it, and a second person may have to approve it (until then no VEN sees it). A report by a VEN that speaks for a home is
that home's word on the event.

Privacy: what a VEN reports is kept as it said it and used for taking part only; what a home is paid for is measured
through the gate, like everybody's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec

from quietgrid.errors import ConflictError, NotFoundError, QuietgridError
from quietgrid.model.response import Cause, Event, EventState, Participation, Program
from quietgrid.runtime.response import Response
from quietgrid.runtime.vtn import Change, Vtn
from quietgrid.runtime.vtn_clients import Caller
from quietgrid.runtime.vtn_mapping import (
    asked_of_homes,
    choice_of,
    event_request,
    program_request,
    utility_of,
)
from quietgrid.store.openadr import Wanted
from quietgrid.wire.openadr3 import EventRequest, ProgramRequest, ReportRequest

LOG = logging.getLogger("quietgrid.openadr")
LIVING = (EventState.PROPOSED, EventState.ANNOUNCED, EventState.ACTIVE)
GONE = "deleted over OpenADR"
_ALL = Wanted(limit=1 << 31)


class Bridge:
    """Between a VTN and demand response; hangs itself on both.

    Args:
        vtn, response: the two sides. resolution: seconds of the community's intervals.
    """

    def __init__(self, vtn: Vtn, response: Response, resolution: int) -> None:
        self._vtn, self._response, self._resolution = vtn, response, resolution
        self._mine = threading.local()
        vtn.watchers.append(self)
        response.listeners.append(self.heard)

    def sync(self) -> int:
        """Make up for what was missed (a process that ended in between): how many objects were made."""
        with self._response.store.read() as tx:
            programs = [one for one in tx.response.programs() if not one.ends]
            events = [e for one in programs for e in tx.response.events(one.id, states=LIVING)]
            known = {kind: {one.id for one in tx.openadr.objects(kind, _ALL)} for kind in ("PROGRAM", "EVENT")}
        missing: list[tuple[str, Program | Event]] = [
            ("program.created", one) for one in programs if one.id not in known["PROGRAM"]
        ]
        missing += [("event.created", one) for one in events if one.id not in known["EVENT"]]
        for kind, what in missing:
            self.heard(kind, what)
        return len(missing)

    def heard(self, kind: str, what: Program | Event) -> None:
        """Demand response says what happened there."""
        if getattr(self._mine, "id", "") == what.id:
            return
        try:
            if isinstance(what, Program):
                self._program(kind, what)
            else:
                self._event(kind, what)
        except QuietgridError as error:
            LOG.warning("%s %s is not told to OpenADR clients: %s", kind, what.id, error)

    def before(self, change: Change, caller: Caller) -> bool:
        """An OpenADR client changes something: see `vtn.Watcher`."""
        one = change.object
        with self._doing(one.id):
            if one.kind == "PROGRAM":
                self._run_program(change, msgspec.json.decode(one.body, type=ProgramRequest), caller)
            elif one.kind == "EVENT":
                return self._run_event(change, msgspec.json.decode(one.body, type=EventRequest), caller)
        return False

    def after(self, change: Change, caller: Caller) -> None:
        """A VEN that speaks for a home reported on an event: it takes part, or says that it does not."""
        one = change.object
        if one.kind != "REPORT" or change.operation == "DELETE" or caller.home is None:
            return
        said = choice_of(msgspec.json.decode(one.body, type=ReportRequest))
        try:
            with self._doing(one.parent):
                at = self._response.clock.now()
                self._response.take_choice(Participation(one.parent, caller.home, said, at, by="ven"))
        except (NotFoundError, ConflictError) as error:
            LOG.info("a report on %s is no word on taking part: %s", one.parent, error)

    def _program(self, kind: str, program: Program) -> None:
        if kind == "program.closed":
            self._vtn.withdraw("PROGRAM", program.id)
            return
        sent = program_request(program)
        with self._response.store.read() as tx:
            try:
                held = tx.openadr.object("PROGRAM", program.id)
            except NotFoundError:
                held = None
        if held is not None and held.client:  # a client's own words, under the name it has now
            sent = msgspec.json.decode(held.body, type=ProgramRequest)
            sent.programName = program.name[:128]
        self._vtn.adopt("PROGRAM", program.id, sent)

    def _event(self, kind: str, event: Event) -> None:
        if kind == "event.cancelled":
            self._vtn.withdraw("EVENT", event.id)
        elif kind == "event.created":
            self._vtn.adopt("EVENT", event.id, event_request(event), event.state is EventState.PROPOSED)
        elif kind == "event.changed" and event.state in LIVING and event.state is not EventState.PROPOSED:
            self._vtn.release("EVENT", event.id)

    def _run_program(self, change: Change, sent: ProgramRequest, caller: Caller) -> None:
        known = self._known_program(change.object.id)
        if change.operation == "DELETE":
            if known is not None and not known.ends:
                self._response.close_program(known.id, caller.client)
            return
        with self._response.store.read() as tx:
            found = utility_of(sent, tx.response.utilities())
        if found is None:
            if known is not None:
                fix = "leave RETAILER_NAME as it is, or delete the program"
                raise ConflictError("a program does not change its utility", where="attributes", fix=fix)
            return
        utility, region = found
        base = known or Program(change.object.id, sent.programName, utility.id, region)
        if (base.utility, base.region) != (utility.id, region):
            raise ConflictError("a program stays where it is", where="attributes", fix="create another")
        if known is None or known.name != sent.programName:
            self._response.save_program(replace(base, name=sent.programName), caller.client)

    def _run_event(self, change: Change, sent: EventRequest, caller: Caller) -> bool:
        known = self._known_event(change.object.id)
        if change.operation == "DELETE":
            if known is not None and known.state in LIVING:
                self._response.cancel(known.id, caller.client, GONE)
            return False
        program = self._known_program(sent.programID)
        asked = asked_of_homes(sent, self._resolution) if program is not None else None
        if known is not None:
            if asked is None or (asked.window, asked.target) != (known.window, known.target):
                fix = "delete it and create another"
                raise ConflictError("homes were told of this event as it is", where="event", fix=fix)
            return known.state is EventState.PROPOSED
        if program is None or asked is None:
            return False
        made = self._response.propose(
            Event(
                change.object.id, program.id, asked.window, asked.target, asked.target_wh, program.terms.rate_cents,
                Cause.OPENADR, (sent.eventName or "")[:200],
            ),
            caller.client,
        )  # fmt: skip
        return made.state is EventState.PROPOSED

    def _known_program(self, id: str) -> Program | None:
        with self._response.store.read() as tx:
            return next((one for one in tx.response.programs() if one.id == id), None)

    def _known_event(self, id: str) -> Event | None:
        with self._response.store.read() as tx:
            try:
                return tx.response.event(id)
            except NotFoundError:
                return None

    @contextmanager
    def _doing(self, id: str) -> Iterator[None]:
        """What this thread does to `id` now came from the VTN: it need not be told back."""
        self._mine.id = id
        try:
            yield
        finally:
            self._mine.id = ""
