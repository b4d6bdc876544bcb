// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Median
/// @notice The arithmetic of a feed's rounds.
library Median {
    /// @notice The middle value; of an even number, the mean of the middle two, rounded down.
    /// @dev Sorts in place (by insertion: there are few).
    /// @param values At least one.
    function middle(int256[] memory values) internal pure returns (int256) {
        uint256 n = values.length;
        for (uint256 i = 1; i < n; ++i) {
            int256 value = values[i];
            uint256 j = i;
            for (; j > 0 && values[j - 1] > value; --j) {
                values[j] = values[j - 1];
            }
            values[j] = value;
        }
        int256 high = values[n / 2];
        return n % 2 == 1 ? high : mean(values[n / 2 - 1], high);
    }

    /// @notice The mean of two, rounded down, without overflow.
    function mean(int256 a, int256 b) internal pure returns (int256) {
        return (a & b) + ((a ^ b) >> 1);
    }

    /// @notice How far two values are apart.
    function distance(int256 a, int256 b) internal pure returns (uint256) {
        unchecked {
            return a > b ? uint256(a) - uint256(b) : uint256(b) - uint256(a);
        }
    }

    /// @notice How far from a centre a value may be: a share of its size, and no less than a smallest.
    /// @param centre What it is compared with; no more than 192 bits.
    /// @param permyriad The share, in ten-thousandths.
    /// @param smallest In the unit of the values.
    function bound(int256 centre, uint16 permyriad, uint128 smallest) internal pure returns (uint256 most) {
        most = distance(centre, 0) * permyriad / 10_000;
        if (most < smallest) most = smallest;
    }
}
