"""The telemetry file: what it says, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietgrid.errors import ConfigError, SourceError
from quietgrid.wire.telemetry import read_config
from tests.wire.telemetry.test_registers import MAP

GATEWAY = f'[[gateway]]\nname = "substation"\nkey = "{"ab" * 32}"\n'
DEVICE = '[[device]]\nname = "controller"\nhost = "10.20.0.5"\nmap = "map.csv"\nstale_s = 12.5\n'


def test_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text(MAP)
    path = tmp_path / "telemetry.toml"
    path.write_text(GATEWAY + DEVICE)
    found = read_config(path)
    assert found.gateways["substation"].public == bytes([0xAB]) * 32
    (device,) = found.devices
    assert (device.host, device.port, device.unit, device.stale_s) == ("10.20.0.5", 502, 1, 12.5)
    assert len(device.registers.of("set")) == 2


def test_no_file_is_nobody(tmp_path: Path) -> None:
    found = read_config(tmp_path / "telemetry.toml")
    assert (dict(found.gateways), found.devices) == ({}, ())


@pytest.mark.parametrize(
    "text",
    [
        "gateway = 3", "[[gateway", GATEWAY + "colour = 1", GATEWAY * 2, GATEWAY.replace("ab" * 32, "ab"),
        GATEWAY.replace("ab" * 32, "zz" * 32), DEVICE + "port = 70000", DEVICE + "poll_s = 0.0",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.csv").write_text(MAP)
    path = tmp_path / "telemetry.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="telemetry cannot be set up"):
        read_config(path)


def test_a_map_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.toml"
    path.write_text(DEVICE)
    with pytest.raises(SourceError, match=r"map\.csv"):
        read_config(path)
