"""Numbers, money and time for people: every number with its unit, every time with its zone."""

from __future__ import annotations

from datetime import UTC, datetime

from quietgrid.model.interval import zone
from quietgrid.model.quantity import MICRO, divide_half_even, format_energy, format_money

_CENTS = {"EUR": "ct", "GBP": "p", "USD": "c", "CHF": "Rp"}


def energy(energy_wh: int) -> str:
    """Energy in kWh with one digit, Wh below one kWh.

    >>> energy(212_431)
    '212.4 kWh'
    """
    return format_energy(energy_wh)


def kwh(energy_wh: int, digits: int = 1) -> str:
    """The bare number of kWh, for a column or figure that states the unit itself.

    >>> kwh(1_212_431)
    '1,212.4'
    """
    return f"{energy_wh / 1000:,.{digits}f}"


def power(power_w: float) -> str:
    """Power in kW with two digits, W below one kW.

    >>> power(1_312), power(640)
    ('1.31 kW', '640 W')
    """
    return f"{power_w / 1000:,.2f} kW" if abs(power_w) >= 1000 else f"{power_w:.0f} W"


def money(amount_micro: int, currency: str) -> str:
    """Money with two digits.

    >>> money(61_204_000, "EUR")
    '61.20 EUR'
    """
    return format_money(amount_micro, currency)


def money_words(amount_micro: int, currency: str) -> str:
    """Money where a negative amount is said in words, never by a sign.

    >>> money_words(-1_010_000, "EUR")
    'Earned 1.01 EUR'
    """
    return (
        f"Earned {format_money(-amount_micro, currency)}" if amount_micro < 0 else format_money(amount_micro, currency)
    )


def price(price_micro_per_kwh: int, currency: str) -> str:
    """A price in the currency's hundredths per kWh.

    >>> price(283_100, "EUR")
    '28.31 ct/kWh'
    """
    hundredths = divide_half_even(price_micro_per_kwh * 10_000, MICRO) / 100
    return f"{hundredths:,.2f} {_CENTS.get(currency, currency + '/100')}/kWh"


def percent(share: float, digits: int = 0) -> str:
    """A share (1 = all) in percent.

    >>> percent(0.004, 1)
    '0.4 %'
    """
    return f"{share * 100:.{digits}f} %"


def count(number: int) -> str:
    """A whole number with thousands separated."""
    return f"{number:,}"


def homes(number: int) -> str:
    """A number of homes.

    >>> homes(1), homes(48)
    ('1 home', '48 homes')
    """
    return f"{number:,} home" + ("" if number == 1 else "s")


def _local(unix: float, tz: str) -> datetime:
    return datetime.fromtimestamp(unix, UTC).astimezone(zone(tz))


def when(unix: float, tz: str) -> str:
    """Day and time in a zone; the page states the zone.

    >>> when(1_773_335_700, "Europe/Berlin")
    'Thu 12 Mar 2026, 18:15'
    """
    local = _local(unix, tz)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def clock(unix: float, tz: str) -> str:
    """Hours and minutes in a zone."""
    return f"{_local(unix, tz):%H:%M}"


def day(unix: float, tz: str) -> str:
    """Day in a zone.

    >>> day(1_773_335_700, "Europe/Berlin")
    'Thu 12 Mar 2026'
    """
    local = _local(unix, tz)
    return f"{local:%a} {local.day} {local:%b %Y}"


def month(unix: float, tz: str) -> str:
    """Month in a zone.

    >>> month(1_773_335_700, "Europe/Berlin")
    'March 2026'
    """
    return f"{_local(unix, tz):%B %Y}"


def iso(unix: float) -> str:
    """The UTC moment for a `datetime` attribute.

    >>> iso(1_773_335_700)
    '2026-03-12T17:15:00Z'
    """
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%M:%SZ}"


def short_hash(text: str) -> str:
    """The two ends of a long hash.

    >>> short_hash("0123456789abcdef0123456789abcdef")
    '01234567…cdef'
    """
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


FILTERS = {
    "energy": energy,
    "kwh": kwh,
    "power": power,
    "money": money,
    "money_words": money_words,
    "price": price,
    "percent": percent,
    "count": count,
    "homes": homes,
    "when": when,
    "clock": clock,
    "day": day,
    "month": month,
    "iso": iso,
    "short_hash": short_hash,
}
