"""Forks `quietgrid` processes from one that has everything loaded, so that a killed one is back within milliseconds.

Run as `python -m tests.scenarios.processes.nursery STATE`. Each line read, `NAME<tab>WORD<tab>WORD…`, forks the command
`quietgrid WORD WORD…`, with its log in STATE/logs/NAME.log; what is printed back is `NAME<tab>PID`. What was forked is
what `quietgrid` runs, from its command line on; only the time to load Python modules is saved.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def load() -> None:
    """Import what the commands import, and compile what they compile. No threads: it will be forked."""
    import quietgrid.cli.keyholder
    import quietgrid.cli.processes
    import quietgrid.client.keyholders
    import quietgrid.homeweb
    import quietgrid.keyholder.server
    import quietgrid.lab.fleet
    import quietgrid.web.serve  # noqa: F401
    from quietgrid.crypto.secret import masks

    masks.warm()


def child(log: Path, words: Sequence[str]) -> None:
    """Become the command."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(out, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 70
    try:
        from quietgrid.cli.entry import main

        main(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork what is asked for until the input ends."""
    state = Path(sys.argv[1])
    os.environ["QUIETGRID_STATE"] = str(state)
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    print("ready", flush=True)
    for line in sys.stdin:
        name, *words = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            child(state / "logs" / f"{name}.log", words)
        print(f"{name}\t{pid}", flush=True)


if __name__ == "__main__":
    main()
