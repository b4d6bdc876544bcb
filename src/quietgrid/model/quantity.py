"""Units in names, integers for energy and money.

Energy is in watt-hours (`_wh`), power in watts (`_w`), money in millionths of the currency
(`_micro`), prices in millionths per kilowatt-hour (`price_micro_per_kwh`), rates such as VAT in
hundredths of a percent (`_bp`). Nothing that is billed is ever a float.
"""

from __future__ import annotations

MICRO = 1_000_000
WH_PER_KWH = 1_000
MAX_READING_WH = 1 << 24
"""Bound on the absolute value of one reading (PROTOCOL A)."""
MAX_WEIGHT = 1 << 12
"""Bound on the absolute value of one weight (PROTOCOL A)."""
MAX_TERMS = 1 << 14
"""Bound on the cells of one question per register (PROTOCOL A); larger sums are added after opening."""


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded half to even, in integers (the rounding of every bill line).

    >>> [divide_half_even(n, 2) for n in (-3, -1, 1, 3, 5)]
    [-2, 0, 0, 2, 2]
    """
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient


def cost_micro(energy_wh: int, price_micro_per_kwh: int) -> int:
    """Money for energy at a price, rounded once, half to even.

    >>> cost_micro(1_500, 283_100)  # 1.5 kWh at 0.2831
    424650
    """
    return divide_half_even(energy_wh * price_micro_per_kwh, WH_PER_KWH)


def share_bp(amount_micro: int, rate_bp: int) -> int:
    """`rate_bp` hundredths of a percent of an amount, half to even (VAT).

    >>> share_bp(1_000_000, 500)
    50000
    """
    return divide_half_even(amount_micro * rate_bp, 10_000)


def format_money(amount_micro: int, currency: str, digits: int = 2) -> str:
    """Money for people: rounded half to even to `digits`.

    >>> format_money(-12_345_678, "EUR")
    '-12.35 EUR'
    """
    scaled = divide_half_even(abs(amount_micro), MICRO // 10**digits)
    whole, fraction = divmod(scaled, 10**digits)
    sign = "-" if amount_micro < 0 and scaled else ""
    return f"{sign}{whole:,}.{fraction:0{digits}d} {currency}" if digits else f"{sign}{whole:,} {currency}"


def format_energy(energy_wh: int) -> str:
    """Energy for people, in kWh with one digit (Wh below 1 kWh).

    >>> format_energy(12_345), format_energy(7)
    ('12.3 kWh', '7 Wh')
    """
    if abs(energy_wh) < WH_PER_KWH:
        return f"{energy_wh} Wh"
    return f"{energy_wh / WH_PER_KWH:,.1f} kWh"
