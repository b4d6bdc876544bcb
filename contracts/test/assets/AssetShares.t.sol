// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AssetShares} from "../../src/assets/AssetShares.sol";
import {IAssetShares} from "../../src/assets/IAssetShares.sol";
import {IEnergyAssetNFT} from "../../src/assets/IEnergyAssetNFT.sol";
import {SharedAsset} from "./SharedAsset.sol";

/// @dev Tries to walk away with the asset when it receives its shares.
contract Greedy is ERC1155Holder {
    AssetShares internal immutable shares;

    constructor(AssetShares shares_) {
        shares = shares_;
    }

    function onERC1155Received(address, address, uint256 id, uint256, bytes memory) public override returns (bytes4) {
        shares.merge(id, address(this));
        return this.onERC1155Received.selector;
    }
}

contract AssetSharesTest is SharedAsset {
    function test_SplittingHandsOutFixedShares() public {
        split();
        vm.assertEq(shares.totalSupply(FIELD), 1_000);
        vm.assertEq(shares.balanceOf(holders[0], FIELD), 500);
        vm.assertEq(shares.balanceOf(holders[4], FIELD), 50);
        vm.assertEq(assets.ownerOf(FIELD), address(shares));
        vm.assertTrue(assets.isPermitted(FIELD, steward, IEnergyAssetNFT.Permission.Steward));
    }

    function test_NoMoreSharesCanBeMade() public {
        split();
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.NotOwner.selector, FIELD, owner));
        shares.split(FIELD, receivers, amounts, steward, soon());
    }

    function test_OnlyTheOwnerSplits() public {
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.prank(owner);
        assets.approve(address(shares), FIELD);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.NotOwner.selector, FIELD, stranger));
        shares.split(FIELD, receivers, amounts, stranger, 0);
    }

    function test_BadPartsAreRefused() public {
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.startPrank(owner);
        assets.approve(address(shares), FIELD);
        vm.expectRevert(IAssetShares.LengthsDiffer.selector);
        shares.split(FIELD, new address[](2), amounts, steward, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.BadSupply.selector, FIELD, 0));
        shares.split(FIELD, receivers, new uint256[](5), steward, 0);
        amounts[0] = 1e12;
        vm.expectPartialRevert(IAssetShares.BadSupply.selector);
        shares.split(FIELD, receivers, amounts, steward, 0);
        vm.stopPrank();
    }

    function test_WhoeverHasAllSharesHasTheAsset() public {
        split();
        vm.prank(holders[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IAssetShares.NotEnoughShares.selector, FIELD, holders[0], 500, 1_000)
        );
        shares.merge(FIELD, holders[0]);
        for (uint256 i = 1; i < 5; ++i) {
            pass(holders[i], holders[0], shares.balanceOf(holders[i], FIELD));
        }
        vm.prank(holders[0]);
        shares.merge(FIELD, holders[0]);
        vm.assertEq(assets.ownerOf(FIELD), holders[0]);
        vm.assertEq(shares.totalSupply(FIELD), 0);
        vm.assertFalse(assets.isPermitted(FIELD, steward, IEnergyAssetNFT.Permission.Steward));
    }

    function test_NothingToMergeWithoutShares() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.NotSplit.selector, FIELD));
        shares.merge(FIELD, stranger);
    }

    function test_WhoIsCalledFirstDoesNotOwnTheWhole() public {
        address[] memory receivers = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (receivers[0], receivers[1]) = (address(new Greedy(shares)), holders[1]);
        (amounts[0], amounts[1]) = (100, 900);
        vm.startPrank(owner);
        assets.approve(address(shares), FIELD);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        shares.split(FIELD, receivers, amounts, steward, 0);
        vm.stopPrank();
        vm.assertEq(assets.ownerOf(FIELD), owner);
    }

    function test_SharesFollowTheAssetsRule() public {
        register(BATTERY, IEnergyAssetNFT.TransferRule.Admitted);
        admit(BATTERY, address(shares));
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.startPrank(owner);
        assets.approve(address(shares), BATTERY);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.HolderRefused.selector, BATTERY, holders[0]));
        shares.split(BATTERY, receivers, amounts, steward, 0);
        vm.stopPrank();
        for (uint256 i = 0; i < 5; ++i) {
            admit(BATTERY, holders[i]);
        }
        vm.prank(owner);
        shares.split(BATTERY, receivers, amounts, steward, 0);
        vm.prank(holders[0]);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.HolderRefused.selector, BATTERY, stranger));
        shares.safeTransferFrom(holders[0], stranger, BATTERY, 1, "");
    }

    function test_ABoundAssetCannotBeSplit() public {
        register(BATTERY, IEnergyAssetNFT.TransferRule.Bound);
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.startPrank(owner);
        assets.approve(address(shares), BATTERY);
        vm.expectPartialRevert(IEnergyAssetNFT.TransferRefused.selector);
        shares.split(BATTERY, receivers, amounts, steward, 0);
        vm.stopPrank();
    }

    function test_AMajorityAppointsTheSteward() public {
        split();
        vm.prank(holders[0]);
        vm.expectRevert(abi.encodeWithSelector(IAssetShares.NotEnoughShares.selector, FIELD, holders[0], 500, 501));
        shares.appointSteward(FIELD, steward, stranger, soon());
        pass(holders[1], holders[0], 1);
        vm.prank(holders[0]);
        shares.appointSteward(FIELD, steward, holders[0], soon());
        vm.assertFalse(assets.isPermitted(FIELD, steward, IEnergyAssetNFT.Permission.Steward));
        vm.assertTrue(assets.isPermitted(FIELD, holders[0], IEnergyAssetNFT.Permission.Steward));
    }

    function test_AVoteAppointsTheStewardWhereThereIsNoMajority() public {
        split();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        shares.restoreSteward(FIELD, steward, stranger, soon());
        shares.restoreSteward(FIELD, address(0), holders[2], soon());
        vm.assertTrue(assets.isPermitted(FIELD, holders[2], IEnergyAssetNFT.Permission.Steward));
    }
}
