// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatedFeed} from "./ValidatedFeed.sol";

/// @title GridOracle
/// @notice One quantity of the grid: its frequency in mHz or a load in W. A contract for each.
contract GridOracle is ValidatedFeed {
    /// @notice Frequency in thousandths of a Hz, or load in W (negative when more is produced than used).
    enum Quantity {
        Frequency,
        Load
    }

    /// @notice What this feed is of.
    Quantity public immutable QUANTITY;

    constructor(Setup memory setup, Quantity quantity)
        ValidatedFeed(
            setup,
            quantity == Quantity.Frequency ? int256(45_000) : int256(-1e12),
            quantity == Quantity.Frequency ? int256(65_000) : int256(1e12)
        )
    {
        QUANTITY = quantity;
    }

    /// @notice Thousandths of a Hz, or whole W.
    function decimals() public view override returns (uint8) {
        return QUANTITY == Quantity.Frequency ? 3 : 0;
    }

    /// @notice What the feed is of.
    function description() external view returns (string memory) {
        return QUANTITY == Quantity.Frequency ? "grid frequency / Hz" : "grid load / W";
    }
}
