"""The EVM chain as the platform sees it: compiled contracts, a client, the outbox, what was emitted.

The chain is never in the way: whatever is written waits in the outbox (`chain.outbox`) until a node takes it, and
everything else goes on. web3 and its family are imported only in this room, and only by the modules that need them.

| module | what |
|---|---|
| `built` | the compiled contracts that ship with the package |
| `abi` | calls to bytes, logs and custom errors back to names and values |
| `client` | one node over JSON-RPC |
| `accounts` | keys in files; signing transactions and typed data |
| `reports` | what reporters of the oracles sign; light |
| `node` | the local anvil of the demo and the tests |
| `outbox` | sends what waits, in order, once, whatever the node does |
| `direct` | one transaction of a person's own account, waited for |
| `indexer` | events of final blocks, and what a reorganisation takes back |
| `deploy` | puts the contracts and their roles on a chain; can be interrupted |
| `book` | addresses by chain |
| `netted` | a batch of trades as the settlement contract takes it |

Privacy: nothing of this room ever holds a reading, a pseudonym or an unsalted hash of personal data.
Source: DESIGN 7.
"""
