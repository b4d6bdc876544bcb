"""`simulate`: 1,000 homes for a day of 96 intervals through the whole pipeline, with real sealing, gate and totals."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import bar, peak_memory_mb
from quietgrid.errors import VerificationError
from quietgrid.lab.simulate import simulate

NAME = "simulate"

HOMES, DAYS, RESOLUTION = 1_000, 1, 900
BAR_S = 60.0


def run(quick: bool) -> dict[str, Any]:
    """Enrol, seal, ingest, close, vote, ask, open; wall seconds, as keyholders work side by side."""
    homes = 120 if quick else HOMES
    report = simulate(homes, DAYS, RESOLUTION)
    if not report.exact:
        raise VerificationError("a total differs from the plain sum", where="benchmark", fix="this is a bug")
    return {
        "name": NAME,
        "work": f"{homes:,} homes, {report.leaves} leaves, {report.intervals} intervals: everything from enrolment to "
        f"{report.totals_opened:,} opened totals, each equal to the plain sum",
        "ours": {
            "kernel": report.kernel,
            "wall_s": report.wall_s,
            "cpu_s": round(sum(report.cpu_s.values()), 3),
            **{f"{stage}_cpu_s": seconds for stage, seconds in report.cpu_s.items()},
            "readings_sealed": report.readings_sealed,
            "bytes_a_reading": round(report.sealed_bytes / report.readings_sealed, 2),
            "peak_memory_mb": peak_memory_mb(),
        },
        "peers": {},
        "ratios": {},
        "bars": [bar("homes a wall second (1,000 in under 60 s)", HOMES / BAR_S, homes / report.wall_s)],
        "note": "One process for all parties: SQLite with an fsync a commit, Ed25519 signatures, HPKE at enrolment. "
        "No peer runs this work.",
    }
