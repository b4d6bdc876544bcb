"""`quietgrid audit`: everything checked in one go; answers that were withheld, and which keyholder lied about them.

`verify` needs a database or a bundle, and a chain's node. The others run on the auditor's machine, with the auditor's
keys, and ask the platform and the keyholders themselves.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietgrid.cli.disputing import Auditor

app = command_app("audit", "Verify log, chain and bundle; find out which keyholder lied.")
Rpc = Annotated[str, Parameter(name="--rpc", help="Address of a node; that of the settings unless told.")]
State = Annotated[Path | None, Parameter(help="The state folder of a demo; that of the settings unless told.")]
Key = Annotated[Path | None, Parameter(name="--key", help="The auditor's own folder; STATE/auditor unless told.")]
Card = Annotated[Path | None, Parameter(name="--card", help="The community card; STATE/community.card unless told.")]
Url = Annotated[str, Parameter(name="--platform", help="Address of the platform; the running demo's unless told.")]
Holders = Annotated[
    list[str] | None,
    Parameter(name="--keyholder", negative="", help="Address of each keyholder, in order; the demo's unless told."),
]


@app.command
def verify(
    file: Path | None = None, /, *, offline: Annotated[bool, Parameter(negative="")] = False, rpc: Rpc = "",
    state: State = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Check the audit log's hash chain, the roots on the chain, and a bundle. Exit code 6 if something does not hold.

    Without a file it checks the operator's own database. With one it checks the bundle from end to end, as `quietgrid
    verify bundle` does. Heads of the log that were anchored are read from the contract itself and must be lines of it.

    Args:
        file: What `quietgrid export --audit` wrote.
        offline: Do not ask a chain's node.
    """
    from quietgrid.cli.chain import at_node, database_of
    from quietgrid.cli.verify import replaying, told
    from quietgrid.runtime.audit_verify import ROOTS, verify_file, verify_here
    from quietgrid.runtime.config import load
    from quietgrid.store import open_platform

    node = None
    if not offline and (rpc or load().chain != "off"):
        chain, book = at_node(state, rpc)
        node = chain, book.of(chain.chain_id())
        if ROOTS not in node[1]:
            raise ConfigError("no contract is on this chain", where=chain.url, fix="`quietgrid chain deploy`")
    if file is not None:
        with replaying() as tell:
            report = verify_file(file, node, tell)
    else:
        store = open_platform(database_of(state))
        try:
            report = verify_here(store, node)
        finally:
            store.close()
    return told(report, file or Path("the audit log"), as_json)


@app.command
def disputes(
    *, state: State = None, key: Key = None, card: Card = None, platform: Url = "", keyholder: Holders = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """List answers that were withheld, and what was found about them."""
    with _auditor(state, key, card, platform, keyholder) as auditor:
        found = auditor.disputes()
    rows = [
        [d.name, d.kind, d.node, d.start, "+".join(d.components), " or ".join(d.suspects), d.finding or "open"]
        for d in found
    ]
    heads = ["name", "kind", "about", "from", "component", "suspects", "finding"]
    text = table(heads, rows) if rows else ["no answer is withheld: the keyholders agree"]
    fields = ("name", "kind", "node", "quantity", "start", "end", "since", "components", "suspects", "finding")
    emit(as_json, {"disputes": [{name: getattr(d, name) for name in fields} for d in found]}, text)
    return 0


@app.command
def dispute(
    name: str, *, component: str = "", state: State = None, key: Key = None, card: Card = None, platform: Url = "",
    keyholder: Holders = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Narrow one component of a withheld answer down to one reading's mask and name who lied; goes into the log.

    The two holders of that component are asked for halves of it, then for one day key, which the meter's signed check
    value decides. No reading opens: the third keyholder's masks stay where they are.

    Args:
        name: Of the dispute, as `quietgrid audit disputes` lists it.
        component: 01, 02 or 12; the first that differs unless told. Only ever one is narrowed down.
    """
    with _auditor(state, key, card, platform, keyholder) as auditor:
        finding = auditor.investigate(name, component)
    who = "the meter: it gave two keyholders different keys" if finding.liar < 0 else f"keyholder {finding.liar}"
    where = f"meter {finding.pid}, day {finding.day}, interval {finding.slot}" if finding.pid else "before any one cell"
    text = [f"who lied   {who}", f"why        {finding.why}", f"found at   {where}", "it is in the audit log"]
    data = {
        "name": name, "liar": None if finding.liar < 0 else finding.liar, "component": finding.pair,
        "why": finding.why, "meter": str(finding.pid), "day": finding.day, "slot": finding.slot,
    }  # fmt: skip
    emit(as_json, data, text)
    return 0


@app.command
def clear(
    file: Path, *, reason: str, state: State = None, key: Key = None, card: Card = None, platform: Url = "",
    keyholder: Holders = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Clear a feeder section whose totals the keyholders stopped because delivered readings were left out.

    The complaint says which section, and is checked first, as `quietgrid verify complaint` does.

    Args:
        file: The household's complaint.
        reason: Why the section may go on; the keyholders keep it.
    """
    with _auditor(state, key, card, platform, keyholder) as auditor:
        sections, refused = auditor.clear(file.read_bytes(), reason)
    words = {index: why or f"answers totals of {' and '.join(sections)} again" for index, why in refused.items()}
    text = [f"keyholder {index}: {said}" for index, said in sorted(words.items())]
    emit(as_json, {"sections": sections, "keyholders": {str(index): said for index, said in words.items()}}, text)
    return 7 if any(refused.values()) else 0


@contextmanager
def _auditor(
    state: Path | None, key: Path | None, card: Path | None, platform: str, keyholder: list[str] | None
) -> Iterator[Auditor]:
    """The auditor with its links."""
    from quietgrid.cli.disputing import Auditor
    from quietgrid.lab.up import HOST, read_ports
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, body, read_card

    folders = Folders(state or load().state)
    place = key or folders.state / "auditor"
    if not (place / "identity.key").exists():
        raise ConfigError("the auditor has no keys here", where=str(place), fix="name its folder: --key")
    urls = keyholder or []
    if not platform or not urls:
        ports = read_ports(folders.state)
        platform, urls = platform or f"http://{HOST}:{ports.platform}", urls or list(ports.keyholder_urls())
    if len(urls) != 3:
        raise ConfigError("there are three keyholders", where="--keyholder", fix="give all three addresses, in order")
    auditor = Auditor(read_card(card or folders.card), body(place), platform, urls)
    try:
        yield auditor
    finally:
        auditor.close()
