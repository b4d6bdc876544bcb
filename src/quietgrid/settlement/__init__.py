"""Who owes whom, netted for a chain; and the roots that let anybody check later that nothing was changed.

Runs at: platform
Sees: postings (accounts, amounts, energy) with their stage, hashes of frames and of ledgers, homes' claim addresses
Never sees: a reading, a load curve, a key; when and from where a home claims, but by reading the chain like anybody
In: Posting from billing, ClaimAccount from household
Out: Sending, OwnClaims to household
"""

from quietgrid.settlement.claims import PROGRAMME, Share, allot, credits_in, payouts, programme_id, tree
from quietgrid.settlement.netting import COMMUNITY, Netted, chain_side, net, net_by_source
from quietgrid.settlement.roots import Leaf, Proof, check, proof_of, root_of, salted

__all__ = [
    "COMMUNITY", "PROGRAMME", "Leaf", "Netted", "Proof", "Share", "allot", "chain_side", "check", "credits_in", "net",
    "net_by_source", "payouts", "programme_id", "proof_of", "root_of", "salted", "tree",
]  # fmt: skip
