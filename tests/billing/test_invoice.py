"""Invoices: complete, escaped, self-contained, the same bytes every time, in both languages."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from datetime import date
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from pypdf import PdfReader

from quietgrid.billing import book_for_leaf, default_tariffs, feed_prices, price, true_ups
from quietgrid.billing.bill import Bill
from quietgrid.billing.invoice import Buyer, Invoice, Seller, page, pay_code
from quietgrid.billing.invoice_html import invoice_html
from quietgrid.billing.invoice_pdf import invoice_pdf
from quietgrid.billing.qr import modules, runs, svg_path
from quietgrid.billing.words import LANGUAGES, Words, texts
from quietgrid.demo import load
from quietgrid.demo import prices as demo_prices
from quietgrid.errors import InputError
from quietgrid.model.interval import month_window
from tests.billing.runs import FEED, usage, with_gaps

NASTY = "Müller & <script>alert('x')</script> {{ 7*7 }} Şahin 日本"
SELLER = Seller(
    "Sonnenhang eG", ("Am Umspannwerk 4", "79100 Freiburg"), "DE 123", "hilfe@sonnenhang.example", "Volksbank",
    "DE02 1203 0000 0000 2020 51", "BYLADEM1001",
)  # fmt: skip


@cache
def bill(tariff: int, month: int = 6) -> Bill:
    """A bill with late and estimated cells and a correction of the month before."""
    chosen = default_tariffs()[tariff]

    def run(number: int, seed: int, share: float) -> list[Bill]:
        window = month_window(2016, number, "Europe/Berlin", 900)
        book = book_for_leaf(default_tariffs(), 0, window, 3)
        readings, late = with_gaps(load(40, window).readings, 0.02, share, seed)
        cells = usage(book, readings, late if share else np.zeros_like(late), {FEED: demo_prices(window)})
        feed = feed_prices(book, FEED, demo_prices(window)) if chosen.feed else None
        return price(chosen, book, cells, feed, carried=lines if number == month else None).bills()

    lines = true_ups(run(month - 1, 1, 0.02), run(month - 1, 2, 0.01))
    return run(month, 3, 0.02)[int(np.argmax([b.exported_wh for b in run(month, 3, 0.02)]))]


def invoice(tariff: int = 1, name: str = "Ada Beispiel", lines: tuple[str, ...] = ("Obstgartenweg 7",)) -> Invoice:
    return Invoice(
        "QG-2016-0007", date(2016, 7, 8), date(2016, 7, 22), SELLER, Buyer(name, lines, "K-7"), bill(tariff),
        default_tariffs()[tariff].label, hashlib.sha256(b"proof").digest(), ("day-ahead price",),
    )  # fmt: skip


def pdf_text(data: bytes) -> str:
    return " ".join(" ".join(part.extract_text().split()) for part in PdfReader(io.BytesIO(data)).pages)


class Parsed(HTMLParser):
    """Tags, attributes and text of a page; notices what is never closed."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("tariff", range(4))
@pytest.mark.parametrize("language", LANGUAGES)
def test_html_and_pdf_say_everything_that_is_on_the_page(tariff: int, language: str) -> None:
    made = invoice(tariff)
    written = page(made, language)
    html = Parsed(invoice_html(made, language))
    assert html.open == []
    shown = " ".join(" ".join(html.words).split())
    data = invoice_pdf(made, language)
    printed = pdf_text(data)
    wanted = {made.number, "Ada Beispiel", written.total, written.net, written.headline[1], "Europe/Berlin", "720"}
    wanted |= {value for _, rows in written.sections for row in rows for value in (row.amount, row.price, row.quantity)}
    wanted |= {value for row in written.facts for value in row if value}
    wanted |= {value for _, value in (*written.vat, *written.payment)}
    for value in wanted:
        assert value in shown
        assert value.replace(" (", "(").replace(" ", "") in printed.replace(" (", "(").replace(" ", "")
    for text in (written.digest, written.command):
        assert text in shown
        assert text.replace(" ", "") in printed.replace(" ", "")
    marks = sum(row.estimated for _, rows in written.sections for row in rows)
    assert marks > 0
    assert html.attributes.count(("class", "badge")) == marks
    assert printed.count(f"[{written.words['estimated']}]") == marks


def test_names_cannot_become_markup() -> None:
    made = invoice(0, NASTY, (NASTY, "</td><img src=x onerror=y>"))
    made = replace(made, seller=replace(SELLER, name=NASTY, address=(NASTY,), contact=NASTY), tariff=NASTY)
    html = Parsed(invoice_html(made))
    assert "script" not in html.tags
    assert "img" not in html.tags
    assert not any(name.startswith("on") for name, _ in html.attributes)
    assert NASTY in " ".join(html.words)
    printed = pdf_text(invoice_pdf(made))
    assert "<script>alert('x')</script> {{ 7*7 }} Sahin ??" in printed


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = invoice_html(invoice())
    assert not re.search(r"https?:|//|@import|javascript:", re.sub(r"<!doctype[^>]*>", "", html))
    assert not {"script", "link", "img", "iframe", "form"} & set(Parsed(html).tags)
    assert all(name != "style" for name, _ in Parsed(html).attributes)
    assert re.findall(r"url\(([^)]*)\)", html)
    assert set(re.findall(r"url\(([^)]*)\)", html)) == {"#hatch"}


def test_pdf_bytes_are_the_same_every_time() -> None:
    assert invoice_pdf(invoice()) == invoice_pdf(invoice())
    assert invoice_pdf(invoice()) != invoice_pdf(replace(invoice(), number="QG-2016-0008"))
    reader = PdfReader(io.BytesIO(invoice_pdf(invoice())))
    assert reader.metadata is not None
    assert reader.metadata.title == "Electricity bill QG-2016-0007"
    assert len(invoice_pdf(invoice())) < 60_000


def test_very_long_words_and_many_lines_stay_on_numbered_pages() -> None:
    word = "Straßenbeleuchtungsanlagenbetreibergesellschaftsvertreterversammlung" * 3
    long = replace(bill(3), lines=bill(3).lines * 8)
    made = replace(invoice(3, word, (word, word)), bill=long, tariff=word)
    reader = PdfReader(io.BytesIO(invoice_pdf(made, "de")))
    count = len(reader.pages)
    assert count >= 4
    for number, sheet in enumerate(reader.pages, 1):
        assert f"Seite {number} von {count}" in sheet.extract_text()
        assert float(sheet.mediabox.width) == pytest.approx(595.28, abs=0.1)
    assert word[:20] in invoice_html(made, "de")


def test_a_credit_asks_for_nothing() -> None:
    paid = replace(invoice(0), bill=replace(bill(0), total_micro=-12_345_678))
    written = page(paid)
    assert written.headline == ("We pay you", "12.35 EUR", "by 22 July 2016")
    assert written.payment == ()
    assert pay_code(paid) == ""
    assert "IBAN" not in pdf_text(invoice_pdf(paid))
    assert 'class="code"' not in invoice_html(paid)
    nothing = page(replace(invoice(0), bill=replace(bill(0), total_micro=4_999)), "de")
    assert nothing.headline == ("Nichts zu zahlen", "0,00 EUR", "")


def test_without_a_proof_it_says_when_there_will_be_one() -> None:
    waiting = replace(invoice(), proof=b"")
    assert "after seven days" in invoice_html(waiting)
    assert "Digest of the proof" not in pdf_text(invoice_pdf(waiting))


def test_a_complete_month_says_that_nothing_is_estimated() -> None:
    facts = tuple(replace(fact, missing=0, estimate=0) for fact in bill(1).facts)
    lines = tuple(line for line in bill(1).lines if not line.estimated)
    assert "nothing on this bill is estimated" in invoice_html(
        replace(invoice(), bill=replace(bill(1), facts=facts, lines=lines))
    )


def test_the_bar_is_the_energy_of_the_bill() -> None:
    for tariff in range(4):
        parts = page(invoice(tariff)).picture
        assert parts[0].start == 0
        assert all(a.start + a.width == b.start for a, b in pairwise(parts))
        assert parts[-1].start + parts[-1].width == 1000


def test_the_payment_code_has_the_fields_of_the_standard() -> None:
    fields = pay_code(invoice()).split("\n")
    assert fields[:4] == ["BCD", "002", "1", "SCT"]
    assert fields[4:7] == ["BYLADEM1001", "Sonnenhang eG", "DE02120300000000202051"]
    assert re.fullmatch(r"EUR\d+\.\d\d", fields[7])
    assert fields[10] == "QG-2016-0007"
    assert int(fields[7][3:].replace(".", "")) * 10_000 == bill(1).due_micro
    assert pay_code(replace(invoice(), bill=replace(bill(1), currency="GBP"))) == ""


def test_a_code_has_its_three_corners_and_the_same_dots_in_both_forms() -> None:
    dots = modules("BCD\n002\nÄ")
    size = len(dots)
    ring = [[max(abs(r - 3), abs(c - 3)) != 2 for c in range(7)] for r in range(7)]
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        assert [row[left : left + 7] for row in dots[top : top + 7]] == ring
    count, dark = runs("BCD\n002\nÄ")
    assert count == size
    drawn = {(row, at) for row, column, length in dark for at in range(column, column + length)}
    assert drawn == {(r, c) for r in range(size) for c in range(size) if dots[r][c]}
    assert svg_path("x")[0] == len(modules("x")) + 8


def test_both_languages_have_every_word() -> None:
    assert set(texts("en")) == set(texts("de"))
    for language in LANGUAGES:
        assert all(value.strip() for value in texts(language).values())
        assert len(texts(language)["months"].split()) == 12
        for key, fields in (("estimate_note", {"share", "cells"}), ("proof_text", {"count"})):
            assert set(re.findall(r"{(\w+)}", texts(language)[key])) == fields
    with pytest.raises(InputError, match="language 'fr'"):
        Words.of("fr")


def test_numbers_are_written_as_the_language_does() -> None:
    english, german = Words.of("en"), Words.of("de")
    assert english.energy(1_234_567) == "1,234.567 kWh"
    assert german.energy(-1_234_567) == "-1.234,567 kWh"
    assert (german.rate(1900), english.rate(750), english.rate(725)) == ("19 %", "7.5 %", "7.25 %")
    assert (english.price(274_500), german.price(91_293)) == ("0.2745", "0,091293")
    assert english.percent(0, 0) == "0.0 %"
    assert english.money(-4_000, "EUR") == "0.00 EUR"
    assert german.month(date(2016, 3, 1)) == "März 2016"


@pytest.mark.parametrize(
    ("change", "what"),
    [({"number": " "}, "needs a number"), ({"due": date(2016, 7, 1)}, "due before"), ({"proof": b"x"}, "32 bytes")],
)
def test_broken_invoices_are_refused(change: dict[str, object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        replace(invoice(), **change)  # type: ignore[arg-type]
