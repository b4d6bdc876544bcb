"""True-ups: what an earlier bill would say now, minus what it said.

The earlier period is priced again from what its bill knows, changed in what is known better now; the differences
become lines of the current bill. So an earlier bill plus its true-ups equals, line by line and to the micro-unit, the
bill priced anew. Blocks and mean prices need no special rule, and no question goes to the keyholders.

Used for: estimates whose cells have come, inside a later period's band sums (PROTOCOL C, G1): the earlier bill is
priced with the estimates that *remain* (`mdms.estimate.remaining`) and the difference gives the replaced part back;
corrected prices; and, where late energy of the earlier period is known by itself, that energy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quietgrid.billing.bill import Bill, Line, LineKind
from quietgrid.billing.lines import mean_price
from quietgrid.errors import InputError

Key = tuple[str, int, str, int]


def true_up(before: Bill, after: Bill) -> tuple[Line, ...]:
    """The lines that lead from one version of a bill to the next.

    Args:
        before: The newest version so far. after: The same home and period, priced with the late cells.

    Returns:
        Lines of kind true-up, empty when nothing changed.

    Raises:
        InputError: the two are not versions of one bill.
    """
    if (before.home, before.window, before.currency) != (after.home, after.window, after.currency):
        raise InputError("two different bills cannot be compared", where="true-up", fix="take the same home and period")
    old, new = _grouped(before.lines), _grouped(after.lines)
    out = []
    for key in dict.fromkeys((*new, *old)):
        quantity = _quantity(new.get(key, [])) - _quantity(old.get(key, []))
        amount = _amount(new.get(key, [])) - _amount(old.get(key, []))
        if not quantity and not amount:
            continue
        _, register, name, vat_bp = key
        lines = new.get(key, []) + old.get(key, [])
        prices = {line.price_micro for line in lines}
        mean = len(prices) > 1 or any(line.mean for line in lines)
        shown = prices.pop() if not mean else mean_price(abs(quantity), abs(amount))
        out.append(
            Line(LineKind.TRUE_UP, name, register, quantity, shown, amount, vat_bp, mean=mean, period=before.window)
        )
    return tuple(out)


def true_ups(before: Iterable[Bill], after: Iterable[Bill]) -> dict[int, tuple[Line, ...]]:
    """True-up lines by home id, for `bills.price(carried=…)`; homes without a difference are left out."""
    newest = {bill.home: bill for bill in after}
    found = {bill.home: true_up(bill, newest[bill.home]) for bill in before if bill.home in newest}
    return {home: lines for home, lines in found.items() if lines}


def _grouped(lines: Sequence[Line]) -> dict[Key, list[Line]]:
    """The period's own lines by what they are for; estimated and measured parts together."""
    groups: dict[Key, list[Line]] = {}
    for line in lines:
        if line.kind is not LineKind.TRUE_UP:
            groups.setdefault((str(line.kind), line.register, line.name, line.vat_bp), []).append(line)
    return groups


def _quantity(lines: Sequence[Line]) -> int:
    return sum(line.quantity for line in lines)


def _amount(lines: Sequence[Line]) -> int:
    return sum(line.amount_micro for line in lines)
