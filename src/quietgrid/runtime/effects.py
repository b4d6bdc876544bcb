"""What a proposal's calls do, in words: decoded from their bytes, not taken from its description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quietgrid.chain import abi
from quietgrid.chain.built import FETCHED, names
from quietgrid.chain.plan import MANAGER, Role
from quietgrid.model.parameter import PARAMETERS, Voted
from quietgrid.model.proposal import ProposedCall

SHOWN = 80


class Effects:
    """Says what calls do.

    Args:
        addresses: Contract -> address. people: address -> name. now: the numbers as they are before the call.
    """

    def __init__(self, addresses: Mapping[str, str], people: Mapping[str, str], now: Mapping[int, Voted]) -> None:
        self._contracts = {address.lower(): name for name, address in addresses.items()}
        self._people = {address.lower(): name for address, name in people.items()}
        self._now = now

    def who(self, address: str) -> str:
        """An account's or a contract's name, or its address."""
        low = address.lower()
        return self._people.get(low) or self._contracts.get(low) or address

    def of(self, call: ProposedCall) -> str:
        """One call in words.

        What cannot be decoded is said to be so: a voter should not accept what nobody can read.
        """
        contract = self._contracts.get(call.target.lower())
        paid = f", with {call.value} wei" if call.value else ""
        if contract is None:
            return f"calls {call.target}, which is not a contract of this community{paid}"
        found = abi.decode_call(contract, call.data) if contract in (*names(), *FETCHED) else None
        if found is None:
            return f"calls {contract} in a way that cannot be decoded{paid}"
        function, values = found
        if contract == "CommunityParameters" and function == "set":
            return self._number(int(values["parameter"]), int(values["value"]))
        if contract == MANAGER and (said := self._role(function, values)):
            return said
        arguments = ", ".join(f"{name} {self._shown(value)}" for name, value in values.items())
        return f"{contract}.{function}: {arguments or 'no arguments'}{paid}"

    def _number(self, number: int, value: int) -> str:
        if number >= len(PARAMETERS):
            return f"sets a number that this version does not know ({number}) to {value}"
        named = PARAMETERS[number]
        known = self._now.get(number)
        before = f"{named.shown(known.value)} → " if known is not None else "→ "
        return f"{named.name} {before}{named.shown(value)} {named.unit}"

    def _role(self, function: str, values: Mapping[str, Any]) -> str:
        """The access manager's calls about roles; empty for its others."""
        if function == "grantRole":
            return f"{self.who(values['account'])} becomes {_role_name(values['roleId'])}"
        if function == "revokeRole":
            return f"{self.who(values['account'])} is {_role_name(values['roleId'])} no more"
        if function == "setTargetFunctionRole":
            count, target = len(values["selectors"]), self.who(values["target"])
            return f"{count} function{'s' if count != 1 else ''} of {target} to {_role_name(values['roleId'])}"
        return ""

    def _shown(self, value: object) -> str:
        if isinstance(value, bytes):
            return f"0x{value.hex()}"[:SHOWN]
        if isinstance(value, str) and value.startswith("0x"):
            return self.who(value)
        if isinstance(value, list | tuple):
            return ("[" + ", ".join(self._shown(item) for item in value) + "]")[:SHOWN]
        return str(value)[:SHOWN]


def _role_name(number: int) -> str:
    return Role(number).name.lower() if number in list(Role) else f"role {number}"
