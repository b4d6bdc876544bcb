"""`quietgrid asset`: assets owned together: register, maintain, permit, give shares on, pay and claim revenue.

What the operator does is one operation of its account, signed by two owners' keys in STATE/chain/keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import InputError

if TYPE_CHECKING:
    from quietgrid.chain.abi import Call
    from quietgrid.chain.client import Receipt
    from quietgrid.cli.chain import Keys
    from quietgrid.model.asset import Asset
    from quietgrid.runtime.assets import Assets
    from quietgrid.runtime.settling import Treasury
    from quietgrid.store.stores import PlatformStore

app = command_app("asset", "Assets owned together: list, register, produce, maintain, permit, transfer-share, revenue.")
Rpc = Annotated[str, Parameter(name="--rpc", help="Address of a node; that of the settings unless told.")]
DAY_S, MICRO = 86_400, 10**6
OPERATOR_ACCOUNT = "operator"
"""Stands for the operator's account: two of three sign."""


@app.command(name="list")
def list_assets(*, rpc: Rpc = "", state: Path | None = None, as_json: Json = False) -> int:
    """List assets with shares, revenue, histories and permissions.

    Args:
        state: Folder of databases and keys.
    """
    with _desk(state, rpc) as desk:
        found = desk.assets()
    text = [line for one in found for line in _lines(one)] or ["no asset is registered yet"]
    emit(as_json, {"assets": [_data(one) for one in found]}, text)
    return 0


@app.command
def register(
    number: int, *, kind: Literal["solar", "wind", "hydro", "storage", "combined-heat", "charger", "grid"],
    capacity_kw: float, place: str, storage_kwh: float = 0, rule: Literal["free", "admitted", "bound"] = "free",
    share: Sequence[str] = (), rpc: Rpc = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Register an asset of the operator's account and, if shares are given, split it among their holders.

    Args:
        number: Of your choice, above zero.
        kind: What it is.
        capacity_kw: Nominal power.
        place: Where it stands; only a salted hash goes on the chain, the salt stays in STATE/chain/assets.
        storage_kwh: What it can store.
        rule: To whom it and its shares may pass, for ever.
        share: NAME=AMOUNT, an account here or an address; again for each holder.
        state: Folder of databases and keys.
    """
    from quietgrid.model.asset import AssetKind, TransferRule
    from quietgrid.runtime.asset_files import location_of
    from quietgrid.runtime.assets import LONGEST_S, registration, splitting

    held = [_share(text) for text in share]
    with _desk(state, rpc) as desk:
        location = location_of(desk.files, number, place)
        nameplate = (AssetKind(kind), TransferRule(rule), round(capacity_kw * 1000), round(storage_kwh * 1000))
        calls = [registration(desk.addresses, number, nameplate, location)]
        if held:
            shares = {desk.address(name): amount for name, amount in held}
            calls += splitting(desk.addresses, number, shares, desk.now() + LONGEST_S)
        done = desk.operate(calls)
    said = f"asset {number} is registered" + (f", {sum(n for _, n in held)} shares are out" if held else "")
    emit(as_json, {"registered": number, "transaction": done.hash, "shares": dict(held)}, [said])
    return 0


@app.command
def maintain(
    number: int, *, records: Path, start: str, end: str, by: str, rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Record maintenance: a root over salted records, and how many there are.

    Args:
        number: Which asset.
        records: Text file, a work a line; with its salts it is kept in STATE/chain/assets, to be shown later.
        start: When the work began, such as 2026-03-12T09:00:00Z.
        end: When it was done.
        by: Account here that may maintain the asset.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.asset_files import works_of
    from quietgrid.runtime.assets import maintenance
    from quietgrid.settlement import root_of

    works, period = _records(records), _period(start, end)
    with _desk(state, rpc) as desk:
        root = root_of(works_of(desk.files, number, period[0], works))
        done = desk.send(by, maintenance(desk.addresses, number, period, len(works), root))
    data = {"asset": number, "works": len(works), "root": root.hex(), "transaction": done.hash}
    emit(as_json, data, [f"{len(works)} works are recorded for asset {number}"])
    return 0


@app.command
def produce(
    number: int, *, kwh: float, records: Path, start: str, end: str, by: str, rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Record what an asset produced over a day or longer: the sum, and a root over salted records.

    Args:
        number: Which asset.
        kwh: The sum of the period.
        records: Text file, a record a line, such as the readings behind the sum; kept with its salts in
            STATE/chain/assets, to be shown later.
        start: When the period began, such as 2026-03-01T00:00:00Z.
        end: When it was over.
        by: Account here that may record production (`permit ACCOUNT operator`).
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.asset_files import records_of
    from quietgrid.runtime.assets import production
    from quietgrid.settlement import root_of

    lines, period = _records(records), _period(start, end)
    with _desk(state, rpc) as desk:
        root = root_of(records_of(desk.files, number, period[0], lines))
        done = desk.send(by, production(desk.addresses, number, period, round(kwh * 1000), root))
    data = {"asset": number, "produced_wh": round(kwh * 1000), "root": root.hex(), "transaction": done.hash}
    emit(as_json, data, [f"{kwh:,.1f} kWh are recorded for asset {number}"])
    return 0


@app.command
def permit(
    number: int, account: str, what: Literal["viewer", "operator", "maintainer", "steward"], *, days: int = 365,
    by: str = OPERATOR_ACCOUNT, rpc: Rpc = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Let an account do something for an asset; 0 days end it. By its owner or steward.

    Args:
        number: Which asset.
        account: An account here, or an address.
        what: viewer (open its records), operator (record production), maintainer or steward.
        days: How long, 730 at most.
        by: Who permits it: an account here, or the operator's (two of three).
        state: Folder of databases and keys.
    """
    from quietgrid.model.asset import AssetPermission
    from quietgrid.runtime.assets import permission

    with _desk(state, rpc) as desk:
        until = desk.now() + days * DAY_S
        call = permission(desk.addresses, number, desk.address(account), AssetPermission(what), until)
        done = desk.operate([call]) if by == OPERATOR_ACCOUNT else desk.send(by, call)
    emit(as_json, {"asset": number, "account": account, "may": what, "until": until, "transaction": done.hash},
         [f"{account} is {what} of asset {number} until {_day(until)}"])  # fmt: skip
    return 0


@app.command(name="transfer-share")
def transfer_share(
    number: int, amount: int, *, by: str, to: str, rpc: Rpc = "", state: Path | None = None, as_json: Json = False
) -> int:
    """Give shares to another account. Revenue that came before stays the giver's.

    Args:
        number: Which asset.
        amount: How many shares.
        by: Account here that gives them.
        to: An account here, or an address.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.assets import handing_on

    with _desk(state, rpc) as desk:
        done = desk.send(by, handing_on(desk.addresses, number, desk.address(by), desk.address(to), amount))
    emit(as_json, {"asset": number, "shares": amount, "from": by, "to": to, "transaction": done.hash},
         [f"{amount} shares of asset {number}: {by} to {to}"])  # fmt: skip
    return 0


@app.command
def revenue(
    number: int, *, pay: float = 0, reference: str = "", claim: str = "", by: str = "", rpc: Rpc = "",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Show an asset's revenue; pay some in for all who hold shares now; pay out what is due.

    Args:
        number: Which asset.
        pay: How much to pay in, in the community's currency.
        reference: Of the payment: the same again is paid once.
        claim: A holder (account here or address) that gets what is due to it, or all.
        by: Account here that pays or asks.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.assets import claiming, paying_in

    if (pay or claim) and not by:
        raise InputError("somebody has to send this", where="--by", fix="name an account whose key is here")
    if pay and not reference:
        raise InputError("a payment needs a reference", where="--reference", fix="such as 'revenue of March'")
    sent: list[str] = []
    with _desk(state, rpc) as desk:
        if pay:
            sent += [
                desk.send(by, call).hash for call in paying_in(desk.addresses, number, reference, round(pay * MICRO))
            ]
        if claim:
            holders = [one.holder for one in desk.asset(number).holdings] if claim == "all" else [claim]
            sent += [desk.send(by, claiming(desk.addresses, number, desk.address(one))).hash for one in holders]
        found = desk.asset(number)
    emit(as_json, _data(found) | {"transactions": sent},
         [*([f"{len(sent)} transactions sent; the list below follows within a second"] if sent else []),
          *_lines(found)])  # fmt: skip
    return 0


@dataclass(frozen=True)
class _Desk:
    """What the commands work with."""

    store: PlatformStore
    treasury: Treasury
    keys: Keys
    people: dict[str, str]

    @property
    def addresses(self) -> dict[str, str]:
        """The contracts."""
        return dict(self.treasury.addresses)

    @property
    def files(self) -> Path:
        """Where what is behind the hashes is kept."""
        return self.keys.folder / "assets"

    def assets(self) -> list[Asset]:
        """Every asset."""
        return self._read().all()

    def asset(self, number: int) -> Asset:
        """One asset, or `NotFoundError`."""
        return self._read().asset(number)

    def _read(self) -> Assets:
        from quietgrid.runtime.assets import Assets
        from quietgrid.runtime.chain_view import view_of

        return Assets(view_of(self.store, self.treasury.chain, self.addresses, self.people))

    def address(self, name: str) -> str:
        """The address of an account here or of a contract; an address is one already."""
        return name if name.startswith("0x") else self.addresses.get(name) or self.keys(name).address

    def now(self) -> int:
        """The chain's time."""
        block = self.treasury.chain.block()
        assert block is not None
        return block.timestamp

    def send(self, by: str, call: Call) -> Receipt:
        """A transaction of an account here."""
        from quietgrid.runtime.operating import send_own

        return send_own(self.treasury, self.keys(by), call)

    def operate(self, calls: list[Call]) -> Receipt:
        """An operation of the operator's account."""
        from quietgrid.runtime.operating import operate

        return operate(self.store, self.treasury, calls, "operator")


@contextmanager
def _desk(state: Path | None, rpc: str) -> Iterator[_Desk]:
    from quietgrid.cli.chain import Keys, at_chain
    from quietgrid.runtime.chain_at import treasury

    with at_chain(state, rpc) as (store, chain, folder, addresses):
        yield _Desk(store, treasury(folder, chain, addresses), Keys(folder.path), folder.people())


def _share(text: str) -> tuple[str, int]:
    """``member-0=200`` as name and number, or `InputError`."""
    name, _, amount = text.partition("=")
    if not name or not amount.isdecimal() or not int(amount):
        raise InputError("this is not a share", where=text, fix="write NAME=AMOUNT, such as member-0=200")
    return name, int(amount)


def _records(file: Path) -> list[str]:
    """The lines of a text file that say something."""
    return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _period(start: str, end: str) -> tuple[int, int]:
    """Unix seconds of two times as people write them."""
    from quietgrid.api.times import moment

    return int(moment(start, "start", "UTC")), int(moment(end, "end", "UTC"))


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _data(one: Asset) -> dict[str, Any]:
    return {
        "number": one.number, "kind": one.kind.value, "rule": one.rule.value, "capacity_w": one.capacity_w,
        "storage_wh": one.storage_wh, "owner": one.owner, "retired": one.retired, "shares": one.shares,
        "received_micro": one.received_micro, "paid_micro": one.paid_micro,
        "holders": [
            {"holder": h.holder, "shares": h.shares, "paid_micro": h.paid_micro, "due_micro": h.due_micro}
            for h in one.holdings
        ],
        "history": [
            {"history": e.history.value, "start": e.start, "end": e.end, "quantity": e.quantity, "root": e.root,
             "by": e.by}
            for e in one.entries
        ],
        "permissions": [
            {"account": p.account, "permission": p.permission.value, "until": p.until} for p in one.permits
        ],
    }  # fmt: skip


def _lines(one: Asset) -> list[str]:
    head = f"{one.number}  {one.kind.value}, {one.capacity_w / 1000:g} kW, owner {one.owner}"
    head += ", out of service" if one.retired else ""
    rows = [
        [
            h.holder,
            h.shares,
            f"{h.paid_micro / MICRO:,.2f}",
            "?" if h.due_micro is None else f"{h.due_micro / MICRO:,.2f}",
        ]
        for h in one.holdings
    ]
    out = [head, *(f"   {line}" for line in table(["holder", "shares", "received", "due"], rows))] if rows else [head]
    out += [f"   {e.history.value} {_day(e.start)} to {_day(e.end)}: {e.quantity}, by {e.by}" for e in one.entries]
    return out + [f"   {p.account} is {p.permission.value} until {_day(p.until)}" for p in one.permits]
