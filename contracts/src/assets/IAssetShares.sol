// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";

/// @title IAssetShares
/// @notice Fractions of assets: an ERC-1155 token whose id is the asset's.
interface IAssetShares is IERC1155 {
    /// @notice An asset is in custody, and its shares are out.
    event AssetSplit(uint256 indexed assetId, address indexed by, uint256 supply, address indexed steward);
    /// @notice One account had all shares; they are gone, and the asset is its holder's again.
    event AssetMerged(uint256 indexed assetId, address indexed by, address indexed to, uint256 supply);
    /// @notice Somebody else gives the asset's permissions from now on.
    event StewardAppointed(uint256 indexed assetId, address indexed steward, uint64 until);

    /// @notice Receivers and amounts do not have the same length, or there are none.
    error LengthsDiffer();
    /// @notice An asset has between 1 and `MOST_SHARES` shares.
    error BadSupply(uint256 assetId, uint256 supply);
    /// @notice Only the asset's owner can split it.
    error NotOwner(uint256 assetId, address account);
    /// @notice This needs more shares than the account has.
    error NotEnoughShares(uint256 assetId, address account, uint256 held, uint256 needed);
    /// @notice The asset's rule does not let this account hold shares.
    error HolderRefused(uint256 assetId, address account);
    /// @notice The asset has no shares.
    error NotSplit(uint256 assetId);

    /// @notice How many shares of an asset there are; zero if it is not split.
    function totalSupply(uint256 assetId) external view returns (uint256);
}
