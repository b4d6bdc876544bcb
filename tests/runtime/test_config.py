"""Settings: a file, the environment over it, and errors that name the line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from quietgrid.errors import ConfigError
from quietgrid.runtime.config import Settings, as_toml, load, origins


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and none of this machine's variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"QUIETGRID_{name.upper()}", raising=False)
    monkeypatch.delenv("QUIETGRID_CONFIG", raising=False)


def write(text: str) -> None:
    Path("quietgrid.toml").write_text(text)


def test_defaults_work_without_a_file() -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.state, settings.host, settings.resolution, settings.floor) == (Path("state"), "127.0.0.1", 900, 15)
    assert set(origins().values()) == {"default"}


def test_at_most_25_and_all_documented() -> None:
    assert len(Settings.model_fields) <= 25
    assert all(field.description for field in Settings.model_fields.values())


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write('# ours\nport = 9000\ntz = "Europe/London"\n')
    monkeypatch.setenv("QUIETGRID_PORT", "9001")
    monkeypatch.setenv("QUIETGRID_KEYHOLDER_PORTS", "[1, 2, 3]")
    settings = load()
    assert (settings.port, settings.tz, settings.keyholder_ports) == (9001, "Europe/London", (1, 2, 3))
    found = origins()
    assert (found["port"], found["tz"], found["host"]) == ("QUIETGRID_PORT", "quietgrid.toml:3", "default")


def test_what_is_shown_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(name='The "Lane"', homes=30, pace=0.5, keyholder_ports=(7, 8, 9))
    write(as_toml(settings, origins()))
    assert load() == settings
    assert set(tomllib.loads(Path("quietgrid.toml").read_text())) == set(Settings.model_fields)


def test_no_password_is_shown() -> None:
    shown = as_toml(Settings(database="postgresql+psycopg://grid:hush@db/grid"))
    assert "hush" not in shown
    assert "grid:***@db" in shown


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("port = 1\n\nflor = 20\n", "quietgrid.toml:3", "floor"),
        ("[server]\nport = 1\n", "quietgrid.toml:1", "--show"),
        ('"colour" = 1\n', "quietgrid.toml:1", "--show"),
        ("port = 1\nport = 2\n", "quietgrid.toml:2", "correct"),
        ("port = \n", "quietgrid.toml:1", "correct"),
        ("\nfloor = 14\n", "quietgrid.toml:2", "correct"),
        ("homes = 1\nport = 70000\n", "quietgrid.toml:2", "correct"),
        ('tz = "Europe/Nowhere"\n', "quietgrid.toml:1", "correct"),
        ("resolution = 600\n", "quietgrid.toml:1", "correct"),
        ('source = "readings.csv"\n', "quietgrid.toml:1", "correct"),
        ("keyholder_ports = [1, 2]\n", "quietgrid.toml:1", "correct"),
        ('log_level = "loud"\n', "quietgrid.toml:1", "correct"),
    ],
)
def test_errors_name_the_line(text: str, where: str, fix: str) -> None:
    write(text)
    with pytest.raises(ConfigError) as caught:
        load()
    assert caught.value.where == where
    assert fix in caught.value.fix


def test_all_problems_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = -1\nresolution = 7\n")
    monkeypatch.setenv("QUIETGRID_FLOOR", "3")
    with pytest.raises(ConfigError) as caught:
        load()
    assert set(caught.value.where.split(", ")) == {"quietgrid.toml:1", "quietgrid.toml:2", "QUIETGRID_FLOOR"}


def test_a_variable_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIETGRID_KEYHOLDER_PORTS", "1,2,3")
    with pytest.raises(ConfigError) as caught:
        load()
    assert caught.value.where == "QUIETGRID_KEYHOLDER_PORTS"


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        load(tmp_path / "mine.toml")
    monkeypatch.setenv("QUIETGRID_CONFIG", str(tmp_path / "other.toml"))
    with pytest.raises(ConfigError, match=r"other\.toml"):
        load()
    (tmp_path / "other.toml").write_text("homes = 31\n")
    assert load().homes == 31


def test_the_floor_can_only_be_raised() -> None:
    write("floor = 40\nretain_days = 50\n")
    rules = load().rules()
    assert (rules.k, rules.retain_days) == (40, 50)
