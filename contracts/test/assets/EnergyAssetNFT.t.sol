// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {EnergyAssetNFT} from "../../src/assets/EnergyAssetNFT.sol";
import {IEnergyAssetNFT} from "../../src/assets/IEnergyAssetNFT.sol";
import {Community} from "../Community.sol";

contract EnergyAssetNFTTest is Community {
    EnergyAssetNFT internal assets;
    address internal owner = makeAddr("owner");
    address internal buyer = makeAddr("buyer");
    address internal plant = makeAddr("plant operator");
    address internal fitter = makeAddr("fitter");

    uint256 internal constant FIELD = 1;
    uint256 internal constant BATTERY = 2;
    bytes32 internal constant PLACE = keccak256("salted place");
    bytes32 internal constant ROOT = keccak256("records");

    function setUp() public override {
        super.setUp();
        assets = new EnergyAssetNFT(address(manager));
        allow(address(assets), EnergyAssetNFT.register.selector, Roles.OPERATOR);
        allow(address(assets), EnergyAssetNFT.retire.selector, Roles.OPERATOR);
        allow(address(assets), EnergyAssetNFT.admit.selector, Roles.OPERATOR);
        register(FIELD, IEnergyAssetNFT.TransferRule.Free);
    }

    function register(uint256 assetId, IEnergyAssetNFT.TransferRule rule) internal {
        vm.prank(operator);
        assets.register(assetId, owner, IEnergyAssetNFT.Kind.Solar, rule, 100_000, 0, PLACE);
    }

    function permit(address account, IEnergyAssetNFT.Permission permission) internal {
        vm.prank(owner);
        assets.permit(FIELD, account, permission, uint64(block.timestamp) + 30 days);
    }

    function produce(uint64 start, uint64 end, uint64 producedWh) internal {
        vm.prank(plant);
        assets.recordProduction(FIELD, start, end, producedWh, ROOT);
    }

    function day(uint64 ago) internal view returns (uint64) {
        return uint64(block.timestamp) - ago * 1 days;
    }

    function test_WhatIsRegisteredIsKept() public view {
        IEnergyAssetNFT.Asset memory found = assets.assetOf(FIELD);
        vm.assertEq(uint256(found.kind), uint256(IEnergyAssetNFT.Kind.Solar));
        vm.assertEq(found.capacityW, 100_000);
        vm.assertEq(found.location, PLACE);
        vm.assertEq(assets.ownerOf(FIELD), owner);
    }

    function test_RegisteringAgainChangesNothingEvenAfterASale() public {
        vm.prank(owner);
        assets.transferFrom(owner, buyer, FIELD);
        register(FIELD, IEnergyAssetNFT.TransferRule.Free);
        vm.assertEq(assets.ownerOf(FIELD), buyer);
    }

    function test_AnotherAssetUnderTheNumberIsRefused() public {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.AlreadyRegistered.selector, FIELD));
        assets.register(
            FIELD, owner, IEnergyAssetNFT.Kind.Wind, IEnergyAssetNFT.TransferRule.Free, 100_000, 0, PLACE
        );
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.AlreadyRegistered.selector, FIELD));
        assets.register(
            FIELD, buyer, IEnergyAssetNFT.Kind.Solar, IEnergyAssetNFT.TransferRule.Free, 100_000, 0, PLACE
        );
    }

    function test_AnIncompleteAssetIsRefused() public {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.IncompleteAsset.selector, 9));
        assets.register(9, owner, IEnergyAssetNFT.Kind.Wind, IEnergyAssetNFT.TransferRule.Free, 1, 0, bytes32(0));
    }

    function test_StrangersAreRefused() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(refusal);
        assets.register(9, stranger, IEnergyAssetNFT.Kind.Wind, IEnergyAssetNFT.TransferRule.Free, 1, 0, PLACE);
        vm.expectRevert(refusal);
        assets.retire(FIELD);
        vm.expectRevert(refusal);
        assets.admit(FIELD, stranger, type(uint64).max);
        vm.stopPrank();
    }

    function test_PermissionsAreTheOwnersAndEnd() public {
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        vm.assertTrue(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Maintainer));
        vm.warp(block.timestamp + 30 days);
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
    }

    function test_APermissionCanBeTakenBack() public {
        permit(plant, IEnergyAssetNFT.Permission.Viewer);
        vm.prank(owner);
        assets.permit(FIELD, plant, IEnergyAssetNFT.Permission.Viewer, 0);
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Viewer));
    }

    function test_APermissionForEverIsRefused() public {
        vm.prank(owner);
        vm.expectPartialRevert(IEnergyAssetNFT.TooLong.selector);
        assets.permit(FIELD, plant, IEnergyAssetNFT.Permission.Viewer, type(uint64).max);
    }

    function test_AStewardPermitsButMakesNoStewards() public {
        permit(fitter, IEnergyAssetNFT.Permission.Steward);
        uint64 until = uint64(block.timestamp) + 1 days;
        vm.prank(fitter);
        assets.permit(FIELD, plant, IEnergyAssetNFT.Permission.Operator, until);
        vm.assertTrue(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
        vm.prank(fitter);
        vm.expectPartialRevert(IEnergyAssetNFT.NotPermitted.selector);
        assets.permit(FIELD, plant, IEnergyAssetNFT.Permission.Steward, until);
        vm.prank(plant);
        vm.expectPartialRevert(IEnergyAssetNFT.NotPermitted.selector);
        assets.permit(FIELD, plant, IEnergyAssetNFT.Permission.Viewer, until);
    }

    function test_ASaleEndsAllPermissions() public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        vm.prank(owner);
        assets.transferFrom(owner, buyer, FIELD);
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
        vm.assertFalse(assets.isPermitted(FIELD, owner, IEnergyAssetNFT.Permission.Operator));
        vm.prank(buyer);
        assets.transferFrom(buyer, owner, FIELD);
        vm.assertFalse(assets.isPermitted(FIELD, plant, IEnergyAssetNFT.Permission.Operator));
    }

    function test_ProductionIsTheOperatorsMaintenanceTheMaintainers() public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        permit(fitter, IEnergyAssetNFT.Permission.Maintainer);
        produce(day(3), day(2), 1_000_000);
        vm.prank(fitter);
        assets.recordMaintenance(FIELD, day(2), day(2) + 1 hours, 3, ROOT);
        IEnergyAssetNFT.Entry memory entry = assets.entryOf(FIELD, IEnergyAssetNFT.History.Production, 0);
        vm.assertEq(entry.quantity, 1_000_000);
        vm.assertEq(entry.recordedBy, plant);
        vm.assertEq(assets.entriesOf(FIELD, IEnergyAssetNFT.History.Maintenance), 1);
        (uint64 start, uint64 end) = (day(2), day(1));
        vm.prank(fitter);
        vm.expectPartialRevert(IEnergyAssetNFT.NotPermitted.selector);
        assets.recordProduction(FIELD, start, end, 1, ROOT);
        vm.prank(plant);
        vm.expectPartialRevert(IEnergyAssetNFT.NotPermitted.selector);
        assets.recordMaintenance(FIELD, start, end, 1, ROOT);
    }

    function test_TheSameProductionAgainChangesNothing() public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        produce(day(4), day(3), 5);
        produce(day(3), day(2), 6);
        produce(day(4), day(3), 5);
        vm.assertEq(assets.entriesOf(FIELD, IEnergyAssetNFT.History.Production), 2);
    }

    function test_AnotherFigureForThePeriodIsRefused() public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        produce(day(4), day(3), 5);
        vm.expectPartialRevert(IEnergyAssetNFT.Overlaps.selector);
        this.produceExternal(day(4), day(3), 6);
    }

    function testFuzz_PeriodsNeverOverlap(uint64[6] memory starts, uint64[6] memory lengths) public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        for (uint256 i = 0; i < 6; ++i) {
            uint64 start = uint64(bound(starts[i], day(100), day(2)));
            uint64 end = start + uint64(bound(lengths[i], 1 days, 30 days));
            if (end > block.timestamp) end = uint64(block.timestamp);
            try this.produceExternal(start, end, 1) {} catch {}
        }
        uint256 count = assets.entriesOf(FIELD, IEnergyAssetNFT.History.Production);
        vm.assertTrue(count > 0);
        for (uint256 i = 1; i < count; ++i) {
            vm.assertLe(
                assets.entryOf(FIELD, IEnergyAssetNFT.History.Production, i - 1).end,
                assets.entryOf(FIELD, IEnergyAssetNFT.History.Production, i).start
            );
        }
    }

    function testFuzz_MoreThanPossibleIsRefused(uint64 producedWh) public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        uint64 possible = 100_000 * 24 * 125 / 100;
        if (producedWh > possible) vm.expectPartialRevert(IEnergyAssetNFT.Implausible.selector);
        this.produceExternal(day(3), day(2), producedWh);
    }

    function test_BadPeriodsAreRefused() public {
        permit(plant, IEnergyAssetNFT.Permission.Operator);
        vm.expectPartialRevert(IEnergyAssetNFT.BadPeriod.selector);
        this.produceExternal(day(2), day(3), 1);
        vm.expectPartialRevert(IEnergyAssetNFT.BadPeriod.selector);
        this.produceExternal(day(2), day(2) + 1 hours, 1);
        vm.expectPartialRevert(IEnergyAssetNFT.BadPeriod.selector);
        this.produceExternal(day(0), day(0) + 1 days, 1);
    }

    function test_AnEmptyRootIsRefused() public {
        (uint64 start, uint64 end) = (day(2), day(1));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.EmptyRoot.selector, FIELD));
        assets.recordMaintenance(FIELD, start, end, 1, bytes32(0));
    }

    function test_ABoundAssetStays() public {
        register(BATTERY, IEnergyAssetNFT.TransferRule.Bound);
        vm.prank(operator);
        assets.admit(BATTERY, buyer, type(uint64).max);
        vm.prank(owner);
        vm.expectPartialRevert(IEnergyAssetNFT.TransferRefused.selector);
        assets.transferFrom(owner, buyer, BATTERY);
    }

    function test_AnAdmittedAssetPassesToTheAdmittedWhileTheyAre() public {
        register(BATTERY, IEnergyAssetNFT.TransferRule.Admitted);
        vm.prank(owner);
        vm.expectPartialRevert(IEnergyAssetNFT.TransferRefused.selector);
        assets.transferFrom(owner, buyer, BATTERY);
        uint64 until = uint64(block.timestamp) + 1 days;
        vm.prank(operator);
        assets.admit(BATTERY, buyer, until);
        vm.warp(until);
        vm.prank(owner);
        vm.expectPartialRevert(IEnergyAssetNFT.TransferRefused.selector);
        assets.transferFrom(owner, buyer, BATTERY);
        vm.warp(until - 1);
        vm.prank(owner);
        assets.transferFrom(owner, buyer, BATTERY);
        vm.assertEq(assets.ownerOf(BATTERY), buyer);
    }

    function test_ARetiredAssetNeitherGrowsNorMoves() public {
        vm.startPrank(operator);
        assets.retire(FIELD);
        assets.retire(FIELD);
        vm.stopPrank();
        (uint64 start, uint64 end) = (day(2), day(1));
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.Retired.selector, FIELD));
        assets.recordMaintenance(FIELD, start, end, 1, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IEnergyAssetNFT.Retired.selector, FIELD));
        assets.transferFrom(owner, buyer, FIELD);
        vm.stopPrank();
    }

    /// @dev One call deeper, so that `expectRevert` sees the contract's own revert.
    function produceExternal(uint64 start, uint64 end, uint64 producedWh) external {
        produce(start, end, producedWh);
    }
}
