// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IAggregatorV3
/// @notice The shape in which most feeds of public chains are read.
interface IAggregatorV3 {
    /// @notice How many digits of an answer are after the point.
    function decimals() external view returns (uint8);

    /// @notice What the feed is of.
    function description() external view returns (string memory);

    /// @notice The feed's version.
    function version() external view returns (uint256);

    /// @notice One round; reverts if there is none.
    function getRoundData(uint80 roundId)
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice The latest round; reverts if there is none. Look at `updatedAt`: the answer may be old.
    function latestRoundData()
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
