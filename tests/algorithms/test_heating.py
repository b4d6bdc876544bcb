"""The learned model: its table is what training gives, and it finds the heated homes it has not seen."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms import heating as module
from quietgrid.algorithms.heating import LEVELS, NAMES, Heating, heating, numbers, read
from quietgrid.errors import InputError
from quietgrid.model.insight import Feature, Features

SMALL = st.integers(0, 255)
MONTHS = st.builds(Features, st.integers(0, 65_535), st.tuples(*[SMALL] * 24), st.tuples(*[SMALL] * len(Feature)))
TEXT = Path(module.__file__).with_name("heating.toml").read_text(encoding="utf-8")


@given(MONTHS)
def test_a_level_counts_the_edges_reached(month: Features) -> None:
    model = heating()
    levels = model.levels(month)
    for level, edges, value in zip(levels, model.edges, numbers(month), strict=True):
        assert level == sum(value >= edge for edge in edges) < LEVELS
    assert model.decide(levels) == (sum(t[x] for t, x in zip(model.tables, levels, strict=True)) >= model.edge)


def test_both_answers_are_possible() -> None:
    model = heating()
    least, most = (tuple(table.index(part(table)) for table in model.tables) for part in (min, max))
    assert not model.decide(least)
    assert model.decide(most)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("[number.month]", "[number.moon]"),
        re.sub(r"^edge = \d+", "edge = 40", TEXT, flags=re.MULTILINE),
        re.sub(r"counts = \[\d+, ", "counts = [", TEXT, count=1),
        re.sub(r"edges = \[(\d+), (\d+)", r"edges = [\2, \1", TEXT, count=1),
        "edge = [",
    ],
)
def test_a_table_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read(text)


@pytest.mark.parametrize("levels", [(), (0,) * 7, (16,) + (0,) * 7, (-1,) + (0,) * 7])
def test_levels_out_of_range_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        heating().score(levels)


@pytest.mark.slow
def test_training_again_gives_the_table() -> None:
    from benchmarks.fhe_model import trained, written

    model, found = trained()
    assert written(model, found) == TEXT
    assert found["heated found"] > 0.8
    assert found["others wrongly"] < 0.2
    assert set(tomllib.loads(TEXT)["number"]) == set(NAMES)
    assert isinstance(model, Heating)
