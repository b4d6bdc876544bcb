// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {NetDeltas} from "../../src/market/NetDeltas.sol";

/// @notice What halmos proves of limits and packing, for all values; nothing here is run by forge. Products of two
/// unknowns are beyond its solvers: see the fuzz tests of `Amounts`.
contract AmountsProofs {
    using DailyLimit for DailyLimit.Limit;

    DailyLimit.Limit internal limit;

    /// @dev What a day's limit lets through never exceeds it, and is counted.
    function check_ADaysLimitHolds(uint112 most, uint256 first, uint256 second) external {
        limit.set(most);
        limit.spend(first);
        limit.spend(second);
        assert(first + second <= most);
        assert(limit.left() == most - first - second);
    }

    function payment(address party, int128 delta) external pure returns (uint256) {
        NetDeltas.check(address(0), party, delta);
        return NetDeltas.payment(delta);
    }

    /// @dev A payment is the delta without its sign, for every delta that a batch may have.
    function check_PaymentIsTheDelta(int128 delta) external view {
        if (delta >= 0) return;
        assert(int256(this.payment(address(1), delta)) == -int256(delta));
    }

    function entry(bytes calldata packed) external pure returns (address, int128) {
        return NetDeltas.entry(packed, 0);
    }

    /// @dev Packing and unpacking a delta changes nothing.
    function check_UnpackedIsPacked(address party, int128 delta) external view {
        (address found, int128 value) = this.entry(abi.encodePacked(party, delta));
        assert(found == party && value == delta);
    }
}
