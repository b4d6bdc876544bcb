"""The four kinds of database and what a transaction of each offers."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from quietgrid.model.interval import Clock, SystemClock
from quietgrid.store.anchors import Anchors
from quietgrid.store.answers import Answers
from quietgrid.store.billing import Billing
from quietgrid.store.chain import ChainTables
from quietgrid.store.documents import Documents
from quietgrid.store.engine import Store, connect
from quietgrid.store.feeds import FeedTables
from quietgrid.store.grid import GridTables
from quietgrid.store.household import Household
from quietgrid.store.insight import InsightTables
from quietgrid.store.jobs import Jobs
from quietgrid.store.keyholder import Members
from quietgrid.store.ledger import Ledger
from quietgrid.store.log import AuditLog
from quietgrid.store.meter import MeterFleet
from quietgrid.store.openadr import OpenAdrTables
from quietgrid.store.overview import Overview
from quietgrid.store.people import People
from quietgrid.store.postings import Postings
from quietgrid.store.publications import Publications
from quietgrid.store.registry import Registry
from quietgrid.store.response import ResponseTables
from quietgrid.store.segments import Segments
from quietgrid.store.storing import StoringTables
from quietgrid.store.totals import Totals
from quietgrid.store.votes import Votes


class PlatformTx:
    """One transaction of the platform's database."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.segments = Segments(connection, clock)
        self.log = AuditLog(connection, clock)
        self.jobs = Jobs(connection, clock)
        self.registry = Registry(connection, clock)
        self.documents = Documents(connection, clock)
        self.answers = Answers(connection, clock)
        self.totals = Totals(connection, clock)
        self.billing = Billing(connection, clock)
        self.people = People(connection, clock)
        self.publications = Publications(connection, clock)
        self.overview = Overview(connection, clock)
        self.chain = ChainTables(connection, clock)
        self.postings = Postings(connection, clock)
        self.anchors = Anchors(connection, clock)
        self.feeds = FeedTables(connection, clock)
        self.grid = GridTables(connection, clock)
        self.storing = StoringTables(connection, clock)
        self.insight = InsightTables(connection, clock)
        self.openadr = OpenAdrTables(connection, clock)
        self.response = ResponseTables(connection, clock)


class KeyholderTx:
    """One transaction of a keyholder's database."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.members = Members(connection, clock)
        self.votes = Votes(connection, clock)
        self.ledger = Ledger(connection, clock)
        self.documents = Documents(connection, clock)


class FleetTx:
    """One transaction of the database of a process that runs meters."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.meters = MeterFleet(connection, clock)
        self.documents = Documents(connection, clock)


class VaultTx:
    """One transaction of a household's database."""

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self.household = Household(connection, clock)
        self.documents = Documents(connection, clock)


PlatformStore = Store[PlatformTx]
KeyholderStore = Store[KeyholderTx]
FleetStore = Store[FleetTx]
VaultStore = Store[VaultTx]


def open_platform(url: str | Path, clock: Clock | None = None) -> PlatformStore:
    """Open (and migrate) the platform's database. `url`: a file path or an SQLAlchemy address."""
    return Store(connect(url, "platform"), "platform", PlatformTx, clock or SystemClock())


def open_keyholder(url: str | Path, clock: Clock | None = None) -> KeyholderStore:
    """Open (and migrate) a keyholder's database."""
    return Store(connect(url, "keyholder"), "keyholder", KeyholderTx, clock or SystemClock())


def open_fleet(url: str | Path, clock: Clock | None = None) -> FleetStore:
    """Open (and migrate) the database of a process that runs meters."""
    return Store(connect(url, "fleet"), "fleet", FleetTx, clock or SystemClock())


def open_vault(url: str | Path, clock: Clock | None = None) -> VaultStore:
    """Open (and migrate) a household's database."""
    return Store(connect(url, "vault"), "vault", VaultTx, clock or SystemClock())
