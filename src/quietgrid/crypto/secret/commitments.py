"""The secret of one day that Pedersen scalars of a meter's commitments come from.

Scheme: ``HMAC-SHA256("qg1 commitments", DK01 ‖ DK02 ‖ DK12)`` over the day keys of all three pairs. Assumption:
HMAC-SHA256 is a pseudo-random function of its message's unknown part. Meter and household find the same secret; a
keyholder lacks one of the three keys, so that it cannot guess what a published commitment hides; and a meter that is
stolen gives away the commitments of the few days whose keys it still holds, not all of them for ever.
Does not give: anything against two keyholders together, who open everything anyway, or against whoever was handed the
keys of that day by consent.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError


def day_secret(day_keys: NDArray[np.uint8]) -> bytes:
    """The 32-byte secret for `crypto.public.pedersen.scalar`.

    Args:
        day_keys: uint8 [3, 32], one meter's day keys, pairs 01, 02, 12.
    """
    if day_keys.shape != (3, 32) or day_keys.dtype != np.uint8:
        raise InputError("a day has three keys of 32 bytes", where="commitments", fix="give uint8 [3, 32]")
    return hmac.digest(b"qg1 commitments", day_keys.tobytes(), hashlib.sha256)
