"""Suite 2: what it computes, beside `phe` and the textbook; what it refuses, before it computes anything."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public import paillier
from quietgrid.crypto.public.paillier import MAX_LOAD, Ciphertext, FixedBase, PublicKey
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import ConfigError, InputError, VerificationError

few = settings(max_examples=25, deadline=None)
plains = st.integers(0, 1 << 2040)


@pytest.fixture(scope="module", params=[0, 1], ids=["2048", "3072"])
def case(request: pytest.FixtureRequest, vectors: Callable[[str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = vectors("paillier")["cases"][request.param]
    return found


def key_of(case: dict[str, Any]) -> PrivateKey:
    return PrivateKey(*(int(case[name], 16) for name in ("p", "q", "base")))


@pytest.fixture(scope="module")
def key(vectors: Callable[[str], Any]) -> PrivateKey:
    return key_of(vectors("paillier")["cases"][0])


@pytest.fixture(scope="module")
def other(vectors: Callable[[str], Any]) -> PrivateKey:
    case = vectors("paillier")["cases"][0]
    q = int(case["q"], 16)
    while True:  # another key that shares a prime: even then nothing of the one is taken by the other
        q = int(gmpy2.next_prime(q))
        if q % 4 == 3 and math.gcd(int(case["p"], 16) - 1, q - 1) == 2:
            break
    n = int(case["p"], 16) * q
    return PrivateKey(int(case["p"], 16), q, pow(n - 4, n, n * n))


def textbook(key: PrivateKey, value: int) -> int:
    """Paillier 1999, scheme 1: by λ, with no remainder theorem."""
    n = int(key.public.n)
    p = int(gmpy2.gcd(int(key._p), n))
    lam = math.lcm(p - 1, n // p - 1)
    return (pow(value, lam, n * n) - 1) // n * pow(lam, -1, n) % n


def test_what_phe_encrypted_and_added_opens(case: dict[str, Any]) -> None:
    key = key_of(case)
    public = key.public
    assert public.bits == case["bits"]
    terms = [public.take(int(term, 16)) for term in case["ciphertexts"]]
    assert [key.decrypt(term) for term in terms] == [int(plain, 16) for plain in case["plains"]]
    assert [f"{key.decrypt(public.take(int(case[name], 16))):x}" for name in ("sum", "weighed")] == case["opened"]
    assert f"{key.decrypt(public.add(terms)):x}" == case["opened"][0]
    assert f"{key.decrypt(public.weigh(terms, case['weights'])):x}" == case["opened"][1]


def test_phe_opens_what_is_encrypted_and_added_here(case: dict[str, Any]) -> None:
    phe = pytest.importorskip("phe", reason="phe is not installed (requirements-bench.txt)")
    key = key_of(case)
    theirs = phe.PaillierPublicKey(int(key.public.n))
    opener = phe.PaillierPrivateKey(theirs, int(case["p"], 16), int(case["q"], 16))
    ours = [key.public.encrypt(plain) for plain in (7, 1 << 1000)]
    mixed = key.public.weigh([*ours, key.public.take(theirs.raw_encrypt(5))], [3, 1, 4095])
    assert [opener.raw_decrypt(int(term.value)) for term in ours] == [7, 1 << 1000]
    assert opener.raw_decrypt(int(mixed.value)) == 21 + (1 << 1000) + 5 * 4095
    assert key.decrypt(key.public.take(int(ours[0].value) * theirs.raw_encrypt(9) % theirs.nsquare, 2)) == 16


@few
@given(st.lists(st.tuples(plains, st.integers(0, 4095)), min_size=1, max_size=6))
def test_sums_open_to_sums(key: PrivateKey, terms: list[tuple[int, int]]) -> None:
    public, n = key.public, int(key.public.n)
    sealed = [public.encrypt(plain) for plain, _ in terms]
    total = public.add(sealed)
    assert key.decrypt(total) == sum(plain for plain, _ in terms) % n
    assert total.load == len(terms)
    weights = [weight for _, weight in terms]
    if any(weights):
        weighed = public.weigh(sealed, weights)
        assert key.decrypt(weighed) == sum(plain * weight for plain, weight in terms) % n
        assert weighed.load == sum(weights)
        assert key.decrypt(public.add([total, weighed])) == (key.decrypt(total) + key.decrypt(weighed)) % n


@few
@given(plains)
def test_the_remainder_theorem_opens_what_the_textbook_opens(key: PrivateKey, plain: int) -> None:
    sealed = key.public.encrypt(plain)
    assert key.decrypt(sealed) == textbook(key, int(sealed.value)) == plain
    assert key.public.encrypt(plain) != sealed, "each has a randomness of its own"


@given(st.integers(2, 1 << 64), st.integers(3, 1 << 64), st.integers(0, (1 << 40) - 1), st.integers(1, 9))
def test_the_table_is_the_power(base: int, modulus: int, exponent: int, window: int) -> None:
    assert FixedBase(base, modulus, 40, window).power(exponent) % modulus == pow(base, exponent, modulus)


def test_the_exponents_are_short_fresh_and_never_zero(key: PrivateKey) -> None:
    with pytest.raises(InputError, match="longer"):
        FixedBase(3, 101, 16).power(1 << 16)
    with mock.patch.object(paillier.secrets, "randbelow", return_value=0) as drawn:
        sealed = key.public.encrypt(4)
    drawn.assert_called_once_with((1 << 256) - 1)
    assert sealed.value == (1 + 4 * key.public.n) * key.public.base % key.public.square


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [2048, 3072])
def test_a_fresh_key(bits: int, tmp_path: Path) -> None:
    key = PrivateKey.load_or_create(tmp_path / "paillier", bits)
    assert key.public.bits == bits
    again = PrivateKey.load_or_create(tmp_path / "paillier", bits)
    assert again.decrypt(key.public.encrypt(11)) == 11
    assert (tmp_path / "paillier").stat().st_mode & 0o077 == 0
    n = key.public.n
    assert gmpy2.jacobi(key.public.base % n, n) == 1, "-x² is no square, but its symbol says nothing about a message"
    assert PublicKey.from_bytes(key.public.to_bytes()).id == key.public.id
    assert str(int(key._p)) not in repr(key)


def test_sizes_that_are_not_taken() -> None:
    for bits in (0, 1024, 2047, 4096):
        with pytest.raises(InputError, match="no size"):
            PrivateKey.generate(bits)


def test_a_public_key_is_read_strictly(key: PrivateKey) -> None:
    good, public = key.public.to_bytes(), key.public
    n, p, size = int(public.n), int(key._p), public.size
    for data in (b"", good[:1], good[:-1], good + b"\0", b"\2" + good[1:], good[:1] + b"\0\0" + good[3:]):
        with pytest.raises(VerificationError, match="key of"):
            PublicKey.from_bytes(data)
    base = int(public.base)
    thrice = next(number for number in range(n, n - 12, -2) if number % 3 == 0)
    wrong = [
        (n + 1, base), (p * p, base), (int(gmpy2.next_prime(n)), base), (thrice, base),
        (n, 0), (n, 1), (n, n), (n, n * n), (n, p * 7), (n, 1 + n),
    ]  # fmt: skip
    for number, at in wrong:
        with pytest.raises(VerificationError, match="no Paillier key"):
            PublicKey.from_bytes(good[:3] + number.to_bytes(size, "big") + at.to_bytes(2 * size, "big"))


def test_a_private_key_is_read_strictly(key: PrivateKey) -> None:
    good = key.to_bytes()
    half = key.public.size // 2
    for data in (b"", good[:-1], good + b"\0", b"\2" + good[1:], good[:3] + bytes(half) + good[3 + half :]):
        with pytest.raises(ConfigError):
            PrivateKey.from_bytes(data)
    p, base = int(key._p), int(key.public.base)
    near = int(gmpy2.next_prime(p))
    for one, two in ((p, p), (p, near), (p, p + 2), (2, int(key.public.n) // 2)):
        with pytest.raises(ConfigError):
            PrivateKey(one, two, base)
    assert PrivateKey.from_bytes(good).public.id == key.public.id


# -- ciphertexts -------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_arithmetic(key: PrivateKey) -> Iterator[None]:
    """Fails when anything is multiplied or raised: what is bad is refused before."""
    bad = AssertionError("computed with a ciphertext that is none")
    with (
        mock.patch.object(gmpy2, "powmod_sec", side_effect=bad),
        mock.patch.object(PublicKey, "weigh", side_effect=bad),
    ):
        yield


@pytest.mark.usefixtures("no_arithmetic")
def test_numbers_that_are_no_ciphertext(key: PrivateKey) -> None:
    public = key.public
    n, p, q = int(public.n), int(key._p), int(key._q)
    cases = {
        "out of range": [0, n * n, n * n + 1, -1, 1 << 5000],
        "shares a factor": [n, 2 * n, n * n - n, p, q, 5 * p, p * p, n * n - q],
        "without randomness": [1, 1 + n, 1 + 250 * n],
    }
    for match, numbers in cases.items():
        for number in numbers:
            with pytest.raises(VerificationError, match=match):
                public.take(number)
            with pytest.raises(VerificationError, match=match):
                key.decrypt(Ciphertext(public.id, 1, gmpy2.mpz(number)))
    for load in (0, -1, MAX_LOAD + 1):
        with pytest.raises(VerificationError, match="load"):
            public.take(2, load)


@pytest.mark.usefixtures("no_arithmetic")
def test_bytes_that_are_no_ciphertext(key: PrivateKey, other: PrivateKey) -> None:
    public = key.public
    good = public.pack(public.encrypt(3))
    assert len(good) == 21 + 512
    assert key.public.parse(good).load == 1
    for data in (b"", good[:-1], good + b"\0", good[:21], good[1:], bytes(1 << 20)):
        with pytest.raises(VerificationError, match="length"):
            public.parse(data)
    with pytest.raises(VerificationError, match="version"):
        public.parse(b"\2" + good[1:])
    for load in (0, MAX_LOAD + 1, (1 << 32) - 1):
        with pytest.raises(VerificationError, match="load"):
            public.parse(good[:1] + load.to_bytes(4, "little") + good[5:])
    foreign = other.public.encrypt(3)
    for refused in (
        lambda: public.parse(other.public.pack(foreign)),
        lambda: public.pack(foreign),
        lambda: key.decrypt(foreign),
    ):
        with pytest.raises(VerificationError, match="another key"):
            refused()


def test_sums_of_what_does_not_fit(key: PrivateKey, other: PrivateKey) -> None:
    public = key.public
    one = public.encrypt(1)
    with pytest.raises(VerificationError, match="another key"):
        public.add([one, other.public.encrypt(1)])
    for weights in ([4096], [-1], [1, 1], []):
        with pytest.raises(InputError, match="weights"):
            public.weigh([one], weights)
    full = public.take(int(one.value), MAX_LOAD)
    for terms, by in (([one], [0]), ([], []), ([full, one], [1, 1]), ([full], [2])):
        with pytest.raises(InputError, match="room"):
            public.weigh(terms, by)
    for plain in (-1, int(public.n)):
        with pytest.raises(InputError, match="range"):
            public.encrypt(plain)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_fuzzed_bytes_are_refused_or_are_ciphertexts(key: PrivateKey, data: st.DataObject) -> None:
    public = key.public
    good = bytearray(public.pack(public.encrypt(3)))
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=4)):
        good[at] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.sampled_from([len(good), len(good), data.draw(st.integers(0, len(good)))]))
    taken = bytes(good[:end]) + data.draw(st.binary(max_size=3))
    try:
        read = public.parse(taken)
    except VerificationError:
        return
    assert public.pack(read) == taken
    assert 0 <= key.decrypt(read) < public.n


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_fuzzed_keys_are_refused(data: bytes) -> None:
    for prefix in (b"", b"\1\0\1", b"\1\200\1"):
        with pytest.raises(VerificationError):
            PublicKey.from_bytes(prefix + data)


def test_reading_takes_memory_by_the_key_not_by_what_is_sent(key: PrivateKey) -> None:
    huge = b"\1\0\1" + bytes(8 << 20)
    tracemalloc.start()
    try:
        for read in (key.public.parse, PublicKey.from_bytes):
            with pytest.raises(VerificationError):
                read(huge)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
