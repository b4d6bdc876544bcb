// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {CommunityParameters} from "../../src/governance/CommunityParameters.sol";
import {ICommunityParameters} from "../../src/governance/ICommunityParameters.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";
import {Initial} from "./Initial.sol";

contract CommunityParametersTest is Community {
    CommunityParameters internal parameters;

    ICommunityParameters.Parameter internal constant FLOOR = ICommunityParameters.Parameter.PrivacyFloor;
    ICommunityParameters.Parameter internal constant DAYS = ICommunityParameters.Parameter.RetainDays;
    ICommunityParameters.Parameter internal constant BUDGET = ICommunityParameters.Parameter.PublishBudgetMilli;
    ICommunityParameters.Parameter internal constant LOWEST = ICommunityParameters.Parameter.MarketPriceFloorMicroPerKwh;
    ICommunityParameters.Parameter internal constant HIGHEST = ICommunityParameters.Parameter.MarketPriceCapMicroPerKwh;
    ICommunityParameters.Parameter internal constant WINDOW = ICommunityParameters.Parameter.ChallengeWindowSeconds;

    function setUp() public override {
        super.setUp();
        parameters = new CommunityParameters(address(manager), Initial.values());
        allow(address(parameters), CommunityParameters.set.selector, Roles.GOVERNANCE);
    }

    function test_TheFirstValuesAreThere() public view {
        int64[] memory all = parameters.values();
        vm.assertEq(all.length, 7);
        vm.assertEq(all[0], 15);
        vm.assertEq(parameters.get(HIGHEST), 1_000_000);
    }

    function test_AVoteChangesAValue() public {
        vm.expectEmit(true, true, true, true);
        emit ICommunityParameters.ParameterChanged(FLOOR, 15, 20);
        parameters.set(FLOOR, 20);
        vm.assertEq(parameters.get(FLOOR), 20);
        vm.assertEq(parameters.definitionOf(FLOOR).changedAt, block.timestamp);
    }

    function test_TheSameValueChangesNothing() public {
        parameters.set(FLOOR, 15);
        vm.assertEq(parameters.definitionOf(FLOOR).changedAt, 0);
    }

    function test_TheFloorOnlyRises() public {
        parameters.set(FLOOR, 20);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(ICommunityParameters.WrongDirection.selector, FLOOR, 19, 20));
        parameters.set(FLOOR, 19);
        vm.expectPartialRevert(ICommunityParameters.OutOfBounds.selector);
        parameters.set(FLOOR, 14);
    }

    function test_RetentionAndBudgetOnlyFall() public {
        vm.expectPartialRevert(ICommunityParameters.WrongDirection.selector);
        parameters.set(DAYS, 101);
        vm.expectPartialRevert(ICommunityParameters.WrongDirection.selector);
        parameters.set(BUDGET, 6_001);
        parameters.set(DAYS, 90);
        parameters.set(BUDGET, 5_000);
    }

    function test_AVoteTakesOneStep() public {
        vm.expectRevert(abi.encodeWithSelector(ICommunityParameters.StepTooLarge.selector, FLOOR, 66, 15, 50));
        parameters.set(FLOOR, 66);
        parameters.set(FLOOR, 65);
        uint64 now_ = uint64(block.timestamp);
        vm.expectRevert(
            abi.encodeWithSelector(ICommunityParameters.ChangedTooRecently.selector, FLOOR, now_, now_ + 1 days)
        );
        parameters.set(FLOOR, 66);
        vm.warp(now_ + 1 days);
        parameters.set(FLOOR, 66);
    }

    function test_ThePricesDoNotCross() public {
        int64[] memory values = Initial.values();
        (values[3], values[4]) = (60_000, 60_000);
        vm.expectRevert(abi.encodeWithSelector(ICommunityParameters.PricesCross.selector, 60_000, 60_000));
        new CommunityParameters(address(manager), values);
        values[4] = 60_001;
        parameters = new CommunityParameters(address(manager), values);
        allow(address(parameters), CommunityParameters.set.selector, Roles.GOVERNANCE);
        vm.expectPartialRevert(ICommunityParameters.PricesCross.selector);
        parameters.set(LOWEST, 60_001);
    }

    function test_FirstValuesAreChecked() public {
        int64[] memory values = Initial.values();
        values[0] = 14;
        vm.expectPartialRevert(ICommunityParameters.OutOfBounds.selector);
        new CommunityParameters(address(manager), values);
        vm.expectRevert(abi.encodeWithSelector(ICommunityParameters.WrongNumberOfValues.selector, 7, 6));
        new CommunityParameters(address(manager), new int64[](6));
    }

    function test_OnlyAVoteChangesAnything() public {
        address[5] memory others = [stranger, operator, engine, guardian, utility];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]));
            parameters.set(FLOOR, 20);
        }
    }

    function testFuzz_AStepIsWithinBounds(uint8 which, int64 by) public {
        ICommunityParameters.Parameter parameter = ICommunityParameters.Parameter(bound(which, 0, 6));
        ICommunityParameters.Definition memory before = parameters.definitionOf(parameter);
        int64 value = before.value + by % (before.step + 2);
        try parameters.set(parameter, value) {
            vm.assertTrue(value >= before.lowest && value <= before.highest);
            vm.assertTrue(value - before.value <= before.step && before.value - value <= before.step);
            vm.assertEq(parameters.get(parameter), value);
        } catch {
            vm.assertEq(parameters.get(parameter), before.value);
        }
    }
}

/// @notice Sets anything to anything, as a majority without scruples would.
contract ParametersHandler is Test {
    CommunityParameters internal immutable parameters;

    constructor(CommunityParameters parameters_) {
        parameters = parameters_;
    }

    function set(uint8 which, int64 by, uint32 pause) external {
        vm.warp(block.timestamp + bound(pause, 0, 3 days));
        ICommunityParameters.Parameter parameter = ICommunityParameters.Parameter(bound(which, 0, 6));
        ICommunityParameters.Definition memory now_ = parameters.definitionOf(parameter);
        int64 value = now_.value + by % (now_.step + 2);
        try parameters.set(parameter, value) {} catch {}
    }
}

contract CommunityParametersInvariants is Community {
    CommunityParameters internal parameters;

    function setUp() public override {
        super.setUp();
        int64[] memory values = Initial.values();
        values[0] = 60;
        parameters = new CommunityParameters(address(manager), values);
        allow(address(parameters), CommunityParameters.set.selector, Roles.GOVERNANCE);
        ParametersHandler handler = new ParametersHandler(parameters);
        manager.grantRole(Roles.GOVERNANCE, address(handler), 0);
        targetContract(address(handler));
    }

    function invariant_WhateverIsVotedPrivacyGetsNoWeaker() public view {
        vm.assertTrue(parameters.get(ICommunityParameters.Parameter.PrivacyFloor) >= 60);
        vm.assertTrue(parameters.get(ICommunityParameters.Parameter.RetainDays) <= 100);
        vm.assertTrue(parameters.get(ICommunityParameters.Parameter.PublishBudgetMilli) <= 6_000);
    }

    function invariant_ThereIsAPriceAtWhichToTrade() public view {
        vm.assertTrue(
            parameters.get(ICommunityParameters.Parameter.MarketPriceFloorMicroPerKwh)
                < parameters.get(ICommunityParameters.Parameter.MarketPriceCapMicroPerKwh)
        );
    }
}
