// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Median} from "../../src/oracles/Median.sol";

/// @notice What halmos proves of a feed's rounds, for all values.
contract MedianProofs {
    /// @dev At least half are not above the median of three, at least half not below, and it is one of them.
    function check_MiddleOfThree(int256 a, int256 b, int256 c) public pure {
        int256[] memory values = new int256[](3);
        (values[0], values[1], values[2]) = (a, b, c);
        int256 found = Median.middle(values);
        assert(found == a || found == b || found == c);
        assert((a <= found ? 1 : 0) + (b <= found ? 1 : 0) + (c <= found ? 1 : 0) >= 2);
        assert((a >= found ? 1 : 0) + (b >= found ? 1 : 0) + (c >= found ? 1 : 0) >= 2);
    }

    function check_MeanIsInTheMiddle(int256 a, int256 b) public pure {
        int256 found = Median.mean(a, b);
        (int256 low, int256 high) = a < b ? (a, b) : (b, a);
        assert(found >= low && found <= high);
        uint256 left = Median.distance(found, low);
        uint256 right = Median.distance(high, found);
        assert(left == right || left + 1 == right);
        assert(found == Median.mean(b, a));
    }

    function check_DistanceIsExact(int256 a, int256 b) public pure {
        uint256 apart = Median.distance(a, b);
        assert(apart == Median.distance(b, a));
        assert((apart == 0) == (a == b));
        unchecked {
            assert(a < b ? uint256(a) + apart == uint256(b) : uint256(b) + apart == uint256(a));
        }
    }

    function check_BoundIsNoLessThanTheSmallest(int192 centre, uint16 permyriad, uint128 smallest) public pure {
        assert(Median.bound(centre, permyriad, smallest) >= smallest);
    }
}
