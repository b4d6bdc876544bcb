# mypy: allow-untyped-calls, allow-subclassing-any, disable-error-code=assignment
"""An invoice as PDF (A4), by ReportLab: the same bytes for the same invoice.

Fonts are the standard Helvetica and Courier of every PDF reader; letters outside Western European are written without
their accents ("ş" as "s"). All texts pass `_safe`, which escapes ReportLab's paragraph markup.
"""

from __future__ import annotations

import io
import unicodedata
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, NextPageTemplate, PageTemplate, Paragraph, Table
from reportlab.platypus.flowables import Flowable, KeepTogether, Spacer

from quietgrid.billing.invoice import Invoice, Page, Slice, fact_headings, page
from quietgrid.billing.qr import runs

INK, SOFT, LINE, TINT = HexColor(0x1D2430), HexColor(0x596273), HexColor(0xD7DCE5), HexColor(0xF4F6F9)
ACCENT, GUESS = HexColor(0x366E60), HexColor(0x8A5A00)
SHADES = [HexColor(shade) for shade in (0x3F5188, 0x7F94C7, 0xB3C0DF, 0x566A9F, 0x98A9D2, 0x2C3A66)]
SIDE, TOP, BOTTOM = 22 * mm, 20 * mm, 24 * mm
WIDTH = A4[0] - 2 * SIDE


def _style(name: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    chosen = {"fontName": "Helvetica", "textColor": INK, "splitLongWords": 1, **more}
    return ParagraphStyle(name, fontSize=size, leading=leading, **chosen)


BODY = _style("body", 9.5, 13.5)
BOLD = _style("bold", 9.5, 13.5, fontName="Helvetica-Bold")
RIGHT = _style("right", 9.5, 13.5, alignment=TA_RIGHT)
SMALL = _style("small", 8.3, 11.5, textColor=SOFT)
SMALL_RIGHT = _style("small right", 8.3, 11.5, textColor=SOFT, alignment=TA_RIGHT)
FACT = _style("fact", 8.3, 11.5)
FACT_RIGHT = _style("fact right", 8.3, 11.5, alignment=TA_RIGHT)
TITLE = _style("title", 22, 26, fontName="Helvetica-Bold")
HEADING = _style("heading", 11.5, 15, fontName="Helvetica-Bold", spaceBefore=16, spaceAfter=5, keepWithNext=1)
TOTAL = _style("total", 12, 16, fontName="Helvetica-Bold")
TOTAL_RIGHT = _style("total right", 12, 16, fontName="Helvetica-Bold", alignment=TA_RIGHT)
ASK = _style("ask", 10.5, 15)
AMOUNT = _style("amount", 20, 24, fontName="Helvetica-Bold")
MONO = _style("mono", 8, 12, fontName="Courier")


def invoice_pdf(invoice: Invoice, language: str = "en") -> bytes:
    """The invoice as PDF bytes.

    Args:
        invoice: What is billed. language: ``en`` or ``de``.
    """
    written = page(invoice, language)
    out = io.BytesIO()
    title = f"{written.words['title']} {invoice.number}"
    document = BaseDocTemplate(
        out, pagesize=A4, leftMargin=SIDE, rightMargin=SIDE, topMargin=TOP, bottomMargin=BOTTOM, invariant=1,
        title=_latin(title), author=_latin(invoice.seller.name), lang=language, pageCompression=1,
    )  # fmt: skip

    def later(canvas: Canvas, _document: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(SOFT)
        canvas.drawString(SIDE, A4[1] - 13 * mm, _fit(f"{title}, {invoice.buyer.name}", 8, WIDTH))

    frame = (SIDE, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM)
    bare = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}
    document.addPageTemplates(
        [PageTemplate("first", [Frame(*frame, **bare)]), PageTemplate("later", [Frame(*frame, **bare)], onPage=later)]
    )
    story = [NextPageTemplate("later"), *_top(written), *_lines(written), *_payment(written), *_proof(written)]
    document.build(story, canvasmaker=lambda *args, **kwargs: _Numbered(written, *args, **kwargs))
    return out.getvalue()


class _Numbered(Canvas):
    """Keeps the pages back until their number is known, then writes the foot of each."""

    def __init__(self, written: Page, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._written = written
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Hold the page."""
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write every page with its foot."""
        for number, state in enumerate(self._held, 1):
            self.__dict__.update(state)
            self._foot(number, len(self._held))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        words, seller = self._written.words, self._written.invoice.seller
        self.setStrokeColor(LINE)
        self.setLineWidth(0.5)
        self.line(SIDE, 17 * mm, A4[0] - SIDE, 17 * mm)
        self.setFont("Helvetica", 7.5)
        self.setFillColor(SOFT)
        self.drawString(SIDE, 12.5 * mm, _fit(", ".join((seller.name, *seller.address)), 7.5, WIDTH - 30 * mm))
        if seller.contact:
            self.drawString(SIDE, 9 * mm, _fit(f"{words['contact']} {seller.contact}", 7.5, WIDTH - 30 * mm))
        self.drawRightString(A4[0] - SIDE, 12.5 * mm, f"{words['page']} {number} {words['of']} {count}")


class _Bar(Flowable):
    """The energy used as one bar, cut by price."""

    def __init__(self, parts: tuple[Slice, ...], colours: dict[str, Color]) -> None:
        super().__init__()
        self.width, self.height = WIDTH, 7 * mm
        self.parts, self.colours = parts, colours

    def draw(self) -> None:
        """Draw it on the canvas it is put on."""
        for part in self.parts:
            x, width = part.start * self.width / 1000, part.width * self.width / 1000
            _swatch(self.canv, (x, 0, width, self.height), self.colours[part.name], part.estimated)


class _Key(Flowable):
    """One square of the key to the bar."""

    def __init__(self, colour: Color, estimated: bool) -> None:
        super().__init__()
        self.width = self.height = 8.0
        self.colour, self.estimated = colour, estimated

    def draw(self) -> None:
        """Draw it on the canvas it is put on."""
        _swatch(self.canv, (0, 0, 8, 8), self.colour, self.estimated)


class _Code(Flowable):
    """A QR code."""

    def __init__(self, text: str, size: float) -> None:
        super().__init__()
        self.width = self.height = size
        self.text = text

    def draw(self) -> None:
        """Draw it on the canvas it is put on."""
        count, dark = runs(self.text)
        step = self.width / count
        self.canv.setFillColor(INK)
        path = self.canv.beginPath()
        for row, column, length in dark:
            path.rect(column * step, self.height - (row + 1) * step, length * step, step)
        self.canv.drawPath(path, stroke=0, fill=1)


def _swatch(canvas: Any, box: tuple[float, float, float, float], colour: Color, hatched: bool) -> None:
    """A filled box; hatched where estimated, so that colour is not the only cue."""
    x, y, width, height = box
    canvas.saveState()
    canvas.setFillColor(colour)
    canvas.rect(x, y, width, height, stroke=0, fill=1)
    if hatched:
        clip = canvas.beginPath()
        clip.rect(x, y, width, height)
        canvas.clipPath(clip, stroke=0, fill=0)
        canvas.setStrokeColor(white)
        canvas.setLineWidth(1.2)
        at = x - height
        while at < x + width:
            canvas.line(at, y, at + height, y + height)
            at += 3.5
    canvas.restoreState()


def _latin(text: str) -> str:
    """Text in the letters of the standard fonts."""
    out = []
    for letter in " ".join(text.split()):
        plain = letter
        if not _known(letter):
            plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        out.append(plain if plain and all(_known(part) for part in plain) else "?")
    return "".join(out)


def _known(letter: str) -> bool:
    return letter.encode("cp1252", "ignore") != b"" and letter.isprintable()


def _safe(text: str) -> str:
    return escape(_latin(text))


def _p(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    return Paragraph(_safe(text), style)


def _fit(text: str, size: float, width: float) -> str:
    """Text cut to one line."""
    text = _latin(text)
    if stringWidth(text, "Helvetica", size) <= width:
        return text
    while text and stringWidth(text + "…", "Helvetica", size) > width:
        text = text[:-1]
    return text + "…"


def _grid(rows: list[list[Any]], widths: list[float], *commands: tuple[Any, ...], **more: Any) -> Table:
    """A table without padding at the sides."""
    base = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]  # fmt: skip
    return Table(rows, colWidths=widths, style=[*base, *commands], hAlign="LEFT", **more)


def _top(written: Page) -> list[Flowable]:
    """Title, seller, buyer, dates, what to pay, the bar."""
    words, invoice = written.words, written.invoice
    seller = invoice.seller
    lines = [_p(line, SMALL_RIGHT) for line in (*seller.address, f"{words['tax_id']} {seller.tax_id}")]
    name = _p(seller.name, _style("seller", 10.5, 14, fontName="Helvetica-Bold", alignment=TA_RIGHT))
    to = [_p(words["bill_to"], SMALL), _p(invoice.buyer.name, BOLD), *[_p(line) for line in invoice.buyer.address]]
    head = _grid(
        [[_p(k, SMALL), _p(v, FACT)] for k, v in written.head],
        [31 * mm, WIDTH * 0.56 - 31 * mm],
        ("TOPPADDING", (0, 0), (-1, -1), 0.5),
    )
    what, amount, when = written.headline
    ask = _grid(
        [[_p(what, ASK), _p(when, _style("when", 10.5, 15, alignment=TA_RIGHT))], [_p(amount, AMOUNT), ""]],
        [WIDTH * 0.55 - 14, WIDTH * 0.45 - 14],
    )
    box = Table(
        [[ask]], colWidths=[WIDTH], hAlign="LEFT",
        style=[
            ("BACKGROUND", (0, 0), (-1, -1), TINT), ("LINEBEFORE", (0, 0), (0, -1), 3, ACCENT),
            ("LEFTPADDING", (0, 0), (-1, -1), 14), ("RIGHTPADDING", (0, 0), (-1, -1), 14),
            ("TOPPADDING", (0, 0), (-1, -1), 8), ("BOTTOMPADDING", (0, 0), (-1, -1), 10),
        ],
    )  # fmt: skip
    return [
        _grid([[_p(words["title"], TITLE), [name, *lines]]], [WIDTH * 0.5, WIDTH * 0.5]),
        Spacer(1, 12 * mm),
        _grid([[to, head]], [WIDTH * 0.44, WIDTH * 0.56]),
        Spacer(1, 9 * mm),
        box,
        *_picture(written),
    ]


def _picture(written: Page) -> list[Flowable]:
    if not written.picture:
        return []
    words = written.words
    names = dict.fromkeys(part.name for part in written.picture)
    colours = {name: SHADES[number % len(SHADES)] for number, name in enumerate(names)}
    cells: list[list[Any]] = []
    for part in written.picture:
        note = f" ({words['estimated']})" if part.estimated else ""
        cells.append([_Key(colours[part.name], part.estimated), _p(f"{part.name}{note}: {part.energy}", FACT)])
    while len(cells) % 3:
        cells.append(["", ""])
    rows = [[item for cell in cells[i : i + 3] for item in cell] for i in range(0, len(cells), 3)]
    key = _grid(rows, [13, WIDTH / 3 - 13] * 3, ("TOPPADDING", (0, 0), (-1, -1), 3))
    return [KeepTogether([_p(words["energy_by_band"], HEADING), _Bar(written.picture, colours), Spacer(1, 2), key])]


def _lines(written: Page) -> list[Flowable]:
    """The table of lines, VAT and total."""
    words = written.words
    widths = [WIDTH - 97 * mm, 28 * mm, 40 * mm, 29 * mm]
    rows: list[list[Any]] = [
        [_p(words["item"], SMALL), *[_p(words[k], SMALL_RIGHT) for k in ("quantity", "price", "amount")]]
    ]
    style: list[tuple[Any, ...]] = [("LINEBELOW", (0, 0), (-1, 0), 0.5, LINE)]
    for heading, lines in written.sections:
        rows.append([_p(heading, BOLD), "", "", ""])
        style += [
            ("SPAN", (0, len(rows) - 1), (-1, len(rows) - 1)),
            ("TOPPADDING", (0, len(rows) - 1), (-1, len(rows) - 1), 9),
        ]
        style.append(("NOSPLIT", (0, len(rows) - 1), (-1, len(rows))))
        for line in lines:
            name = _safe(line.name)
            if line.estimated:
                name += f' <font color="#8a5a00" size="7.5">[{_safe(words["estimated"])}]</font>'
                style.append(("LINEBEFORE", (0, len(rows)), (0, len(rows)), 1.5, GUESS))
                style.append(("LEFTPADDING", (0, len(rows)), (0, len(rows)), 6))
            first = [Paragraph(name, BODY), *([_p(line.note, SMALL)] if line.note else [])]
            rows.append([first, _p(line.quantity, RIGHT), _p(line.price, RIGHT), _p(line.amount, RIGHT)])
            style.append(("LINEBELOW", (0, len(rows) - 1), (-1, len(rows) - 1), 0.25, LINE))
    table = _grid(rows, widths, *style, repeatRows=1)
    sums: list[list[Any]] = [[_p(words["net"]), _p(written.net, RIGHT)]]
    sums += [[_p(name), _p(value, RIGHT)] for name, value in written.vat]
    sums.append([_p(words["total"], TOTAL), _p(written.total, TOTAL_RIGHT)])
    foot = _grid(
        sums,
        [WIDTH - 45 * mm, 45 * mm],
        ("LINEABOVE", (0, -1), (-1, -1), 1.2, INK),
        ("TOPPADDING", (0, -1), (-1, -1), 6),
    )
    notes = [_p(note, SMALL) for note in written.notes]
    return [Spacer(1, 8 * mm), table, Spacer(1, 3 * mm), KeepTogether([foot, Spacer(1, 3 * mm), *notes])]


def _payment(written: Page) -> list[Flowable]:
    words = written.words
    if not written.payment:
        if written.invoice.bill.due_micro >= 0:
            return []
        return [KeepTogether([_p(words["pay"], HEADING), _p(words["refund_text"])])]
    table = _grid(
        [[_p(name, SMALL), _p(value)] for name, value in written.payment], [33 * mm, WIDTH - 75 * mm],
        ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    )  # fmt: skip
    left = [_p(words["pay_text"]), Spacer(1, 2 * mm), table]
    code: list[Any] = []
    if written.pay_code:
        code = [_Code(written.pay_code, 27 * mm), Spacer(1, 1.5 * mm), _p(words["scan"], SMALL)]
    return [KeepTogether([_p(words["pay"], HEADING), _grid([[left, code]], [WIDTH - 27 * mm, 27 * mm])])]


def _proof(written: Page) -> list[Flowable]:
    """What the bill was made from and how to check it."""
    words = written.words
    texts: list[Flowable] = [item for text in written.proof for item in (_p(text), Spacer(1, 1.5 * mm))]
    rows = [[_p(words["verify"], SMALL), _p(written.command, MONO)]]
    if written.digest:
        rows.insert(0, [_p(words["proof_digest"], SMALL), _p(written.digest, MONO)])
    how = _grid(rows, [42 * mm, WIDTH - 42 * mm], ("TOPPADDING", (0, 0), (-1, -1), 1))
    head = [_p(text, SMALL if number == 0 else SMALL_RIGHT) for number, text in enumerate(fact_headings(words))]
    body = [
        [_p(value, FACT if number == 0 else FACT_RIGHT) for number, value in enumerate(row)] for row in written.facts
    ]
    other = (WIDTH - 46 * mm) / 5
    facts = _grid([head, *body], [46 * mm, *[other] * 5], ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE), repeatRows=1)
    return [
        KeepTogether([_p(words["proof"], HEADING), *texts, Spacer(1, 2 * mm), how]),
        KeepTogether([_p(words["facts"], HEADING), facts]),
    ]
