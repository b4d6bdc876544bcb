"""Assets of the community: what the contracts said of each, and the transactions that register, share and pay.

What the operator does (register, split, permit) is one operation of its account, signed by two of three; shareholders
and payers send their own transactions. Everything but what is still due comes from events that the platform keeps, so
it is there while the node is away.

Privacy: assets are a community's or an organisation's, never a home's roof; where one stands is a salted hash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from quietgrid.chain import abi
from quietgrid.errors import NotFoundError, UnavailableError
from quietgrid.model.asset import (
    Asset,
    AssetEntry,
    AssetHistory,
    AssetKind,
    AssetPermission,
    Holding,
    Payment,
    Permit,
    TransferRule,
)
from quietgrid.model.sending import ChainEvent
from quietgrid.runtime.chain_view import ChainView

ASSETS, SHARES, POOL, MONEY = "EnergyAssetNFT", "AssetShares", "RevenuePool", "EnergyToken"
NOBODY = "0x" + "00" * 20
LONGEST_S = 730 * 86_400
"""The longest permission."""


class Assets:
    """The assets of one community, to read.

    Args:
        view: What it is read from.
    """

    def __init__(self, view: ChainView) -> None:
        self._events, self._chain, self._addresses = view.events, view.chain, view.addresses
        named = {address: name for name, address in view.addresses.items()} | dict(view.people)
        self._names = {address.lower(): name for address, name in named.items()}
        self._away = False

    def all(self) -> list[Asset]:
        """Every asset, by number."""
        self._away = False
        said = {name: self._events(name) for name in (ASSETS, SHARES, POOL)}
        made = [event for event in said[ASSETS] if event.name == "AssetRegistered"]
        return sorted((self._asset(event, said) for event in made), key=lambda one: one.number)

    def asset(self, number: int) -> Asset:
        """One asset.

        Raises:
            NotFoundError: there is none with this number.
        """
        for found in self.all():
            if found.number == number:
                return found
        raise NotFoundError("there is no such asset", where=f"asset {number}", fix="`quietgrid asset list` shows them")

    def _who(self, address: str) -> str:
        return self._names.get(address.lower(), address)

    def _asset(self, made: ChainEvent, said: Mapping[str, Sequence[ChainEvent]]) -> Asset:
        number = int(made.values["assetId"])
        own = [event for event in said[ASSETS] if int(event.values.get("assetId", -1)) == number]
        moves = [e for e in said[ASSETS] if e.name == "Transfer" and int(e.values["tokenId"]) == number]
        owner = moves[-1].values["to"] if moves else made.values["owner"]
        money = self._addresses[MONEY].lower()
        paid = [
            e for e in said[POOL]
            if int(e.values.get("assetId", -1)) == number and str(e.values.get("token", "")).lower() == money
        ]  # fmt: skip
        payments = tuple(
            Payment(self._who(e.values["payer"]), int(e.values["amount"]), e.block)
            for e in paid if e.name == "RevenueReceived"
        )  # fmt: skip
        return Asset(
            number, list(AssetKind)[int(made.values["kind"])], list(TransferRule)[int(made.values["rule"])],
            int(made.values["capacityW"]), int(made.values["storageWh"]), made.values["location"], self._who(owner),
            any(e.name == "AssetRetired" for e in own), self._entries(own), self._permits(own),
            self._holdings(number, said[SHARES], paid), payments, made.block,
        )  # fmt: skip

    def _entries(self, own: Sequence[ChainEvent]) -> tuple[AssetEntry, ...]:
        return tuple(
            AssetEntry(
                list(AssetHistory)[int(e.values["history"])], int(e.values["start"]), int(e.values["end"]),
                int(e.values["quantity"]), e.values["root"], self._who(e.values["by"]),
            )
            for e in own if e.name == "HistoryAppended"
        )  # fmt: skip

    def _permits(self, own: Sequence[ChainEvent]) -> tuple[Permit, ...]:
        """The present owner's: a change of hands ends all."""
        held: dict[tuple[str, AssetPermission], Permit] = {}
        for event in own:
            if event.name == "PermissionsCleared":
                held.clear()
            elif event.name == "PermissionSet":
                account = self._who(event.values["account"])
                permission = list(AssetPermission)[int(event.values["permission"])]
                held[account, permission] = Permit(account, permission, int(event.values["until"]))
        return tuple(held.values())

    def _holdings(self, number: int, said: Sequence[ChainEvent], paid: Sequence[ChainEvent]) -> tuple[Holding, ...]:
        shares = _balances(number, said)
        received: defaultdict[str, int] = defaultdict(int)
        for event in paid:
            if event.name == "RevenuePaid":
                received[event.values["holder"]] += int(event.values["amount"])
        found = [
            Holding(self._who(one), shares.get(one, 0), received.get(one, 0), self._due(number, one))
            for one in sorted({*(h for h, n in shares.items() if n), *received})
        ]
        return tuple(sorted(found, key=lambda one: (-one.shares, one.holder)))

    def _due(self, number: int, holder: str) -> int | None:
        if self._away:
            return None  # asked once, not once a holder: a node that hangs is waited for
        try:
            return int(
                self._chain.view(POOL, self._addresses[POOL], "claimable", number, self._addresses[MONEY], holder)
            )
        except UnavailableError:
            self._away = True
            return None


def _balances(number: int, said: Sequence[ChainEvent]) -> dict[str, int]:
    """Shares by address, from every transfer."""
    held: defaultdict[str, int] = defaultdict(int)
    for event in said:
        values = event.values
        if event.name == "TransferSingle":
            moved = [(values["id"], values["value"])]
        elif event.name == "TransferBatch":
            moved = list(zip(values["ids"], values["values"], strict=True))
        else:
            continue
        for asset, amount in moved:
            if int(asset) == number:
                held[values["from"]] -= int(amount)
                held[values["to"]] += int(amount)
    held.pop(NOBODY, None)
    return dict(held)


# -- what is sent ------------------------------------------------------------------------------------------------------


def registration(
    addresses: Mapping[str, str], number: int, nameplate: tuple[AssetKind, TransferRule, int, int], location: bytes
) -> abi.Call:
    """The call that registers an asset of the operator's account.

    Args:
        nameplate: What it is, to whom it may pass, W, Wh. location: 32 bytes, salted hash.
    """
    kind, rule, capacity_w, storage_wh = nameplate
    return abi.call(
        ASSETS, addresses[ASSETS], "register", number, addresses["OperatorSafe"], list(AssetKind).index(kind),
        list(TransferRule).index(rule), capacity_w, storage_wh, location,
    )  # fmt: skip


def splitting(addresses: Mapping[str, str], number: int, shares: Mapping[str, int], until: int) -> list[abi.Call]:
    """The calls by which the operator's account splits its asset and lets revenue come in energy tokens.

    Args:
        shares: Address -> how many. until: unix seconds; the account is the asset's steward so long, two years at most.
    """
    safe, contract = addresses["OperatorSafe"], addresses[SHARES]
    return [
        abi.call(ASSETS, addresses[ASSETS], "approve", contract, number),
        abi.call(SHARES, contract, "split", number, list(shares), list(shares.values()), safe, until),
        abi.call(POOL, addresses[POOL], "acceptToken", number, addresses[MONEY]),
    ]


def permission(addresses: Mapping[str, str], number: int, account: str, what: AssetPermission, until: int) -> abi.Call:
    """The call that lets an account do something for an asset until a time; a time that has passed ends it."""
    return abi.call(ASSETS, addresses[ASSETS], "permit", number, account, list(AssetPermission).index(what), until)


def maintenance(
    addresses: Mapping[str, str], number: int, period: tuple[int, int], works: int, root: bytes
) -> abi.Call:
    """The call that adds maintenance: how many works from when to when (unix seconds), and their records' root."""
    return abi.call(ASSETS, addresses[ASSETS], "recordMaintenance", number, *period, works, root)


def production(
    addresses: Mapping[str, str], number: int, period: tuple[int, int], produced_wh: int, root: bytes
) -> abi.Call:
    """The call that adds production: Wh of a period of a day or longer (unix seconds), and its records' root."""
    return abi.call(ASSETS, addresses[ASSETS], "recordProduction", number, *period, produced_wh, root)


def handing_on(addresses: Mapping[str, str], number: int, giver: str, taker: str, shares: int) -> abi.Call:
    """The call by which a shareholder gives shares to another account."""
    return abi.call(SHARES, addresses[SHARES], "safeTransferFrom", giver, taker, number, shares, b"")


def paying_in(addresses: Mapping[str, str], number: int, reference: str, amount_micro: int) -> list[abi.Call]:
    """The calls by which a payer pays revenue in, once a reference."""
    pool, money = addresses[POOL], addresses[MONEY]
    return [
        abi.call(MONEY, money, "approve", pool, amount_micro),
        abi.call(POOL, pool, "deposit", abi.role_hash(f"quietgrid {reference}"), number, money, amount_micro),
    ]


def claiming(addresses: Mapping[str, str], number: int, holder: str) -> abi.Call:
    """The call that pays a shareholder what is due to it; anybody may send it."""
    return abi.call(POOL, addresses[POOL], "claim", number, addresses[MONEY], holder)
