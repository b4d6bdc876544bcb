"""One node over JSON-RPC, through web3.py: what the outbox, the indexer and the readers need of it, and nothing else.

Every error is one of ours: a node that is away, answers nonsense or too slowly is `UnavailableError`; a call that a
contract refuses is `RevertedError` with the contract's own error, decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from quietgrid.chain import abi
from quietgrid.errors import ConflictError, RevertedError, UnavailableError

GWEI = 10**9
NOWHERE = "0x0000000000000000000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash and time (unix seconds)."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in a block."""

    hash: str
    block: int
    block_hash: str
    ok: bool
    gas: int
    created: str


@dataclass(frozen=True, slots=True)
class Log:
    """One log as the node gives it."""

    address: str
    block: int
    block_hash: str
    index: int
    transaction: str
    topics: tuple[bytes, ...]
    data: bytes


class Chain:
    """A node.

    Args:
        url: Of its JSON-RPC. timeout_s: for one answer.
    """

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self.url = url
        provider = HTTPProvider(url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None)
        self._web3 = Web3(provider)

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call, undecoded; for what has no method here (``anvil_*``, ``debug_*``)."""
        try:
            answer = self._web3.provider.make_request(RPCEndpoint(method), list(params))
        except (RequestException, Web3Exception, ValueError, OSError) as error:
            raise self._away() from error
        if "error" in answer:
            raise self._refusal(cast("dict[str, Any]", answer["error"]), method)
        return answer.get("result")

    def chain_id(self) -> int:
        """EIP-155."""
        return int(self.ask("eth_chainId"), 16)

    def block(self, number: int | str = "latest") -> Block | None:
        """A block; None if there is none of this number (yet, or any more)."""
        found = self.ask("eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False)
        return Block(int(found["number"], 16), found["hash"], int(found["timestamp"], 16)) if found else None

    def height(self) -> int:
        """The newest block's number."""
        return int(self.ask("eth_blockNumber"), 16)

    def nonce(self, address: str, block: str = "latest") -> int:
        """How many transactions an account has sent; ``pending`` counts those that wait."""
        return int(self.ask("eth_getTransactionCount", address, block), 16)

    def code(self, address: str) -> bytes:
        """A contract's runtime code; empty where there is none."""
        return bytes.fromhex(self.ask("eth_getCode", address, "latest")[2:])

    def balance(self, address: str) -> int:
        """In wei."""
        return int(self.ask("eth_getBalance", address, "latest"), 16)

    def view(self, name: str, address: str, function: str, *args: Any, block: str = "latest") -> Any:
        """The decoded result of a contract's view function."""
        return abi.result(name, function, self.try_call(abi.call(name, address, function, *args), block=block))

    def try_call(self, call: abi.Call, sender: str = NOWHERE, block: str = "latest") -> bytes:
        """What a call would return, without sending it.

        Raises:
            RevertedError: the contract refuses.
        """
        fields = {"from": sender, "data": "0x" + call.data.hex()} | ({"to": call.to} if call.to else {})
        answer: str = self._called("eth_call", call, fields, block)
        return bytes.fromhex(answer[2:])

    def gas(self, call: abi.Call, sender: str) -> int:
        """What a call would cost after everything that waits.

        Raises:
            RevertedError: the contract refuses.
        """
        fields = {"from": sender, "data": "0x" + call.data.hex()} | ({"to": call.to} if call.to else {})
        return int(self._called("eth_estimateGas", call, fields, "pending"), 16)

    def base_fee(self) -> int:
        """Of the newest block, in wei."""
        return int(self.ask("eth_getBlockByNumber", "latest", False).get("baseFeePerGas", "0x0"), 16)

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """Logs of these contracts in blocks first..last, both included, in order."""
        question = {"fromBlock": hex(first), "toBlock": hex(last), "address": list(addresses)}
        return [_log(log) for log in self.ask("eth_getLogs", question)]

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(self, raw: bytes) -> None:
        """Hand over a signed transaction; one the node has already is no error.

        Raises:
            ConflictError: its nonce is used, or what waits under that nonce pays more.
        """
        try:
            self.ask("eth_sendRawTransaction", "0x" + raw.hex())
        except UnavailableError:
            raise
        except ConflictError as error:
            if "already" not in error.what:
                raise

    def receipt(self, transaction: str) -> Receipt | None:
        """What became of a transaction; None while it is in no block."""
        found = self.ask("eth_getTransactionReceipt", transaction)
        if not found or not found.get("blockHash"):
            return None
        ok, gas, created = int(found["status"], 16) == 1, int(found["gasUsed"], 16), found.get("contractAddress") or ""
        return Receipt(transaction, int(found["blockNumber"], 16), found["blockHash"], ok, gas, created)

    def why_failed(self, call: abi.Call, sender: str, block: int) -> str:
        """Why a transaction that is in a block reverted: the same call once more at the block before."""
        try:
            self.try_call(call, sender, hex(max(0, block - 1)))
        except RevertedError as error:
            return error.what
        return "it failed in its block (out of gas, or an earlier transaction of that block)"

    # -- errors ----------------------------------------------------------------------------------------------------

    def _called(self, method: str, call: abi.Call, fields: dict[str, str], block: str) -> Any:
        try:
            return self.ask(method, fields, block)
        except RevertedError as error:
            raise RevertedError(error.what, name=error.name, where=call.what, fix="see the contract's rule") from error

    def _refusal(self, said: dict[str, Any], method: str) -> Exception:
        message = str(said.get("message", ""))
        data = said.get("data")
        if isinstance(data, dict):
            data = data.get("data")
        reverted = isinstance(data, str) and data.startswith("0x")
        if reverted or "revert" in message:
            name, words = abi.decode_error(bytes.fromhex(str(data)[2:]) if reverted else b"")
            return RevertedError(words, name=name, where=method, fix="see the contract's rule")
        words = message.lower()
        if method == "eth_sendRawTransaction":
            return ConflictError(f"the node refuses the transaction: {words}", where=self.url, fix="it is looked into")
        return UnavailableError(f"the node answered an error: {words}", where=method, fix="check the node")

    def _away(self) -> UnavailableError:
        return UnavailableError(
            "the chain's node cannot be reached", where=self.url, fix="start it; what waits is sent"
        )


def _log(said: dict[str, Any]) -> Log:
    topics = tuple(bytes.fromhex(topic[2:]) for topic in said["topics"])
    place = int(said["blockNumber"], 16), said["blockHash"], int(said["logIndex"], 16)
    return Log(said["address"], *place, said["transactionHash"], topics, bytes.fromhex(said["data"][2:]))
