"""Makes `suite1.json`: the project's own vectors, computed without any of the project's code.

Only OpenSSL's ChaCha20 and Ed25519 (through `cryptography`), the standard library's HMAC and SHA-256, and textbook
arithmetic on secp256k1 are used, straight from PROTOCOL A. Run ``python vectors/make.py`` after changing it; a test
checks that the file is what this script makes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

COMMUNITY = bytes(range(16))
PID = 0x0123456789ABCDEF
D0 = 20_000
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256; an empty salt is 32 zero bytes."""
    key, out, last = mac(salt or bytes(32), secret), b"", b""
    for i in range(1, 255):
        last = mac(key, last + info + bytes([i]))
        out += last
        if len(out) >= length:
            return out[:length]
    raise ValueError(length)


def stream(key: bytes, nonce: bytes, counter: int, length: int) -> bytes:
    """ChaCha20 key stream (OpenSSL: counter u32 ‖ nonce 12 B)."""
    cipher = Cipher(algorithms.ChaCha20(key, counter.to_bytes(4, "little") + nonce), None)
    return cipher.encryptor().update(bytes(length))


def add(a: Point, b: Point) -> Point:
    """Addition on secp256k1."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, point: Point) -> Point:
    """Multiplication on secp256k1."""
    out: Point = None
    for bit in bin(k % N)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def compressed(point: Point) -> str:
    """33 bytes, hex."""
    if point is None:
        raise ValueError("infinity")
    return f"{2 + point[1] % 2:02x}{point[0]:064x}"


def second_generator() -> tuple[int, int]:
    """H: the first SHA-256("qg1 pedersen H" ‖ counter u32) that is an x of the curve, with even y."""
    for counter in range(256):
        x = int.from_bytes(sha(b"qg1 pedersen H" + counter.to_bytes(4, "little")), "big")
        square = (x**3 + 7) % P
        y = pow(square, (P + 1) // 4, P)
        if x < P and y * y % P == square:
            return x, y if y % 2 == 0 else P - y
    raise ValueError("no point")


def chains() -> list[dict[str, object]]:
    """Chain keys, day and bid keys and key-check values of the three pairs."""
    pairs: list[dict[str, object]] = []
    for pair in range(3):
        root = sha(b"root %d" % pair)
        info = b"qg1 root" + struct.pack("<QBI", PID, pair, D0)
        first = chain = hkdf(root, COMMUNITY, info, 32)
        days = []
        for day in range(3):
            block = stream(chain, b"qg1 day" + bytes(5), 0, 64)
            bid = stream(chain, b"qg1 day" + bytes(5), 1, 32)
            check = mac(block[:32], b"qg1 kcv" + PID.to_bytes(8, "little"))[:16]
            days.append({"day": D0 + day, "day_key": block[:32].hex(), "bid_key": bid.hex(), "kcv": check.hex()})
            chain = block[32:]
        check = mac(first, b"qg1 kcv" + PID.to_bytes(8, "little"))[:16]
        pairs.append({"pair": pair, "root": root.hex(), "chain_key": first.hex(), "kcv": check.hex(), "days": days})
    return pairs


def day_keys_of(pairs: list[dict[str, object]], day: int) -> list[bytes]:
    """The three day keys of the day-th day."""
    return [bytes.fromhex(pair["days"][day]["day_key"]) for pair in pairs]  # type: ignore[index]


def keys_and_masks() -> dict[str, object]:
    """The keys, masks, and a frame."""
    pairs = chains()
    day_keys = day_keys_of(pairs, 0)
    masks = []
    cases = ((0, 0, 900, 0, 0, 0, 3), (1, 0, 900, 0, 0, 94, 2), (0, 2, 1800, 0, 0, 13, 4), (0, 0, 900, 1, 77, 5, 3))
    for register, version, resolution, domain, context, start, count in cases:
        nonce = struct.pack("<BBBBII", register, version, resolution == 1800, domain, context, 0)
        sums = [0] * count
        for key in day_keys:
            words = struct.unpack_from(f"<{count}Q", stream(key, nonce, 0, 8 * (start + count)), 8 * start)
            sums = [(a + b) % 2**64 for a, b in zip(sums, words, strict=True)]
        case: dict[str, object] = {"register": register, "version": version, "resolution": resolution, "domain": domain}
        case |= {"context": context, "first": start, "count": count, "nonce": nonce.hex()}
        masks.append({**case, "sum_of_three": [str(value) for value in sums]})
    values = {0: [250, 0, 16_777_215], 1: [0, 1, 2]}
    body = b""
    for register, column in values.items():
        nonce = struct.pack("<BBBBII", register, 0, 0, 0, 0, 0)
        for slot, value in enumerate(column, 40):
            three = [int.from_bytes(stream(key, nonce, 0, 768)[8 * slot : 8 * slot + 8], "little") for key in day_keys]
            body += ((value + sum(three)) % 2**64).to_bytes(8, "little")
    head = struct.pack("<BBBBIQQHHB3x", 1, 1, 0, 3, D0, PID, 7, 40, 3, 0)
    k_mac = sha(b"k_mac")
    frame = head + body + mac(k_mac, head + body)[:16]
    shown = {"k_mac": k_mac.hex(), "seq": 7, "first": 40, "import_wh": values[0], "export_wh": values[1]}
    return {"keys": pairs, "masks": masks, "frame": {**shown, "frame": frame.hex()}}


def proofs() -> dict[str, object]:
    """A signed message, the ledger's chain, commitments."""
    key = Ed25519PrivateKey.from_private_bytes(sha(b"keyholder 1"))
    lots = b"".join(b"\xc4\x20" + sha(b"lot " + pair) for pair in (b"01", b"12"))
    body = b"\x93\x01\xc4\x20" + sha(b"close") + b"\x92" + lots
    data = b"qg1 vote\0" + body
    signed = {"seed": sha(b"keyholder 1").hex(), "name": "vote", "body": body.hex(), "hash": sha(data).hex()}
    signed |= {"signer": key.public_key().public_bytes_raw().hex(), "signature": key.sign(data).hex()}
    head, entries = bytes(32), []
    for number in range(3):
        salt, entry = sha(b"salt %d" % number)[:16], b"entry %d" % number
        head = sha(b"qg1 ledger" + head + sha(salt + entry))
        entries.append({"salt": salt.hex(), "body": entry.hex(), "hash": head.hex()})
    h = second_generator()
    commitments = []
    for day, vector, value in ((D0, "day", 12_345), (D0 + 1, "day", 0), (D0, "night", 999_999_999), (D0, "net", -5)):
        secret = mac(b"qg1 commitments", b"".join(day_keys_of(chains(), day - D0)))
        wide = hkdf(secret, b"", b"qg1 pedersen" + day.to_bytes(4, "little") + vector.encode(), 48)
        r = 1 + int.from_bytes(wide, "big") % (N - 1)
        point = add(times(value, G), times(r, h))
        made = {"day": day, "day_secret": secret.hex(), "vector": vector, "value": value}
        commitments.append({**made, "scalar": f"{r:064x}", "commitment": compressed(point)})
    pedersen = {"H": compressed(h), "commitments": commitments}
    return {"signed": signed, "ledger": entries, "pedersen": pedersen}


def make() -> str:
    """The file's text."""
    shared = {"community": COMMUNITY.hex(), "pid": str(PID), "d0": D0}
    return json.dumps({"suite": 1, **shared, **keys_and_masks(), **proofs()}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("suite1.json").write_text(make())
