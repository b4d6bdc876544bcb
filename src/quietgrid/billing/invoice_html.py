"""An invoice as one HTML file: no script, no link, nothing loaded; readable in the dark, on a phone and on paper.

Every text is escaped by Jinja (`autoescape`, `StrictUndefined`).
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from quietgrid.billing.invoice import Invoice, fact_headings, page
from quietgrid.billing.qr import svg_path

COLOURS = 6
"""Shades of the one colour for energy from the grid; bands take them in turn."""


@cache
def _template() -> Template:
    loader = PackageLoader("quietgrid.billing", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.get_template("invoice.html.j2")


def invoice_html(invoice: Invoice, language: str = "en") -> str:
    """The invoice as a page of its own.

    Args:
        invoice: What is billed. language: ``en`` or ``de``.
    """
    written = page(invoice, language)
    names = dict.fromkeys(part.name for part in written.picture)
    return _template().render(
        page=written,
        invoice=invoice,
        w=written.words.texts,
        colour={name: number % COLOURS for number, name in enumerate(names)},
        code=svg_path(written.pay_code) if written.pay_code else None,
        headings=fact_headings(written.words),
    )
