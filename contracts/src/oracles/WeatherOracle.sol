// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatedFeed} from "./ValidatedFeed.sol";

/// @title WeatherOracle
/// @notice One quantity of the weather, in thousandths of its unit. A contract for each.
contract WeatherOracle is ValidatedFeed {
    /// @notice Degrees Celsius, W/m² on a level surface, or m/s at 10 m.
    enum Quantity {
        Temperature,
        Irradiance,
        WindSpeed
    }

    /// @notice What this feed is of.
    Quantity public immutable QUANTITY;

    constructor(Setup memory setup, Quantity quantity)
        ValidatedFeed(setup, quantity == Quantity.Temperature ? int256(-90_000) : int256(0), _highest(quantity))
    {
        QUANTITY = quantity;
    }

    /// @notice Thousandths.
    function decimals() public pure override returns (uint8) {
        return 3;
    }

    /// @notice What the feed is of.
    function description() external view returns (string memory) {
        if (QUANTITY == Quantity.Temperature) return "temperature / degrees Celsius";
        return QUANTITY == Quantity.Irradiance ? "global irradiance / W per square metre" : "wind speed / m per s";
    }

    function _highest(Quantity quantity) private pure returns (int256) {
        if (quantity == Quantity.Temperature) return 60_000;
        return quantity == Quantity.Irradiance ? int256(1_600_000) : int256(120_000);
    }
}
