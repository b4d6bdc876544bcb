"""Commissioning: what an installer, a maker, the households and the registrar do before the first reading.

In the demo all of them are one operator; each still signs with its own key, and nobody's check is left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from quietgrid import demo
from quietgrid.billing import default_tariffs
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.sealing import HYBRID
from quietgrid.household.vault import Vault
from quietgrid.meter import MeterBank, Site
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, Clock, Window, local_window, zone
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.tariff import Tariff
from quietgrid.model.tariff_text import tariffs_to_toml
from quietgrid.registry import Listed, first_list, plan_cells
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.founding import Folders, identity
from quietgrid.wire.columns import members_message
from quietgrid.wire.messages import Certificate, CommunityCard
from quietgrid.wire.vouching import evidence_of

EPOCH_MONTHS = 12


def demo_tariffs() -> list[Tariff]:
    """The default tariffs under the names the sample uses: flat, time-of-use, block, real-time."""
    return [replace(tariff, name=tariff.kind.value) for tariff in default_tariffs()]


def demo_parties(homes: int) -> list[tuple[Party, int]]:
    """The sample's parties with their registers."""
    one = Window(demo.replay_window().first, demo.replay_window().first + 96, 900)
    return [
        (Party(h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w, h.tariff), h.registers)
        for h in demo.load(homes, one).homes
    ]


def commission(  # noqa: PLR0913  (a community is these things)
    folders: Folders,
    card: CommunityCard,
    people: Sequence[tuple[Party, int]],
    window: Window,
    clock: Clock,
    *,
    rules: GateRules,
    source: str = "sample",
    end: int = 0,
    tariffs: Sequence[Tariff] | None = None,
    kem: str = HYBRID,
) -> Commissioning:
    """Make meters and vaults, certify, adopt, enrol, plan the cells and sign the first list.

    Args:
        folders, card: Of the community. people: (party, registers), one meter each.
        window: History to replay; the epoch goes on for a year from its start.
        source, end: Of the readings, see `Commissioning`. tariffs: the demo's unless given.
    """
    bank = MeterBank.open(folders.fleet, clock)
    try:
        bank.pin(card, card.fingerprint())
        pids = [secrets.randbits(62) for _ in people]
        publics = bank.make(pids)
        maker = identity(folders.state / "maker")
        vaults = [Vault.create(folders.households / str(p.home), card.community, p.home, kem) for p, _ in people]
        sites = [
            Site(
                pid, party.home, registers, vault.identity.public, vault.kem.public,
                maker.sign(Certificate(public, registers, party.connection_w)), vault.adopt(pid, public),
            )
            for (party, registers), pid, public, vault in zip(people, pids, publics, vaults, strict=True)
        ]  # fmt: skip
        enrolments = bank.enrol(sites, window.first * window.resolution // DAY_S)
    finally:
        bank.close()
    for vault, enrolment in zip(vaults, enrolments, strict=True):
        vault.take_roots(enrolment)
    members = sign_members(folders, card, people, pids, enrolments, epoch_window(card, window), rules)
    parties = [p for p, _ in people]
    return Commissioning(
        parties,
        enrolments,
        [members],
        tariffs_to_toml(demo_tariffs() if tariffs is None else tariffs),
        window.first,
        len(window),
        source,
        end,
    )


def epoch_window(card: CommunityCard, window: Window) -> Window:
    """From the start of the history for a year of months: an epoch ends where a billing period does."""
    first = window.start_time.astimezone(zone(card.tz)).date()
    months = first.year * 12 + first.month - 1 + EPOCH_MONTHS
    end = local_window(first, date(months // 12, months % 12 + 1, 1), card.tz, window.resolution).end
    return Window(window.first, end, window.resolution)


def sign_members(  # noqa: PLR0913  (what the registrar looks at)
    folders: Folders, card: CommunityCard, people: Sequence[tuple[Party, int]], pids: Sequence[int],
    enrolments: Sequence[Signed], window: Window, rules: GateRules,
) -> Signed:  # fmt: skip
    """The registrar's part: plan the cells and sign the list of the first epoch."""
    exporters = frozenset(p.home for p, registers in people if registers & 2)
    plan = plan_cells([p for p, _ in people], exporters, rules)
    listed = [
        Listed(party.home, pid, registers, party.connection_w, evidence_of(enrolment))
        for (party, registers), pid, enrolment in zip(people, pids, enrolments, strict=True)
    ]
    members, evidence = first_list(card.community, 0, window, plan, listed)
    return identity(folders.registrar).sign(members_message(members, evidence))
