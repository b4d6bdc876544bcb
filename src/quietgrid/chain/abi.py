"""Between Python values and the bytes a contract takes and gives: calls, results, custom errors, logs.

Source: the Solidity ABI specification; encoding by `eth_abi`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_hash.auto import keccak

from quietgrid.chain.built import Artifact, artifact, names
from quietgrid.errors import InputError, VerificationError

Entry = Mapping[str, Any]
_REVERT = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_PANICS = {0x01: "an assertion failed", 0x11: "a number overflowed", 0x12: "a division by zero", 0x32: "out of bounds"}


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be called: an address, the encoded call, and how a person would say it.

    Args:
        to: 20-byte address as 0x text; empty creates a contract. data: selector and arguments. what: `Name.function`.
    """

    to: str
    data: bytes
    what: str


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded log."""

    contract: str
    name: str
    values: dict[str, Any]


def call(name: str, address: str, function: str, *args: Any) -> Call:
    """A call of a contract's function.

    Args:
        name: Of the contract. address: where it is. function: its name; overloaded ones as ``f(uint256)``.

    Raises:
        InputError: no such function, or arguments that do not fit.
    """
    entry = _function(name, function)
    return Call(address, selector(entry) + _encoded(entry, args, f"{name}.{function}"), f"{name}.{function}")


def creation(name: str, *args: Any) -> Call:
    """The transaction that creates a contract."""
    built = artifact(name)
    entry: Entry = next((e for e in built.abi if e["type"] == "constructor"), {"inputs": []})
    return Call("", built.bytecode + _encoded(entry, args, f"{name} constructor"), f"new {name}")


def result(name: str, function: str, data: bytes) -> Any:
    """The decoded result: one value alone, several as a tuple; structs are tuples.

    Raises:
        VerificationError: these are not the bytes of such a result (no contract there, or another one).
    """
    types = [_type(item) for item in _function(name, function)["outputs"]]
    try:
        values = decode(types, data)
    except (DecodingError, OverflowError) as error:
        raise VerificationError(
            "the answer cannot be decoded", where=f"{name}.{function}", fix="check the contract's address"
        ) from error
    return values[0] if len(values) == 1 else values


def decode_call(name: str, data: bytes) -> tuple[str, dict[str, Any]] | None:
    """A call of a contract as its function's name and arguments; None if the contract has no such function."""
    entry = _selectors(name).get(data[:4])
    if entry is None:
        return None
    try:
        values = decode([_type(i) for i in entry["inputs"]], data[4:])
    except (DecodingError, OverflowError):
        return None
    return str(entry["name"]), {i["name"]: v for i, v in zip(entry["inputs"], values, strict=True)}


def decode_event(name: str, topics: Sequence[bytes], data: bytes) -> Event | None:
    """A log of a contract as an event; None if the contract emits no such thing."""
    entry = _events(name).get(bytes(topics[0])) if topics else None
    if entry is None:
        return None
    held = decode([_type(i) for i in entry["inputs"] if not i["indexed"]], data)
    plain, indexed = iter(held), iter(topics[1:])
    values: dict[str, Any] = {}
    for item in entry["inputs"]:
        if not item["indexed"]:
            values[item["name"]] = next(plain)
        elif _is_hashed(item["type"]):
            values[item["name"]] = bytes(next(indexed))
        else:
            values[item["name"]] = decode([item["type"]], bytes(next(indexed)))[0]
    return Event(name, entry["name"], values)


def decode_error(data: bytes) -> tuple[str, str]:
    """A revert's error by name, and in words: ``("DayNotOver", "DayNotOver(day=20000)")``.

    Errors of every compiled contract are known, since one may call another.
    """
    if data[:4] == _REVERT:
        return "Error", str(decode(["string"], data[4:])[0])
    if data[:4] == _PANIC:
        code = int(decode(["uint256"], data[4:])[0])
        return "Panic", _PANICS.get(code, f"panic {code:#x}")
    entry = _errors().get(data[:4])
    if entry is None:
        return "", "no reason given" if not data else "an error this version does not know"
    try:
        values = decode([_type(i) for i in entry["inputs"]], data[4:])
    except DecodingError:
        return str(entry["name"]), f"{entry['name']}(…)"
    said = ", ".join(f"{i['name']}={_shown(v)}" for i, v in zip(entry["inputs"], values, strict=True))
    return str(entry["name"]), f"{entry['name']}({said})"


def role_hash(name: str) -> bytes:
    """The 32 bytes that name a role of OpenZeppelin's AccessControl."""
    return keccak(name.encode())


def selector(entry: Entry) -> bytes:
    """The first four bytes of a call or an error."""
    return keccak(signature(entry).encode())[:4]


def signature(entry: Entry) -> str:
    """As ``transfer(address,uint256)``."""
    return f"{entry['name']}({','.join(_type(i) for i in entry['inputs'])})"


def functions(name: str) -> dict[str, bytes]:
    """Signature -> selector of every function that changes something."""
    changing = [
        e for e in artifact(name).abi if e["type"] == "function" and e["stateMutability"] not in ("view", "pure")
    ]
    return {signature(e): selector(e) for e in changing}


def event_topic(name: str, event: str) -> bytes:
    """The first topic of a contract's event."""
    return next(topic for topic, entry in _events(name).items() if entry["name"] == event)


def _encoded(entry: Entry, args: Sequence[Any], where: str) -> bytes:
    try:
        return encode([_type(i) for i in entry["inputs"]], args)
    except (EncodingError, ValueError, TypeError) as error:
        raise InputError(
            "these arguments do not fit", where=where, fix=f"it takes {signature({'name': '', **entry})}"
        ) from error


@cache
def _functions(name: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in artifact(name).abi:
        if entry["type"] == "function":
            found.setdefault(entry["name"], entry)
            found[signature(entry)] = entry
    return found


def _function(name: str, function: str) -> Entry:
    entry = _functions(name).get(function)
    if entry is None:
        raise InputError(f"{name} has no such function", where=function, fix="see the contract")
    return entry


@cache
def _selectors(name: str) -> dict[bytes, Entry]:
    return {selector(e): e for e in artifact(name).abi if e["type"] == "function"}


@cache
def _events(name: str) -> dict[bytes, Entry]:
    return {keccak(signature(e).encode()): e for e in artifact(name).abi if e["type"] == "event"}


@cache
def _errors() -> dict[bytes, Entry]:
    built: list[Artifact] = [artifact(name) for name in names()]
    return {selector(e): e for one in built for e in one.abi if e["type"] == "error"}


def _type(item: Entry) -> str:
    """The canonical type; a struct is ``(t1,t2)`` with its array part."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(part) for part in item['components'])}){kind.removeprefix('tuple')}"


def _is_hashed(kind: str) -> bool:
    """Whether an indexed value of this type is only its hash in the topic."""
    return kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
