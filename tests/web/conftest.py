"""The pages' tests use the API's town."""

from __future__ import annotations

from tests.api.conftest import town

__all__ = ["town"]
