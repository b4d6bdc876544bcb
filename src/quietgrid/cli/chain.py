"""`quietgrid chain`: the local node, deploying the contracts, what waits in the outbox, what contracts said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, progress, table
from quietgrid.errors import ConfigError, InputError, NotFoundError

if TYPE_CHECKING:
    from quietgrid.chain.accounts import Account
    from quietgrid.chain.book import AddressBook
    from quietgrid.chain.client import Chain
    from quietgrid.chain.deploy import Step
    from quietgrid.runtime.chain_at import ChainFolder
    from quietgrid.store import PlatformTx
    from quietgrid.store.stores import PlatformStore

app = command_app("chain", "Deploy the contracts; look at what is on its way and what they said.")
Rpc = Annotated[str, Parameter(name="--rpc", help="Address of a node; that of the settings unless told.")]


def _state(state: Path | None) -> Path:
    from quietgrid.runtime.config import load

    return state or load().state


def _folder(state: Path | None) -> ChainFolder:
    from quietgrid.runtime.chain_at import ChainFolder

    return ChainFolder(_state(state) / "chain")


def _node(state: Path | None, rpc: str) -> str:
    """The address of the node: told, in the settings, or of the demo that runs."""
    from quietgrid.lab.up import read_ports
    from quietgrid.runtime.config import load

    chosen = rpc or load().chain
    if chosen == "off":
        raise ConfigError("this community has no chain", where="setting chain", fix="set it, or give --rpc")
    if chosen != "local":
        return chosen
    port = read_ports(_state(state)).chain
    if not port:
        raise ConfigError("the demo that runs here has no chain", where="anvil", fix="`quietgrid doctor` says why")
    return f"http://127.0.0.1:{port}"


def database_of(state: Path | None) -> Path | str:
    """Where the community's books are."""
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, platform_database

    address = platform_database(Folders(_state(state)), load().database)
    if isinstance(address, Path) and not address.exists():
        raise ConfigError("there is no community here", where=str(address), fix="run `quietgrid up`")
    return address


@contextmanager
def platform_tx(state: Path | None) -> Iterator[PlatformTx]:
    """A transaction of the platform's database; the platform may run meanwhile."""
    from quietgrid.store import open_platform

    store = open_platform(database_of(state))
    try:
        with store.begin() as tx:
            yield tx
    finally:
        store.close()


class Keys:
    """The accounts whose keys are in a state folder; unlike elsewhere none is made here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> Account:
        """An account by name.

        Raises:
            NotFoundError: its key is not here.
        """
        from quietgrid.runtime.chain_at import ChainFolder

        known = sorted(path.stem for path in (self.folder / "keys").glob("*.key"))
        if name not in known:
            raise NotFoundError("no key of this name is here", where=name, fix="one of: " + ", ".join(known))
        return ChainFolder(self.folder).account(name)


def at_node(state: Path | None, rpc: str) -> tuple[Chain, AddressBook]:
    """The node and the contracts' addresses: all that who does not run the platform needs."""
    from quietgrid.chain.client import Chain

    return Chain(_node(state, rpc)), _folder(state).book


def address_of(text: str, where: str) -> str:
    """An address as somebody typed it, or `InputError`."""
    if len(text) != 42 or not text.startswith("0x") or set(text[2:].lower()) - set("0123456789abcdef"):
        raise InputError("this is no address", where=where, fix="give 0x and 40 digits")
    return text


@contextmanager
def at_chain(state: Path | None, rpc: str) -> Iterator[tuple[PlatformStore, Chain, ChainFolder, dict[str, str]]]:
    """The platform's store, the node, the keys, the contracts' addresses; the platform may run meanwhile.

    Raises:
        ConfigError: there is no chain, or no contract on it.
    """
    from quietgrid.chain.client import Chain
    from quietgrid.store import open_platform

    database = database_of(state)
    folder, chain = _folder(state), Chain(_node(state, rpc))
    addresses = folder.book.of(chain.chain_id())
    if not addresses:
        raise ConfigError("no contract is on this chain", where=chain.url, fix="`quietgrid chain deploy`")
    store = open_platform(database)
    try:
        yield store, chain, folder, addresses
    finally:
        store.close()


@app.command
def node(*, port: int, state: Path | None = None) -> int:
    """Run the local chain on 127.0.0.1 until SIGTERM; its blocks are kept in STATE/chain.

    Args:
        port: Port to listen on.
        state: Folder of databases and keys.
    """
    from quietgrid.chain.find import serve

    return max(0, serve(port, _state(state) / "chain"))


@app.command
def deploy(
    *, rpc: Rpc = "", dry_run: Annotated[bool, Parameter(negative="")] = False, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Put the contracts and their roles on a chain; what is there already is left alone, so it can be interrupted.

    The deployer's key is made in STATE/chain/keys on first use; on a public chain its account needs money for gas.

    Args:
        dry_run: Only say what is missing.
        state: Folder of databases and keys.
    """
    from quietgrid.chain.client import Chain
    from quietgrid.chain.find import CHAIN_ID
    from quietgrid.runtime.chain_at import deploy as put
    from quietgrid.runtime.chain_at import deployment

    folder, chain = _folder(state), Chain(_node(state, rpc))
    chain_id = chain.chain_id()
    planned = deployment(folder, chain)
    missing = planned.missing()
    deployer = folder.account("deployer").address
    if dry_run:
        data: dict[str, Any] = {
            "chain_id": chain_id, "deployer": deployer, "addresses": planned.addresses, "missing": missing,
        }  # fmt: skip
        rows = [[name, address] for name, address in sorted(planned.addresses.items())]
        said = [f"  {what}" for what in missing] or ["  nothing: everything is there"]
        emit(as_json, data, [f"chain {chain_id}, deployer {deployer}", *table(["contract", "address"], rows),
                             "to do:", *said])  # fmt: skip
        return 0
    if missing and chain_id != CHAIN_ID and not chain.balance(deployer):
        raise ConfigError("the deployer has no money for gas", where=deployer, fix="send it some, then run this again")
    gas = 0
    with progress("deploying", len(planned.addresses)) as advance:

        def tell(step: Step) -> None:
            nonlocal gas
            gas += step.gas
            advance(1)

        addresses = put(folder, chain, tell)
    rows = [[name, address] for name, address in sorted(addresses.items())]
    emit(
        as_json,
        {"chain_id": chain_id, "deployer": deployer, "addresses": addresses, "did": missing, "gas": gas},
        [f"chain {chain_id}: {len(missing)} steps done, {gas:,} gas", *table(["contract", "address"], rows)],
    )
    return 0


@app.command
def status(*, rpc: Rpc = "", state: Path | None = None, as_json: Json = False) -> int:
    """Say how the chain stands and what waits for it.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.chain.client import Chain
    from quietgrid.errors import UnavailableError

    with platform_tx(state) as tx:
        counts, held = tx.chain.sending_counts(), tx.chain.checkpoint()
        last = tx.anchors.last_day()
    found: dict[str, Any] = {"outbox": counts, "taken_to_block": held[0] if held else 0, "last_anchored_day": last}
    try:
        chain = Chain(_node(state, rpc), 3.0)
        found |= {"reachable": True, "chain_id": chain.chain_id(), "height": chain.height(), "node": chain.url}
    except (ConfigError, UnavailableError) as error:
        found |= {"reachable": False, "why": error.what}
    said = (
        [f"chain {found['chain_id']} at {found['node']}, block {found['height']}"]
        if found["reachable"]
        else [f"not reachable: {found['why']}; what waits is kept"]
    )
    waiting = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing was ever sent"
    emit(as_json, found, [*said, f"outbox: {waiting}", f"events taken up to block {found['taken_to_block']}"])
    return 0


@app.command
def outbox(*, state: Path | None = None, only: str = "", limit: int = 20, as_json: Json = False) -> int:
    """List transactions, newest first.

    Args:
        state: Folder of databases and keys.
        only: One state: queued, sent, mined, confirmed or failed.
        limit: How many.
    """
    with platform_tx(state) as tx:
        found = tx.chain.sendings(state=only, limit=limit)
    rows = [[one.key, one.what, one.state.value, one.block or "", one.gas, one.error] for one in found]
    data = [
        {"key": one.key, "what": one.what, "state": one.state.value, "nonce": one.nonce, "block": one.block,
         "gas": one.gas, "error": one.error, "transactions": [a.hash for a in one.attempts]}
        for one in found
    ]  # fmt: skip
    text = table(["key", "what", "state", "block", "gas", "error"], rows) if rows else ["nothing is there"]
    emit(as_json, {"transactions": data}, text)
    return 0


@app.command
def check(*, rpc: Rpc = "", state: Path | None = None, as_json: Json = False) -> int:
    """Compare every root and every balance on the chain with the books, without the code that put them there.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.errors import VerificationError
    from quietgrid.runtime.chain_at import treasury
    from quietgrid.runtime.chain_audit import compare

    with at_chain(state, rpc) as (store, chain, folder, addresses):
        lines = compare(store, chain, addresses, treasury(folder, chain, addresses).payees)
    wrong = [line for line in lines if not line.holds]
    data = {
        "compared": len(lines), "holds": not wrong,
        "different": [{"what": line.what, "books": line.books, "chain": line.chain} for line in wrong],
    }  # fmt: skip
    said = [f"{line.what}: the books say {line.books}, the chain {line.chain}" for line in wrong]
    emit(as_json, data, said or [f"{len(lines)} roots and balances are on the chain as the books have them"])
    if wrong:
        what = f"{len(wrong)} of {len(lines)} do not agree"
        raise VerificationError(what, where="chain", fix="wait until the outbox is empty, then look again")
    return 0


@app.command
def retry(key: str, *, state: Path | None = None, as_json: Json = False) -> int:
    """Send one that failed again, under a new nonce.

    Args:
        key: As `quietgrid chain outbox` shows it.
        state: Folder of databases and keys.
    """
    with platform_tx(state) as tx:
        tx.chain.again(key)
        tx.log.append("operator", "chain.retry", key)
    emit(as_json, {"queued": key}, [f"{key} is queued again"])
    return 0


@app.command
def events(
    *, contract: str = "", name: str = "", state: Path | None = None, limit: int = 20, as_json: Json = False
) -> int:
    """List what contracts said, newest first.

    Args:
        contract: One contract only.
        name: One event only.
        state: Folder of databases and keys.
        limit: How many.
    """
    with platform_tx(state) as tx:
        found = tx.chain.events(contract=contract, name=name, limit=limit)
    rows = [
        [e.block, f"{e.contract}.{e.name}", ", ".join(f"{k}={_short(v)}" for k, v in e.values.items())] for e in found
    ]
    data = [
        {"block": e.block, "transaction": e.transaction, "contract": e.contract, "name": e.name, "values": e.values}
        for e in found
    ]
    emit(as_json, {"events": data}, table(["block", "event", "values"], rows) if rows else ["nothing was said yet"])
    return 0


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:10]}…" if text.startswith("0x") and len(text) > 20 else text
