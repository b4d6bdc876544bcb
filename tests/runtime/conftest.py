"""Hamlets that are closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.runtime.hamlet import Hamlet


@pytest.fixture
def hamlet(tmp_path: Path) -> Iterator[Callable[..., Hamlet]]:
    """Founds hamlets."""
    made: list[Hamlet] = []

    def found(**options: int) -> Hamlet:
        made.append(Hamlet(tmp_path / str(len(made)), **options))
        return made[-1]

    yield found
    for one in made:
        one.close()
