// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {Roles} from "../../src/access/Roles.sol";
import {GridManagement} from "../../src/grid/GridManagement.sol";
import {ConsumerRegistration} from "../../src/registry/ConsumerRegistration.sol";
import {IConsumerRegistration} from "../../src/registry/IConsumerRegistration.sol";
import {IReductionRequest} from "../../src/response/IReductionRequest.sol";
import {ParticipationChoices} from "../../src/response/ParticipationChoices.sol";
import {ReductionRequest} from "../../src/response/ReductionRequest.sol";
import {Test} from "../Test.sol";
import {ResponseCommunity} from "./Response.sol";

contract ReductionRequestTest is ResponseCommunity {
    function signed(uint256 i, uint256 id, bool joined, uint64 number)
        internal
        view
        returns (ParticipationChoices.SignedChoice memory)
    {
        bytes32 digest = requests.choiceDigest(id, token(i), joined, number);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(homeKeys[i], digest);
        return ParticipationChoices.SignedChoice(id, token(i), joined, number, abi.encodePacked(r, s, v));
    }

    function record(uint256 id, uint64 baseline, uint64 delivered, uint32 count) internal {
        vm.prank(engine);
        requests.recordOutcome(id, baseline, delivered, count, keccak256("root"));
    }

    /// @dev The name and the order that the platform this comes from calls it with.
    function test_TheCallIsTheOneAgreed() public pure {
        vm.assertEq(
            bytes32(IReductionRequest.createEvent.selector),
            bytes32(bytes4(keccak256("createEvent(bytes32,uint64,uint64,uint64,uint64)")))
        );
    }

    function testFuzz_AVerifiedUtilityAsks(uint64 notice, uint64 duration, uint64 target, uint64 rate) public {
        notice = uint64(bound(notice, 10 minutes, 7 days));
        duration = uint64(bound(duration, 1, 4 hours));
        target = uint64(bound(target, 1, 2_000_000));
        rate = uint64(bound(rate, 0, 500_000));
        uint64 at = uint64(block.timestamp) + notice;
        vm.prank(utility);
        uint256 id = requests.createEvent(REGION, at, duration, target, rate);
        IReductionRequest.ReductionEvent memory found = requests.eventOf(id);
        vm.assertEq(id, 1);
        vm.assertEq(found.requester, utility);
        vm.assertEq(found.regionCode, REGION);
        vm.assertEq(found.startTime, at);
        vm.assertEq(found.duration, duration);
        vm.assertEq(found.targetReduction, target);
        vm.assertEq(found.incentiveRate, rate);
        bool large = target >= 1_000_000;
        assertState(id, large ? IReductionRequest.State.Proposed : IReductionRequest.State.Announced);
    }

    function test_TheClockMovesAnEventOn() public {
        uint256 id = create();
        assertState(id, IReductionRequest.State.Announced);
        vm.warp(start - 1);
        assertState(id, IReductionRequest.State.Announced);
        vm.warp(start);
        assertState(id, IReductionRequest.State.Active);
        vm.warp(start + 1 hours - 1);
        assertState(id, IReductionRequest.State.Active);
        vm.warp(start + 1 hours);
        assertState(id, IReductionRequest.State.Ended);
        record(id, 100_000, 15_000, 15);
        assertState(id, IReductionRequest.State.Verified);
        vm.assertEq(requests.outcomeOf(id).compliance, 7_500);
        assertState(77, IReductionRequest.State.None);
    }

    function test_TheSameAgainIsTheSameEvent() public {
        uint256 id = create();
        vm.warp(start + 10 days);
        vm.assertEq(create(), id);
        vm.assertEq(requests.eventCount(), 1);
    }

    function test_WhoIsNotVerifiedForTheRegionAsksNothing() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        requests.createEvent(REGION, start, 1 hours, 20_000, 250_000);
        bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, utility);
        vm.prank(utility);
        vm.expectRevert(refused);
        requests.createEvent("elsewhere", start, 1 hours, 20_000, 250_000);
        vm.prank(regulator);
        utilities.suspend(utility, "unpaid");
        vm.prank(utility);
        vm.expectRevert(refused);
        requests.createEvent(REGION, start, 1 hours, 20_000, 250_000);
        vm.prank(utility);
        vm.expectRevert(refused);
        requests.createEmergencyEvent(REGION, start, 1 hours, 20_000, 250_000, "why");
    }

    function test_AnAgentAsksForItsUtility() public {
        vm.prank(utility);
        utilities.appointAgent(engine, true);
        vm.startPrank(engine);
        utilities.actFor(utility);
        uint256 id = requests.createEvent(REGION, start, 1 hours, 20_000, 250_000);
        vm.assertEq(requests.eventOf(id).requester, utility);
        requests.cancel(id, "rain");
        vm.stopPrank();
        assertState(id, IReductionRequest.State.Cancelled);
    }

    function test_LimitsAreKept() public {
        uint64 soon = uint64(block.timestamp) + 10 minutes;
        uint64 late = uint64(block.timestamp) + 7 days;
        vm.startPrank(utility);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.BadStart.selector, soon - 1, soon, late));
        requests.createEvent(REGION, soon - 1, 1 hours, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.BadStart.selector, late + 1, soon, late));
        requests.createEvent(REGION, late + 1, 1 hours, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AboveLimit.selector, 4 hours + 1, 4 hours));
        requests.createEvent(REGION, start, 4 hours + 1, 1, 1);
        uint64 huge = type(uint64).max;
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AboveLimit.selector, huge, 1 days));
        requests.createEvent(REGION, start, huge, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AboveLimit.selector, 2_000_001, 2_000_000));
        requests.createEvent(REGION, start, 1 hours, 2_000_001, 1);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AboveLimit.selector, 500_001, 500_000));
        requests.createEvent(REGION, start, 1 hours, 1, 500_001);
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.createEvent(0, start, 1 hours, 1, 1);
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.createEvent(REGION, start, 0, 1, 1);
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.createEvent(REGION, start, 1 hours, 0, 1);
        vm.stopPrank();
    }

    function test_SoManyEventsADay() public {
        vm.startPrank(utility);
        for (uint64 i = 0; i < 3; ++i) {
            requests.createEvent(REGION, start + i, 1 hours, 1, 1);
        }
        vm.expectRevert(abi.encodeWithSelector(DailyLimit.DailyLimitReached.selector, 1, 0));
        requests.createEvent(REGION, start + 3, 1 hours, 1, 1);
        vm.warp(block.timestamp + 1 days);
        requests.createEvent(REGION, start + 2 days, 1 hours, 1, 1);
        vm.stopPrank();
    }

    function test_ALargeEventWaitsForSomebodyElse() public {
        vm.startPrank(utility);
        uint256 id = requests.createEvent(REGION, start, 1 hours, 1_000_000, 250_000);
        vm.assertEq(requests.createEvent(REGION, start, 1 hours, 1_000_000, 250_000), id);
        vm.stopPrank();
        assertState(id, IReductionRequest.State.Proposed);
        vm.prank(homes[0]);
        vm.expectRevert(
            abi.encodeWithSelector(ReductionRequest.WrongState.selector, id, IReductionRequest.State.Proposed)
        );
        requests.optIn(id, uint160(homes[0]));
        vm.startPrank(operator);
        requests.approve(id);
        requests.approve(id);
        vm.stopPrank();
        assertState(id, IReductionRequest.State.Announced);
        vm.prank(homes[0]);
        requests.optIn(id, uint160(homes[0]));
    }

    function test_NobodyApprovesTheirOwn() public {
        manager.grantRole(Roles.OPERATOR, utility, 0);
        vm.startPrank(utility);
        uint256 id = requests.createEvent(REGION, start, 1 hours, 1_000_000, 250_000);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.OwnApproval.selector, id, utility));
        requests.approve(id);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NoEvent.selector, 9));
        requests.approve(9);
        vm.stopPrank();
    }

    function test_WhatIsNotApprovedInTimeDoesNotTakePlace() public {
        vm.prank(utility);
        uint256 id = requests.createEvent(REGION, start, 1 hours, 1_000_000, 250_000);
        vm.warp(start);
        assertState(id, IReductionRequest.State.Cancelled);
        vm.prank(operator);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.approve(id);
        vm.warp(start + 1 hours);
        vm.prank(engine);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.recordOutcome(id, 100_000, 1, 15, keccak256("root"));
    }

    function emergency() internal returns (uint256) {
        return requests.createEmergencyEvent(REGION, uint64(block.timestamp), 1 hours, 1_500_000, 250_000, "frequency");
    }

    function test_AnEmergencyNeedsOne() public {
        vm.prank(utility);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NoEmergency.selector, REGION));
        requests.createEmergencyEvent(REGION, uint64(block.timestamp), 1 hours, 20_000, 250_000, "frequency");
        submit(report(GridManagement.State.Emergency));
        vm.startPrank(utility);
        uint256 id = emergency();
        vm.assertEq(emergency(), id);
        vm.expectPartialRevert(ReductionRequest.BadStart.selector);
        requests.createEmergencyEvent(REGION, start, 1 hours, 20_000, 250_000, "frequency");
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AboveLimit.selector, 2 hours + 1, 2 hours));
        requests.createEmergencyEvent(REGION, uint64(block.timestamp), 2 hours + 1, 20_000, 250_000, "frequency");
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.createEmergencyEvent(REGION, uint64(block.timestamp), 1 hours, 20_000, 250_000, 0);
        vm.stopPrank();
        assertState(id, IReductionRequest.State.Active);
        vm.assertTrue(requests.eventOf(id).emergency);
        vm.assertEq(requests.eventOf(id).reason, "frequency");
        vm.warp(block.timestamp + 1 hours);
        assertState(id, IReductionRequest.State.Ended);
    }

    function test_NobodyChoosesInAnEmergencyThatStartsInAMinute() public {
        submit(report(GridManagement.State.Blackout));
        vm.prank(utility);
        uint256 id = requests.createEmergencyEvent(
            REGION, uint64(block.timestamp) + 1 minutes, 1 hours, 20_000, 250_000, "frequency"
        );
        assertState(id, IReductionRequest.State.Announced);
        vm.prank(homes[0]);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.optOut(id, uint160(homes[0]));
    }

    function test_HoldersChooseBeforeTheStart() public {
        uint256 id = create();
        vm.startPrank(homes[0]);
        requests.optIn(id, uint160(homes[0]));
        requests.optIn(id, uint160(homes[0]));
        vm.stopPrank();
        vm.assertEq(requests.eventOf(id).joined, 1);
        vm.assertEq(consumers.consumerOf(token(0)).joined, 1);
        vm.prank(homes[0]);
        requests.optOut(id, uint160(homes[0]));
        vm.prank(homes[1]);
        requests.optOut(id, uint160(homes[1]));
        vm.assertEq(requests.eventOf(id).joined, 0);
        vm.assertEq(requests.eventOf(id).optedOut, 2);
        vm.assertEq(consumers.consumerOf(token(0)).joined, 0);
        vm.prank(homes[1]);
        requests.optIn(id, uint160(homes[1]));
        vm.assertEq(requests.eventOf(id).optedOut, 1);
        vm.warp(start);
        vm.prank(homes[2]);
        vm.expectRevert(
            abi.encodeWithSelector(ReductionRequest.WrongState.selector, id, IReductionRequest.State.Active)
        );
        requests.optIn(id, uint160(homes[2]));
    }

    function test_OnlyTheHolderChooses() public {
        uint256 id = create();
        uint256 other = token(0);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.NotHolder.selector, other, stranger));
        requests.optIn(id, other);
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.NotHolder.selector, other, stranger));
        requests.optOut(id, other);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NotAsked.selector, id, uint256(0)));
        vm.stopPrank();
        vm.prank(address(0));
        requests.optIn(id, 0);
    }

    function testFuzz_OnlySegmentsThatAreAsked(uint8 segments, uint8 minimum, uint8 segment, uint8 capability) public {
        uint256 id = create();
        segments = uint8(bound(segments, 1, 7));
        minimum = uint8(bound(minimum, 0, 21));
        vm.prank(utility);
        requests.setTarget(id, segments, minimum);
        ConsumerRegistration.Registration memory one = entry(makeAddr("new home"));
        one.segment = IConsumerRegistration.Segment(bound(segment, 0, 2));
        one.capability = uint8(bound(capability, 0, 20));
        uint256 made = register(one);
        bool asked = (segments >> uint8(one.segment)) & 1 == 1 && one.capability >= minimum;
        vm.assertEq(requests.isAsked(id, made), asked);
        if (!asked) vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NotAsked.selector, id, made));
        vm.prank(one.holder);
        requests.optIn(id, made);
        vm.assertEq(requests.eventOf(id).joined, asked ? 1 : 0);
    }

    function test_OtherRegionsAreNotAsked() public {
        uint256 id = create();
        ConsumerRegistration.Registration memory one = entry(makeAddr("far home"));
        one.regionCode = "elsewhere";
        vm.assertFalse(requests.isAsked(id, register(one)));
        vm.assertFalse(requests.isAsked(id, 12345));
        vm.assertFalse(requests.isAsked(99, token(0)));
    }

    function test_ATargetIsSetByWhoAskedAndBeforeAnybodyJoined() public {
        uint256 id = create();
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NotRequester.selector, id, operator));
        requests.setTarget(id, 1, 0);
        vm.startPrank(utility);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.BadSegments.selector, 0));
        requests.setTarget(id, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.BadSegments.selector, 8));
        requests.setTarget(id, 8, 0);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NoEvent.selector, 9));
        requests.setTarget(9, 1, 0);
        vm.stopPrank();
        vm.prank(homes[0]);
        requests.optIn(id, uint160(homes[0]));
        vm.startPrank(utility);
        requests.setTarget(id, 7, 0);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.HasParticipants.selector, id, 1));
        requests.setTarget(id, 1, 0);
        vm.warp(start);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.setTarget(id, 7, 0);
        vm.stopPrank();
    }

    function test_SignedChoicesAreBroughtByAnybodyOnce() public {
        uint256 id = create();
        ParticipationChoices.SignedChoice[] memory batch = new ParticipationChoices.SignedChoice[](3);
        batch[0] = signed(0, id, true, 0);
        batch[1] = signed(1, id, true, 0);
        batch[2] = signed(0, id, false, 1);
        vm.startPrank(stranger);
        requests.carryChoices(batch);
        requests.carryChoices(batch);
        vm.stopPrank();
        (ParticipationChoices.Choice choice, uint64 next) = requests.choiceOf(id, token(0));
        vm.assertEq(uint256(choice), uint256(ParticipationChoices.Choice.OptedOut));
        vm.assertEq(next, 2);
        vm.assertEq(requests.eventOf(id).joined, 1);
        batch[0] = signed(0, id, true, 3);
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.ChoiceTooEarly.selector, token(0), 3, 2));
        requests.carryChoices(batch);
    }

    function test_AChoiceMadeByHandVoidsTheSignedOne() public {
        uint256 id = create();
        ParticipationChoices.SignedChoice[] memory batch = new ParticipationChoices.SignedChoice[](1);
        batch[0] = signed(0, id, true, 0);
        vm.prank(homes[0]);
        requests.optOut(id, uint160(homes[0]));
        requests.carryChoices(batch);
        vm.assertEq(requests.eventOf(id).joined, 0);
    }

    function test_AForgedChoiceIsRefused() public {
        uint256 id = create();
        ParticipationChoices.SignedChoice[] memory batch = new ParticipationChoices.SignedChoice[](1);
        batch[0] = signed(1, id, true, 0);
        batch[0].tokenId = token(0);
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.BadSignature.selector, token(0)));
        requests.carryChoices(batch);
        batch[0] = signed(0, id, true, 0);
        batch[0].joined = false;
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.BadSignature.selector, token(0)));
        requests.carryChoices(batch);
        batch[0] = signed(0, id, true, 0);
        vm.prank(homes[0]);
        consumers.deregister(uint160(homes[0]));
        vm.expectRevert(abi.encodeWithSelector(ParticipationChoices.BadSignature.selector, token(0)));
        requests.carryChoices(batch);
    }

    function test_CancelledByWhoAskedOrByTheOperator() public {
        uint256 id = create();
        vm.prank(homes[0]);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, homes[0]));
        requests.cancel(id, "no");
        vm.startPrank(utility);
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.cancel(id, 0);
        requests.cancel(id, "rain");
        requests.cancel(id, "rain");
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.cancel(id, "another reason");
        vm.assertEq(requests.createEvent(REGION, start, 1 hours, 20_000, 250_000), id);
        uint256 second = requests.createEvent(REGION, start + 1, 1 hours, 20_000, 250_000);
        vm.stopPrank();
        assertState(id, IReductionRequest.State.Cancelled);
        vm.warp(start + 30 minutes);
        vm.prank(operator);
        requests.cancel(second, "fault");
        vm.assertEq(requests.eventOf(second).reason, "fault");
        vm.warp(start + 2 hours);
        vm.prank(engine);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.recordOutcome(second, 100_000, 1, 15, keccak256("root"));
    }

    function test_WhatHasEndedIsNotCancelled() public {
        uint256 id = create();
        vm.warp(start + 1 hours);
        vm.prank(utility);
        vm.expectRevert(
            abi.encodeWithSelector(ReductionRequest.WrongState.selector, id, IReductionRequest.State.Ended)
        );
        requests.cancel(id, "too late");
    }

    function testFuzz_AnOutcomeIsOfAGroupThatIsLargeEnough(uint64 baseline, uint64 delivered, uint32 count) public {
        uint256 id = create();
        vm.warp(start + 1 hours);
        if (count < 15) {
            vm.expectRevert(abi.encodeWithSelector(ReductionRequest.GroupTooSmall.selector, count, 15));
        } else if (delivered > baseline) {
            vm.expectRevert(abi.encodeWithSelector(ReductionRequest.MoreThanBaseline.selector, delivered, baseline));
        }
        record(id, baseline, delivered, count);
        if (count < 15 || delivered > baseline) return;
        IReductionRequest.Outcome memory found = requests.outcomeOf(id);
        vm.assertEq(found.baselineWh, baseline);
        vm.assertEq(found.deliveredWh, delivered);
        vm.assertEq(found.homes, count);
        vm.assertEq(found.compliance >= 10_000, delivered >= 20_000);
    }

    function test_AnOutcomeIsRecordedOnceAfterTheEnd() public {
        uint256 id = create();
        vm.prank(engine);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.recordOutcome(id, 100_000, 1, 15, keccak256("root"));
        vm.warp(start + 1 hours);
        vm.prank(engine);
        vm.expectRevert(ReductionRequest.EmptyValue.selector);
        requests.recordOutcome(id, 100_000, 1, 15, 0);
        record(id, 100_000, 1, 15);
        record(id, 100_000, 1, 15);
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.AlreadyRecorded.selector, id));
        requests.recordOutcome(id, 100_000, 2, 15, keccak256("root"));
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(ReductionRequest.NoEvent.selector, 9));
        requests.recordOutcome(9, 100_000, 2, 15, keccak256("root"));
    }

    function test_HistoryIsCountedOnceAndOnlyForWhoJoined() public {
        uint256 id = create();
        vm.prank(homes[0]);
        requests.optIn(id, uint160(homes[0]));
        vm.prank(homes[1]);
        requests.optOut(id, uint160(homes[1]));
        vm.prank(homes[2]);
        requests.optIn(id, uint160(homes[2]));
        uint256[] memory all = new uint256[](4);
        for (uint256 i = 0; i < 4; ++i) {
            all[i] = token(i);
        }
        vm.warp(start + 1 hours);
        vm.expectPartialRevert(ReductionRequest.WrongState.selector);
        requests.recordHistory(id, all);
        vm.prank(homes[2]);
        consumers.deregister(uint160(homes[2]));
        record(id, 100_000, 1, 15);
        requests.recordHistory(id, all);
        requests.recordHistory(id, all);
        vm.assertEq(consumers.consumerOf(token(0)).completed, 1);
        vm.assertEq(consumers.consumerOf(token(1)).completed, 0);
        vm.assertEq(consumers.consumerOf(token(3)).completed, 0);
    }

    function test_LimitsFit() public {
        ReductionRequest.Limits memory next = limits();
        next.eventsPerDay = 9;
        requests.setLimits(next);
        next.minNotice = next.maxNotice;
        vm.expectRevert(ReductionRequest.BadLimits.selector);
        requests.setLimits(next);
        next = limits();
        next.maxDuration = 1 days + 1;
        vm.expectRevert(ReductionRequest.BadLimits.selector);
        requests.setLimits(next);
        next = limits();
        next.eventsPerDay = 0;
        vm.expectRevert(ReductionRequest.BadLimits.selector);
        requests.setLimits(next);
        next = limits();
        next.maxTarget = 0;
        vm.expectRevert(ReductionRequest.BadLimits.selector);
        requests.setLimits(next);
    }

    function test_OnlyTheirRoles() public {
        uint256 id = create();
        address[3] memory others = [stranger, homes[0], guardian];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refused =
                abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(refused);
            requests.createEvent(REGION, start, 1 hours, 1, 1);
            vm.expectRevert(refused);
            requests.createEmergencyEvent(REGION, start, 1 hours, 1, 1, "x");
            vm.expectRevert(refused);
            requests.approve(id);
            vm.expectRevert(refused);
            requests.cancel(id, "x");
            vm.expectRevert(refused);
            requests.recordOutcome(id, 1, 1, 15, keccak256("root"));
            vm.expectRevert(refused);
            requests.setLimits(limits());
            vm.stopPrank();
        }
    }
}

/// @notice A utility that asks and cancels, homes that choose by hand, leave, and time that passes.
contract RequestHandler is Test {
    ReductionRequest internal immutable REQUESTS;
    ConsumerRegistration internal immutable CONSUMERS;
    address internal immutable UTILITY;
    address internal immutable ENGINE;
    address[] internal homes;

    constructor(
        ReductionRequest requests,
        ConsumerRegistration consumers,
        address utility,
        address engine,
        address[] memory homes_
    ) {
        (REQUESTS, CONSUMERS, UTILITY, ENGINE) = (requests, consumers, utility, engine);
        homes = homes_;
    }

    function one(uint256 which) internal view returns (uint256) {
        return bound(which, 1, REQUESTS.eventCount() + 1);
    }

    function create(uint32 notice, uint64 target) external {
        vm.prank(UTILITY);
        REQUESTS.createEvent(
            "NL-N", uint64(block.timestamp + bound(notice, 10 minutes, 1 days)), 1 hours, uint64(bound(target, 1, 1_100_000)), 1
        );
    }

    function choose(uint256 which, uint256 who, bool joined) external {
        address home = homes[who % homes.length];
        uint256 id = one(which);
        vm.prank(home);
        if (joined) REQUESTS.optIn(id, uint160(home));
        else REQUESTS.optOut(id, uint160(home));
    }

    function cancel(uint256 which) external {
        uint256 id = one(which);
        vm.prank(UTILITY);
        REQUESTS.cancel(id, "x");
    }

    function record(uint256 which, uint64 baseline, uint64 delivered, uint8 count) external {
        uint256 id = one(which);
        vm.prank(ENGINE);
        REQUESTS.recordOutcome(id, baseline, delivered, count, keccak256("root"));
    }

    function history(uint256 which) external {
        uint256[] memory tokens = new uint256[](homes.length);
        for (uint256 i = 0; i < homes.length; ++i) {
            tokens[i] = uint160(homes[i]);
        }
        REQUESTS.recordHistory(one(which), tokens);
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 6 hours));
    }
}

contract ReductionRequestInvariants is ResponseCommunity {
    RequestHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new RequestHandler(requests, consumers, utility, engine, homes);
        targetContract(address(handler));
    }

    /// @dev What an event counts is what its tokens chose, and what a token's history counts is what it chose in all.
    function invariant_CountsAreOfChoices() public view {
        uint256[4] memory joinedOf;
        uint256[4] memory completedOf;
        for (uint256 id = 1; id <= requests.eventCount(); ++id) {
            uint256 joined = 0;
            uint256 optedOut = 0;
            for (uint256 i = 0; i < 4; ++i) {
                (ParticipationChoices.Choice choice,) = requests.choiceOf(id, token(i));
                bool counted =
                    choice == ParticipationChoices.Choice.Joined || choice == ParticipationChoices.Choice.Completed;
                if (counted) {
                    ++joined;
                    ++joinedOf[i];
                }
                if (choice == ParticipationChoices.Choice.OptedOut) ++optedOut;
                if (choice == ParticipationChoices.Choice.Completed) ++completedOf[i];
            }
            vm.assertEq(requests.eventOf(id).joined, joined);
            vm.assertEq(requests.eventOf(id).optedOut, optedOut);
        }
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(consumers.consumerOf(token(i)).joined, joinedOf[i]);
            vm.assertEq(consumers.consumerOf(token(i)).completed, completedOf[i]);
        }
    }

    /// @dev No outcome of a small group, of an event that did not take place, or above its baseline.
    function invariant_OutcomesAreOfLargeGroupsAndEndedEvents() public view {
        for (uint256 id = 1; id <= requests.eventCount(); ++id) {
            IReductionRequest.Outcome memory outcome = requests.outcomeOf(id);
            if (outcome.recordedAt == 0) continue;
            IReductionRequest.ReductionEvent memory asked = requests.eventOf(id);
            vm.assertGe(outcome.homes, 15);
            vm.assertLe(outcome.deliveredWh, outcome.baselineWh);
            vm.assertFalse(asked.cancelled);
            vm.assertFalse(asked.waiting);
            vm.assertGe(outcome.recordedAt, uint256(asked.startTime) + asked.duration);
        }
    }
}
