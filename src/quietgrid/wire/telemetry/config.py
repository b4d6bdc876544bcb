"""Who may send telemetry, and which devices are asked: one TOML file.

[[gateway]]                       # sends signed batches
name = "substation"
key = "3b6a27bc…"                 # its public key, 64 hex digits
elements = ["head-w Line 1"]      # optional: only these

[[device]]                        # is asked over Modbus TCP (extra `scada`)
name = "feeder-controller"
host = "10.20.0.5"
port = 502
unit = 1
map = "feeder-controller.csv"     # beside this file
poll_s = 2.0
stale_s = 30.0
timeout_s = 3.0

[broker]                          # gateways' batches by MQTT (extra `mqtt`)
host = "10.20.0.9"
port = 8883
topic = "quietgrid"
user = "platform"
password_file = "broker.password" # beside this file
ca = "broker.pem"                 # beside this file: TLS, and this certificate signs the broker's
timeout_s = 10.0
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from quietgrid.errors import ConfigError
from quietgrid.wire.telemetry.registers import RegisterMap, read_map


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs batches.

    Args:
        name: Of the gateway. key: its public key in hex. elements: ``kind element``; all that are known unless given.
    """

    name: str
    key: str
    elements: list[str] | None = None

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return bytes.fromhex(self.key)


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    host: str
    map: str
    port: int = 502
    unit: int = 1
    poll_s: float = 2.0
    stale_s: float = 30.0
    timeout_s: float = 3.0


class _Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    port: int = 1883
    topic: str = "quietgrid"
    user: str = ""
    password_file: str = ""
    ca: str = ""
    timeout_s: float = 10.0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gateway: list[Gateway] = []
    device: list[_Device] = []
    broker: _Broker | None = None


@dataclass(frozen=True)
class DeviceAt:
    """A Modbus device.

    Args:
        name: For people. host, port, unit: where. registers: its map. poll_s: seconds between two questions. stale_s:
            seconds after which its last values are doubted. timeout_s: for one answer.
    """

    name: str
    host: str
    port: int
    registers: RegisterMap
    unit: int = 1
    poll_s: float = 2.0
    stale_s: float = 30.0
    timeout_s: float = 3.0


@dataclass(frozen=True)
class BrokerAt:
    """An MQTT broker.

    Args:
        host, port: where. topic: what all topics begin with. user, password_file: to sign in. ca: certificate that
            signs the broker's; None: no TLS. timeout_s: for one answer.
    """

    host: str
    port: int = 1883
    topic: str = "quietgrid"
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True)
class TelemetryConfig:
    """Everybody who measures, and the broker that carries it, if there is one."""

    gateways: Mapping[str, Gateway]
    devices: tuple[DeviceAt, ...] = ()
    broker: BrokerAt | None = None


def read_config(path: Path) -> TelemetryConfig:
    """What the file says; nobody if there is none.

    Raises:
        ConfigError: it cannot be used. SourceError: a register map cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return TelemetryConfig({})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the telemetry file cannot be read", where=str(path), fix="check the file") from error
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
        for gateway in file.gateway:
            if len(gateway.public) != 32:
                raise ValueError(f"the key of {gateway.name!r} is not 64 hex digits")
        for table in (file.gateway, file.device):
            if len({one.name for one in table}) != len(table):
                raise ValueError("two have one name")
        for device in file.device:
            if not (0 < device.port < 65_536 and 0 <= device.unit <= 255 and device.timeout_s > 0 < device.poll_s):
                raise ValueError(f"port, unit or a time of {device.name!r} cannot be")
        if file.broker and (not 0 < file.broker.port < 65_536 or any(c in file.broker.topic for c in "+#")):
            raise ValueError("port or topic of the broker cannot be")
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"telemetry cannot be set up: {error}", where=str(path), fix="see the how-to") from error
    devices = tuple(
        DeviceAt(d.name, d.host, d.port, read_map(path.parent / d.map), d.unit, d.poll_s, d.stale_s, d.timeout_s)
        for d in file.device
    )
    return TelemetryConfig(
        {gateway.name: gateway for gateway in file.gateway}, devices, _broker(file.broker, path.parent)
    )


def _broker(one: _Broker | None, folder: Path) -> BrokerAt | None:
    if one is None:
        return None
    password, ca = (folder / name if name else None for name in (one.password_file, one.ca))
    return BrokerAt(one.host, one.port, one.topic, one.user, password, ca, one.timeout_s)
