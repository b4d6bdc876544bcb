// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IUtilityVerification
/// @notice What other contracts ask about utilities.
interface IUtilityVerification {
    /// @notice The utility that an account may act for in a region: the account itself or the utility whose agent it is,
    /// if it is verified for that region now.
    /// @param account Who asks.
    /// @param regionCode The region.
    /// @return utility Zero if there is none.
    function utilityFor(address account, bytes32 regionCode) external view returns (address utility);
}
