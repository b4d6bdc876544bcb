// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title IEnergyAssetNFT
/// @notice Assets of organisations and communities (a solar field, a district battery), one token each.
interface IEnergyAssetNFT is IERC721 {
    /// @notice What an asset is.
    enum Kind {
        Solar,
        Wind,
        Hydro,
        Storage,
        CombinedHeat,
        Charger,
        Grid
    }

    /// @notice To whom an asset may pass.
    /// @dev Free: to anybody. Admitted: to accounts the community admitted for it. Bound: to nobody.
    enum TransferRule {
        Free,
        Admitted,
        Bound
    }

    /// @notice What an account may do for an asset.
    /// @dev Viewer opens the asset's records (off chain). Operator writes production, Maintainer maintenance. Steward
    /// gives and takes the other three, in the owner's stead.
    enum Permission {
        Viewer,
        Operator,
        Maintainer,
        Steward
    }

    /// @notice Which history an entry belongs to.
    enum History {
        Production,
        Maintenance
    }

    /// @notice What is registered of an asset.
    /// @dev `location` is a salted hash of where it stands; who needs to know is told the salt.
    struct Asset {
        Kind kind;
        TransferRule rule;
        bool retired;
        uint64 capacityW;
        uint64 storageWh;
        uint64 registeredAt;
        address firstOwner;
        bytes32 location;
    }

    /// @notice One entry of a history: a period, how much, and the root of the records behind it.
    /// @dev `quantity` is Wh for production, and the number of works for maintenance.
    struct Entry {
        bytes32 root;
        uint64 start;
        uint64 end;
        uint64 quantity;
        uint64 recordedAt;
        address recordedBy;
    }

    /// @notice An asset is registered.
    event AssetRegistered(
        uint256 indexed assetId,
        address indexed owner,
        Kind indexed kind,
        TransferRule rule,
        uint64 capacityW,
        uint64 storageWh,
        bytes32 location
    );
    /// @notice An asset is out of service for good: nothing can be added, and it stays where it is.
    event AssetRetired(uint256 indexed assetId);
    /// @notice An account may hold the asset, or shares of it, until then.
    event HolderAdmitted(uint256 indexed assetId, address indexed account, uint64 until);
    /// @notice An account has a permission until then (a time in the past: not any more).
    event PermissionSet(
        uint256 indexed assetId, address indexed account, Permission indexed permission, uint64 until, address by
    );
    /// @notice The asset changed hands, and all permissions ended.
    event PermissionsCleared(uint256 indexed assetId);
    /// @notice A history is longer by one entry.
    event HistoryAppended(
        uint256 indexed assetId,
        History indexed history,
        uint256 index,
        uint64 start,
        uint64 end,
        uint64 quantity,
        bytes32 root,
        address by
    );

    /// @notice The number is taken, by an asset with another content.
    error AlreadyRegistered(uint256 assetId);
    /// @notice An asset needs a number, a capacity and a location.
    error IncompleteAsset(uint256 assetId);
    /// @notice The asset is out of service.
    error Retired(uint256 assetId);
    /// @notice The asset's rule does not let it pass to this account.
    error TransferRefused(uint256 assetId, address to, TransferRule rule);
    /// @notice The account lacks what this needs for the asset.
    error NotPermitted(uint256 assetId, address account, Permission needed);
    /// @notice A permission lasts two years at most.
    error TooLong(uint64 until, uint64 latest);
    /// @notice A period ends after it starts and is over; production covers a day at least.
    error BadPeriod(uint64 start, uint64 end);
    /// @notice Periods of a history follow each other.
    error Overlaps(uint256 assetId, History history, uint64 start, uint64 lastEnd);
    /// @notice Records have a root.
    error EmptyRoot(uint256 assetId);
    /// @notice More than the asset can produce in the period.
    error Implausible(uint256 assetId, uint64 producedWh, uint256 possibleWh);

    /// @notice Let an account do something for an asset, until a time; a time that has passed ends it.
    function permit(uint256 assetId, address account, Permission permission, uint64 until) external;

    /// @notice Whether an account may do something for an asset now. The owner may everything.
    function isPermitted(uint256 assetId, address account, Permission permission) external view returns (bool);

    /// @notice Whether an account may receive the asset, or shares of it, now.
    function mayHold(uint256 assetId, address account) external view returns (bool);

    /// @notice What is registered.
    function assetOf(uint256 assetId) external view returns (Asset memory);
}
