"""The local chain of the demo and the tests: an `anvil` process on 127.0.0.1 that keeps its state in a file.

It starts without the well-known development accounts; who needs money for gas is given some (`fund`). Anyone who can
reach its port can do so too, and more: it is for one machine, not for a community. A real one names a chain by URL.
Traps: it writes its state once a second, so a kill may lose a second of blocks or, in the middle of writing, more (see
`find`); it slows with the number of blocks.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from quietgrid.chain.client import Chain
from quietgrid.chain.find import mend, words
from quietgrid.errors import UnavailableError


class Anvil:
    """One anvil process; also a context manager.

    Args:
        folder: Its state file and log. port: where it listens. more: further words of its command line.
    """

    def __init__(self, folder: Path, port: int, more: Sequence[str] = ()) -> None:
        self._folder, self._port, self._more = folder, port, more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def state(self) -> Path:
        """Its state file."""
        return self._folder / "anvil.json"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 20.0) -> Chain:
        """Start it and wait until it answers.

        Raises:
            UnavailableError: it ended or does not answer.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mend(self.state)
        with open(self._folder / "anvil.log", "ab") as log:
            self._process = subprocess.Popen(
                [*words(self._port, self.state), *self._more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        chain = Chain(self.url)
        deadline = time.monotonic() + seconds
        while True:
            try:
                chain.chain_id()
                return chain
            except UnavailableError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: asked, or killed as if the power had gone."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(10)
        self._process = None

    def __enter__(self) -> Chain:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def fund(chain: Chain, address: str, wei: int = 10**21) -> None:
    """Give an account money for gas; only a local chain can do that."""
    if chain.balance(address) < wei // 2:
        chain.ask("anvil_setBalance", address, hex(wei))
