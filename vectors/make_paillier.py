"""Makes `paillier.json`: keys, ciphertexts and sums made by `phe` 1.5.0 (GPLv3), an implementation of its own.

The primes are phe's, drawn until they suit suite 2 (3 modulo 4, ``gcd(p - 1, q - 1) = 2``); only the base, which phe
does not have, is computed here as Damgård, Jurik and Nielsen write it. Every run draws afresh, so the file is kept.
Needs requirements-bench.txt. The keys are public by being here: they protect nothing.
"""

from __future__ import annotations

import json
import math
import secrets
from pathlib import Path
from typing import Any

import phe

PLAINS = (0, 1, 250, (1 << 24) - 1, 1 << 50, (1 << 2000) + 12_345)
WEIGHTS = (1, 0, 7, 4095, 2, 3)


def case(bits: int) -> dict[str, Any]:
    """One key with ciphertexts, their sum and a weighted sum."""
    while True:
        public, private = phe.generate_paillier_keypair(n_length=bits)
        p, q = private.p, private.q
        if p % 4 == q % 4 == 3 and math.gcd(p - 1, q - 1) == 2:
            break
    n, square = public.n, public.n * public.n
    base = pow(n - pow(secrets.randbelow(n), 2, n), n, square)
    terms = [public.raw_encrypt(plain) for plain in PLAINS]
    total = public.raw_encrypt(0)
    weighed = public.raw_encrypt(0)
    for term, weight in zip(terms, WEIGHTS, strict=True):
        total = total * term % square
        weighed = weighed * pow(term, weight, square) % square
    opened = [private.raw_decrypt(number) for number in (total, weighed)]
    return {
        "bits": bits, "p": f"{p:x}", "q": f"{q:x}", "base": f"{base:x}",
        "plains": [f"{plain:x}" for plain in PLAINS], "weights": list(WEIGHTS),
        "ciphertexts": [f"{term:x}" for term in terms],
        "sum": f"{total:x}", "weighed": f"{weighed:x}", "opened": [f"{plain:x}" for plain in opened],
    }  # fmt: skip


if __name__ == "__main__":
    target = Path(__file__).with_name("paillier.json")
    target.write_text(json.dumps({"source": f"phe {phe.__version__}", "cases": [case(2048), case(3072)]}, indent=1))
