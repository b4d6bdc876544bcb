"""PES, the Privacy Enhancing System: says what arrived, and adds up ciphertexts blindly.

Runs at: the platform
Sees: ciphertexts, presence, member lists, books
Never sees: readings, keys, masks
In: Sealed from concentrator, Members from registry
Out: Close, BlindSums
"""

from quietgrid.pes.closing import Closer
from quietgrid.pes.paillier import blind_blocks
from quietgrid.pes.sums import blind_bills, blind_halves, blind_totals

__all__ = ["Closer", "blind_bills", "blind_blocks", "blind_halves", "blind_totals"]
