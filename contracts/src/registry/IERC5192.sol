// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IERC5192
/// @notice Minimal soulbound tokens: https://eips.ethereum.org/EIPS/eip-5192
interface IERC5192 {
    /// @notice A token can't be transferred from now on.
    event Locked(uint256 tokenId);
    /// @notice A token can be transferred from now on.
    event Unlocked(uint256 tokenId);

    /// @notice Whether a token can't be transferred; reverts for tokens that do not exist.
    function locked(uint256 tokenId) external view returns (bool);
}
