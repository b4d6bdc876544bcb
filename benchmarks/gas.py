"""`gas`: what the chain's work costs beside direct transfers: netted trades, reward roots, claims.

Whole transactions (21,000 and calldata included, all storage cold) of the committed contracts in forge's EVM, the state
that of a community that has been running. The peers are transfers of the same token, one for each payment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.measure import bar
from quietgrid.errors import InputError

NAME = "gas"

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
TRADES = "settlement of 1,000 trades, 100 parties"
A_TRADE, A_CLAIM = 1_000, 65_000


def measured() -> dict[str, int]:
    """Every scenario of contracts/test/gas, measured now.

    Raises:
        InputError: Node or the contracts' packages are missing, or a scenario fails.
    """
    node = shutil.which("node")
    if node is None or not (CONTRACTS / "node_modules" / "solc").is_dir():
        raise InputError(
            "Node or the contracts' packages are missing", where="benchmark gas", fix="run: make setup-dev"
        )
    words = [node, "tools/gas.mjs", "--print"]
    done = subprocess.run(words, cwd=CONTRACTS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError("forge failed", where="benchmark gas", fix=f"see: node tools/gas.mjs\n{done.stderr[-2000:]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def run(quick: bool) -> dict[str, Any]:
    """One table; a quick run is the same, since it takes seconds."""
    gas = measured()
    trade = gas[f"{TRADES}: a trade"]
    roots = [gas["reward root, 1,000 homes"], gas["reward root, 100,000 homes"]]
    relayed = gas["20 claims at once, 100,000 homes, fresh addresses: a claim"]
    fresh, city = gas["claim, 1,000 homes, fresh address"], gas["claim, 100,000 homes, fresh address"]
    out = gas["withdrawal, to an address that held nothing"]
    in_hand = (fresh + 11 * gas["claim, 1,000 homes, a later one"] + out) / 12
    transfers = {name: figure for name, figure in gas.items() if name.startswith("direct transfer")}
    return {
        "name": NAME,
        "work": "1,000 trades among 100 parties posted net and finalised; a reward root; claims; a challenge",
        "ours": {name: figure for name, figure in gas.items() if name not in transfers},
        "peers": {"direct": transfers},
        "ratios": {"direct, a trade": round(gas["direct transfer"] / trade, 1)},
        "bars": [
            bar(f"{A_TRADE:,} gas over that of a netted trade (1,000 trades)", 1, A_TRADE / trade),
            bar("gas of a root for 1,000 homes over that for 100,000", 1, roots[0] / roots[1]),
            bar(f"{A_CLAIM:,} gas over a claim, 1,000 homes, fresh address", 1, A_CLAIM / fresh),
            bar(f"{A_CLAIM:,} gas over a claim, 100,000 homes, fresh address", 1, A_CLAIM / city),
            bar(f"{A_CLAIM:,} gas over a claim of twelve with their withdrawal, 1,000 homes", 1, A_CLAIM / in_hand),
        ],
        "note": "A netted trade counts posting and finalising. A claim credits a purse in the contract; the tokens "
        "move when the purse is paid out, once for any number of claims. One claim with its own withdrawal to an "
        f"address that held nothing costs {fresh + out:,}: two new words, 44,200, beside two transactions. Twelve "
        f"claims and one withdrawal cost {in_hand:,.0f} a claim; a relay that sends 20 claims at once {relayed:,} "
        "each. Among "
        "100,000 homes a claim pays for seven more nodes.",
    }
