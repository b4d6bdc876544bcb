"""Linear algebra modulo a random 31-bit prime, in NumPy.

Exact rational rank equals the rank modulo p unless p divides one of a few large determinants; for a prime drawn at
random among the 5 × 10⁷ of 31 bits, *after* the matrix is fixed, that has probability below 10⁻⁵ for matrices of a
thousand columns of 12-bit weights, and far less for the narrow ones used here. Products are split so that float64
matrix products (BLAS) stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]


def _is_prime(n: int) -> bool:
    """Miller-Rabin with bases 2, 3, 5, 7: exact below 3.2 × 10⁹."""
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7):
        power = pow(base, odd, n)
        if power in (1, n - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % n
            if power == n - 1:
                break
        else:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Field:
    """The integers modulo the prime `p` (2^30 < p < 2^31). All matrices hold 0 <= entry < p, int64.

    >>> Field(2_147_483_647).null_space(np.array([[1, 2, 3], [2, 4, 6]])).shape
    (2, 3)
    """

    p: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> Field:
        """A field with a prime drawn from `rng`."""
        while True:
            candidate = int(rng.integers(1 << 30, 1 << 31)) | 1
            if _is_prime(candidate):
                return cls(candidate)

    def matmul(self, left: Matrix, right: Matrix | NDArray[np.float64]) -> Matrix:
        """``left @ right`` mod p, exact for up to 2^11 inner terms: `left` goes in three parts of 11 bits."""
        wide = right.astype(np.float64)
        total = ((left >> 22).astype(np.float64) @ wide).astype(np.int64) % self.p
        for shift in (11, 0):
            part = ((left >> shift & 2047).astype(np.float64) @ wide).astype(np.int64)
            total = ((total << 11) + part) % self.p
        return total

    def echelon(self, matrix: Matrix) -> tuple[Matrix, list[int]]:
        """Reduced row echelon form without zero rows, and its pivot columns."""
        work = matrix.copy()
        pivots: list[int] = []
        for column in range(work.shape[1]):
            rank = len(pivots)
            found = np.flatnonzero(work[rank:, column])
            if not found.size:
                continue
            row = rank + int(found[0])
            if row != rank:
                work[[rank, row]] = work[[row, rank]]
            work[rank] = work[rank] * pow(int(work[rank, column]), -1, self.p) % self.p
            factors = work[:, column].copy()
            factors[rank] = 0
            work = (work - factors[:, None] * work[rank]) % self.p
            pivots.append(column)
            if len(pivots) == len(work):
                break
        return work[: len(pivots)], pivots

    def null_space(self, matrix: Matrix) -> Matrix:
        """Rows that span ``{v : matrix @ v = 0}``."""
        reduced, pivots = self.echelon(matrix)
        width = matrix.shape[1]
        free = [column for column in range(width) if column not in set(pivots)]
        basis = np.zeros((len(free), width), np.int64)
        basis[np.arange(len(free)), free] = 1
        if pivots and free:
            basis[:, pivots] = (-reduced[:, free].T) % self.p
        return basis

    def independent_rows(self, matrix: Matrix) -> list[int]:
        """Indices of the first rows that together span the row space."""
        return self.echelon(np.ascontiguousarray(matrix.T))[1] if matrix.size else []

    def rank(self, matrix: Matrix) -> int:
        """Rank mod p."""
        return len(self.echelon(matrix)[1]) if matrix.size else 0

    def cut(self, basis: Matrix, normal: Matrix) -> Matrix:
        """Rows that span the part of ``span(basis)`` orthogonal to `normal` (vectors of one length)."""
        products = self.matmul(basis, normal.reshape(-1, 1)).reshape(-1)
        hits = np.flatnonzero(products)
        if not hits.size:
            return basis
        pivot = int(hits[0])
        factors = products * pow(int(products[pivot]), -1, self.p) % self.p
        rest = np.arange(len(basis)) != pivot
        remaining: Matrix = (basis[rest] - factors[rest, None] * basis[pivot]) % self.p
        return remaining
