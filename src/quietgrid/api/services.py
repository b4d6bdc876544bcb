"""Everything a route needs, made once and handed around: the platform behind it, its one writer's lock, the people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quietgrid.accounts import Accounts, RateLimit
from quietgrid.api.control import DemoControl
from quietgrid.api.settings import Settings
from quietgrid.errors import NotFoundError, UnavailableError
from quietgrid.model.closed import GateRules
from quietgrid.model.party import MemberList
from quietgrid.runtime.feeding import FeedsWorker
from quietgrid.runtime.grid import GridRun
from quietgrid.runtime.insight import Insights
from quietgrid.runtime.insight_jobs import InsightJobs
from quietgrid.runtime.onchain import ChainWorker
from quietgrid.runtime.own import OwnDesk
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.publishing import Publishing
from quietgrid.runtime.response_run import ResponseRun
from quietgrid.runtime.storing import Storing
from quietgrid.runtime.telemetry import Telemetry
from quietgrid.runtime.vtn import Vtn
from quietgrid.runtime.vtn_bridge import Bridge
from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.wire.request_auth import AUDITOR, Nonces

WAIT_S = 30.0
INSIGHTS_PER_MINUTE = 6
"""Encrypted questions, and server keys, of one home."""


class Services:
    """What routes and pages work with.

    Args:
        platform: The wired stages. settings: of this server. control: of the demo, None in real life.
        lock: Shared with whoever else drives the platform.
    """

    def __init__(
        self,
        platform: Platform,
        settings: Settings,
        control: DemoControl | None = None,
        lock: threading.RLock | None = None,
    ) -> None:
        self.platform = platform
        self.settings = settings
        self.control = control
        self.store = platform.parts.store
        self.card = platform.parts.card
        self.periods = Periods(platform)
        self.own = OwnDesk(platform, self.periods)
        self.publishing = Publishing(platform, self.periods, settings.publishing)
        self.insight = Insights(platform, self.publishing)
        self.insight_jobs: InsightJobs | None = None
        """What compares on encrypted numbers; None where nothing does."""
        self.insight_rate = RateLimit(INSIGHTS_PER_MINUTE)
        self.grid = GridRun(platform, demo=settings.demo)
        self.response_run = ResponseRun(platform, self.periods, self.own.household_key)
        self.response = self.response_run.events
        self.accounts = Accounts(self.store, settings.accounts)
        self.nonces, self.signing = Nonces(), threading.Lock()
        self.requests = RateLimit(settings.requests_per_minute)
        self.readings = RateLimit(settings.readings_per_minute)
        self.refused_frames = 0
        """Frames refused since this process started."""
        self.chain: ChainWorker | None = None
        """What looks at the chain; None without one."""
        self.telemetry: Telemetry | None = None
        """What takes measurements of the grid; None where nobody measures."""
        self.feeds: FeedsWorker | None = None
        """What looks after the feeds; None without any."""
        self.storing: Storing | None = None
        """What plans stations' storages under encryption; None where none take part."""
        callbacks = Callbacks(private=settings.openadr == "private")
        self.vtn = None if settings.openadr == "off" else Vtn(self.store, platform.parts.clock.now, callbacks)
        """The OpenADR VTN; None where it is off."""
        self.bridge = None if self.vtn is None else Bridge(self.vtn, self.response, self.card.resolution)
        """Between it and demand response."""
        self._lock = lock or threading.RLock()

    @property
    def rules(self) -> GateRules:
        """The gate's numbers today."""
        return self.platform.floors.today(self.platform.parts.clock)

    @contextmanager
    def changing(self) -> Iterator[Platform]:
        """The platform, for the one who changes something.

        Raises:
            UnavailableError: something else has been changing it for 30 seconds.
        """
        if not self._lock.acquire(timeout=WAIT_S):
            raise UnavailableError("the platform is busy", where="platform", fix="try again in a minute")
        try:
            yield self.platform
        finally:
            self._lock.release()

    def signing_key(self, home: int) -> bytes:
        """Whose key a signed request needs: the household's, or the auditor's on the card."""
        return self.card.auditor_pk if home == AUDITOR else self.own.household_key(home)

    def now(self) -> float:
        """The community's time (simulated in the demo), Unix seconds."""
        return self.platform.parts.clock.now()

    def members(self, slot: int | None = None) -> MemberList:
        """The member list of a slot (default: the newest slot that was closed, or the latest list there is).

        Raises:
            NotFoundError: no list was signed yet.
        """
        if slot is not None:
            return self.platform.members(slot)
        with self.store.read() as tx:
            last = tx.answers.last_close(0)
        try:
            return self.platform.members(max(0, last - 1) if last else None)
        except NotFoundError:
            return self.platform.members()

    def demo(self) -> DemoControl:
        """The demo's controls.

        Raises:
            NotFoundError: this is no demo.
        """
        if not self.settings.demo or self.control is None:
            raise NotFoundError("this community is not a demo", where="demo", fix="start one by `quietgrid up`")
        return self.control

    def forget_comparisons(self, home: int) -> None:
        """Erase a home's key and questions, because the home was erased or has a new household key."""
        if self.insight_jobs is not None:
            self.insight_jobs.forget(home)

    def close(self) -> None:
        """Let threads go. The platform is its owner's to close."""
        self.accounts.close()
