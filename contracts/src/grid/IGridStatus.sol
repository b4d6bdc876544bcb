// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IGridStatus
/// @notice What a market asks before it takes an order or settles.
interface IGridStatus {
    /// @notice False while the grid is stopped or a circuit is broken; claims and withdrawals never depend on it.
    function marketOpen() external view returns (bool);
}
