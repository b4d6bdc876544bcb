// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ISmartMeter
/// @notice A public meter: a feeder, a plant, a grid connection. Its getters take no number, so each meter is a contract.
/// @dev Never for a home's meter: those are sealed, and only daily roots of their frames are on chain (`DailyRoots`).
interface ISmartMeter {
    /// @notice What a meter measured since its reading before.
    /// @param timestamp End of the interval, unix seconds.
    /// @param consumption Energy taken from the grid, Wh.
    /// @param production Energy fed into the grid, Wh.
    /// @param gridFrequency At the end of the interval, mHz; zero if not measured.
    /// @param voltage At the end of the interval, mV; zero if not measured.
    struct MeterReading {
        uint256 timestamp;
        uint256 consumption;
        uint256 production;
        uint256 gridFrequency;
        uint256 voltage;
    }

    /// @notice Record a reading. Only the meter's reporter may.
    function submitReading(MeterReading calldata reading) external;

    /// @notice The latest reading; all zero before the first.
    function getLatestReading() external view returns (MeterReading memory);

    /// @notice Energy produced on the day of the latest reading so far, Wh.
    function getDailyProduction() external view returns (uint256);

    /// @notice Energy consumed on the day of the latest reading so far, Wh.
    function getDailyConsumption() external view returns (uint256);
}
