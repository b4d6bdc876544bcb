// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Amounts
/// @notice What energy costs: energy in Wh times a price in micro-units per kWh.
library Amounts {
    /// @notice Wh in a kWh.
    uint256 internal constant WH_PER_KWH = 1000;

    /// @notice Micro-units, half to even: the rule of bills and postings (`quietgrid.model.quantity`).
    function cost(uint64 energyWh, uint64 priceMicroPerKwh) internal pure returns (uint128) {
        return halfToEven(uint128(energyWh) * priceMicroPerKwh);
    }

    /// @notice The same with a price that may be negative: what the buyer pays the seller.
    function signedCost(uint64 energyWh, int64 priceMicroPerKwh) internal pure returns (int256) {
        if (priceMicroPerKwh >= 0) return int256(uint256(cost(energyWh, uint64(priceMicroPerKwh))));
        return -int256(uint256(cost(energyWh, uint64(uint256(-int256(priceMicroPerKwh))))));
    }

    /// @notice Micro-units, rounded down: parts of an order never cost more than the whole, so escrow suffices.
    function costDown(uint64 energyWh, uint64 priceMicroPerKwh) internal pure returns (uint128) {
        return down(uint128(energyWh) * priceMicroPerKwh);
    }

    /// @notice A thousandth, half to even.
    function halfToEven(uint128 thousandfold) internal pure returns (uint128 whole) {
        unchecked {
            whole = uint128(thousandfold / WH_PER_KWH);
            uint256 twice = 2 * (thousandfold % WH_PER_KWH);
            if (twice > WH_PER_KWH || (twice == WH_PER_KWH && whole % 2 == 1)) ++whole;
        }
    }

    /// @notice A thousandth, rounded down.
    function down(uint128 thousandfold) internal pure returns (uint128) {
        return uint128(thousandfold / WH_PER_KWH);
    }
}
