"""Encrypted comparing from the page: one question a home at a time, in a thread, with its progress; the proof shown.

What is kept of a finished question, in memory only: sizes, hashes, the first bytes of the ciphertexts, and whether the
platform's answer was the home's own. Privacy: the client key stays in the vault; pages never show it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from quietgrid.crypto.public.fhe import is_built
from quietgrid.errors import MissingExtraError, QuietgridError
from quietgrid.homeweb.desk import Desk
from quietgrid.household.insight import insight_of
from quietgrid.household.insight_sealed import STEPS, Progress, SealedComparison, ask_sealed, forget

Context = dict[str, Any]
LINES, LINE = 4, 12
"""So many lines of so many bytes are shown of a ciphertext."""
NAMES = {"key": "Make a key", "upload": "Upload", "ask": "Encrypt and send", "wait": "Computing", "open": "Open"}
TEXTS = {
    "key": "stays in your vault", "upload": "30 MB, once", "ask": "your month, your day, six features",
    "wait": "on numbers it cannot read", "open": "here, with your key",
}  # fmt: skip
PARTS = {
    "month": "Your month, one number", "profile": "Your day, 24 numbers", "features": "Your features, six numbers",
    "answer": "The answer, as it came back",
}  # fmt: skip


@dataclass
class Run:
    """One question. Args: progress: now. found: once it is done. error: once it failed. at: when it ended."""

    progress: Progress = field(default_factory=lambda: Progress("key"))
    found: SealedComparison | None = None
    error: QuietgridError | None = None
    at: float = 0.0
    thread: threading.Thread | None = None

    @property
    def going(self) -> bool:
        """Whether it is on its way."""
        return self.found is None and self.error is None


class Runs:
    """The questions of this process's homes: at most one a home on its way. `wait`: sleeps."""

    def __init__(self, wait: Callable[[float], object] = sleep) -> None:
        self._wait = wait
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}

    def of(self, desk: Desk) -> Run | None:
        """The newest of a home."""
        return self._runs.get(desk.home.parts.vault.home)

    def start(self, desk: Desk, month: str, group: str) -> Run:
        """Ask; what is on its way already goes on instead."""
        home = desk.home.parts.vault.home
        with self._lock:
            known = self._runs.get(home)
            if known is not None and known.going:
                return known
            run = self._runs[home] = Run()
            run.thread = threading.Thread(target=self._work, args=(desk, run, month, group), daemon=True)
            run.thread.start()
        return run

    def _work(self, desk: Desk, run: Run, month: str, group: str) -> None:
        try:
            own = insight_of(desk.home)
            with desk.lock:
                at_home = own.at_home(month, group)

            def say(progress: Progress) -> None:
                run.progress = progress

            found = ask_sealed(desk.home.parts.vault, own.link, at_home, self._wait, say)
            run.at = desk.now()
            run.found = found
        except QuietgridError as error:
            run.error = error
        finally:
            if run.going:  # an error nobody foresaw: it goes to the log, and the page does not wait for ever
                run.error = QuietgridError("an error that was not foreseen", where="community", fix="try again")

    def forget(self, home: int) -> None:
        """Forget a home's."""
        with self._lock:
            self._runs.pop(home, None)


def drop_key(desk: Desk, runs: Runs) -> None:
    """Have the platform erase the server key, questions and answers, and forget the client key.

    Raises:
        UnavailableError: the platform is away; nothing was forgotten.
    """
    forget(desk.home.parts.vault, insight_of(desk.home).link)
    runs.forget(desk.home.parts.vault.home)


def sealed_context(desk: Desk, runs: Runs) -> Context:
    """The part of the page. See templates/partials/sealed.html."""
    run, vault = runs.of(desk), desk.home.parts.vault
    context: Context = {
        "built": is_built(), "has_key": vault.has_comparing_key, "going": False, "steps": [], "upload": None,
        "result": None, "trouble": None,
    }  # fmt: skip
    if run is None:
        return context
    if run.going:
        step = run.progress
        text = f"{step.done / 1e6:.1f} of {step.of / 1e6:.1f} MB"
        upload = {"percent": 100 * step.done // max(1, step.of), "text": text} if step.step == "upload" else None
        return context | {"going": True, "steps": _steps(step), "upload": upload}
    if run.error is not None:
        missing = isinstance(run.error, MissingExtraError)
        what = run.error.what[:1].upper() + run.error.what[1:]
        return context | {"trouble": {"title": what, "fix": run.error.fix, "missing": missing}}
    assert run.found is not None
    return context | {"result": _result(run.found, run.at)}


def _steps(now: Progress) -> list[Context]:
    at = STEPS.index(now.step)
    texts = dict(TEXTS)
    if now.place > 1:
        texts["wait"] = f"place {now.place} in the line"
    return [
        {"name": NAMES[step], "text": texts[step], "state": "done" if n < at else "now" if n == at else "next"}
        for n, step in enumerate(STEPS)
    ]


def _result(found: SealedComparison, at: float) -> Context:
    verdict = found.verdict
    sizes = {name: size for name, size, _ in found.seen}
    return {
        "equal": found.equal, "at": at, "seconds": f"{found.seconds:.1f}", "side": verdict.side,
        "letter": verdict.letter, "percent_low": verdict.percent_low, "percent_high": verdict.percent_high,
        "hours": len(verdict.hours), "advice": len(verdict.advice), "month": found.figures.month,
        "up": sum(size for name, size in sizes.items() if name != "answer"), "down": sizes["answer"],
        "key_id": found.key_id, "key_bytes": found.server_key[0], "key_sha256": found.server_key[1],
        "client_bytes": found.client_bytes, "id": found.id,
        "seen": [
            {"name": PARTS[name], "bytes": size, "sha256": digest, "lines": hex_lines(_content(found, name))}
            for name, size, digest in found.seen
        ],
    }  # fmt: skip


def _content(found: SealedComparison, name: str) -> bytes:
    return found.answer if name == "answer" else found.sent[name]


def hex_lines(data: bytes) -> list[str]:
    """The first lines of bytes.

    >>> hex_lines(bytes(range(18)))
    ['00 01 02 03 04 05 06 07 08 09 0a 0b', '0c 0d 0e 0f 10 11']
    """
    return [data[at : at + LINE].hex(" ") for at in range(0, min(len(data), LINES * LINE), LINE)]
