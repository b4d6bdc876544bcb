"""Settings: one TOML file, `QUIETGRID_*` in the environment over it, and defaults that work.

The file is `quietgrid.toml` where the command runs, or what `QUIETGRID_CONFIG` names. It is flat: one line a setting.
A key that is unknown, twice there or of the wrong kind is an error with its line. `quietgrid config --show` says what
holds and where each value comes from.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from quietgrid.errors import ConfigError, InputError
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import check_resolution, zone
from quietgrid.model.publication import PublishRules
from quietgrid.model.quantity import WH_PER_KWH

T = TypeVar("T")
FILE = "quietgrid.toml"
PREFIX = "QUIETGRID_"
FLOOR = GateRules().k

Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """Everything that can be set. Documented here; `quietgrid config --show` prints it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True)

    state: Path = Path("state")
    """Folder of databases and keys. Everything that must survive is in it."""
    name: str = Field(default="Demo community", min_length=1, max_length=80)
    """Name of the community."""
    host: str = "127.0.0.1"
    """Address to listen on. Anything but this machine needs TLS in front."""
    port: Port = 8000
    """Port of the platform (web, API). 0 picks one; a port that is taken picks the next."""
    household_port: Port = 8001
    """Port of the household process, which is an origin of its own."""
    keyholder_ports: tuple[Port, Port, Port] = (0, 0, 0)
    """Ports of the three keyholders."""
    tz: str = "Europe/Berlin"
    """Time zone the homes live in: tariffs, days and months follow it."""
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    """ISO 4217."""
    resolution: int = 900
    """Seconds of an interval: 900 or 1800."""
    source: str = "sample"
    """Readings of the simulated meters: `sample`, or an .npz that `quietgrid import` wrote."""
    homes: int = Field(default=120, ge=1, le=1_000_000)
    """How many homes of the source take part."""
    history_days: int = Field(default=40, ge=0, le=366)
    """Days replayed before the demo goes live. A bill needs 28."""
    pace: float = Field(default=5.0, ge=0.0, le=3600.0)
    """Seconds of real time an interval takes when live. 0 stands still until a step is asked for."""
    floor: int = Field(default=FLOOR, ge=FLOOR, le=100_000)
    """Homes behind any total. Can be raised, never lowered."""
    retain_days: int = Field(default=GateRules().retain_days, ge=35, le=366)
    """How long keyholders keep day keys: a period, its late window, disputes and baselines."""
    chain: str = "local"
    """Where contracts live: `local` (an anvil of our own), the address of a node, or `off`."""
    chain_confirmations: int = Field(default=0, ge=0, le=1_000)
    """How deep a block counts as confirmed; 0: 1 on the local chain, 12 elsewhere."""
    feeds: str = "sample"
    """What the demo's reporters watch: `sample`, a file in Alliander's form (.csv, .csv.gz), or `off`."""
    stations: Literal["sample", "off"] = "sample"
    """Storage stations of the demo, planned under encryption (where `make fhe` was run): `sample`, or `off`."""
    database: str = ""
    """Address of the platform's PostgreSQL; empty: SQLite in the state folder."""
    publish_epsilon: float = Field(default=PublishRules().epsilon_milli / 1000, ge=0.001, le=10)
    """Privacy loss of a home in one published statistic that carries noise. Less is more private, and noisier."""
    publish_budget: float = Field(default=PublishRules().budget_milli / 1000, ge=0.001, le=100)
    """The most that published statistics may cost one home in a calendar year."""
    publish_bound_kwh: int = Field(default=PublishRules().bound_wh // 1000, ge=1, le=1_000_000)
    """What a home's month is clipped at before noise: below it, large homes count for less; above it, noise grows."""
    openadr: Literal["off", "public", "private"] = "public"
    """The OpenADR VTN: `off`; `public`: callbacks by HTTPS on the Internet only; `private`: to any address."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """What is logged. Never a reading, a key or a ciphertext."""

    @field_validator("tz")
    @classmethod
    def _zone(cls, value: str) -> str:
        return _checked(lambda: zone(value).key)

    @field_validator("resolution")
    @classmethod
    def _resolution(cls, value: int) -> int:
        return _checked(lambda: check_resolution(value))

    @field_validator("chain")
    @classmethod
    def _chain(cls, value: str) -> str:
        if value not in ("local", "off") and not value.startswith(("http://", "https://")):
            raise ValueError("neither `local`, `off` nor the http(s) address of a node")
        return value

    @field_validator("source")
    @classmethod
    def _source(cls, value: str) -> str:
        if value != "sample" and not value.endswith(".npz"):
            raise ValueError("neither `sample` nor an .npz file that `quietgrid import` wrote")
        return value

    @field_validator("feeds")
    @classmethod
    def _feeds(cls, value: str) -> str:
        if value not in ("sample", "off") and not value.endswith((".csv", ".csv.gz")):
            raise ValueError("neither `sample`, `off` nor a .csv or .csv.gz file")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file, whose values are given to `__init__`."""
        return env_settings, init_settings

    def rules(self) -> GateRules:
        """The gate's numbers."""
        return GateRules(k=self.floor, retain_days=self.retain_days)

    def publishing(self) -> PublishRules:
        """The numbers of published statistics; 100 homes for a plain sum is not a setting."""
        return PublishRules(
            epsilon_milli=round(self.publish_epsilon * 1000), budget_milli=round(self.publish_budget * 1000),
            bound_wh=self.publish_bound_kwh * WH_PER_KWH,
        )  # fmt: skip


def load(path: Path | None = None) -> Settings:
    """The settings that hold.

    Args:
        path: A TOML file that must exist; None: `QUIETGRID_CONFIG`, else `quietgrid.toml` if there is one.

    Raises:
        ConfigError: what cannot be used, with file and line or the variable's name, all problems at once.
    """
    file, values = _file(path)
    _check_known(file, values)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _config_error(error, file) from error
    except SettingsError as error:
        name = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
        raise ConfigError(
            "a variable cannot be read", where=_variable(name) or PREFIX + "*", fix="write lists as [1, 2, 3]"
        ) from error


def origins(path: Path | None = None) -> dict[str, str]:
    """Where each setting's value comes from: `default`, `quietgrid.toml:3` or `QUIETGRID_PORT`."""
    file, values = _file(path)
    found = {}
    for name in Settings.model_fields:
        variable = _variable(name)
        found[name] = variable or (_at(file, name) if name in values else "default")
    return found


def as_toml(settings: Settings, comments: Mapping[str, str] | None = None) -> str:
    """The settings as a file, each with what it means (and a comment of the caller's); passwords left out.

    >>> print(as_toml(Settings()).splitlines()[1])
    state = "state"
    """
    lines = []
    for name, field in Settings.model_fields.items():
        lines.append(f"# {field.description}")
        said = f"  # {comments[name]}" if comments else ""
        lines.append(f"{name} = {_toml(getattr(settings, name))}{said}")
    return "\n".join(lines) + "\n"


def _file(path: Path | None) -> tuple[Path | None, dict[str, Any]]:
    """The file in use and what it holds."""
    named = path or (Path(os.environ[PREFIX + "CONFIG"]) if os.environ.get(PREFIX + "CONFIG") else None)
    file = named or Path(FILE)
    try:
        return file, tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if named is None:
            return None, {}
        raise ConfigError("there is no such settings file", where=str(file), fix="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the settings file cannot be read", where=str(file), fix="check the file") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{file}:{line.group(1)}" if line else str(file)
        what = str(error).split(" (at ")[0]
        raise ConfigError(f"this is not TOML: {what.lower()}", where=where, fix="correct the line") from error


def _check_known(file: Path | None, values: Mapping[str, Any]) -> None:
    for key in values:
        if key not in Settings.model_fields:
            near = get_close_matches(key, Settings.model_fields, 1)
            fix = f"do you mean {near[0]}?" if near else "see `quietgrid config --show` for all settings"
            raise ConfigError(f"there is no setting {key!r}", where=_at(file, key), fix=fix)


def _at(file: Path | None, key: str) -> str:
    """``file:line`` of a key (or table) in the file."""
    if file is None:
        return key
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if pattern.match(line):
            return f"{file}:{number}"
    return str(file)


def _variable(name: str) -> str:
    """The environment variable that sets a setting, or nothing."""
    wanted = PREFIX + name.upper()
    return next((variable for variable in os.environ if variable.upper() == wanted), "")


def _config_error(error: ValidationError, file: Path | None) -> ConfigError:
    said, places = [], []
    for item in error.errors(include_url=False, include_input=False):
        name = str(item["loc"][0]) if item["loc"] else ""
        message = item["msg"].removeprefix("Value error, ")
        said.append(f"{name}: {message[:1].lower()}{message[1:]}")
        places.append(_variable(name) or _at(file, name))
    return ConfigError("; ".join(said), where=", ".join(places), fix="correct it; `quietgrid config --show` explains")


def _checked(check: Callable[[], T]) -> T:
    """A check of the model, as pydantic wants it: so that all problems are told at once."""
    try:
        return check()
    except InputError as error:
        raise ValueError(f"{error.what}; {error.fix}") from error


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    text = re.sub("(?<=://)([^:@/]*):[^@]*@", r"\1:***@", str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
