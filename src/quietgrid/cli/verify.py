"""`quietgrid verify`: check what others say, offline. Nothing here holds a key or asks anyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, progress, table
from quietgrid.errors import NotFoundError, VerificationError

if TYPE_CHECKING:
    from quietgrid.runtime.audit import Report

app = command_app("verify", "Check a bill, an audit log, an answer or all of a bundle, offline.")
Card = Annotated[Path | None, Parameter(name="--card", help="The community card; STATE/community.card unless told.")]
SHOWN = 20


@app.command
def bundle(file: Path, *, as_json: Json = False) -> int:
    """Check an audit bundle from end to end: every signature, vote and answer, and the log.

    Args:
        file: What `quietgrid export --audit` wrote.
    """
    from quietgrid.runtime.replay import verify_bundle

    with replaying() as tell:
        report = verify_bundle(file, tell)
    return told(report, file, as_json)


@app.command
def answer(file: Path, *, question: str = "", as_json: Json = False) -> int:
    """Recompute answers of an audit bundle from the sealed readings and the keyholders' sums.

    Args:
        file: What `quietgrid export --audit` wrote.
        question: Only the question whose hash begins so (hex); all of them unless told.
    """
    from quietgrid.runtime.audit import read_bundle
    from quietgrid.runtime.replay import Replay

    head, days, _ = read_bundle(file)
    chosen = [a for a in head.answers if a.question.hash().hex().startswith(question.lower())]
    if not chosen:
        raise NotFoundError("no answered question begins so", where=question or str(file), fix="check the hash")
    replay = Replay(head, days)
    replay.check_lists()
    replay.check_closes()
    with progress("replaying", len(chosen)) as advance:
        for answered in chosen:
            replay.check_answer(answered)
            advance(1)
    return told(replay.report, file, as_json)


@app.command
def log(file: Path, *, as_json: Json = False) -> int:
    """Recompute the hash chain of the platform's audit log.

    Args:
        file: What `quietgrid export --audit` wrote.
    """
    from quietgrid.runtime.audit import read_bundle
    from quietgrid.store.log import check_log

    _, _, lines = read_bundle(file)
    head = check_log(lines).hex()
    emit(as_json, {"lines": len(lines), "head": head}, [f"{len(lines)} lines follow from each other", f"head  {head}"])
    return 0


@app.command
def bill(file: Path, *, card: Card = None, as_json: Json = False) -> int:
    """Check that a bill says what the home's meters signed, and who vouches for these meters.

    What it shows: the billed sums are the sums the meters committed to, day by day; a maker certified the meters, the
    household adopted them, two keyholders signed the list they are on. What it does not: that a meter measured rightly.

    Args:
        file: JSON from /api/v1/bills/HOME/PERIOD/proof.
    """
    from quietgrid.runtime.bill_document import as_json as found
    from quietgrid.runtime.bill_document import check_bill, read_document, who
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card

    community = read_card(card or Folders(load().state).card)
    checked = check_bill(read_document(file), community)
    bill = checked.bill
    text = [
        f"the bill holds: {checked.bands} bands, {checked.days} days signed by {len(checked.meters)} meters",
        f"total      {bill.total_micro / 1e6:.2f} {bill.currency}",
        f"community  {community.fingerprint().hex()}",
        *(who(meter) for meter in checked.meters.values()),
    ]
    emit(as_json, found(checked, community), text)
    return 0


@app.command
def complaint(file: Path, *, card: Card = None, as_json: Json = False) -> int:
    """Check a household's complaint that delivered readings were left out of what was counted.

    Every receipt, every frame's place in it, every list of arrivals, whose meter it is and who vouches for it.

    Args:
        file: What `quietgrid household omissions HOME --complain FILE` or the home's Proofs page wrote.
    """
    from quietgrid.errors import SourceError
    from quietgrid.household.omissions import check_complaint, parse_complaint
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card

    community = read_card(card or Folders(load().state).card)
    try:
        found = parse_complaint(file.read_bytes(), str(file))
    except OSError as error:
        raise SourceError("the file cannot be read", where=str(file), fix="check the path") from error
    reports = check_complaint(found, community)
    cells = [cell for report in reports for cell in report.left]
    data = {
        "holds": True, "left_out": len(cells), "meters": sorted({str(cell.pid) for cell in cells}),
        "slots": sorted({cell.slot for cell in cells}),
    }  # fmt: skip
    text = [
        f"the complaint holds: {len(cells)} readings were received before a close that left them out",
        *(f"meter {pid}" for pid in sorted({cell.pid for cell in cells})),
    ]
    emit(as_json, data, text)
    return 0


@contextmanager
def replaying() -> Iterator[Callable[[int, int], None]]:
    """Shows how far a replay is: tell it (at, of)."""
    done = 0
    with progress("replaying", 100) as advance:

        def tell(at: int, of: int) -> None:
            nonlocal done
            percent = 100 * at // max(of, 1)
            advance(percent - done)
            done = percent

        yield tell


def told(report: Report, file: Path, as_json: bool) -> int:
    """Print what was checked; exit code 6 if something does not hold."""
    rows: Sequence[Sequence[object]] = [[what, count] for what, count in report.checked.items()]
    problems = [f"does not hold: {problem}" for problem in report.problems[:SHOWN]]
    if len(report.problems) > SHOWN:
        problems.append(f"and {len(report.problems) - SHOWN} more (--json lists all)")
    text = [*table(["checked", "hold"], rows), *report.notes, *problems]
    data = {"holds": report.holds, "checked": dict(report.checked), "problems": report.problems, "notes": report.notes}
    emit(as_json, data, text)
    if not report.holds:
        raise VerificationError(
            f"{len(report.problems)} things do not hold", where=str(file), fix="show them to the operator"
        )
    return 0
