"""Masks of suite 1: what hides a reading, and what a keyholder sums.

Scheme: additive stream encryption. A reading is hidden by adding three masks modulo 2^64; a mask is eight bytes of
ChaCha20 under a meter's day key (PROTOCOL A, "Mask"). Sums of masks open sums of readings and nothing else.
Source: Castelluccia et al. 2005 and 2009 (additive stream ciphers for aggregation); Shi et al. 2011; RFC 8439;
the day step is Bernstein's fast key erasure (2017). Assumption: ChaCha20 is a pseudo-random function, keys are fresh.
Does not give: integrity (the frame MAC does), single use (the meter does), or any say in *which* sums are opened (the
gate does). Two values under one mask give away their difference.

Two kernels give the same bytes: Numba (default) and NumPy (``QUIETGRID_KERNEL=numpy``, or Numba not importable).
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret import kernel_numpy
from quietgrid.errors import ConfigError, InputError
from quietgrid.model.interval import check_resolution

READINGS, BIDS = 0, 1
"""Domains of the nonce."""
_DAY_NONCE = np.frombuffer(b"qg1 day" + bytes(5), "<u4").astype(np.uint32)


def _choose(name: str) -> ModuleType:
    if name not in ("", "numba", "numpy"):
        raise ConfigError(f"no kernel is called {name!r}", where="QUIETGRID_KERNEL", fix="use numba or numpy")
    if name == "numpy" or sys.byteorder == "big":
        return kernel_numpy
    try:
        from quietgrid.crypto.secret import kernel_numba
    except ImportError:
        if name == "numba":
            raise
        return kernel_numpy
    return kernel_numba


_chosen: list[ModuleType] = []


def _kernel() -> ModuleType:
    """The kernel in use; Numba is imported at the first mask, not with this module."""
    if not _chosen:
        _chosen.append(_choose(os.environ.get("QUIETGRID_KERNEL", "")))
    return _chosen[0]


def kernel_name() -> str:
    """``numba`` or ``numpy``."""
    return _kernel().__name__.rpartition("_")[2]


def _words(keys: NDArray[np.uint8] | NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Keys as little-endian words [..., n, 8], whatever of the two forms they came in."""
    if keys.dtype == np.uint8 and keys.ndim >= 2 and keys.shape[-1] == 32:
        return np.ascontiguousarray(keys).view("<u4").astype(np.uint32, copy=False)
    if keys.dtype == np.uint32 and keys.ndim >= 2 and keys.shape[-1] == 8:
        return np.ascontiguousarray(keys)
    raise InputError(
        f"keys have shape {keys.shape} and type {keys.dtype}", where="masks", fix="give uint8 [n, 32] or uint32 [n, 8]"
    )


def _nonce(register: int, version: int, resolution: int, domain: int, context: int) -> NDArray[np.uint32]:
    """The 12-byte nonce of PROTOCOL A as three words."""
    check_resolution(resolution)
    for name, value, end in (("register", register, 256), ("version", version, 256), ("context", context, 1 << 32)):
        if not 0 <= value < end:
            raise InputError(f"{name} {value} does not fit the nonce", where="masks", fix=f"use 0..{end - 1}")
    if domain not in (READINGS, BIDS):
        raise InputError(f"domain {domain} is unknown", where="masks", fix="use 0 (readings) or 1 (bids)")
    head = register | version << 8 | (resolution == 1800) << 16 | domain << 24
    return np.array([head, context, 0], np.uint32)


def _check_span(first: int, count: int) -> None:
    if first < 0 or count < 0:
        raise InputError("slots are counted from 0", where="masks", fix="use first >= 0 and count >= 0")


def masks(  # noqa: PLR0913  (the nonce is five numbers)
    keys: NDArray[np.uint8] | NDArray[np.uint32],
    register: int,
    version: int,
    resolution: int,
    domain: int = READINGS,
    context: int = 0,
    first: int = 0,
    count: int = 96,
) -> NDArray[np.uint64]:
    """The masks of one day for a batch of meters.

    Args:
        keys: Day keys, uint8 [n, 32] or uint32 [n, 8] (little-endian words).
        register: 0 import, 1 export, 2 voltage. version: of the cells. resolution: seconds.
        domain: 0 readings (day keys), 1 bids (bid keys). context: auction id for bids, else 0.
        first: First slot within the day. count: number of slots.

    Returns:
        uint64 [n, count].

    Raises:
        InputError: a shape, type or number that does not fit.

    Privacy: secret; a mask and a ciphertext give the reading away to whoever has the other two masks.
    Cost: about 2 ns a mask (Numba, AVX-512).

    >>> masks(np.zeros((1, 32), np.uint8), 0, 0, 900, count=1)[0, 0] == 0x903DF1A0ADE0B876
    np.True_
    """
    _check_span(first, count)
    words = _words(keys)
    if words.ndim != 2:
        raise InputError("masks takes one key a meter", where="masks", fix="use add_masks for several")
    out = np.empty((len(words), count), np.uint64)
    if out.size:
        _kernel().fill_masks(out, words, _nonce(register, version, resolution, domain, context), first)
    return out


def add_masks(  # noqa: PLR0913  (the nonce is five numbers)
    out: NDArray[np.uint64],
    keys: NDArray[np.uint8] | NDArray[np.uint32],
    register: int,
    version: int,
    resolution: int,
    domain: int = READINGS,
    context: int = 0,
    first: int = 0,
    sign: int = 1,
) -> None:
    """Add masks to `out` in place (sealing), or subtract them (opening one's own data).

    Args:
        out: uint64 [n, t], C order; slots ``first .. first + t - 1``.
        keys: [n, 32] bytes, or [p, n, 32] to add the masks of p keys a meter in one pass (words: 8 for 32).
        sign: +1 or -1. The rest: see `masks`.

    Raises:
        InputError: a shape, type or number that does not fit.
    """
    _check_span(first, 0)
    words = _words(keys)
    if words.ndim == 2:
        words = words[None]
    if out.dtype != np.uint64 or out.ndim != 2 or not out.flags.c_contiguous or words.shape[1] != len(out):
        raise InputError("masks do not fit the values", where="add_masks", fix="give uint64 [n, t] in C order")
    if sign not in (1, -1):
        raise InputError(f"sign {sign} is not a direction", where="add_masks", fix="use 1 or -1")
    if out.size:
        nonce = _nonce(register, version, resolution, domain, context)
        _kernel().add_masks(out, words, nonce, first, sign < 0)


def _present(words: NDArray[np.uint32], presence: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if words.ndim != 2 or presence.ndim != 2 or presence.dtype != np.bool_ or len(presence) != len(words):
        raise InputError("the presence map does not fit the keys", where="mask sums", fix="give bool [n, t], n keys")
    return np.ascontiguousarray(presence)


def masked_sums(  # noqa: PLR0913  (the nonce is five numbers)
    keys: NDArray[np.uint8] | NDArray[np.uint32],
    register: int,
    version: int,
    resolution: int,
    presence: NDArray[np.bool_],
    domain: int = READINGS,
    context: int = 0,
    first: int = 0,
) -> NDArray[np.uint64]:
    """A keyholder's component of a total: for each slot, the sum of the masks of the meters that arrived.

    Args:
        keys: Day keys of one pair, [n, 32] bytes or [n, 8] words.
        presence: bool [n, t], True where the meter's cell is in the close. The rest: see `masks`.

    Returns:
        uint64 [t], modulo 2^64.

    Raises:
        InputError: a shape, type or number that does not fit.
    """
    _check_span(first, 0)
    words = _words(keys)
    present = _present(words, presence)
    out = np.zeros(present.shape[1], np.uint64)
    if present.size:
        _kernel().masked_sums(words, _nonce(register, version, resolution, domain, context), first, present, out)
    return out


def weighted_sums(  # noqa: PLR0913  (the nonce is five numbers)
    keys: NDArray[np.uint8] | NDArray[np.uint32],
    register: int,
    version: int,
    resolution: int,
    weights: NDArray[np.int64],
    presence: NDArray[np.bool_],
    domain: int = READINGS,
    context: int = 0,
    first: int = 0,
) -> NDArray[np.uint64]:
    """A keyholder's component of facts: for each meter and vector, the weighted sum of its masks.

    Args:
        keys: Day keys of one pair, [n, 32] bytes or [n, 8] words.
        weights: int64 [F, t]. presence: bool [n, t]. The rest: see `masks`.

    Returns:
        uint64 [n, F], modulo 2^64.

    Raises:
        InputError: a shape, type or number that does not fit.
    """
    _check_span(first, 0)
    words = _words(keys)
    present = _present(words, presence)
    if weights.ndim != 2 or weights.shape[1] != present.shape[1] or weights.dtype != np.int64:
        raise InputError("weights do not fit the slots", where="weighted_sums", fix="give int64 [F, t]")
    out = np.zeros((len(words), len(weights)), np.uint64)
    if present.size and out.size:
        nonce = _nonce(register, version, resolution, domain, context)
        turned = np.ascontiguousarray(weights).view(np.uint64)
        _kernel().weighted_sums(words, nonce, first, turned, present, out)
    return out


def _derive(chain_keys: NDArray[np.uint8], counter: int) -> NDArray[np.uint8]:
    """One derivation block a chain key: uint8 [n, 64]."""
    if chain_keys.ndim != 2 or chain_keys.shape[1] != 32 or chain_keys.dtype != np.uint8:
        raise InputError(f"chain keys have shape {chain_keys.shape}", where="day step", fix="give uint8 [n, 32]")
    out = np.empty((len(chain_keys), 8), np.uint64)
    if out.size:
        _kernel().fill_masks(out, _words(chain_keys), _DAY_NONCE, 8 * counter)
    return out.astype("<u8", copy=False).view(np.uint8)


def day_step(chain_keys: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One day on: ``DK_d ‖ CK_d+1`` = ChaCha20 block 0 under CK_d (PROTOCOL A, "Keys").

    Args:
        chain_keys: uint8 [n, 32], CK_d.

    Returns:
        Day keys DK_d and next chain keys CK_d+1, uint8 [n, 32] each. The caller erases CK_d.
    """
    block = _derive(chain_keys, 0)
    return np.ascontiguousarray(block[:, :32]), np.ascontiguousarray(block[:, 32:])


def bid_keys(chain_keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The day's keys for sealed bids, BK_d = first half of block 1 under CK_d; uint8 [n, 32]."""
    return np.ascontiguousarray(_derive(chain_keys, 1)[:, :32])


def warm() -> str:
    """Compile (or load from the cache) every kernel, so that the first interval is not late; the kernel's name."""
    keys = np.zeros((1, 32), np.uint8)
    here = np.ones((1, 8), np.bool_)
    add_masks(masks(keys, 0, 0, 900, count=8), keys, 0, 0, 900)
    masked_sums(keys, 0, 0, 900, here)
    weighted_sums(keys, 0, 0, 900, np.ones((1, 8), np.int64), here)
    return kernel_name()
