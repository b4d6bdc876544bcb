// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Compliance} from "../../src/response/Compliance.sol";
import {Test} from "../Test.sol";

/// @notice The arithmetic of requests.
contract ComplianceTest is Test {
    /// @dev Exact to one ten-thousandth, and met just when the target is.
    function share(uint64 target, uint64 delivered) internal pure {
        if (target == 0) return;
        uint256 found = Compliance.share(target, delivered);
        assert((found >= 10_000) == (delivered >= target));
        if (found < type(uint32).max) {
            assert(found * target <= uint256(delivered) * 10_000);
            assert((found + 1) * target > uint256(delivered) * 10_000);
        }
    }

    /// @dev Who delivers more complies no less.
    function shareGrows(uint64 target, uint64 less, uint64 more) internal pure {
        if (target == 0 || less > more) return;
        assert(Compliance.share(target, less) <= Compliance.share(target, more));
    }

    /// @dev Covers what is over the threshold and less than one Wh more; nothing when nothing is over.
    function excess(uint64 power, uint64 threshold, uint64 duration, uint64 most) internal pure {
        uint256 found = Compliance.excess(power, threshold, duration, most);
        assert(found <= most);
        if (power <= threshold) {
            assert(found == 0);
        } else if (found < most) {
            uint256 exact = uint256(power - threshold) * duration;
            assert(found * 3600 >= exact && found * 3600 < exact + 3600);
        }
    }

    function loweredIsNoMore(uint64 value, uint16 permyriad) internal pure {
        if (permyriad > 10_000) return;
        assert(Compliance.lowered(value, permyriad) <= value);
        assert(Compliance.lowered(value, 0) == value);
        assert(Compliance.lowered(value, 10_000) == 0);
    }

    /// @dev Between the two temperatures nothing is added.
    function weatherAddsOnlyOutside(int32 t, int32 cold, int32 hot, uint64 perCold, uint64 perHot) internal pure {
        if (cold > hot) return;
        uint64 load = Compliance.weatherLoad(t, cold, hot, perCold, perHot);
        if (t >= cold && t <= hot) assert(load == 0);
    }

    function testFuzz_Share(uint64 target, uint64 less, uint64 more) public pure {
        share(target, less);
        shareGrows(target, less, more);
    }

    function testFuzz_Excess(uint64 power, uint64 threshold, uint64 duration, uint64 most) public pure {
        excess(power, threshold, duration, most);
        excess(power, threshold, duration, type(uint64).max);
    }

    function testFuzz_Lowered(uint64 value, uint16 permyriad) public pure {
        loweredIsNoMore(value, permyriad);
    }

    function testFuzz_Weather(int32 t, int32 cold, int32 hot, uint64 perCold, uint64 perHot) public pure {
        weatherAddsOnlyOutside(t, cold, hot, perCold, perHot);
    }

    function test_Examples() public pure {
        vm.assertEq(uint256(Compliance.share(20_000, 15_000)), 7_500);
        vm.assertEq(uint256(Compliance.share(3, 1)), 3_333);
        vm.assertEq(uint256(Compliance.share(1, type(uint64).max)), type(uint32).max);
        vm.assertEq(uint256(Compliance.excess(120_000, 100_000, 1 hours, 50_000)), 20_000);
        vm.assertEq(uint256(Compliance.excess(120_000, 100_000, 15 minutes, 50_000)), 5_000);
        vm.assertEq(uint256(Compliance.excess(100_001, 100_000, 1, 50_000)), 1);
        vm.assertEq(uint256(Compliance.excess(200_000, 100_000, 1 hours, 50_000)), 50_000);
        vm.assertEq(uint256(Compliance.lowered(100_000, 500)), 95_000);
        vm.assertEq(uint256(Compliance.weatherLoad(-5_000, 15_000, 25_000, 1_000, 2_000)), 20_000);
        vm.assertEq(uint256(Compliance.weatherLoad(30_500, 15_000, 25_000, 1_000, 2_000)), 11_000);
        vm.assertEq(
            uint256(Compliance.weatherLoad(type(int32).min, type(int32).max, type(int32).max, type(uint64).max, 0)),
            type(uint64).max
        );
    }
}
