"""Attacks on published statistics: averaging noise away, subtracting plain sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from quietgrid.mdms import publishing
from quietgrid.mdms.publishing import draw
from quietgrid.model.closed import GateRules
from quietgrid.model.publication import PublishRules, Statistic
from quietgrid.runtime.publishing import Publishing
from tests.mdms.test_publishing import town
from tests.runtime.test_publishing import PERIOD, billed, plain

RULES = PublishRules(), GateRules()
ASKED = 400


def test_noise_that_is_drawn_again_is_averaged_away(tmp_path: Path) -> None:
    """G15. Rule off: a fresh draw a request; the mean of 400 is the sum, to a tenth of one home's bound."""
    hamlet = billed(tmp_path, 20)
    press = Publishing(hamlet.platform, hamlet.community.periods, None, Random(15).randrange)
    exact = sum(min(plain(hamlet, 100 + n, PERIOD), 800_000) for n in range(20))
    cohort, below = press.cohort(PERIOD), Random(15).randrange
    fresh = [draw(Statistic.USE, cohort, [], RULES, 500, below).figures[0].value for _ in range(ASKED)]
    assert abs(np.mean(fresh) - exact) < 6 * 2**0.5 * 1_600_000 / ASKED**0.5
    assert np.std(fresh) > 1_000_000
    served = {press.publish(Statistic.USE, PERIOD, "spy")[0].figures[0].value for _ in range(ASKED)}
    assert len(served) == 1
    assert served != {exact}
    hamlet.close()


def test_two_plain_sums_are_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor alone. Rule off: 120 homes less 113 residential ones are seven, exactly; on: the second has noise."""
    cohort = replace(town(120), kinds=["residential" if n < 113 else "commercial" for n in range(120)])
    everyone = draw(Statistic.USE, cohort, [], RULES, 500, Random(1).randrange).figures[0]
    seven = int(cohort.import_wh[113:].sum())

    def residential() -> publishing.Figure:
        others = [np.ones(120, np.bool_)]
        return draw(Statistic.KINDS, cohort, others, RULES, 500, Random(1).randrange).figures[0]

    with monkeypatch.context() as off:
        off.setattr(publishing, "stays_coarse", lambda *_: True)
        assert everyone.value - residential().value == seven
    assert residential().noisy
    assert everyone.value - residential().value != seven
