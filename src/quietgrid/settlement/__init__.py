"""Who owes whom, netted for a chain; and the roots that let anybody check later that nothing was changed.

Runs at: platform
Sees: postings (accounts, amounts, energy), hashes of frames and of ledgers
Never sees: a reading, a load curve, a key
In: Posting from billing
Out: Sending
"""

from quietgrid.settlement.netting import COMMUNITY, Netted, chain_side, net
from quietgrid.settlement.roots import Leaf, Proof, check, proof_of, root_of, salted

__all__ = [
    "COMMUNITY", "Leaf", "Netted", "Proof", "chain_side", "check", "net", "proof_of", "root_of", "salted",
]  # fmt: skip
