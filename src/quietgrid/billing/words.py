"""The words, numbers and dates of an invoice, in English and German."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from quietgrid.billing.bill import LineKind
from quietgrid.errors import InputError
from quietgrid.model.quantity import MICRO, WH_PER_KWH, divide_half_even

LANGUAGES = ("en", "de")


@cache
def texts(language: str) -> dict[str, str]:
    """Every word on an invoice in one language (``templates/words.*.toml``)."""
    if language not in LANGUAGES:
        raise InputError(
            f"no invoice in the language {language!r}", where="invoice", fix="use " + " or ".join(LANGUAGES)
        )
    source = files("quietgrid.billing").joinpath("templates", f"words.{language}.toml")
    found: dict[str, str] = tomllib.loads(source.read_text(encoding="utf-8"))
    return found


NOTES = {LineKind.SURCHARGE: "surcharge", LineKind.EXCESS: "excess", LineKind.BAND_MEAN: "band_mean"}
"""What is said after the name of a line of these kinds."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language: texts, numbers, dates.

    >>> Words.of("de").money(-1_234_567_891, "EUR"), Words.of("en").money(5_000, "EUR")
    ('-1.234,57 EUR', '0.00 EUR')
    """

    language: str
    texts: dict[str, str]

    @classmethod
    def of(cls, language: str) -> Words:
        """English (``en``) or German (``de``)."""
        return cls(language, texts(language))

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def number(self, value: int, scale: int, digits: int) -> str:
        """``value / scale`` with so many decimals, rounded half to even, with separators."""
        scaled = divide_half_even(abs(value) * 10**digits, scale)
        whole, fraction = divmod(scaled, 10**digits)
        text = f"{whole:,}" + (f".{fraction:0{digits}d}" if digits else "")
        if self.language == "de":
            text = text.translate(str.maketrans(",.", ".,"))
        return f"-{text}" if value < 0 and scaled else text

    def money(self, amount_micro: int, currency: str) -> str:
        """An amount in hundredths."""
        return f"{self.number(amount_micro, MICRO, 2)} {currency}"

    def price(self, price_micro: int) -> str:
        """A price with four to six decimals."""
        digits = 4 if price_micro % 100 == 0 else 6
        return self.number(price_micro, MICRO, digits)

    def energy(self, energy_wh: int) -> str:
        """Energy in kWh to the watt-hour."""
        return f"{self.number(energy_wh, WH_PER_KWH, 3)} kWh"

    def percent(self, part: int, whole: int) -> str:
        """A share with one decimal; 0 of nothing."""
        return f"{self.number(part * 100, whole or 1, 1)} %"

    def rate(self, rate_bp: int) -> str:
        """A VAT rate: ``19 %``, ``7.5 %``."""
        digits = 0 if rate_bp % 100 == 0 else 1 if rate_bp % 10 == 0 else 2
        return f"{self.number(rate_bp, 100, digits)} %"

    def day(self, day: date) -> str:
        """A date in words."""
        dot = "." if self.language == "de" else ""
        return f"{day.day}{dot} {self['months'].split()[day.month - 1]} {day.year}"

    def month(self, day: date) -> str:
        """Month and year of a date."""
        return f"{self['months'].split()[day.month - 1]} {day.year}"
