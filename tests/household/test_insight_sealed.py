"""The platform computes what it cannot read: its answer is the home's own, and what is wrong shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.fhe import is_built
from quietgrid.errors import ConflictError, MissingExtraError, QuietgridError, UnavailableError, VerificationError
from quietgrid.household.insight import insight_of
from quietgrid.household.insight_sealed import LONGEST_S, POLL_S, Progress, SealedComparison, ask_sealed, forget, sealed
from tests.household.comparing import MONTH, Service, comparing, figures
from tests.household.village import Village

built = pytest.mark.skipif(not is_built(), reason="quietgrid_fhe is not built (make fhe)")
slow = pytest.mark.slow


@built
@slow
def test_the_answer_is_the_homes_own_and_the_key_goes_up_once(tmp_path: Path) -> None:
    service = Service()
    village, home = comparing(tmp_path, service)
    own, steps, naps = insight_of(home), [], []

    def ask() -> SealedComparison:
        return sealed(own, naps.append, MONTH, say=steps.append)

    found = ask()
    at_home = own.at_home(MONTH)
    assert found.insight == at_home.insight
    assert found.equal
    assert (found.verdict, found.advice, found.own_wh) == (at_home.verdict, at_home.advice, at_home.own_wh)
    assert list(dict.fromkeys(step.step for step in steps)) == ["key", "upload", "ask", "wait", "open"]
    assert max(step.done for step in steps) == found.server_key[0] == len(service.key)
    assert naps == [POLL_S] * 3
    (sent,) = service.asked
    assert found.sent == sent
    assert {name: len(data) for name, data in sent.items()} == {"month": 76, "profile": 428, "features": 140}
    assert found.seen[1] == ("profile", 428, hashlib.sha256(sent["profile"]).hexdigest())
    again = ask()
    assert again.equal
    assert service.uploads == 1
    assert service.asked[1]["month"] != sent["month"]  # fresh randomness each time

    # A key that is forgotten opens nothing any more, and a new one is made for the next question.
    before = village.vaults[11].comparing_key(lambda: b"")
    forget(village.vaults[11], service)
    assert service.key == b""
    assert before not in village.files()
    assert ask().key_id != found.key_id
    assert service.uploads == 2


@built
@slow
def test_an_answer_to_something_else_shows(tmp_path: Path) -> None:
    service = Service()
    _, home = comparing(tmp_path, service)
    own = insight_of(home)
    at_home, vault = own.at_home(MONTH), home.parts.vault
    honest = service.ask
    ask_sealed(vault, service, at_home, lambda _: None)

    def other(_figures: bytes, _parts: object) -> object:
        """It computes on what was sent before, and says it is this."""
        return honest(_figures, service.asked[0])

    service.ask = other  # type: ignore[method-assign, assignment]
    with pytest.raises(VerificationError, match="another question"):
        ask_sealed(vault, service, at_home, lambda _: None)
    service.ask = honest  # type: ignore[method-assign]
    service.made[MONTH] = figures(average=1)  # it compares with other figures than it published
    service.ask = lambda _figures, parts: honest(_hash(service), parts)  # type: ignore[method-assign]
    with pytest.raises(VerificationError, match="another question"):
        ask_sealed(vault, service, at_home, lambda _: None)


def _hash(service: Service) -> bytes:
    signed, _, _ = service.figures(MONTH, "all")
    return signed.hash()


@built
@slow
def test_a_lie_about_the_answer_shows_because_the_home_knows_it(tmp_path: Path) -> None:
    service = Service()
    _, home = comparing(tmp_path, service)
    own = insight_of(home)
    at_home = own.at_home(MONTH)
    signed = _hash(service)
    service.made[MONTH] = figures(bands=[1 + n for n in range(9)])  # everybody uses much, it is said
    honest = service.ask
    service.ask = lambda _figures, parts: _named(honest(_hash(service), parts), signed, service)  # type: ignore[method-assign]
    found = ask_sealed(home.parts.vault, service, at_home, lambda _: None)
    assert not found.equal
    assert found.insight.band == 9 != at_home.insight.band


def _named(asked: object, signed: bytes, service: Service) -> object:
    """The done request says it was about the published figures."""
    left, done = service._open["17"]
    service._open["17"] = (left, msgspec.structs.replace(done, figures=signed.hex()))
    return asked


@built
@slow
def test_ends_without_an_answer(tmp_path: Path) -> None:
    service = Service(fails=True, wait=0)
    _, home = comparing(tmp_path, service)
    own = insight_of(home)
    at_home, vault = own.at_home(MONTH), home.parts.vault
    with pytest.raises(QuietgridError, match="the engine ended"):
        ask_sealed(vault, service, at_home, lambda _: None)
    service.fails, service.wait = False, int(LONGEST_S / POLL_S) + 1
    with pytest.raises(UnavailableError, match="too long"):
        ask_sealed(vault, service, at_home, lambda _: None)
    service.made[MONTH] = figures(average=2)
    with pytest.raises(ConflictError, match="newer figures"):
        ask_sealed(vault, service, at_home, lambda _: None)
    service.away = True
    with pytest.raises(UnavailableError):
        forget(vault, service)
    assert vault.has_comparing_key


@built
def test_without_an_engine_there_it_says_so(tmp_path: Path) -> None:
    service, steps = Service(built=False), []
    village = Village(tmp_path)
    with pytest.raises(MissingExtraError, match="make fhe"):
        ask_sealed(village.vaults[11], service, None, lambda _: None, steps.append)  # type: ignore[arg-type]
    assert steps == [Progress("key")]


def test_without_an_engine_here_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietgrid.crypto.public.fhe.MODULE", "quietgrid_fhe_that_is_not_there")
    village = Village(tmp_path)
    with pytest.raises(MissingExtraError, match="make fhe"):
        ask_sealed(village.vaults[11], Service(), None, lambda _: None)  # type: ignore[arg-type]
    assert not village.vaults[11].has_comparing_key
