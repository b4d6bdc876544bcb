// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGridStatus} from "./IGridStatus.sol";

/// @title IGridManagement
/// @notice What other contracts ask about the grid.
interface IGridManagement is IGridStatus {
    /// @notice Whether a region's grid is in an emergency or down, or the whole is stopped.
    function inEmergency(bytes32 regionCode) external view returns (bool);
}
