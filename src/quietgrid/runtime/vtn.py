"""The OpenADR 3.1.1 VTN: what its clients may do with programs, events, reports, subscriptions, vens and resources.

Every change and everything that is to be told because of it are one commit. The same words by the same client within
ten minutes are the same object, so that a request that is sent again after a lost answer makes nothing twice.

Privacy: `vtn_rules`. What a VEN reports is its own choice of numbers; no reading of a meter is ever here.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import msgspec

from quietgrid.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.runtime.vtn_clients import Caller, Clients
from quietgrid.runtime.vtn_rules import check_seen, narrowed, shown, told, topics
from quietgrid.store.openadr import OpenAdrDelivery, OpenAdrObject, Wanted
from quietgrid.store.stores import PlatformStore, PlatformTx
from quietgrid.wire.openadr3 import (
    BlResourceRequest,
    BlVenRequest,
    EventRequest,
    MqttBinding,
    ObjectType,
    ProgramRequest,
    ReportRequest,
    Request,
    SubscriptionRequest,
    VenResourceRequest,
    VenVenRequest,
    over,
)

RETRY_S = 600.0
"""So long the same words of the same client are the same object."""
MOST_WAITING = 1_000
"""Most that waits to be told to one subscription, or by MQTT."""
MOST_CALLBACKS = 10
MOST = {"PROGRAM": 1_000, "EVENT": 100_000, "REPORT": 100_000, "SUBSCRIPTION": 50, "VEN": 1_000, "RESOURCE": 10_000}
"""Most objects of a kind that one client may have."""
NOBODY = Caller("", "VEN", frozenset())
BUSINESS = Caller("", "BL", frozenset())
Made = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object: CREATE, UPDATE or DELETE."""

    operation: str
    object: OpenAdrObject


class Watcher(Protocol):
    """Who has a say in, and hears of, what clients change (the bridge to demand response)."""

    def before(self, change: Change, caller: Caller) -> bool:
        """Before it is kept: whether it has to wait for somebody's approval. Raising refuses it."""

    def after(self, change: Change, caller: Caller) -> None:
        """After it was kept."""


class Vtn:
    """A VTN over the platform's store.

    Args:
        store: the platform's. clock: the community's time, by which events are over. now: the machine's time.
        callbacks: asks and tells subscribers. mqtt: base topic and broker, None without one.
    """

    def __init__(
        self, store: PlatformStore, clock: Callable[[], float], callbacks: Callbacks | None = None,
        now: Callable[[], float] = time.time, mqtt: tuple[str, MqttBinding] | None = None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._now = store, clock, now
        self.callbacks = callbacks or Callbacks()
        self.clients = Clients(store, now)
        self.mqtt = mqtt
        self.watchers: list[Watcher] = []
        self.wake: Callable[[], None] = lambda: None
        """Called when there is something to tell."""

    def search(
        self, caller: Caller, kind: ObjectType, wanted: Wanted, active: bool, about: Sequence[str]
    ) -> list[Made]:
        """Objects that a caller may see and that fit all it asks for.

        Args:
            wanted: the filters; `all_of` are the targets. active: leave out events that have transpired. about: only
                subscriptions to one of these kinds.
        """
        asked = replace(wanted, open_at=self._clock()) if active else wanted
        with self._store.read() as tx:
            granted = frozenset() if caller.business else tx.openadr.granted(caller.client)
            found = narrowed(caller, kind, asked, granted)
            if found is None:
                return []
            if about:
                every = tx.openadr.objects(kind, replace(found, skip=0, limit=1 << 31))
                kept = [one for one in every if set(about) <= _subjects(one)]
                objects = kept[found.skip : found.skip + found.limit]
            else:
                objects = tx.openadr.objects(kind, found)
        return [shown(one, caller, frozenset(found.all_of)) for one in objects]

    def read(self, caller: Caller, kind: ObjectType, id: str) -> Made:
        """One object.

        Raises:
            NotFoundError: there is none, or not for this caller.
        """
        with self._store.read() as tx:
            one, granted = self._seen(tx, caller, kind, id)
        return shown(one, caller, granted)

    def create(self, caller: Caller, kind: ObjectType, sent: Request) -> Made:
        """A new object.

        Raises:
            ForbiddenError: not for a client of this kind, or it has too many. ConflictError: a name is taken, or what
                it refers to is not there. InputError: a callback cannot be used.
        """
        with self._store.read() as tx:
            made = self._drafted(tx, caller, kind, sent, None)
            again = tx.openadr.same(made.digest, self._now() - RETRY_S)
            if again is None and tx.openadr.count(kind, caller.client) >= MOST[kind]:
                raise ForbiddenError(
                    f"a client has at most {MOST[kind]} of these", where=kind.lower(), fix="delete some"
                )
        if again is not None:
            return shown(again, caller, frozenset(again.targets))
        if isinstance(sent, SubscriptionRequest):
            self._challenge(sent, frozenset())
        return self._keep(caller, Change("CREATE", made))

    def replace(self, caller: Caller, kind: ObjectType, id: str, sent: Request) -> Made:
        """Another state of an object; raises as `read` and `create` do."""
        with self._store.read() as tx:
            held, _ = self._seen(tx, caller, kind, id)
            made = self._drafted(tx, caller, kind, sent, held)
        if isinstance(sent, SubscriptionRequest):
            old = msgspec.json.decode(held.body, type=SubscriptionRequest)
            self._challenge(sent, frozenset(about.callbackUrl for about in old.objectOperations))
        return self._keep(caller, Change("UPDATE", made))

    def delete(self, caller: Caller, kind: ObjectType, id: str) -> Made:
        """Delete an object; with a program go its events, with a ven its resources. Reports stay.

        Raises:
            NotFoundError: there is none, or not for this caller.
        """
        with self._store.read() as tx:
            one, granted = self._seen(tx, caller, kind, id)
            gone = [one]
            if kind == "PROGRAM":
                gone += tx.openadr.objects("EVENT", Wanted(program=id, limit=1 << 31))
            if kind == "VEN":
                gone += tx.openadr.objects("RESOURCE", Wanted(parent=id, limit=1 << 31))
        changes = [Change("DELETE", each) for each in reversed(gone)]
        for change in changes:
            for watcher in self.watchers:
                watcher.before(change, caller)
        with self._store.begin() as tx:
            for change in changes:
                self._tell(tx, change)  # first: whoever loses a grant by it still hears of it
                tx.openadr.drop(change.object.kind, change.object.id)
        self._spread(changes, caller)
        return shown(one, caller, granted)

    def adopt(self, kind: ObjectType, id: str, sent: ProgramRequest | EventRequest, waits: bool = False) -> None:
        """Keep what came about elsewhere (demand response's programs and events) under its own id, and tell of it.

        Args:
            waits: it still has to be approved, so only business clients see it.
        """
        now, body = self._now(), msgspec.json.encode(sent).decode()
        targets = tuple(sent.targets or ())
        one = OpenAdrObject(kind, id, "", body, hashlib.sha256(id.encode()).digest(), targets=targets, changed=now)
        with self._store.begin() as tx:
            try:
                held: OpenAdrObject | None = tx.openadr.object(kind, id)
            except NotFoundError:
                held = None
            if held is not None and held.body == body:
                return
            one = replace(one, made=held.made if held else now, held=int(waits), client=held.client if held else "")
            kept = tx.openadr.put(self._referred(tx, BUSINESS, one, sent))
            self._tell(tx, Change("CREATE" if held is None else "UPDATE", kept))
        self.wake()

    def release(self, kind: str, id: str) -> None:
        """What waited was approved: VENs see it from now on, and are told. Nothing where it did not wait."""
        with self._store.begin() as tx:
            one = tx.openadr.object(kind, id)
            if not one.held:
                return
            kept = tx.openadr.put(replace(one, held=0, changed=self._now()))
            self._tell(tx, Change("CREATE", kept))
        self.wake()

    def withdraw(self, kind: str, id: str) -> None:
        """The opposite of `adopt`; nothing if there is no such object."""
        with self._store.begin() as tx:
            try:
                one = tx.openadr.object(kind, id)
            except NotFoundError:
                return
            self._tell(tx, Change("DELETE", one))
            tx.openadr.drop(kind, id)
        self.wake()

    def topics(self, caller: Caller, path: Sequence[str]) -> tuple[str, bool]:
        """The topic of a part of the tree, and whether it can tell of creations.

        Args:
            path: as after ``/notifiers/mqtt/topics/``.

        Raises:
            NotFoundError: there is no broker, or no such object for this caller.
        """
        if self.mqtt is None:
            raise NotFoundError("changes are told by webhook only here", where="notifiers", fix="subscribe instead")
        base = self.mqtt[0]
        if len(path) > 1:
            with self._store.read() as tx:
                self._seen(tx, caller, "PROGRAM" if path[0] == "programs" else "VEN", path[1])
        if path[0] == "vens" and len(path) > 1:
            return "/".join([base, *path]), len(path) != 2
        return "/".join([base, "bl" if caller.business else "all", *path]), len(path) != 2

    def _seen(self, tx: PlatformTx, caller: Caller, kind: str, id: str) -> tuple[OpenAdrObject, frozenset[str]]:
        one = tx.openadr.object(kind, id)
        granted = frozenset() if caller.business else tx.openadr.granted(caller.client)
        check_seen(caller, one, granted)
        return one, granted

    def _keep(self, caller: Caller, change: Change) -> Made:
        waits = [watcher.before(change, caller) for watcher in self.watchers]
        with self._store.begin() as tx:
            kept = tx.openadr.put(replace(change.object, held=int(any(waits))))
            done = replace(change, object=kept)
            self._tell(tx, done)
            granted = frozenset() if caller.business else tx.openadr.granted(caller.client)
        self._spread([done], caller)
        return shown(kept, caller, granted)

    def _spread(self, changes: Sequence[Change], caller: Caller) -> None:
        for change in changes:
            for watcher in self.watchers:
                watcher.after(change, caller)
        self.wake()

    def _challenge(self, sent: SubscriptionRequest, known: frozenset[str]) -> None:
        """Have every callback that is new prove itself."""
        if len(sent.objectOperations) > MOST_CALLBACKS:
            raise InputError(
                f"a subscription has at most {MOST_CALLBACKS} callbacks", where="objectOperations", fix="make two"
            )
        urls = {about.callbackUrl: about.bearerToken for about in sent.objectOperations}
        for url, token in urls.items():
            self.callbacks.check(url)
            if url not in known:
                self.callbacks.challenge(url, token)

    def _tell(self, tx: PlatformTx, change: Change) -> None:
        """Queue what has to be told because of a change, in its own commit."""
        now, one = self._now(), change.object
        deliveries = []

        def add(subscription: str, place: int, topic: str, reader: Caller, named: frozenset[str]) -> None:
            body = _notification(change, shown(one, reader, named))
            deliveries.append(OpenAdrDelivery(0, subscription, place, topic, body, now, now, 0))

        known = {client.id: client for client in tx.openadr.clients() if client.revoked is None}
        for held in tx.openadr.objects("SUBSCRIPTION", Wanted(limit=1 << 31)):
            client = known.get(held.client)
            if client is None:
                continue
            subscriber = Caller(client.id, client.kind, frozenset())
            granted = frozenset() if subscriber.business else tx.openadr.granted(client.id)
            wish = msgspec.json.decode(held.body, type=SubscriptionRequest)
            places, named = told(subscriber, wish, one, change.operation, granted)
            for place in places:
                add(held.id, place, "", subscriber, named)
        if self.mqtt is not None:
            vens = tx.openadr.granted_to(one.targets) if one.targets else []
            for topic, client_id in topics(self.mqtt[0], one, vens):
                reader = BUSINESS if not client_id else Caller(client_id, "VEN", frozenset())
                named = tx.openadr.granted(client_id) if client_id else frozenset()
                add("", 0, f"{topic}/{change.operation.lower()}", reader, named)
        tx.openadr.queue(deliveries, MOST_WAITING)

    def _drafted(
        self, tx: PlatformTx, caller: Caller, kind: ObjectType, sent: Request, held: OpenAdrObject | None
    ) -> OpenAdrObject:
        """The object as it would be kept; refuses what this caller may not say."""
        now = self._now()
        sent = _written_by(caller, sent, held)
        owner = held.client if held else caller.client
        if isinstance(sent, BlVenRequest | BlResourceRequest):
            owner = sent.clientID
        body = msgspec.json.encode(sent).decode()
        digest = hashlib.sha256(f"{kind}\0{caller.client}\0{body}".encode()).digest()
        one = OpenAdrObject(
            kind, held.id if held else _new_id(), owner, body, digest, made=held.made if held else now, changed=now,
            number=held.number if held else 0, targets=tuple(getattr(sent, "targets", None) or ()),
        )  # fmt: skip
        return self._referred(tx, caller, one, sent)

    def _referred(self, tx: PlatformTx, caller: Caller, one: OpenAdrObject, sent: Request) -> OpenAdrObject:
        """With names, references and ends filled in; what an object refers to must be there for the caller."""
        if isinstance(sent, ProgramRequest):
            return replace(one, name=sent.programName, single=f"program {sent.programName}")
        if isinstance(sent, EventRequest):
            self._there(tx, caller, "PROGRAM", sent.programID)
            ends = over(sent, datetime.fromtimestamp(self._clock(), UTC))
            return replace(
                one, name=sent.eventName or "", program=sent.programID, ends=ends.timestamp() if ends else None
            )
        if isinstance(sent, ReportRequest):
            event = self._there(tx, caller, "EVENT", sent.eventID)
            return replace(one, name=sent.clientName, program=event.program, parent=sent.eventID)
        if isinstance(sent, SubscriptionRequest):
            program = sent.programID if isinstance(sent.programID, str) else ""
            if program:
                self._there(tx, caller, "PROGRAM", program)
            return replace(one, name=sent.clientName, program=program)
        if isinstance(sent, BlVenRequest):
            return replace(one, name=sent.venName, single=f"ven {sent.venName}")
        sent = cast(BlResourceRequest, sent)
        ven, _ = self._seen(tx, caller, "VEN", sent.venID)
        if ven.client != sent.clientID:
            raise InputError("this VEN belongs to another client", where="clientID", fix="give the VEN's own clientID")
        single = f"resource {sent.venID} {sent.resourceName}"
        return replace(one, name=sent.resourceName, parent=sent.venID, single=single)

    def _there(self, tx: PlatformTx, caller: Caller, kind: str, id: str) -> OpenAdrObject:
        try:
            return self._seen(tx, caller, kind, id)[0]
        except NotFoundError as error:
            what = f"there is no such {kind.lower()}"
            raise ConflictError(what, where=f"{kind.lower()}ID", fix="create it first") from error


def _written_by(caller: Caller, sent: Request, held: OpenAdrObject | None) -> Request:
    """A VEN's own words about itself in the form that is kept: it grants itself nothing and loses nothing by it.

    Raises:
        ForbiddenError: a VEN writes as the business logic does. InputError: the other way round.
    """
    if isinstance(sent, BlVenRequest | BlResourceRequest) and not caller.business:
        raise ForbiddenError("only a business client grants targets", where="objectType", fix="send the VEN's request")
    if not isinstance(sent, VenVenRequest | VenResourceRequest):
        return sent
    if caller.business:
        raise InputError("a business client says whose it is", where="objectType", fix="send the BL_ request")
    targets = list(held.targets) if held and held.targets else None
    if isinstance(sent, VenVenRequest):
        return BlVenRequest(clientID=caller.client, venName=sent.venName, targets=targets, attributes=sent.attributes)
    return BlResourceRequest(
        clientID=caller.client, resourceName=sent.resourceName, venID=sent.venID, targets=targets,
        attributes=sent.attributes,
    )  # fmt: skip


def _notification(change: Change, body: Made) -> str:
    said: dict[str, Any] = {"objectType": change.object.kind, "operation": change.operation, "object": body}
    if body.get("targets"):
        said["targets"] = body["targets"]
    return msgspec.json.encode(said).decode()


def _subjects(one: OpenAdrObject) -> set[str]:
    wish = msgspec.json.decode(one.body, type=SubscriptionRequest)
    return {kind for about in wish.objectOperations for kind in about.objects}


def _new_id() -> str:
    return secrets.token_hex(12)
