"""Everything an auditor can check in one go: the log's hash chain, its heads on the chain, all roots, a bundle.

The heads are taken from what the contract `DailyRoots` said, not from the operator's books, so a log that was written
anew from some line on does not fit them, whoever holds the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quietgrid.chain import abi
from quietgrid.chain.client import Chain
from quietgrid.chain.indexer import BLOCKS_AT_ONCE
from quietgrid.errors import VerificationError
from quietgrid.runtime.anchoring import LOG
from quietgrid.runtime.audit import Report, read_bundle
from quietgrid.runtime.chain_audit import compare
from quietgrid.runtime.replay import verify_bundle
from quietgrid.store.stores import PlatformStore

ROOTS = "DailyRoots"
MOST = 10_000_000
Progress = Callable[[int, int], None]


def verify_here(store: PlatformStore, node: tuple[Chain, Mapping[str, str]] | None) -> Report:
    """Check the operator's own database.

    Args:
        node: The chain and the contracts by name; None: nothing is compared with a chain.

    Raises:
        UnavailableError: the node is away.
    """
    report = Report()
    with store.read() as tx:
        try:
            count, _ = tx.log.verify()
            report.checked["log lines"] = count
        except VerificationError as error:
            report.problems.append(f"log lines: {error}")
        hashes = [entry.hash for entry in tx.log.entries(limit=MOST)]
    if node is None:
        report.notes.append("not compared with a chain: this community has none")
        return report
    chain, addresses = node
    heads_on_chain(report, chain, addresses[ROOTS], hashes)
    lines = compare(store, chain, addresses, {}, settled=False)
    report.checked["roots on chain"] = sum(line.holds for line in lines)
    report.problems += [
        f"{line.what}: the books say {line.books}, the chain {line.chain}" for line in lines if not line.holds
    ]
    return report


def verify_file(path: Path, node: tuple[Chain, Mapping[str, str]] | None, progress: Progress) -> Report:
    """Check a bundle; its log also against the chain, if a node is given.

    Raises:
        SourceError: the file is no bundle. UnavailableError: the node is away.
    """
    report = verify_bundle(path, progress)
    if node is None:
        report.notes.append("not compared with a chain: no node was named")
        return report
    _, _, log = read_bundle(path)
    hashes = [bytes(line["hash"]) for line in log]  # type: ignore[call-overload]
    heads_on_chain(report, node[0], node[1][ROOTS], hashes)
    return report


def heads_on_chain(report: Report, chain: Chain, contract: str, hashes: Sequence[bytes]) -> None:
    """Compare each head of the log that was anchored with the line it names; into the report.

    Args:
        contract: Address of `DailyRoots`. hashes: of the log's lines, from the first on.
    """
    held = later = 0
    height = chain.height()
    for first in range(0, height + 1, BLOCKS_AT_ONCE):
        for log in chain.logs([contract], first, min(first + BLOCKS_AT_ONCE - 1, height)):
            said = abi.decode_event(ROOTS, log.topics, log.data)
            if said is None or said.name != "RootAnchored" or said.values["kind"] != LOG:
                continue
            line, root = int(said.values["leaves"]), bytes(said.values["root"])
            if line > len(hashes):
                later += 1
            elif hashes[line - 1] == root:
                held += 1
            else:
                report.problems.append(f"log heads on chain: line {line} is not what was anchored in block {log.block}")
    report.checked["log heads on chain"] = held
    if later:
        report.notes.append(f"{later} anchored heads are of lines that come after the last one here")
