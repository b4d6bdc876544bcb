"""Workers that publish until they are killed. Run as `python -m tests.runtime.press STATE`.

For each line read it forks a worker, prints its pid and, once it is dead, `gone`. A worker publishes every statistic
of the only period and appends what it was given, as text, to the file `shown` in the state folder; then it ends if the
line was `end`, else it waits to be killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from quietgrid.model.closed import GateRules
from quietgrid.model.interval import SystemClock
from quietgrid.model.publication import Statistic
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import platform_at
from quietgrid.runtime.publishing import Publishing

SHOWN = "shown"
STATISTICS = (Statistic.USE, Statistic.SPREAD, Statistic.BANDS, Statistic.KINDS, Statistic.TARIFFS)


def work(state: Path) -> None:
    """Publish and show."""
    folders = Folders(state)
    platform = platform_at(folders, read_card(folders.card), [], SystemClock(), GateRules())
    publishing = Publishing(platform, Periods(platform))
    log = os.open(state / SHOWN, os.O_WRONLY | os.O_APPEND)
    for statistic in STATISTICS:
        found, _ = publishing.publish(statistic, publishing.month(), "press", 100)
        values = " ".join(str(figure.value) for figure in found.figures)
        os.write(log, f"{statistic.value} {values}\n".encode())


def main(state: Path) -> None:
    """Fork workers on demand."""
    (state / SHOWN).touch()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work(state)
            while line.strip() != "end":
                signal.pause()
            os._exit(0)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
