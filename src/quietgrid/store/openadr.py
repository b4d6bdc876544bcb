"""The OpenADR 3 VTN's own: clients and their tokens, objects, and what is still to be told to whom.

An object is one row whatever its kind: its body is the JSON its client sent (checked before), the columns are what is
looked for. Ids of programs and events are those of demand response. Only hashes of secrets and tokens are kept; the
bearer tokens that subscribers give for their own callbacks are in the body, since they have to be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    Tables,
    column,
    insert_new,
    key,
    signed64,
    table,
    unsigned64,
)

_client = table(
    "openadr_client", PLATFORM, key("id", TEXT), column("name", TEXT), column("kind", TEXT), column("secret", BLOB),
    column("made", NUMBER), column("by", TEXT), column("revoked", NUMBER, null=True), column("home", INT, null=True),
)  # fmt: skip
_token = table(
    "openadr_token", PLATFORM, key("token", BLOB), column("client", TEXT, sa.ForeignKey("openadr_client.id")),
    column("scopes", TEXT), column("expires", NUMBER), sa.Index("openadr_token_by_client", "client", "expires"),
)  # fmt: skip
_object = table(
    "openadr_object", PLATFORM, key("kind", TEXT), key("id", TEXT), column("number", INT, unique=True),
    column("client", TEXT), column("name", TEXT), column("single", TEXT, null=True, unique=True),
    column("program", TEXT), column("parent", TEXT), column("ends", NUMBER, null=True), column("held", INT),
    column("made", NUMBER), column("changed", NUMBER), column("digest", BLOB), column("body", TEXT),
    sa.Index("openadr_object_in_order", "kind", "number"), sa.Index("openadr_object_by_client", "kind", "client"),
    sa.Index("openadr_object_by_digest", "digest"), sa.Index("openadr_object_by_parent", "kind", "parent"),
)  # fmt: skip
_target = table(
    "openadr_target", PLATFORM, key("kind", TEXT), key("id", TEXT), key("target", TEXT),
    sa.Index("openadr_target_by_name", "kind", "target"),
)  # fmt: skip
_delivery = table(
    "openadr_delivery", PLATFORM, key("number", INT), column("subscription", TEXT), column("place", INT),
    column("topic", TEXT), column("body", TEXT), column("made", NUMBER), column("due", NUMBER), column("tries", INT),
    sa.Index("openadr_delivery_by_due", "due"), sa.Index("openadr_delivery_by_subscription", "subscription", "place"),
)  # fmt: skip
_counter = table("openadr_counter", PLATFORM, key("name", TEXT), column("last", INT))


@dataclass(frozen=True, slots=True)
class OpenAdrClient:
    """A program that may sign in.

    Args:
        id, name: of it. kind: ``BL`` (business logic: runs programs) or ``VEN``. secret: its hash. made, by: when, by
            whom. revoked: when it was shut out; None: it was not. home: whose home it speaks for, None: for nobody's.
    """

    id: str
    name: str
    kind: str
    secret: bytes
    made: float
    by: str
    revoked: float | None = None
    home: int | None = None


@dataclass(frozen=True, slots=True)
class OpenAdrObject:
    """One object.

    Args:
        kind: PROGRAM, EVENT, REPORT, SUBSCRIPTION, VEN or RESOURCE. id: unique in its kind. client: whose it is.
        name: programName, eventName, clientName, venName or resourceName. single: what no other object may have too;
            None: nothing. program: programID of it. parent: eventID of a report, venID of a resource. ends: when an
            event has transpired; None: never. held: 1 while it waits for approval, for business clients' eyes only.
        made, changed: machine's time. digest: of what was sent by whom.
        body: JSON of the request. targets: of it. number: order of creation; set by the store.
    """

    kind: str
    id: str
    client: str
    body: str
    digest: bytes
    name: str = ""
    single: str | None = None
    program: str = ""
    parent: str = ""
    ends: float | None = None
    held: int = 0
    made: float = 0.0
    changed: float = 0.0
    targets: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which objects are looked for; what is empty or None is not asked.

    Args:
        client, name, program, parent: equal. all_of: targets an object must all have. untargeted: only objects without
            any. open_at: events that are not over then. free: not what waits for approval. skip, limit: the page.
    """

    client: str = ""
    name: str = ""
    program: str = ""
    parent: str = ""
    all_of: tuple[str, ...] = ()
    untargeted: bool = False
    open_at: float | None = None
    free: bool = False
    skip: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class OpenAdrDelivery:
    """Something to tell: to a subscription's callback (its `place` in objectOperations), or, with a topic, by MQTT."""

    number: int
    subscription: str
    place: int
    topic: str
    body: str
    made: float
    due: float
    tries: int


class OpenAdrTables(Tables):
    """Clients, tokens, objects, deliveries."""

    def add_client(self, client: OpenAdrClient) -> None:
        """Keep a new client; `ConflictError` if its id is taken."""
        home = None if client.home is None else signed64(client.home)
        if insert_new(self._c, _client, [asdict(client) | {"home": home}]) != 1:
            raise ConflictError("this client id is taken", where=client.id, fix="choose another")

    def client(self, id: str) -> OpenAdrClient:
        """One client."""
        return _as_client(self._one(sa.select(_client).where(_client.c.id == id), "OpenADR client", id))

    def clients(self) -> list[OpenAdrClient]:
        """All clients, oldest first."""
        return [_as_client(row) for row in self._c.execute(sa.select(_client).order_by(_client.c.made))]

    def revoke_client(self, id: str, at: float) -> None:
        """Shut a client out: its tokens end, nothing more is told to it."""
        mine = sa.select(_object.c.id).where(_object.c.kind == "SUBSCRIPTION", _object.c.client == id)
        changed = self._c.execute(
            sa.update(_client).where(_client.c.id == id, _client.c.revoked.is_(None)).values(revoked=at)
        )
        if changed.rowcount != 1:
            self.client(id)
        self._c.execute(sa.delete(_token).where(_token.c.client == id))
        self._c.execute(sa.delete(_delivery).where(_delivery.c.subscription.in_(mine)))

    def add_token(self, token: bytes, client: str, scopes: str, expires: float, keep: int, now: float) -> None:
        """Keep a token; the client's oldest go once it has more than `keep`, and whatever is over."""
        self._c.execute(sa.delete(_token).where(_token.c.expires <= now))
        own = sa.select(_token.c.token).where(_token.c.client == client).order_by(_token.c.expires.desc())
        old = list(self._c.execute(own.offset(keep - 1)).scalars())
        if old:
            self._c.execute(sa.delete(_token).where(_token.c.token.in_(old)))
        self._c.execute(sa.insert(_token).values(token=token, client=client, scopes=scopes, expires=expires))

    def token(self, token: bytes, now: float) -> tuple[OpenAdrClient, frozenset[str]]:
        """Client and scopes of a token, or `NotFoundError` if it is unknown, over or its client revoked."""
        query = (
            sa.select(_token.c.scopes, _client).join(_client, _client.c.id == _token.c.client)
            .where(_token.c.token == token, _token.c.expires > now, _client.c.revoked.is_(None))
        )  # fmt: skip
        row = self._one(query, "token", "Authorization")
        return _as_client(row), frozenset(row.scopes.split())

    def object(self, kind: str, id: str) -> OpenAdrObject:
        """One object."""
        row = self._one(sa.select(_object).where(_object.c.kind == kind, _object.c.id == id), kind.lower(), id)
        return self._with_targets([row])[0]

    def same(self, digest: bytes, since: float) -> OpenAdrObject | None:
        """The object that was made of the same words by the same client, lately."""
        row = self._c.execute(sa.select(_object).where(_object.c.digest == digest, _object.c.made >= since)).first()
        return self._with_targets([row])[0] if row is not None else None

    def objects(self, kind: str, wanted: Wanted = Wanted()) -> list[OpenAdrObject]:
        """Objects of a kind in the order they were made, one page."""
        if wanted.limit <= 0:
            return []
        query = sa.select(_object).where(_object.c.kind == kind)
        for name in ("client", "name", "program", "parent"):
            if value := getattr(wanted, name):
                query = query.where(_object.c[name] == value)
        of = (_target.c.kind == _object.c.kind, _target.c.id == _object.c.id)
        for target in wanted.all_of:
            query = query.where(sa.exists().where(*of, _target.c.target == target))
        if wanted.untargeted:
            query = query.where(~sa.exists().where(*of))
        if wanted.open_at is not None:
            query = query.where(sa.or_(_object.c.ends.is_(None), _object.c.ends > wanted.open_at))
        if wanted.free:
            query = query.where(_object.c.held == 0)
        page = query.order_by(_object.c.number).offset(wanted.skip).limit(wanted.limit)
        return self._with_targets(self._c.execute(page).all())

    def count(self, kind: str, client: str = "") -> int:
        """How many objects of a kind there are (of a client)."""
        query = sa.select(sa.func.count()).select_from(_object).where(_object.c.kind == kind)
        return int(self._c.execute(query.where(_object.c.client == client) if client else query).scalar_one())

    def put(self, one: OpenAdrObject) -> OpenAdrObject:
        """Keep a new object, or another state of one; it is returned with its number.

        Raises:
            ConflictError: another object has what may be there once (`single`).
        """
        taken = sa.select(_object.c.id).where(_object.c.single == one.single, _object.c.id != one.id)
        if one.single is not None and self._c.execute(taken).first() is not None:
            raise ConflictError("this name is taken", where=one.kind.lower(), fix="choose another")
        values = asdict(one)
        del values["targets"], values["number"]
        known = (_object.c.kind == one.kind, _object.c.id == one.id)
        held = self._c.execute(sa.select(_object.c.number).where(*known)).scalar()
        number = int(held) if held is not None else self._next("object")
        if held is None:
            self._c.execute(sa.insert(_object).values(values | {"number": number}))
        else:
            self._c.execute(sa.update(_object).where(*known).values(values))
            self._c.execute(sa.delete(_target).where(_target.c.kind == one.kind, _target.c.id == one.id))
        rows = [{"kind": one.kind, "id": one.id, "target": target} for target in sorted(set(one.targets))]
        if rows:
            self._c.execute(sa.insert(_target), rows)
        return replace(one, number=number)

    def drop(self, kind: str, id: str) -> None:
        """Delete an object; of a subscription, what was still to be told."""
        gone = self._c.execute(sa.delete(_object).where(_object.c.kind == kind, _object.c.id == id))
        if gone.rowcount != 1:
            raise NotFoundError(f"there is no such {kind.lower()}", where=id, fix="check the id")
        self._c.execute(sa.delete(_target).where(_target.c.kind == kind, _target.c.id == id))
        if kind == "SUBSCRIPTION":
            self.drop_deliveries(id)

    def granted(self, client: str) -> frozenset[str]:
        """Targets that the VENs and resources of a client have been given."""
        query = (
            sa.select(_target.c.target)
            .join(_object, sa.and_(_object.c.kind == _target.c.kind, _object.c.id == _target.c.id))
            .where(_object.c.client == client, _target.c.kind.in_(("VEN", "RESOURCE")))
        )
        return frozenset(self._c.execute(query).scalars())

    def granted_to(self, targets: Sequence[str]) -> list[tuple[str, str]]:
        """(VEN id, client) of every VEN that has been given at least one of these, itself or by a resource."""
        whose = (
            sa.select(_object.c.client)
            .join(_target, sa.and_(_object.c.kind == _target.c.kind, _object.c.id == _target.c.id))
            .where(_target.c.kind.in_(("VEN", "RESOURCE")), _target.c.target.in_(list(targets)))
        )
        vens = sa.select(_object.c.id, _object.c.client).where(_object.c.kind == "VEN", _object.c.client.in_(whose))
        return [(id, client) for id, client in self._c.execute(vens.order_by(_object.c.number))]

    def queue(self, deliveries: Sequence[OpenAdrDelivery], most: int) -> int:
        """Have things told; how many were left out because a subscription (or MQTT) already waits for `most`."""
        left = 0
        for one in deliveries:
            mine = _delivery.c.subscription == one.subscription
            waiting = self._c.execute(sa.select(sa.func.count()).select_from(_delivery).where(mine)).scalar_one()
            if waiting >= most:
                left += 1
                continue
            self._c.execute(sa.insert(_delivery).values(asdict(one) | {"number": self._next("delivery")}))
        return left

    def due(self, now: float, limit: int, mqtt: bool) -> list[OpenAdrDelivery]:
        """What is to be told now: of each callback only its oldest, so that the order stays."""
        line = (_delivery.c.subscription, _delivery.c.place)
        oldest = sa.select(sa.func.min(_delivery.c.number)).group_by(*line)
        kind = _delivery.c.topic != "" if mqtt else _delivery.c.topic == ""
        query = sa.select(_delivery).where(kind, _delivery.c.due <= now).order_by(_delivery.c.number).limit(limit)
        found = query if mqtt else query.where(_delivery.c.number.in_(oldest))
        return [OpenAdrDelivery(*row) for row in self._c.execute(found)]

    def told(self, number: int) -> None:
        """It was told, or nobody tries any more."""
        self._c.execute(sa.delete(_delivery).where(_delivery.c.number == number))

    def later(self, number: int, due: float) -> None:
        """Try again then."""
        values = {"due": due, "tries": _delivery.c.tries + 1}
        self._c.execute(sa.update(_delivery).where(_delivery.c.number == number).values(values))

    def drop_deliveries(self, subscription: str) -> int:
        """Tell a subscription nothing of what waits; how many."""
        return self._c.execute(sa.delete(_delivery).where(_delivery.c.subscription == subscription)).rowcount

    def waiting(self) -> dict[str, int]:
        """Subscription -> how much waits to be told; the empty one is MQTT."""
        query = sa.select(_delivery.c.subscription, sa.func.count()).group_by(_delivery.c.subscription)
        return {str(name): int(n) for name, n in self._c.execute(query)}

    def _next(self, name: str) -> int:
        raised = self._c.execute(sa.update(_counter).where(_counter.c.name == name).values(last=_counter.c.last + 1))
        if raised.rowcount != 1:
            self._c.execute(sa.insert(_counter).values(name=name, last=1))
            return 1
        return int(self._c.execute(sa.select(_counter.c.last).where(_counter.c.name == name)).scalar_one())

    def _with_targets(self, rows: Sequence[sa.Row[Any]]) -> list[OpenAdrObject]:
        if not rows:
            return []
        ids = sa.select(_target.c.id, _target.c.target).where(
            _target.c.kind == rows[0].kind, _target.c.id.in_([row.id for row in rows])
        )
        targets: dict[str, list[str]] = {}
        for id, target in self._c.execute(ids.order_by(_target.c.target)):
            targets.setdefault(id, []).append(target)
        return [OpenAdrObject(**dict(row._mapping), targets=tuple(targets.get(row.id, ()))) for row in rows]


def _as_client(row: sa.Row[Any]) -> OpenAdrClient:
    home = None if row.home is None else unsigned64(row.home)
    return OpenAdrClient(row.id, row.name, row.kind, bytes(row.secret), row.made, row.by, row.revoked, home)
