"""The grid operator's pages over a real community: states from opened totals, two people, what each role sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from quietgrid.accounts import Role, csrf_token
from quietgrid.balance.diagram_style import STYLE
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, Priority
from quietgrid.web.environment import STATIC
from tests.api.town import Town, found_town
from tests.web.test_pages import browser, csrf_of

PAGES = ("/grid", "/grid/diagram", "/grid/feeder/Orchard%20Hill", "/grid/alarms", "/grid/alarms?show=all", "/grid/storage",
         "/grid/frequency", "/grid/stop", "/grid/charts/loading", "/grid/charts/powers", "/grid/charts/voltage-0")  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town of its own: here people stop the grid."""
    with found_town(tmp_path_factory.mktemp("grid-pages")) as made:
        made.services.grid.step()
        yield made


def post(town: Town, who: str, path: str, **fields: str) -> tuple[int, str]:
    answer = browser(town, who).post(path, data={"csrf": csrf_token(town.token(who))} | fields)
    return answer.status_code, answer.headers.get("location", "") or answer.text


@pytest.mark.parametrize("page", PAGES)
def test_who_sees_the_grid(town: Town, page: str) -> None:
    for role in Role:
        answer = browser(town, role.value).get(page)
        assert answer.status_code == (403 if role is Role.HOUSEHOLD else 200), (role, answer.text[:400])
    assert browser(town).get(page).status_code == 303
