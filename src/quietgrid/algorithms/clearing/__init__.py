"""Call auctions on integer ticks: one price, exact fills; pairs, zones, limits and blocks beside it."""

from quietgrid.algorithms.clearing.blocks import Block, Blocks, ClearedBlocks, clear_blocks
from quietgrid.algorithms.clearing.curves import Curves, curves
from quietgrid.algorithms.clearing.limited import Bounds, Limited, clear_limited
from quietgrid.algorithms.clearing.pairing import Pairs, pair, pair_preferring
from quietgrid.algorithms.clearing.sealed import SealedResult, position, sealed_result
from quietgrid.algorithms.clearing.sharing import shared
from quietgrid.algorithms.clearing.uniform import Cleared, Tie, clear, within
from quietgrid.algorithms.clearing.zones import Coupled, clear_coupled

__all__ = [
    "Block", "Blocks", "Bounds", "Cleared", "ClearedBlocks", "Coupled", "Curves", "Limited", "Pairs", "SealedResult",
    "Tie", "clear", "clear_blocks", "clear_coupled", "clear_limited", "curves", "pair", "pair_preferring", "position",
    "sealed_result", "shared", "within",
]  # fmt: skip
