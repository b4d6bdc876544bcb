"""Where the VTN's MQTT broker is: one TOML file, ``STATE/openadr/mqtt.toml``. Without it changes are told by webhook.

host = "127.0.0.1"                # where we publish
port = 8883
topic = "openadr3"                # what all topics begin with
user = "platform"
password_file = "broker.password" # beside this file
ca = "broker.pem"                 # beside this file: TLS, and this certificate signs the broker's
address = "mqtts://grid.example"  # where clients find it; told by GET /notifiers
sign_in = "OAUTH2_BEARER_TOKEN"   # how they sign in there, or ANONYMOUS

The broker has to hold clients to their topics: ``<topic>/bl/#`` business clients, ``<topic>/all/#`` everybody,
``<topic>/vens/<venID>/#`` that VEN only. Publishing is ours alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from quietgrid.errors import ConfigError
from quietgrid.wire.openadr3 import MqttAuthentication, MqttBinding
from quietgrid.wire.telemetry import BrokerAt


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    address: str
    port: int = 1883
    topic: str = "openadr3"
    user: str = ""
    password_file: str = ""
    ca: str = ""
    timeout_s: float = 10.0
    sign_in: Literal["ANONYMOUS", "OAUTH2_BEARER_TOKEN"] = "OAUTH2_BEARER_TOKEN"


def read_broker(path: Path) -> tuple[BrokerAt, MqttBinding] | None:
    """The broker and what clients are told of it; None without a file.

    Raises:
        ConfigError: the file cannot be used.
    """
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        if not 0 < file.port < 65_536 or any(c in file.topic for c in "+#") or not file.topic:
            raise ValueError("port or topic cannot be")
        if not file.address.startswith(("mqtt://", "mqtts://")):
            raise ValueError("the address does not begin with mqtt:// or mqtts://")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"the broker cannot be set up: {error}", where=str(path), fix="see the how-to") from error
    beside = [path.parent / name if name else None for name in (file.password_file, file.ca)]
    name = "{clientID}" if file.sign_in == "OAUTH2_BEARER_TOKEN" else None
    how = MqttAuthentication(method=file.sign_in)
    if name is not None:
        how.username = name
    binding = MqttBinding(URIS=[file.address], serialization="JSON", authentication=how)
    password, ca = beside
    return BrokerAt(file.host, file.port, file.topic, file.user, password, ca, file.timeout_s), binding
