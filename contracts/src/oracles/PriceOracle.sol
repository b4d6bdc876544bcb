// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatedFeed} from "./ValidatedFeed.sol";

/// @title PriceOracle
/// @notice The wholesale price of energy in micro-units a kWh, which may be negative; between -10 and +10 units.
contract PriceOracle is ValidatedFeed {
    constructor(Setup memory setup) ValidatedFeed(setup, -10_000_000, 10_000_000) {}

    /// @notice Micro-units.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice What the feed is of.
    function description() external pure returns (string memory) {
        return "energy price / kWh";
    }
}
