"""One town for all tests of API and pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.town import Town, found_town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """60 homes, two days."""
    with found_town(tmp_path_factory.mktemp("town")) as made:
        yield made
