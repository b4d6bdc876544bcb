"""The MAC at the end of a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quietgrid.crypto.public.frame_mac import check_frame_mac, frame_mac
from quietgrid.errors import FrameError


def test_rfc_4231(vectors: Callable[[str], Any]) -> None:
    for case in vectors("rfc4231")["cases"]:
        mac = frame_mac(bytes.fromhex(case["key"]), bytes.fromhex(case["data"]))
        assert mac.hex() == case["mac"][:32], case["case"]


def test_project_frame_and_every_flipped_byte(vectors: Callable[[str], Any]) -> None:
    case = vectors("suite1")["frame"]
    key, frame = bytes.fromhex(case["k_mac"]), bytes.fromhex(case["frame"])
    check_frame_mac(key, frame[:-16], frame[-16:])
    check_frame_mac(key, memoryview(frame)[:-16], memoryview(frame)[-16:])
    for at in range(len(frame)):
        changed = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
        with pytest.raises(FrameError):
            check_frame_mac(key, changed[:-16], changed[-16:])
    with pytest.raises(FrameError):
        check_frame_mac(b"other" * 6, frame[:-16], frame[-16:])
    with pytest.raises(FrameError):
        check_frame_mac(key, frame[:-16], frame[-16:-1])
