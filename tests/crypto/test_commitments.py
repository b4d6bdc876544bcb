"""The secret of a day that commitments are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quietgrid.crypto.secret.commitments import day_secret
from quietgrid.errors import InputError


def test_project_vectors(vectors: Callable[[str], Any]) -> None:
    suite = vectors("suite1")
    for case in suite["pedersen"]["commitments"]:
        day = case["day"] - suite["d0"]
        keys = [list(bytes.fromhex(pair["days"][day]["day_key"])) for pair in suite["keys"]]
        assert day_secret(np.array(keys, np.uint8)).hex() == case["day_secret"]


def test_each_of_the_three_keys_counts() -> None:
    """So a keyholder, who has two of them, cannot test what a commitment hides."""
    keys = np.arange(96, dtype=np.uint8).reshape(3, 32)
    made = {day_secret(keys)}
    for pair in range(3):
        changed = keys.copy()
        changed[pair, 31] ^= 1
        made.add(day_secret(changed))
    assert len(made) == 4
    with pytest.raises(InputError):
        day_secret(keys[:2])
