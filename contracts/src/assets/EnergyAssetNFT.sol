// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IEnergyAssetNFT} from "./IEnergyAssetNFT.sol";

/// @title EnergyAssetNFT
/// @notice One token for each energy asset of an organisation or a community: what it is, its production and maintenance
/// as roots with periods, who may do what for it and until when, and to whom it may pass.
/// @dev A home's own roof does not belong here: its production would be a household's. Production comes in sums of a day
/// or longer. Dispatch, prices and tenants are nowhere.
contract EnergyAssetNFT is IEnergyAssetNFT, ERC721, AccessManaged {
    /// @notice The longest permission.
    uint64 public constant LONGEST_PERMISSION = 730 days;
    /// @notice The shortest period of production.
    uint64 public constant SHORTEST_PRODUCTION = 1 days;
    /// @notice Production above this share of the nominal capacity is a mistake (per cent).
    uint256 public constant PLAUSIBLE_PERCENT = 125;

    mapping(uint256 assetId => Asset) private _assets;
    mapping(uint256 assetId => mapping(History history => Entry[])) private _entries;
    /// @dev Start of a period => index + 1, so that a retry is recognised.
    mapping(uint256 assetId => mapping(History history => mapping(uint64 start => uint256))) private _indexOf;
    /// @dev Counts the asset's owners: permissions are those of the present one.
    mapping(uint256 assetId => uint64) private _era;
    mapping(
        uint256 assetId => mapping(uint64 era => mapping(address account => mapping(Permission permission => uint64)))
    ) private _until;
    mapping(uint256 assetId => mapping(address account => uint64)) private _admittedUntil;

    /// @param authority The community's AccessManager.
    constructor(address authority) ERC721("Quietgrid energy assets", "QGA") AccessManaged(authority) {}

    /// @notice Register an asset. The same again changes nothing, also after it has changed hands.
    /// @dev Role: OPERATOR
    /// @param assetId A number of the community's choice, not zero.
    /// @param owner Who receives the token.
    /// @param kind What it is.
    /// @param rule To whom it may pass; for ever.
    /// @param capacityW Nominal power.
    /// @param storageWh What it can store; zero for what stores nothing.
    /// @param location Salted hash of where it stands.
    function register(
        uint256 assetId,
        address owner,
        Kind kind,
        TransferRule rule,
        uint64 capacityW,
        uint64 storageWh,
        bytes32 location
    ) external restricted {
        if (assetId == 0 || capacityW == 0 || location == 0) revert IncompleteAsset(assetId);
        Asset storage found = _assets[assetId];
        if (found.registeredAt != 0) {
            bool same = found.kind == kind && found.rule == rule && found.capacityW == capacityW
                && found.storageWh == storageWh && found.firstOwner == owner && found.location == location;
            if (same) return;
            revert AlreadyRegistered(assetId);
        }
        _assets[assetId] = Asset(kind, rule, false, capacityW, storageWh, uint64(block.timestamp), owner, location);
        emit AssetRegistered(assetId, owner, kind, rule, capacityW, storageWh, location);
        _mint(owner, assetId);
    }

    /// @notice Take an asset out of service for good. A second time changes nothing.
    /// @dev Role: OPERATOR
    function retire(uint256 assetId) external restricted {
        _requireOwned(assetId);
        if (_assets[assetId].retired) return;
        _assets[assetId].retired = true;
        emit AssetRetired(assetId);
    }

    /// @notice Admit an account as holder of an asset whose rule asks for it, or of shares of it.
    /// @dev Role: OPERATOR
    /// @param until Until when it may receive; what it has by then it keeps.
    function admit(uint256 assetId, address account, uint64 until) external restricted {
        _requireOwned(assetId);
        _admittedUntil[assetId][account] = until;
        emit HolderAdmitted(assetId, account, until);
    }

    /// @inheritdoc IEnergyAssetNFT
    /// @dev By the owner, or by a steward for anything but stewardship.
    function permit(uint256 assetId, address account, Permission permission, uint64 until) external {
        bool owns = _requireOwned(assetId) == msg.sender;
        if (!owns && (permission == Permission.Steward || !isPermitted(assetId, msg.sender, Permission.Steward))) {
            revert NotPermitted(assetId, msg.sender, Permission.Steward);
        }
        uint64 latest = uint64(block.timestamp) + LONGEST_PERMISSION;
        if (until > latest) revert TooLong(until, latest);
        _until[assetId][_era[assetId]][account][permission] = until;
        emit PermissionSet(assetId, account, permission, until, msg.sender);
    }

    /// @notice Add a period's production. By the asset's operator; the same again changes nothing.
    /// @param assetId The asset.
    /// @param start When the period starts, unix seconds.
    /// @param end When it ends; it must be over.
    /// @param producedWh The sum.
    /// @param root RFC 6962 over the salted readings behind it.
    function recordProduction(uint256 assetId, uint64 start, uint64 end, uint64 producedWh, bytes32 root) external {
        _requireOwned(assetId);
        if (end < start || end - start < SHORTEST_PRODUCTION) revert BadPeriod(start, end);
        uint256 possible = uint256(_assets[assetId].capacityW) * (end - start) * PLAUSIBLE_PERCENT / 360_000;
        if (producedWh > possible) revert Implausible(assetId, producedWh, possible);
        _append(assetId, History.Production, Permission.Operator, start, end, producedWh, root);
    }

    /// @notice Add a period's maintenance. By the asset's maintainer; the same again changes nothing.
    /// @param assetId The asset.
    /// @param start When the work began, unix seconds.
    /// @param end When it was done.
    /// @param works How many works the records hold.
    /// @param root RFC 6962 over the salted records.
    function recordMaintenance(uint256 assetId, uint64 start, uint64 end, uint64 works, bytes32 root) external {
        _append(assetId, History.Maintenance, Permission.Maintainer, start, end, works, root);
    }

    /// @inheritdoc IEnergyAssetNFT
    function assetOf(uint256 assetId) external view returns (Asset memory) {
        _requireOwned(assetId);
        return _assets[assetId];
    }

    /// @notice How many entries a history has.
    function entriesOf(uint256 assetId, History history) external view returns (uint256) {
        return _entries[assetId][history].length;
    }

    /// @notice One entry of a history, the oldest first.
    function entryOf(uint256 assetId, History history, uint256 index) external view returns (Entry memory) {
        return _entries[assetId][history][index];
    }

    /// @notice Until when an account has a permission from the present owner; zero if it has none.
    function permittedUntil(uint256 assetId, address account, Permission permission) external view returns (uint64) {
        return _until[assetId][_era[assetId]][account][permission];
    }

    /// @inheritdoc IEnergyAssetNFT
    function isPermitted(uint256 assetId, address account, Permission permission) public view returns (bool) {
        return _requireOwned(assetId) == account
            || _until[assetId][_era[assetId]][account][permission] > block.timestamp;
    }

    /// @inheritdoc IEnergyAssetNFT
    function mayHold(uint256 assetId, address account) public view returns (bool) {
        TransferRule rule = _assets[assetId].rule;
        if (rule != TransferRule.Admitted) return rule != TransferRule.Bound;
        return _admittedUntil[assetId][account] > block.timestamp;
    }

    function _append(
        uint256 assetId,
        History history,
        Permission needed,
        uint64 start,
        uint64 end,
        uint64 quantity,
        bytes32 root
    ) private {
        if (!isPermitted(assetId, msg.sender, needed)) revert NotPermitted(assetId, msg.sender, needed);
        if (root == 0) revert EmptyRoot(assetId);
        if (end <= start || end > block.timestamp) revert BadPeriod(start, end);
        Entry[] storage entries = _entries[assetId][history];
        uint256 known = _indexOf[assetId][history][start];
        if (known != 0) {
            Entry storage same = entries[known - 1];
            if (same.end == end && same.quantity == quantity && same.root == root) return;
        }
        if (_assets[assetId].retired) revert Retired(assetId);
        uint256 index = entries.length;
        if (index != 0 && start < entries[index - 1].end) {
            revert Overlaps(assetId, history, start, entries[index - 1].end);
        }
        _entries[assetId][history].push(Entry(root, start, end, quantity, uint64(block.timestamp), msg.sender));
        _indexOf[assetId][history][start] = index + 1;
        emit HistoryAppended(assetId, history, index, start, end, quantity, root, msg.sender);
    }

    function _update(address to, uint256 assetId, address auth) internal override returns (address from) {
        from = super._update(to, assetId, auth);
        if (from == address(0)) return from;
        Asset storage asset = _assets[assetId];
        if (asset.retired) revert Retired(assetId);
        if (!mayHold(assetId, to)) revert TransferRefused(assetId, to, asset.rule);
        ++_era[assetId];
        emit PermissionsCleared(assetId);
    }
}
