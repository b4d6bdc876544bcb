// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";
import {ERC1155Utils} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Utils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAssetShares} from "./IAssetShares.sol";
import {IEnergyAssetNFT} from "./IEnergyAssetNFT.sol";
import {RevenuePool} from "./RevenuePool.sol";

/// @title AssetShares
/// @notice An asset owned by several: its token is in custody here, and a fixed number of shares is out. Shares pass
/// from hand to hand under the asset's own transfer rule; who holds all of them can have the asset back.
/// @dev Makes its RevenuePool, which learns of every change of hands before it happens. Revenue that came before a
/// transfer stays the seller's.
contract AssetShares is IAssetShares, ERC1155Supply, AccessManaged, ReentrancyGuardTransient {
    /// @notice The most shares an asset can have.
    uint256 public constant MOST_SHARES = 1e12;

    /// @notice The assets.
    IEnergyAssetNFT public immutable assets;
    /// @notice Where revenue is paid in and claimed.
    RevenuePool public immutable pool;

    /// @param authority The community's AccessManager.
    /// @param assets_ The assets' tokens.
    constructor(address authority, IEnergyAssetNFT assets_) ERC1155("") AccessManaged(authority) {
        assets = assets_;
        pool = new RevenuePool(authority, this);
    }

    /// @notice Put an asset into custody and hand out its shares. By its owner, who has approved this contract for it.
    /// @dev An asset with the rule Admitted needs this contract and every receiver to be admitted.
    /// @param assetId The asset.
    /// @param receivers Who receives shares.
    /// @param amounts How many each; together they are all there will be.
    /// @param steward Who gives the asset's permissions (operator, maintainer, viewer).
    /// @param stewardUntil Until when.
    function split(
        uint256 assetId,
        address[] calldata receivers,
        uint256[] calldata amounts,
        address steward,
        uint64 stewardUntil
    ) external nonReentrant {
        if (receivers.length != amounts.length || receivers.length == 0) revert LengthsDiffer();
        if (assets.ownerOf(assetId) != msg.sender) revert NotOwner(assetId, msg.sender);
        uint256 supply = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            supply += amounts[i];
        }
        if (supply == 0 || supply > MOST_SHARES) revert BadSupply(assetId, supply);
        emit AssetSplit(assetId, msg.sender, supply, steward);
        assets.transferFrom(msg.sender, address(this), assetId);
        _appoint(assetId, steward, stewardUntil);
        _issue(assetId, receivers, amounts);
    }

    /// @notice Give all shares back and receive the asset.
    /// @param to Who receives it; the asset's rule decides whether that is possible.
    function merge(uint256 assetId, address to) external nonReentrant {
        uint256 supply = _split(assetId);
        uint256 held = balanceOf(msg.sender, assetId);
        if (held != supply) revert NotEnoughShares(assetId, msg.sender, held, supply);
        _burn(msg.sender, assetId, supply);
        emit AssetMerged(assetId, msg.sender, to, supply);
        assets.transferFrom(address(this), to, assetId);
    }

    /// @notice Appoint another steward. By an account with more than half of the shares.
    /// @param oldSteward Whose stewardship ends; zero if nobody's does.
    function appointSteward(uint256 assetId, address oldSteward, address steward, uint64 until) external {
        uint256 needed = _split(assetId) / 2 + 1;
        uint256 held = balanceOf(msg.sender, assetId);
        if (held < needed) revert NotEnoughShares(assetId, msg.sender, held, needed);
        _replace(assetId, oldSteward, steward, until);
    }

    /// @notice Appoint another steward where nobody has more than half of the shares.
    /// @dev Role: GOVERNANCE
    /// @param oldSteward Whose stewardship ends; zero if nobody's does.
    function restoreSteward(uint256 assetId, address oldSteward, address steward, uint64 until) external restricted {
        _split(assetId);
        _replace(assetId, oldSteward, steward, until);
    }

    /// @inheritdoc IAssetShares
    function totalSupply(uint256 assetId) public view override(IAssetShares, ERC1155Supply) returns (uint256) {
        return super.totalSupply(assetId);
    }

    /// @dev Nobody is called before all shares are there: who is called first would own the whole asset for a moment.
    function _issue(uint256 assetId, address[] calldata receivers, uint256[] calldata amounts) private {
        uint256[] memory ids = new uint256[](1);
        uint256[] memory values = new uint256[](1);
        ids[0] = assetId;
        for (uint256 i = 0; i < receivers.length; ++i) {
            if (receivers[i] == address(0)) revert ERC1155InvalidReceiver(address(0));
            values[0] = amounts[i];
            _update(address(0), receivers[i], ids, values);
        }
        for (uint256 i = 0; i < receivers.length; ++i) {
            ERC1155Utils.checkOnERC1155Received(msg.sender, address(0), receivers[i], assetId, amounts[i], "");
        }
    }

    function _split(uint256 assetId) private view returns (uint256 supply) {
        supply = totalSupply(assetId);
        if (supply == 0) revert NotSplit(assetId);
    }

    function _replace(uint256 assetId, address oldSteward, address steward, uint64 until) private {
        if (oldSteward != address(0)) _appoint(assetId, oldSteward, 0);
        _appoint(assetId, steward, until);
    }

    function _appoint(uint256 assetId, address steward, uint64 until) private {
        emit StewardAppointed(assetId, steward, until);
        assets.permit(assetId, steward, IEnergyAssetNFT.Permission.Steward, until);
    }

    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (to != address(0)) {
            for (uint256 i = 0; i < ids.length; ++i) {
                if (!assets.mayHold(ids[i], to)) revert HolderRefused(ids[i], to);
            }
        }
        pool.follow(from, to, ids, values);
        super._update(from, to, ids, values);
    }
}
