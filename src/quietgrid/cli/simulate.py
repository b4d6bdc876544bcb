"""`quietgrid simulate`: a whole community in this process, checked against what it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quietgrid.cli.output import Json, command_app, emit, progress, table
from quietgrid.errors import InputError, VerificationError

if TYPE_CHECKING:
    from quietgrid.lab.paillier import ChainReport
    from quietgrid.lab.simulate import Progress, Report

app = command_app("simulate", "Run a community in this process: real sealing, gate, totals and bills, all checked.")


@app.default
def simulate(
    *,
    homes: int = 120,
    days: int = 1,
    resolution: int = 900,
    source: str = "sample",
    seed: int = 1,
    missing: float = 0.0,
    late: float = 0.0,
    folder: Path | None = None,
    suite: str = "masks",
    key_bits: int = 3072,
    reader: str = "rsa",
    as_json: Json = False,
) -> int:
    """Seal, vote, ask, open and bill for some days, then compare every number with the plain one.

    Args:
        homes: How many homes.
        days: How many days; bills are made from 28 on.
        resolution: 900 or 1800 seconds.
        source: sample, or an .npz that `quietgrid import` wrote.
        seed: Decides which readings are missing and late.
        missing: Share of readings that is never delivered, such as 0.02.
        late: Share that is delivered after its close.
        folder: Keep the community there; a temporary folder unless told.
        suite: masks, or paillier: AES at the meter, Paillier from the home on, one process that decrypts; totals only.
        key_bits: With paillier, 3072 or 2048.
        reader: With paillier, how answers are sealed to their reader: rsa (OAEP) or hpke.
    """
    stages: dict[str, int] = {}
    report: Report | ChainReport
    with progress("simulating", None) as advance:

        def tell(stage: str, done: int, of: int) -> None:
            advance(done - stages.get(stage, 0))
            stages[stage] = done

        if suite == "paillier":
            report = _chain(homes, days, resolution, (source, seed, missing, late), (key_bits, reader), tell, folder)
            lines = _chain_text(report)
        elif suite == "masks":
            from quietgrid.lab.simulate import simulate as run

            report = run(
                homes, days, resolution, source=source, seed=seed, missing=missing, late=late, progress=tell,
                folder=folder,
            )  # fmt: skip
            lines = _text(report)
        else:
            raise InputError(f"no suite is called {suite!r}", where="suite", fix="use masks or paillier")
    emit(as_json, report.as_dict(), lines)
    if not report.exact:
        raise VerificationError("something is not what it should be", where="simulate", fix="report it with the seed")
    return 0


def _chain(
    homes: int, days: int, resolution: int, readings: tuple[str, int, float, float], how: tuple[int, str],
    tell: Progress, folder: Path | None,
) -> ChainReport:  # fmt: skip
    source, seed, missing, late = readings
    if late:
        raise InputError("late readings are not taken with paillier", where="late", fix="use the suite masks")
    from quietgrid.lab.paillier import simulate_paillier

    return simulate_paillier(
        homes, days, resolution, source=source, seed=seed, missing=missing, bits=how[0], reader=how[1],
        progress=tell, folder=folder,
    )  # fmt: skip


def _chain_text(report: ChainReport) -> list[str]:
    refused = ", ".join(f"{rule} {count}" for rule, count in report.totals_refused.items()) or "none"
    exact = "equal the plain sums exactly" if report.totals_equal else "DIFFER from the plain sums"
    rows = [[stage, f"{seconds:.2f}"] for stage, seconds in report.cpu_s.items()]
    return [
        f"{report.homes} homes in {report.leaves} feeder sections, {report.days} days of {report.resolution // 60} "
        f"min; AES-256-GCM, Paillier {report.key_bits} bits, answers by {report.reader.upper()}",
        f"{report.readings_sealed:,} readings in {report.ciphertexts:,} ciphertexts, {report.sealed_bytes:,} bytes; "
        f"{report.cells_missing:,} missing",
        f"{report.totals_opened:,} totals opened and {exact}; refused: {refused}",
        f"{report.ledger_entries:,} entries in the privacy ledger of the keyholder that decrypts",
        "One keyholder holds the whole key: with the platform's ciphertexts it could open every reading.",
        "",
        *table(["stage", "CPU s"], rows),
        f"{report.wall_s:.1f} s in all",
    ]


def _text(report: Report) -> list[str]:
    refused = ", ".join(f"{rule} {count}" for rule, count in report.totals_refused.items()) or "none"
    exact = "equal the plain sums exactly" if report.totals_equal else "DIFFER from the plain sums"
    lines = [
        f"{report.homes} homes in {report.leaves} feeder sections, {report.days} days of {report.resolution // 60} min "
        f"({report.kernel} kernel)",
        f"{report.readings_sealed:,} readings sealed in {report.sealed_bytes:,} bytes; "
        f"{report.cells_missing:,} missing, {report.cells_late:,} late",
        f"{report.totals_opened:,} totals opened and {exact}; refused: {refused}",
    ]
    if report.bills:
        lines.append(
            f"{report.bills:,} bills over {report.periods} periods; {report.bills_equal:,} of {report.bills_checked:,} "
            f"checked equal the plain bill; {report.bills_estimated:,} carry an estimate"
        )
    lines.append(f"{report.ledger_entries:,} entries in each privacy ledger")
    rows = [[stage, f"{seconds:.2f}"] for stage, seconds in report.cpu_s.items()]
    return [*lines, "", *table(["stage", "CPU s"], rows), f"{report.wall_s:.1f} s in all"]
