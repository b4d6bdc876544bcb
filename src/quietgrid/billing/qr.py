"""QR codes as a picture made of path data: the same for HTML (SVG) and PDF."""

# mypy: allow-untyped-calls

from __future__ import annotations


def modules(text: str) -> list[list[bool]]:
    """The code of a text, rows of dark (True) and light; error correction M."""
    from reportlab.graphics.barcode import qrencoder  # a third of a second, for those who print a bill

    code = qrencoder.QRCode(None, qrencoder.QRErrorCorrectLevel.M)
    code.addData(qrencoder.QR8bitByte(text.encode("utf-8")))
    code.make()
    size: int = code.getModuleCount()
    return [[bool(code.isDark(row, column)) for column in range(size)] for row in range(size)]


def runs(text: str) -> tuple[int, list[tuple[int, int, int]]]:
    """Modules a side, and the dark runs as (row, column, length)."""
    rows = modules(text)
    out = []
    for number, row in enumerate(rows):
        column = 0
        while column < len(row):
            end = column
            while end < len(row) and row[end]:
                end += 1
            if end > column:
                out.append((number, column, end - column))
            column = max(end, column + 1)
    return len(rows), out


def svg_path(text: str) -> tuple[int, str]:
    """Modules a side with a quiet zone of 4, and the ``d`` of an SVG path."""
    size, dark = runs(text)
    return size + 8, "".join(f"M{column + 4} {row + 4}h{length}v1h-{length}z" for row, column, length in dark)
