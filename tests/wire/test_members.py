"""members.csv: everything that is wrong is said at once, and what the floor means is said beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.demo import Sample
from quietgrid.errors import InputError, SourceError
from quietgrid.model import PartyKind
from quietgrid.wire.members import Member, Problem, feeder_report, read_members, write_members

HEAD = "name,kind,feeder,connection_kw,tariff,meter serial,registers\n"
TARIFFS = ("flat", "time-of-use", "block", "real-time")


def of_sample(sample: Sample) -> list[Member]:
    return [
        Member(line, h.name, h.kind, h.feeder, h.connection_w, h.tariff, f"QG-{h.number:04d}", h.registers)
        for line, h in enumerate(sample.homes, start=2)
    ]


def test_the_sample_goes_out_and_in(sample: Sample, tmp_path: Path) -> None:
    members = of_sample(sample)
    path = tmp_path / "members.csv"
    path.write_text(write_members(members))
    preview = read_members(path, TARIFFS)
    assert preview.problems == ()
    assert list(preview.accepted()) == members
    assert [(f.homes, f.exporters) for f in preview.feeders] == [(30, 20), (30, 6), (30, 7), (30, 3)]
    assert not any(f.below_floor or f.below_aim for f in preview.feeders)
    assert [bool(f.notes) for f in preview.feeders] == [False, True, True, True]
    assert all(f.largest_percent <= 15 for f in preview.feeders)


def test_every_error_is_listed_with_line_and_column() -> None:
    text = HEAD + (
        "Mill Lane 1,residential,Mill Lane,14.5,flat,QG-1,import\n"
        "Mill Lane 2,castle,Mill Lane,lots,flat,QG-2,import\n"
        ",residential,,14.5,cheap,QG-1,export\n"
        "\n"
        "Mill Lane 4,residential,Mill Lane,14.5\n"
        "Mill Lane 1,commercial,Orchard Hill,24,flat,QG-3,import+export\n"
        "Mill Lane 6,residential,Mill Lane,-3,flat,,watts\n"
    )
    preview = read_members(text.encode(), TARIFFS)
    assert {(p.line, p.column) for p in preview.problems} == {
        (3, "connection_kw"), (3, "kind"), (4, "name"), (4, "feeder"), (4, "tariff"), (4, "registers"),
        (4, "meter serial"), (6, "(row)"), (7, "kind"), (7, "feeder"), (7, "connection_kw"), (8, "meter serial"),
        (8, "connection_kw"), (8, "registers"),
    }  # fmt: skip
    assert [p.line for p in preview.problems] == sorted(p.line for p in preview.problems)
    assert [m.name for m in preview.members] == ["Mill Lane 1"]
    assert all(p.what and p.fix for p in preview.problems)
    with pytest.raises(InputError, match="14 problems") as caught:
        preview.accepted()
    assert "line 8, registers" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (HEAD.replace(",tariff", ""), 1, "tariff"),
        (HEAD.replace("kind", "kind,kind"), 1, "kind"),
        (HEAD.replace("kind", "kind,shoe size"), 1, "shoe size"),
        (HEAD, 1, "(file)"),
        ("", 1, "name"),
    ],
)
def test_the_header_and_an_empty_file(text: str, line: int, column: str) -> None:
    problems = read_members(text.encode()).problems
    assert (line, column) in [(p.line, p.column) for p in problems]


def test_excel_in_another_language() -> None:
    row = 'Bäckerei "Süd";Commercial;Mill Lane;24,5;flat;QG-9;import / export\r\n'
    quoted = row.replace('Bäckerei "Süd"', '"Bäckerei ""Süd"""')
    text = "\ufeff" + HEAD.replace(",", ";").replace("meter serial", "Meter_Serial").replace("\n", "\r\n") + quoted
    preview = read_members(text.encode())
    assert preview.problems == ()
    assert preview.members[0] == Member(
        2, 'Bäckerei "Süd"', PartyKind.COMMERCIAL, "Mill Lane", 24_500, "flat", "QG-9", 3
    )
    latin = read_members((HEAD + "Bäckerei,commercial,M,1,flat,Q,import\n").encode("latin-1"))
    assert [(p.line, p.column) for p in latin.problems] == [(2, "(file)")]


@pytest.mark.parametrize("power", ["0", "nan", "inf", "1e99", "14.0001", "20000", "", "fourteen", "-1"])
def test_powers_that_are_none(power: str) -> None:
    problems = read_members((HEAD + f"a,residential,M,{power},flat,Q,import\n").encode()).problems
    assert [(p.line, p.column) for p in problems] == [(2, "connection_kw")]


def members(count: int, exporters: int = 0, large_w: int = 14_500) -> list[Member]:
    home = PartyKind.RESIDENTIAL
    watts = [large_w] + [14_500] * (count - 1)
    return [
        Member(n + 2, f"H{n}", home, "F", w, "flat", f"Q{n}", 3 if n < exporters else 1) for n, w in enumerate(watts)
    ]


@pytest.mark.parametrize(
    ("count", "exporters", "large_w", "said"),
    [
        (14, 0, 14_500, ["no total can be shown"]),
        (15, 0, 14_500, ["aim at 30"]),
        (29, 15, 14_500, ["aim at 30"]),
        (30, 0, 14_500, []),
        (30, 1, 14_500, ["only import minus export"]),
        (30, 15, 14_500, []),
        (30, 0, 90_000, ["18 % of the certified power"]),
        (30, 0, 74_206, ["16 % of the certified power"]),
        (30, 0, 74_205, []),
    ],
)
def test_what_the_floor_means(count: int, exporters: int, large_w: int, said: list[str]) -> None:
    (feeder,) = feeder_report(members(count, exporters, large_w))
    assert len(feeder.notes) == len(said)
    assert all(part in note for part, note in zip(said, feeder.notes, strict=True))
    assert (feeder.below_floor, feeder.below_aim) == (count < 15, count < 30)


def test_the_floor_counts_homes_not_meters() -> None:
    fourteen = members(14)
    second = [Member(99, m.name, m.kind, m.feeder, m.connection_w, m.tariff, m.serial + "b", 3) for m in fourteen]
    (feeder,) = feeder_report([*fourteen, *second])
    assert (feeder.homes, feeder.exporters) == (14, 14)
    assert feeder.below_floor


words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cc", "Cs"]), max_size=30)


@given(words, words, st.sampled_from(["", "1", "2,5", "x"]), words)
def test_any_text_gives_members_or_problems(name: str, feeder: str, power: str, serial: str) -> None:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out).writerow([name, "plant", feeder, power, "flat", serial, "import"])
    preview = read_members((HEAD + out.getvalue()).encode())
    assert bool(preview.members) != bool(preview.problems)
    assert all(isinstance(p, Problem) and p.line in (1, 2) for p in preview.problems)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        read_members(tmp_path / "absent.csv")
