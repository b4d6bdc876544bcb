"""Published statistics in the audit bundle: an honest one holds; a second draw, a wrong sum, too little noise show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import Identity
from quietgrid.model.publication import Statistic
from quietgrid.runtime.audit import Bundle, Charged, export_bundle
from quietgrid.runtime.publishing import Publishing
from quietgrid.runtime.replay import verify_bundle
from quietgrid.wire.publication import Figure, Publication
from tests.runtime.test_audit import _head, _rewrite
from tests.runtime.test_publishing import PERIOD, billed

FAR_OFF = "further off than noise can be"
WANTED = (Statistic.USE, Statistic.TARIFFS, Statistic.PEERS, Statistic.BANDS, Statistic.SPREAD)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Identity]:
    """20 homes, a billed month, five statistics with noise; the bundle, and the key of a platform that would lie."""
    folder = tmp_path_factory.mktemp("replayed")
    town = billed(folder / "state", 20)
    press = Publishing(town.platform, town.community.periods)
    for statistic in WANTED:
        press.publish(statistic, PERIOD, "analyst")
    export_bundle(town.platform, folder / "bundle.zip")
    identity = town.platform.parts.identity
    town.close()
    return folder / "bundle.zip", identity


def test_an_honest_bundle_holds(made: tuple[Path, Identity]) -> None:
    report = verify_bundle(made[0])
    assert report.problems == []
    assert report.checked["published statistics"] == len(WANTED)
    assert report.checked["epsilon budgets"] == 1


Change = Callable[[Publication], Publication]


def told(
    made: tuple[Path, Identity], target: Path, change: Callable[[tuple[Charged, ...]], tuple[Charged, ...]]
) -> str:
    """What verifying says of a bundle whose publications were changed."""

    def head(found: Bundle) -> Bundle:
        return msgspec.structs.replace(found, publications=change(found.publications))

    return "\n".join(verify_bundle(_rewrite(made[0], target / "b.zip", _head(head))).problems)


def redrawn(charged: Charged, identity: Identity, change: Change) -> Charged:
    """The platform signs another statistic."""
    publication = change(decode(Publication, charged.publication.body))
    return msgspec.structs.replace(charged, publication=identity.sign(publication))


def of(found: tuple[Charged, ...], statistic: Statistic) -> int:
    return next(n for n, c in enumerate(found) if decode(Publication, c.publication.body).statistic == statistic)


def with_figures(publication: Publication, change: Callable[[Figure], Figure]) -> Publication:
    return msgspec.structs.replace(publication, figures=[change(figure) for figure in publication.figures])


def one_more(publication: Publication) -> Publication:
    return with_figures(publication, lambda figure: msgspec.structs.replace(figure, value=figure.value + 1))


def test_a_second_draw_is_found(made: tuple[Path, Identity], tmp_path: Path) -> None:
    def again(found: tuple[Charged, ...]) -> tuple[Charged, ...]:
        other = redrawn(found[0], made[1], one_more)
        return (*found, other)

    assert "a statistic was drawn twice" in told(made, tmp_path, again)


def test_another_draw_is_not_in_the_log(made: tuple[Path, Identity], tmp_path: Path) -> None:
    def other(found: tuple[Charged, ...]) -> tuple[Charged, ...]:
        first = redrawn(found[0], made[1], one_more)
        return (first, *found[1:])

    said = told(made, tmp_path, other)
    assert "the log does not have it once" in said
    assert "the log names a statistic that is not here" in said
    assert "the log names a statistic that is not here" in told(made, tmp_path, lambda found: found[1:])


def test_a_forged_one_is_found(made: tuple[Path, Identity], tmp_path: Path) -> None:
    forger = Identity.generate()
    said = told(made, tmp_path, lambda found: (redrawn(found[0], forger, lambda p: p), *found[1:]))
    assert "published statistics: " in said


@pytest.mark.parametrize(
    ("statistic", "change", "said"),
    [
        (Statistic.USE, lambda f: msgspec.structs.replace(f, noisy=False), "too little noise"),
        (Statistic.USE, lambda f: msgspec.structs.replace(f, value=f.value + 10**9), FAR_OFF),
        (Statistic.TARIFFS, lambda f: msgspec.structs.replace(f, value=f.value - 10**9), FAR_OFF),
        (Statistic.BANDS, lambda f: msgspec.structs.replace(f, name="dusk"), "other figures"),
        (Statistic.SPREAD, lambda f: msgspec.structs.replace(f, value=f.value + 500), FAR_OFF),
    ],
)  # fmt: skip
def test_a_statistic_that_its_answers_do_not_give_is_found(
    made: tuple[Path, Identity], statistic: Statistic, change: Callable[[Figure], Figure], said: str, tmp_path: Path
) -> None:
    """A platform that lies in figure and log alike is caught by the answers."""
    hashes: dict[str, str] = {}

    def lie(name: str, data: bytes) -> bytes:
        if name == "bundle.msgpack":
            head = msgspec.msgpack.decode(data, type=Bundle)
            found, at = list(head.publications), of(head.publications, statistic)
            other = redrawn(found[at], made[1], lambda p: with_figures(p, change))
            hashes[found[at].publication.hash().hex()] = other.publication.hash().hex()
            found[at] = other
            return msgspec.msgpack.encode(msgspec.structs.replace(head, publications=tuple(found)))
        if name == "log.msgpack":
            lines = msgspec.msgpack.decode(data)
            for line in lines:
                if line["detail"].get("hash") in hashes:
                    line["detail"]["hash"] = hashes[line["detail"]["hash"]]
            return msgspec.msgpack.encode(lines)
        return data

    problems = verify_bundle(_rewrite(made[0], tmp_path / "b.zip", lie)).problems
    assert [problem for problem in problems if problem.startswith("published statistics") and said in problem]


def test_who_is_charged_is_checked(made: tuple[Path, Identity], tmp_path: Path) -> None:
    def cheaper(found: tuple[Charged, ...]) -> tuple[Charged, ...]:
        return (msgspec.structs.replace(found[0], epsilon_milli=bytes(len(found[0].epsilon_milli))), *found[1:])

    assert "a home is charged wrongly" in told(made, tmp_path, cheaper)


def test_a_passed_budget_is_found(made: tuple[Path, Identity], tmp_path: Path) -> None:
    def poorer(found: tuple[Charged, ...]) -> tuple[Charged, ...]:
        return tuple(redrawn(c, made[1], lambda p: msgspec.structs.replace(p, budget_milli=1_900)) for c in found)

    assert "20 homes are over their budget" in told(made, tmp_path, poorer)
