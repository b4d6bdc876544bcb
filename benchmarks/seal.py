"""`seal`: seal, combine and open a day of 10,000 meters, beside packed Paillier, our own and `phe`."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
from typing import Any

import numpy as np

from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from quietgrid.crypto.public.frame_mac import frame_mac
from quietgrid.crypto.public.packing import blocks, pack, unpack
from quietgrid.crypto.secret import masks
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import MissingExtraError, VerificationError

phe: Any = importlib.import_module("phe") if importlib.util.find_spec("phe") else None
"""The peer, GPL: in requirements-bench.txt only."""

NAME = "seal"

METERS, SLOTS = 10_000, 96
VALUE_BITS = 24
BAR_READING, BAR_PACKED = 100_000, 2_000
OWN_BITS = 3072


def _ours(meters: int, repeats: int, rng: np.random.Generator) -> dict[str, float]:
    """Median CPU seconds of each part; the opened totals are checked against the plain ones."""
    values = rng.integers(0, 1 << 20, (meters, SLOTS)).astype(np.uint64)
    keys = rng.integers(0, 256, (3, meters, 32), dtype=np.uint8)
    here = np.ones((meters, SLOTS), np.bool_)
    sealed = np.empty_like(values)
    state: dict[str, Any] = {}

    def seal() -> None:
        np.copyto(sealed, values)
        masks.add_masks(sealed, keys, 0, 0, 900)

    def keyholders() -> None:
        state["sums"] = [
            {pair: masks.masked_sums(keys[pair], 0, 0, 900, here) for pair in PAIRS_OF[keyholder]}
            for keyholder in (0, 1)
        ]

    def combine_and_open() -> None:
        zero, one = state["sums"]
        if not np.array_equal(zero[0], one[0]):
            raise VerificationError("components differ", where="benchmark", fix="this is a bug")
        state["totals"] = sealed.sum(axis=0) - zero[0] - zero[1] - one[2]

    def macs() -> None:
        for row in sealed:
            frame_mac(b"k" * 32, row.data.cast("B"))

    masks.warm()
    parts = {"seal": seal, "two_keyholders": keyholders, "combine_and_open": combine_and_open, "frame_macs": macs}
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            times[name].append(cpu_seconds(part))
        if not np.array_equal(state["totals"], values.sum(axis=0)):
            raise VerificationError("totals differ", where="benchmark", fix="this is a bug")
    return {name: statistics.median(values) for name, values in times.items()}


def _phe(meters: int, sample: int, rng: np.random.Generator) -> dict[str, float]:
    """CPU seconds for the whole day, from a sample of each operation (cost is linear in their number)."""
    public, private = phe.generate_paillier_keypair(n_length=2048)
    readings = [int(value) for value in rng.integers(0, 1 << 20, sample)]
    found: list[Any] = []
    encrypt = cpu_seconds(lambda: found.extend(public.encrypt(value) for value in readings)) / sample
    total: list[Any] = []
    add = cpu_seconds(lambda: total.append(sum(found[1:], found[0]))) / (sample - 1)
    opened: list[int] = []
    decrypt = cpu_seconds(lambda: opened.extend(private.decrypt(total[0]) for _ in range(4))) / 4
    if opened[0] != sum(readings):
        raise VerificationError("phe's total differs", where="benchmark", fix="this is a bug")
    return {"encrypt": encrypt, "add": add, "decrypt": decrypt}


def _packed(meters: int, sample: int, rng: np.random.Generator) -> dict[str, float]:
    """The same with as many readings in one plaintext as there is room for their sums over all meters."""
    public, private = phe.generate_paillier_keypair(n_length=2048)
    width = VALUE_BITS + (meters - 1).bit_length()
    room = (public.n.bit_length() - 2) // width
    blocks = -(-SLOTS // room)
    each = -(-SLOTS // blocks)
    days = rng.integers(0, 1 << 20, (sample, blocks, each))
    found: list[Any] = []

    def pack(values: list[int]) -> int:
        return sum(value << width * place for place, value in enumerate(values))

    def encrypt_all() -> None:
        found.extend(public.encrypt(pack(block)) for day in days.tolist() for block in day)

    encrypt = cpu_seconds(encrypt_all) / (sample * blocks)
    total: list[Any] = []
    add = cpu_seconds(lambda: total.append(sum(found[blocks::blocks], found[0]))) / (sample - 1)
    opened: list[int] = []
    decrypt = cpu_seconds(lambda: opened.append(private.decrypt(total[0])))
    if [opened[0] >> width * place & (1 << width) - 1 for place in range(each)] != days[:, 0].sum(axis=0).tolist():
        raise VerificationError("phe's packed total differs", where="benchmark", fix="this is a bug")
    return {"encrypt": encrypt, "add": add, "decrypt": decrypt, "ciphertexts_a_meter": blocks}


def _own(sample: int, rng: np.random.Generator) -> dict[str, float]:
    """Suite 2 as it is used: packed, 3072 bits; CPU seconds a ciphertext of each step."""
    key = PrivateKey.generate(OWN_BITS)
    public, spread = key.public, blocks(SLOTS, OWN_BITS)
    days = rng.integers(0, 1 << 20, (sample, SLOTS))
    public.encrypt(0)  # builds the table, once a key
    sent: list[list[bytes]] = []

    def encrypt_all() -> None:
        sent.extend([public.pack(public.encrypt(pack(day[a:b]))) for a, b in spread] for day in days.tolist())

    encrypt = cpu_seconds(encrypt_all) / (sample * len(spread))
    totals: list[Any] = []

    def add_all() -> None:
        totals.extend(public.add([public.parse(packed) for packed in column]) for column in zip(*sent, strict=True))

    add = cpu_seconds(add_all) / (sample * len(spread))
    opened: list[int] = []

    def decrypt_all() -> None:
        for (a, b), total in zip(spread, totals, strict=True):
            opened.extend(unpack(key.decrypt(total), b - a, total.load))

    decrypt = cpu_seconds(decrypt_all) / len(spread)
    if opened != days.sum(axis=0).tolist():
        raise VerificationError("our packed total differs", where="benchmark", fix="this is a bug")
    return {"encrypt": encrypt, "add": add, "decrypt": decrypt, "blocks": len(spread), "bytes": len(sent[0][0])}


def run(quick: bool) -> dict[str, Any]:
    """Seal + combine + open, three keys, both of two keyholders' work counted."""
    if phe is None:
        raise MissingExtraError(
            "the peer `phe` is not installed", where="benchmark seal", fix="pip install -r requirements-bench.txt"
        )
    meters, repeats, sample = (1_000, 3, 6) if quick else (METERS, 11, 200)
    rng = np.random.default_rng(2)
    ours = _ours(meters, repeats, rng)
    core = ours["seal"] + ours["two_keyholders"] + ours["combine_and_open"]
    cells = meters * SLOTS
    one, packed = _phe(meters, sample, rng), _packed(meters, sample, rng)
    width = int(packed["ciphertexts_a_meter"])
    one_s = cells * one["encrypt"] + (cells - SLOTS) * one["add"] + SLOTS * one["decrypt"]
    packed_s = width * (meters * packed["encrypt"] + (meters - 1) * packed["add"] + packed["decrypt"])
    own = _own(sample, rng)
    own_s = own["blocks"] * (meters * (own["encrypt"] + own["add"]) + own["decrypt"])
    return {
        "name": NAME,
        "work": f"seal, combine and open the {SLOTS} totals of a day of {meters:,} meters; CPU seconds of all parties",
        "ours": {
            "kernel": masks.kernel_name(),
            "seconds": round(core, 6),
            **{f"{name}_s": round(value, 6) for name, value in ours.items()},
            "ns_a_reading": round(core / cells * 1e9, 2),
            "us_a_meter_day": round(core / meters * 1e6, 2),
            "bytes_a_reading": 8,
            "peak_memory_mb": peak_memory_mb(),
        },
        "peers": {
            "phe": {"seconds": round(one_s, 1), "encrypt_ms": round(one["encrypt"] * 1e3, 3), "bytes_a_reading": 512},
            "phe packed": {
                "seconds": round(packed_s, 1),
                "us_a_meter_day": round(packed_s / meters * 1e6, 1),
                "ciphertexts_a_meter": width,
                "bytes_a_reading": round(512 * width / SLOTS, 1),
            },
            "own Paillier packed": {
                "seconds": round(own_s, 2),
                "us_a_meter_day": round(own_s / meters * 1e6, 1),
                "ciphertexts_a_meter": own["blocks"],
                "bytes_a_reading": round(own["bytes"] * own["blocks"] / SLOTS, 1),
            },
        },
        "ratios": {
            "phe": round(one_s / core),
            "phe packed": round(packed_s / core),
            "phe packed, ours with frame MACs": round(packed_s / (core + ours["frame_macs"])),
            "own Paillier packed": round(own_s / core),
            "own Paillier packed, of phe packed": round(packed_s / own_s, 1),
        },
        "bars": [
            bar("times less CPU than phe, one ciphertext a reading", BAR_READING, one_s / core),
            bar("times less CPU than packed phe", BAR_PACKED, packed_s / core),
        ],
        "note": f"Own Paillier: {OWN_BITS} bits, as in suite 2, every ciphertext read with all checks. "
        f"phe 2048 bit (gmpy2: {phe.util.HAVE_GMP}), measured on {sample} readings (packed: {sample} meters), "
        "scaled linearly. Trust: with phe the one holder of the private key can open every reading it gets, and anyone "
        "can encrypt. Here neither the platform nor any one of three keyholders can; two of three must answer for a "
        "total to open; two keyholders with the platform could open everything. Ours rests on ChaCha20 with shared "
        "keys, phe on composite residuosity. `frame_macs` authenticates frames, which phe does not.",
    }
