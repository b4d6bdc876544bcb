"""One street of 30 homes, a whole month and nine evenings of it, three keyholders, one bill: nobody's side left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from quietgrid import demo
from quietgrid.accounts import Role, Viewer
from quietgrid.algorithms.weights import resolve
from quietgrid.api import Services, Settings
from quietgrid.api.desk.bills import invoice_head
from quietgrid.billing import default_tariffs
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import load_or_create_secret
from quietgrid.errors import UnavailableError
from quietgrid.homeweb import LinkSessions, PageSettings, Recipient
from quietgrid.household import Home, Vault
from quietgrid.household.links import FrameProof
from quietgrid.household.server import Origin
from quietgrid.household.service import HomeParts
from quietgrid.lab import Community, Resident
from quietgrid.meter import DayVector
from quietgrid.model.interval import SystemClock, Window, day_window, month_window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import Readings
from quietgrid.runtime.founding import body
from quietgrid.store import open_vault
from quietgrid.wire.messages import QuestionMessage, Refusal
from quietgrid.wire.own import InvoiceHead, SealedSeries, committed_name
from quietgrid.wire.vouching import Vouching

HOMES = 30
WHO, OTHER = 10, 5
"""Rows of the two homes with a page: a roof that feeds in and a time-of-use tariff; a real-time tariff."""
PLATFORM_URL, HOUSEHOLD_URL = "http://localhost:8000", "http://home.localhost:8001"


class OwnPlatform:
    """`PlatformLink` straight to the platform's desk, for one home."""

    def __init__(self, services: Services, home: int) -> None:
        self._services, self._desk, self._home = services, services.own, home

    def invoice(self, first: int) -> InvoiceHead:
        return invoice_head(self._services, Viewer(f"home {self._home}", Role.HOUSEHOLD, self._home), first)

    def sealed(self, pid: int, register: int, window: Window) -> SealedSeries:
        return self._desk.sealed(self._home, pid, register, window)

    def bills(self) -> list[bytes]:
        return self._desk.bills(self._home)

    def book(self, first: int) -> Signed:
        return self._desk.book(self._home, first)

    def prices(self, feed: str, window: Window) -> list[Signed]:
        return self._desk.prices(feed, window)

    def closes(self, window: Window) -> list[Signed]:
        return self._desk.closes(self._home, window)

    def records(self, window: Window) -> list[Signed]:
        return self._desk.records(self._home, window)

    def vouching(self, window: Window) -> Vouching:
        return self._desk.vouching(self._home, window)

    def erase(self, signed: Signed) -> None:
        self._desk.erase(self._home, signed)

    def published(self) -> Signed:
        return self._services.publishing.own(self._home)

    def prove(self, scalars: Signed) -> None:
        self._desk.prove(self._home, scalars)


class OwnMeter:
    """`MeterLink` straight to the lab's bank, as it stands. `up`: whether it answers."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self.up = True

    def proofs(self, pid: int, day: int) -> list[FrameProof]:
        if not self.up:
            raise UnavailableError("it does not answer", where="meter", fix="try again later")
        return [(p.receipt, p.index, p.path, p.frame) for p in self._community.bank.proofs(pid, day)]


class OwnHolder:
    """`HolderLink` straight to a keyholder of the lab, for one home; away when its process is stopped."""

    def __init__(self, community: Community, index: int, home: int) -> None:
        self._community, self._index, self._home = community, index, home
        self.up = True

    def ledger(self, after: int, limit: int) -> Signed:
        self._reach()
        return self._community.keyholders[self._index].ledger_of(self._home, after, limit)

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        self._reach()
        return self._community.keyholders[self._index].register(signed)

    def _reach(self) -> None:
        if not self.up:
            raise UnavailableError("it does not answer", where=f"keyholder {self._index}", fix="try again later")


@dataclass
class Street:
    """A community with two homes' pages.

    Args:
        period: The billed month. readings: what the meters measured, `WHO` and `OTHER` among them.
        spied: hash of the question about one home that was refused.
    """

    community: Community
    origin: Origin
    settings: PageSettings
    period: Window
    readings: Readings
    names: dict[int, str]
    spied: bytes

    def home(self, row: int = WHO) -> int:
        """The id of a home with a page."""
        return self.community.residents[row].party.home


def build(folder: Path) -> Street:
    """Found, measure, close, bill and approve June; nine days of July are measured and closed."""
    period = month_window(2016, 6, "Europe/Berlin", 900)
    window = Window(period.first, period.end + 9 * 96 + 73, 900)
    sample = demo.load(HOMES, window)
    parties = [Party(h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w, h.tariff) for h in sample.homes]
    residents = [Resident(p, 500 + p.home, h.registers) for p, h in zip(parties, sample.homes, strict=True)]
    community = Community(folder, residents, Window(period.first, period.first + 90 * 96, 900), default_tariffs())
    community.join()
    for month in (6, 7):
        whole = month_window(2016, month, "Europe/Berlin", 900)
        community.platform.publish_prices("day-ahead", whole.first, demo.prices(whole).tolist())
        community.register_books(whole)
    present = np.ones(sample.readings.present.shape, np.bool_)
    present[WHO, 500:503] = False
    present[WHO, period.end - period.first + 5 * 96 + 30 : period.end - period.first + 5 * 96 + 41] = False
    imported, exported = (np.where(present, c, 0) for c in (sample.readings.imported_wh, sample.readings.exported_wh))
    readings = Readings(np.array([r.pid for r in residents], np.uint64), window, imported, exported, present)
    for day, a, b in window.by_day():
        community.measure(readings.cut(Window(day * 96 + a, day * 96 + b, 900)))
        if (day - 9) * 96 >= period.first - 96:
            _sign_day(community, period, day - 9)
    community.settle()
    community.periods.run(period)
    community.periods.approve(period, "operator")
    community.clock.unix += 60
    spied = spy(community, residents[WHO].party.home)
    return _pages(folder, community, period, readings, spied)


def _sign_day(community: Community, period: Window, day: int) -> None:
    """The day records of both homes, once the late window has passed."""
    book = community.periods.book(0, period)
    inside = day_window(day, 900)
    both = inside.intersect(book.window)
    vectors = []
    for vector in book.vectors:
        if vector.rule != "prices" and len(both):
            weights = np.zeros(len(inside), np.int64)
            weights[both.first - inside.first : both.end - inside.first] = resolve(vector, both)
            vectors.append(DayVector(committed_name(vector.name, day, book.window), vector.register, weights))
    if vectors:
        mine = [community.residents[row].pid for row in (WHO, OTHER)]
        community.platform.records.put(community.bank.day_records(day, dict.fromkeys(mine, vectors)))


def spy(community: Community, home: int) -> bytes:
    """Ask every keyholder for one home's 18:00 to 19:00; all refuse."""
    slot = int(community.clock.now()) // 900 // 96 * 96 + 64
    members = community.platform.members(slot)
    message = QuestionMessage(
        community.card.community, members.epoch, "totals", f"home:{home}", "import", slot, slot + 4, "", []
    )
    signed = community.platform.parts.identity.sign(message)
    for keyholder in community.keyholders:
        keyholder.questions([signed])
    return signed.hash()


def _pages(folder: Path, community: Community, period: Window, readings: Readings, spied: bytes) -> Street:
    services = Services(community.platform, Settings())
    kem = body(community.folders.households / "shared", X25519).kem
    store = open_vault(folder / "homes.db", SystemClock())
    homes = {}
    for row in (WHO, OTHER):
        resident = community.residents[row]
        home = resident.party.home
        place = folder / "vaults" / str(home)
        load_or_create_secret(place / "identity.key", community.household_keys[home].seed)
        load_or_create_secret(place / "sealing.key", kem.to_bytes)
        named = msgspec.msgpack.encode((community.card.community, home))
        load_or_create_secret(place / "home", lambda named=named: named)  # type: ignore[misc]
        vault = Vault(place)
        vault.take_roots(community.bank.enrolments()[resident.pid])
        holders = [OwnHolder(community, index, home) for index in range(3)]
        links = OwnPlatform(services, home), holders, OwnMeter(community)
        parts = HomeParts(community.card, vault, store, community.clock, *links)
        homes[home] = Home(parts)
    names = {r.party.home: r.party.name for r in community.residents}
    settings = PageSettings(
        PLATFORM_URL, HOUSEHOLD_URL, names=names, recipients=(Recipient("Energy advice Lindenhof", kem.public),),
        demo=True, live_every=0.2,
    )  # fmt: skip
    origin = Origin(homes, LinkSessions(store, SystemClock(), folder / "households"), "one operator runs everything")
    return Street(community, origin, settings, period, readings, names, spied)
