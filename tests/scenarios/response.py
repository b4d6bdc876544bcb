"""A town with demand response: a month of half hours, homes that join, decide, shift their load, and one that cheats.

What every home used is known here, so that every opened number and every reward can be worked out plainly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.billing import default_tariffs
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.lab.community import Community, Resident
from quietgrid.model.interval import DAY_S, Window, month_window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import Readings
from quietgrid.model.response import Cause as Why
from quietgrid.model.response import Event, EventState, Program, Target, Terms, Utility
from quietgrid.response.facts import event_subject, month_subject
from quietgrid.runtime.response_run import ResponseRun
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Consent
from quietgrid.wire.response import EventChoice, ProgramEnrolment

TZ, RESOLUTION, PER_DAY = "Europe/Berlin", 1800, 48
LEAVES, HOMES = ("Birch Lane", "Canal Street"), 30
CUT_PERCENT = 60


class ResponseTown:
    """See the module.

    Args:
        folder: of the community. enrolled: homes of each leaf that join the program. terms: of the program. each: rows
            of homes that agree to a number an event.
    """

    def __init__(
        self, folder: Path, enrolled: int = 15, terms: Terms | None = None, each: tuple[int, ...] = ()
    ) -> None:
        self.period = month_window(2026, 6, TZ, RESOLUTION)
        window = Window(self.period.first, self.period.end + 2 * PER_DAY, RESOLUTION)
        tariffs = [tariff for tariff in default_tariffs() if not tariff.feed]
        people = [
            Resident(
                Party(500 + row, f"Home {row}", PartyKind.RESIDENTIAL, LEAVES[row // HOMES], 14_500, tariffs[0].name),
                7_000 + row, 1,
            )
            for row in range(len(LEAVES) * HOMES)
        ]  # fmt: skip
        self.homes = [one.party.home for one in people]
        self.community = Community(folder, people, window, tariffs, tz=TZ)
        self.community.join()
        self.community.register_books(self.period)
        self.consents: dict[tuple[int, str], bytes] = {}
        rng = np.random.default_rng(6)
        hours = (np.arange(len(window)) % PER_DAY) / 2
        shape = 150 + 250 * np.exp(-((hours - 17.0) ** 2) / 8)
        size, noise = rng.uniform(0.6, 1.4, (len(people), 1)), rng.uniform(0.8, 1.2, (len(people), len(window)))
        self.used_wh = (shape * size * noise).astype(np.int64)
        self.run = ResponseRun(self.community.platform, self.community.periods, self.key_of)
        self.events = self.run.events
        self.events.save_utility(Utility("grid", "Canal Grid", ("DE",)), "olu")
        self.events.verify_utility("grid", "ana")
        self.program = self.events.save_program(
            Program("evening", "Evening peak", "grid", "DE", terms=terms or Terms(rate_cents=40)), "olu"
        )
        self.joined = [home for leaf in range(len(LEAVES)) for home in self.homes[leaf * HOMES :][:enrolled]]
        for home in self.joined:
            self.enrol(home, each=self.homes.index(home) in each)
        self.at = window.first

    def close(self) -> None:
        self.community.close()

    def key_of(self, home: int) -> bytes:
        return self.community.household_keys[home].public

    # -- what homes do ---------------------------------------------------------------------------------------------

    def enrol(self, home: int, *, each: bool = False) -> None:
        asked = ProgramEnrolment(
            self.community.card.community, home, "evening", ["ev"], 2_000, 8, [], each, self.community.clock.now()
        )
        self.events.enrol(home, self.community.household_keys[home].sign(asked))

    def consent(self, home: int, subject: str) -> bytes:
        """Signed once, at every keyholder; as it goes to the platform."""
        if (home, subject) in self.consents:
            return self.consents[home, subject]
        card, own = self.community.card, self.community.household_keys[home]
        expires = self.community.clock.now() + 120 * DAY_S
        signed = own.sign(Consent(card.community, home, subject, "reward", "platform", expires))
        for link in self.community.links:
            for refusal in link.register([signed]):
                if refusal is not None:
                    raise error_of(refusal)
        self.consents[home, subject] = pack_signed(signed)
        return self.consents[home, subject]

    def choose(self, home: int, event: Event, choice: str, *, consents: bool = True) -> None:
        subjects = [month_subject("evening", self.period, TZ), event_subject(event)] if consents else []
        word = EventChoice(
            self.community.card.community, home, event.id, choice, "agent", "", self.community.clock.now(),
            [self.consent(home, subject) for subject in subjects],
        )  # fmt: skip
        self.events.choose(home, self.community.household_keys[home].sign(word))

    # -- days ------------------------------------------------------------------------------------------------------

    def live(self, until: int) -> None:
        """Measure, close and open up to an absolute slot, a day at a time, with a look after each."""
        while self.at < until:
            end = min(until, (self.at // PER_DAY + 1) * PER_DAY)
            part = slice(self.at - self.period.first, end - self.period.first)
            window = Window(self.at, end, RESOLUTION)
            wh = self.used_wh[:, part]
            pids = np.array([one.pid for one in self.community.residents], np.uint64)
            present = np.ones(wh.shape, np.bool_)
            self.community.measure(Readings(pids, window, wh, np.zeros_like(wh), present))
            outcomes = self.community.settle()
            assert not outcomes.refused
            assert not outcomes.waiting
            self.at = end
            self.run.step()

    def evening(self, day: int) -> Window:
        """17:00 to 19:00 local time of a day of June 2026."""
        first = self.period.first + (day - 1) * PER_DAY + 34
        return Window(first, first + 4, RESOLUTION)

    def event(self, day: int, target_wh: int = 2_000, **more: object) -> Event:
        """Announce an event of a day, at noon of it."""
        window = self.evening(day)
        self.live(window.first - 10)
        one = Event(f"evening-{day}", "evening", window, Target("DE"), target_wh, 40, Why.HAND)
        return self.events.propose(one, "olu")

    def shift(self, event: Event, homes: list[int]) -> None:
        """What these homes really do in an event: so much less then, all of it back within the hours after."""
        first, end = event.window.first - self.period.first, event.window.end - self.period.first
        for home in homes:
            row = self.homes.index(home)
            less = self.used_wh[row, first:end] * CUT_PERCENT // 100
            self.used_wh[row, first:end] -= less
            self.used_wh[row, end : end + 8] += int(less.sum()) // 8

    # -- what it should be -----------------------------------------------------------------------------------------

    def plain(self, home: int, slots: tuple[tuple[int, int], ...]) -> int:
        """A weighted sum of a home's true readings."""
        row: NDArray[np.int64] = self.used_wh[self.homes.index(home)]
        return sum(weight * int(row[slot - self.period.first]) for slot, weight in slots)

    def of(self, state: EventState) -> list[str]:
        with self.events.store.read() as tx:
            return [event.id for event in tx.response.events(states=(state,))]
