"""The table reader: exact numbers, and every oddity at its line."""

from __future__ import annotations

import csv
import gzip
import io
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import SourceError
from quietgrid.wire.series.table import decimals, read_table


def table_of(tmp_path: Path, text: str | bytes, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def parse(fields: list[str]) -> tuple[list[int], list[bool]]:
    raw = np.frombuffer((",".join(fields) + ",").encode(), np.uint8)
    ends = np.cumsum([len(field.encode()) + 1 for field in fields]) - 1
    starts = np.concatenate([[0], ends[:-1] + 1])
    values, plain = decimals(raw, starts, ends)
    return values.tolist(), plain.tolist()


@given(st.lists(st.decimals(-999_999_999, 999_999_999, allow_nan=False, places=9), min_size=1, max_size=20))
def test_plain_numbers_are_exact(numbers: list[Decimal]) -> None:
    values, plain = parse([f"{number:f}" for number in numbers])
    assert all(plain)
    assert values == [int(number * 10**9) for number in numbers]


@given(st.lists(st.text("0123456789.,+- \te", max_size=8).map(lambda s: s.replace(",", ".")), min_size=1, max_size=20))
def test_what_is_taken_as_a_number_is_one(fields: list[str]) -> None:
    values, plain = parse(fields)
    for text, value, good in zip(fields, values, plain, strict=True):
        if good:
            assert value == int(Decimal(text.strip()) * 10**9)
        elif text.strip().replace(".", "", 1).isdigit() and len(text.strip()) < 9:
            raise AssertionError(f"{text!r} is a plain number")


@pytest.mark.parametrize(
    "bad", ["1 2", "1..2", "--1", "+-0", "1-", "+", ".", "1.2.3", "1e5", "abc", "", "1234567890", "- 1"]
)
def test_what_is_not_a_plain_number(bad: str) -> None:
    values, plain = parse([bad, "5"])
    assert plain == [False, True]
    assert values == [0, 5 * 10**9]


@pytest.mark.parametrize("good", ["5.", ".5", " 0.5", "0.5\t", "+3", "-0", "007", "0.1234567891234"])
def test_other_plain_numbers(good: str) -> None:
    values, plain = parse([good])
    assert plain == [True]
    assert values == [int(Decimal(good.strip()) * 10**9)]


rows = st.lists(st.lists(st.text('abc,;" 1é.', max_size=6), min_size=2, max_size=2), min_size=1, max_size=6)


@given(rows)
def test_quotes_and_delimiters_as_the_csv_module_reads_them(cells: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["one", "two"], *cells])
    with TemporaryDirectory() as folder:
        table = read_table(table_of(Path(folder), out.getvalue()))
        assert [[table.text(r, c) for c in range(2)] for r in range(len(table))] == [
            [field.strip() for field in row] for row in cells
        ]


def test_gzip_line_ends_bom_and_blank_lines(tmp_path: Path) -> None:
    plain = read_table(table_of(tmp_path, "a,b\n1,2\n3,4"))
    odd = read_table(table_of(tmp_path, gzip.compress(b"\xef\xbb\xbfa;b\r\n\r\n1;2\r\n3;4\r\n\r\n"), "x.csv.gz"))
    assert plain.header == odd.header == ["a", "b"]
    assert plain.numbers(1)[0].tolist() == odd.numbers(1)[0].tolist() == [2 * 10**9, 4 * 10**9]
    assert plain.lines.tolist() == [2, 3]
    assert odd.lines.tolist() == [3, 4]


@pytest.mark.parametrize("sign", ["", "NaN", "null", "NA", "-", " "])
def test_missing_is_missing_not_zero(tmp_path: Path, sign: str) -> None:
    values, given_ = read_table(table_of(tmp_path, f"a,b\n1,{sign}\n2,0\n3,1e-3\n")).numbers(1)
    assert given_.tolist() == [False, True, True]
    assert values.tolist() == [0, 0, 10**6]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a,b\n1,2\n3,4,5\n", "line 3"), ("a,b\n1\n", "line 2"), ("a,b\n\n1,2\n\n\n7\n", "line 6")],
)
def test_ragged_rows_are_named(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(SourceError, match="fields") as caught:
        read_table(table_of(tmp_path, text))
    assert caught.value.where == f"x.csv, {line}"


@pytest.mark.parametrize("cell", ["twelve", "1,5x", "0x10", "inf", "1e10", "12345678901"])
def test_no_number_is_named_without_its_content(tmp_path: Path, cell: str) -> None:
    table = read_table(table_of(tmp_path, f"a;b\n1;2\n1;{cell}\n"))
    with pytest.raises(SourceError) as caught:
        table.numbers(1)
    assert caught.value.where == "x.csv, line 3, column 'b'"
    assert cell not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x1f\x8bbroken"])
def test_nothing_to_read(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError):
        read_table(table_of(tmp_path, content))
    with pytest.raises(SourceError):
        read_table(tmp_path / "absent.csv")


def test_codes_in_order_of_appearance(tmp_path: Path) -> None:
    names, code = read_table(table_of(tmp_path, "m,x\nz,1\na,1\n z ,1\nlonger,1\na,1\n")).codes(0)
    assert names == ["z", "a", "longer"]
    assert code.tolist() == [0, 1, 0, 2, 1]
