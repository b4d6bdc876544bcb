// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Median} from "../../src/oracles/Median.sol";
import {Test} from "../Test.sol";
import {MedianProofs} from "../proofs/Median.t.sol";

/// @notice The arithmetic of rounds: what is proven, with random values too, and the rest.
contract MedianTest is Test, MedianProofs {
    /// @dev One that lies can't move the median of three out of what the two others say.
    function oneLiarOfThreeIsBounded(int256 honest, int256 other, int256 lie) internal pure {
        int256[] memory values = new int256[](3);
        (values[0], values[1], values[2]) = (lie, honest, other);
        int256 found = Median.middle(values);
        (int256 low, int256 high) = honest < other ? (honest, other) : (other, honest);
        assert(found >= low && found <= high);
    }

    function testFuzz_MiddleOfThree(int256 a, int256 b, int256 c) public pure {
        check_MiddleOfThree(a, b, c);
        oneLiarOfThreeIsBounded(a, b, c);
    }

    function testFuzz_MeanAndDistance(int256 a, int256 b) public pure {
        check_MeanIsInTheMiddle(a, b);
        check_DistanceIsExact(a, b);
    }

    function testFuzz_Bound(int192 centre, uint16 permyriad, uint128 smallest) public pure {
        check_BoundIsNoLessThanTheSmallest(centre, permyriad, smallest);
    }

    /// @dev Of any number: as many not above as not below, and the order of the values does not matter.
    function testFuzz_MiddleOfMany(int256[] memory values) public pure {
        vm.assume(values.length > 0 && values.length <= 33);
        int256[] memory turned = new int256[](values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            turned[i] = values[values.length - 1 - i];
        }
        int256 found = Median.middle(values);
        vm.assertEq(found, Median.middle(turned));
        uint256 below = 0;
        uint256 above = 0;
        for (uint256 i = 0; i < values.length; ++i) {
            if (i > 0) vm.assertTrue(values[i - 1] <= values[i]);
            if (values[i] < found) ++below;
            if (values[i] > found) ++above;
        }
        vm.assertLe(below, values.length / 2);
        vm.assertLe(above, values.length / 2);
    }

    function test_Extremes() public pure {
        int256[] memory values = new int256[](2);
        (values[0], values[1]) = (type(int256).max, type(int256).min);
        vm.assertEq(Median.middle(values), -1);
        vm.assertEq(Median.distance(type(int256).max, type(int256).min), type(uint256).max);
        vm.assertEq(Median.bound(-2_000, 500, 7), 100);
        vm.assertEq(Median.bound(0, 500, 7), 7);
    }
}
