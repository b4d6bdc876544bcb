"""Rules by name. Those with a source follow it as far as a class here can say it; the others are a starting point.

No market here publishes a default rule for homes in Germany: ``DE`` has none of its own and uses ``10-of-10``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from quietgrid.algorithms.baseline.days import DayRule
from quietgrid.algorithms.baseline.linear import SealedRule, Shift
from quietgrid.algorithms.baseline.open_rules import OpenRule, Scale, Take
from quietgrid.errors import NotFoundError

HOUR_S = 3_600


@dataclass(frozen=True)
class Preset:
    """A rule that programs may name.

    Args:
        name: of it. market: where it is from. rule: the rule. source: where it is published; empty: chosen here, to be
            configured.
    """

    name: str
    market: str
    rule: SealedRule | OpenRule
    source: str = ""

    @property
    def linear(self) -> bool:
        """Whether it may run on sealed readings of homes: whether it is a weighted sum."""
        return isinstance(self.rule, SealedRule)


_CAISO = (
    "California ISO, Baseline Accuracy Work Group Proposal (2017), section 1: 10 of 10, same-day adjustment of 20 %"
)
PRESETS: Mapping[str, Preset] = MappingProxyType({
    preset.name: preset
    for preset in (
        Preset("10-of-10", "any", SealedRule(DayRule(10, 4, 45, least=4))),
        Preset("10-of-10-shifted", "any", SealedRule(DayRule(10, 4, 45, least=4), Shift(2 * HOUR_S, 2 * HOUR_S))),
        Preset("high-5-of-10", "any", OpenRule(DayRule(10, 4, 45, least=4), 5)),
        Preset("mid-4-of-6", "any", OpenRule(DayRule(6, None, 45, least=4), 4, Take.MIDDLE)),
        Preset("caiso-10-of-10", "CAISO", OpenRule(DayRule(10, 4, 45, least=4), 10, Take.HIGHEST, Scale()), _CAISO),
    )
})  # fmt: skip


def preset(name: str) -> Preset:
    """A rule by its name.

    Raises:
        NotFoundError: there is none.

    >>> preset("10-of-10").linear, preset("high-5-of-10").linear
    (True, False)
    """
    if name not in PRESETS:
        raise NotFoundError("there is no such baseline", where=name[:40], fix="one of: " + ", ".join(PRESETS))
    return PRESETS[name]
