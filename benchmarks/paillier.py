"""`paillier`: a ciphertext of suite 2 (encrypt, add, decrypt, read) beside `phe` under the very same keys."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np

from benchmarks.measure import alternate, bar, cpu_seconds, peak_memory_mb
from quietgrid.crypto.public.paillier import EXPONENT_BITS, WINDOW
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import MissingExtraError, VerificationError

phe: Any = importlib.import_module("phe") if importlib.util.find_spec("phe") else None
"""The peer, GPL: in requirements-bench.txt only."""

NAME = "paillier"
SIZES = (2048, 3072)
BAR = 20
TERMS = 100


def _case(bits: int, sample: int, repeats: int) -> dict[str, dict[str, float]]:
    """Median CPU milliseconds a ciphertext, ours and theirs, on the same plaintexts in turns."""
    made: list[PrivateKey] = []
    generate = cpu_seconds(lambda: made.append(PrivateKey.generate(bits)))
    key, public = made[0], made[0].public
    table = cpu_seconds(lambda: public.encrypt(0))
    p, q = (int.from_bytes(key.to_bytes()[3 + at : 3 + at + bits // 16], "big") for at in (0, bits // 16))
    theirs = phe.PaillierPublicKey(int(public.n))
    opener = phe.PaillierPrivateKey(theirs, p, q)
    plains = [int(value) for value in np.random.default_rng(bits).integers(0, 1 << 40, sample)]
    ours_made = [public.encrypt(plain) for plain in plains]
    theirs_made = [theirs.encrypt(plain) for plain in plains]
    terms, their_terms = (ours_made * TERMS)[:TERMS], (theirs_made * TERMS)[:TERMS]
    packed = public.pack(ours_made[0])
    seconds = alternate(
        {
            "ours encrypt": lambda: [public.encrypt(plain) for plain in plains],
            "phe encrypt": lambda: [theirs.encrypt(plain) for plain in plains],
            "ours add": lambda: public.add(terms),
            "phe add": lambda: sum(their_terms[1:], their_terms[0]),
            "ours decrypt": lambda: [key.decrypt(term) for term in ours_made],
            "phe decrypt": lambda: [opener.decrypt(term) for term in theirs_made],
            "ours read": lambda: [public.parse(packed) for _ in range(TERMS)],
        },
        repeats,
    )
    if [opener.raw_decrypt(int(term.value)) for term in ours_made] != plains:
        raise VerificationError("phe opens something else", where="benchmark", fix="this is a bug")
    if [key.decrypt(public.take(term.ciphertext())) for term in theirs_made] != plains:
        raise VerificationError("phe's ciphertexts open to something else", where="benchmark", fix="this is a bug")
    each = {"encrypt": sample, "add": TERMS - 1, "decrypt": sample, "read": TERMS}
    found = {
        who: {
            f"{what}_ms": round(seconds[f"{who} {what}"] / count * 1e3, 4)
            for what, count in each.items()
            if f"{who} {what}" in seconds
        }
        for who in ("ours", "phe")
    }
    found["ours"] |= {"generate_ms": round(generate * 1e3, 1), "table_ms": round(table * 1e3, 1)}
    return found


def run(quick: bool) -> dict[str, Any]:
    """Encrypting, adding and opening single numbers, at both key sizes."""
    if phe is None:
        raise MissingExtraError(
            "the peer `phe` is not installed", where="benchmark paillier", fix="pip install -r requirements-bench.txt"
        )
    sample, repeats = (3, 1) if quick else (20, 7)
    cases = {bits: _case(bits, sample, repeats) for bits in SIZES}

    def ratio(bits: int, what: str) -> float:
        return cases[bits]["phe"][f"{what}_ms"] / cases[bits]["ours"][f"{what}_ms"]

    return {
        "name": NAME,
        "work": "encrypt, add and decrypt integers below 2^40 under one key; CPU milliseconds a ciphertext",
        "ours": {
            **{f"{name}_{bits}": value for bits in SIZES for name, value in cases[bits]["ours"].items()},
            "bytes_2048": 21 + 512,
            "bytes_3072": 21 + 768,
            "peak_memory_mb": peak_memory_mb(),
        },
        "peers": {"phe": {f"{name}_{bits}": value for bits in SIZES for name, value in cases[bits]["phe"].items()}},
        "ratios": {
            f"phe, {what} at {bits}": round(ratio(bits, what), 2)
            for bits in SIZES
            for what in ("encrypt", "add", "decrypt")
        },
        "bars": [
            bar(f"times less CPU than phe to encrypt at {bits} bits", BAR, ratio(bits, "encrypt")) for bits in SIZES
        ],
        "note": f"Both on gmpy2 (phe: {phe.util.HAVE_GMP}), each opens what the other encrypted. phe draws a full "
        "random r and raises it to n; ours raises a fixed base to a fresh exponent of "
        f"{EXPONENT_BITS} bits by a table of windows of {WINDOW} (6 MB at 3072 bits, built once): "
        "the same ciphertexts, but it also rests on short exponents being indistinguishable. Ours opens with GMP's "
        "side-channel-hardened exponentiation, which is slower than phe's and happens once a block of a total, "
        "not once a reading. `read` is parsing with every check, which phe does not do.",
    }
