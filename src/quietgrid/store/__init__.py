"""Everything that is kept: SQLite (default) or PostgreSQL, SQLAlchemy Core, one file per stage. SQL lives only here.

Four kinds of database, each in a file of its own, because each belongs to another body:

    open_platform(url, clock)   tx.segments log jobs registry documents answers totals billing people
                                   publications
    open_keyholder(url, clock)  tx.members votes ledger documents
    open_fleet(url, clock)      tx.meters documents
    open_vault(url, clock)      tx.household documents

`url` is a file path (SQLite, created with mode 0600) or an SQLAlchemy address (``postgresql+psycopg://...``). Opening
runs the migrations. `clock` fills the `at` columns.

    with store.begin() as tx:   # the one writer; on disk (fsync) on leaving, rolled back on an exception
        tx.log.append("operator", "bill.issue", "home 7", {"period": 3})
    with store.read() as tx:    # a snapshot, any number at once
        tx.segments.read(Cut(day, register, resolution), n_rows)

Transactions do not nest. Methods take and return plain values and NumPy columns; no SQLAlchemy object leaves this room.
`put...` is idempotent by primary key: the same body again is a no-op, another body raises `ConflictError`. Asking for
one thing that is not there raises `NotFoundError`. pids and homes are unsigned 64-bit; `slot`, `first`, `end` are
absolute slots and `day` a UTC day; `signed` is an encoded `Signed` envelope, `hash` and `subject` its 32 bytes.

What each group of tables offers is in the docstrings of its class:
Segments (segments.py) ciphertexts by position; AuditLog (log.py); Jobs (jobs.py); Documents (documents.py) small things
with a name; Registry (registry.py, with Published from published.py: member lists, endorsements, books, prices);
Answers (answers.py, with PlatformCloses from closes.py) from close to answer; Totals (totals.py) opened totals and
facts, the late pool; Billing (billing.py); Publications (publications.py); People (people.py); Overview (overview.py)
counts and pages for screens. Keyholder: Members (keyholder.py, with Published), Votes (votes.py, with Closes), Ledger
(ledger.py). Meters: MeterFleet (meter.py). Vault: Household (household.py).
"""

from quietgrid.store.answers import AnswerRow, QuestionRow
from quietgrid.store.billing import BillRow
from quietgrid.store.closes import CloseRow
from quietgrid.store.engine import Store
from quietgrid.store.household import GivenConsent, RootRow
from quietgrid.store.jobs import Job
from quietgrid.store.keyholder import ConsentRow, EnrolmentRow
from quietgrid.store.ledger import LedgerDraft, LedgerEntry
from quietgrid.store.log import LogEntry
from quietgrid.store.meter import Marks, SealedFrames
from quietgrid.store.people import Account, ApiKey
from quietgrid.store.registry import MeterRow, Meters, PartyRow, TariffRow
from quietgrid.store.segments import Cells, Cut, Part
from quietgrid.store.stores import (
    FleetStore,
    FleetTx,
    KeyholderStore,
    KeyholderTx,
    PlatformStore,
    PlatformTx,
    VaultStore,
    VaultTx,
    open_fleet,
    open_keyholder,
    open_platform,
    open_vault,
)
from quietgrid.store.totals import LateCells
from quietgrid.store.votes import FaultRow

__all__ = [
    "Account", "AnswerRow", "ApiKey", "BillRow", "Cells", "CloseRow", "ConsentRow", "Cut", "EnrolmentRow", "FaultRow",
    "FleetStore", "FleetTx", "GivenConsent", "Job", "KeyholderStore", "KeyholderTx",
    "LateCells", "LedgerDraft", "LedgerEntry", "LogEntry", "Marks", "MeterRow", "Meters", "Part",
    "PartyRow", "PlatformStore", "PlatformTx", "QuestionRow", "RootRow", "SealedFrames", "Store",
    "TariffRow", "VaultStore", "VaultTx", "open_fleet", "open_keyholder", "open_platform", "open_vault",
]  # fmt: skip
