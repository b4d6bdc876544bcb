// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {Amounts} from "../../src/market/Amounts.sol";
import {NetDeltas} from "../../src/market/NetDeltas.sol";

/// @notice What halmos proves of the arithmetic, for all values; nothing here is run by forge.
contract AmountsProofs {
    using DailyLimit for DailyLimit.Limit;

    DailyLimit.Limit internal limit;

    /// @dev Rounded half to even: no whole number is nearer, and of two equally near the even one is taken.
    function check_HalfToEven(uint128 product) external pure {
        uint256 whole = Amounts.halfToEven(product);
        uint256 thousandfold = whole * 1000;
        uint256 off = thousandfold > product ? thousandfold - product : product - thousandfold;
        assert(off <= 500);
        if (off == 500) assert(whole % 2 == 0);
    }

    /// @dev Two parts of an order never cost more than the whole, so escrow suffices.
    function check_PartsNeverCostMore(uint64 a, uint64 b) external pure {
        assert(Amounts.down(a) + Amounts.down(b) <= Amounts.down(uint128(a) + b));
    }

    /// @dev What costs less before rounding does not cost more after it.
    function check_RoundingKeepsTheOrder(uint128 less, uint128 more) external pure {
        if (less > more) return;
        assert(Amounts.down(less) <= Amounts.down(more));
    }

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
