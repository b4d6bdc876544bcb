"""One street for all tests of the pages: it takes half a minute to live through a month."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.homeweb.street import Street, build


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Built once; tests that change something change it for themselves, or put it back."""
    made = build(tmp_path_factory.mktemp("street"))
    yield made
    made.community.close()
