// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {GridManagement} from "../../src/grid/GridManagement.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

/// @notice The rights that `quietgrid chain deploy` gives, for the tests of this folder and of `response`.
abstract contract GridCommunity is Community {
    GridManagement internal grid;
    address internal secondGuardian = makeAddr("second guardian");
    bytes32 internal constant REGION = "NL-N";

    function setUp() public virtual override {
        super.setUp();
        manager.grantRole(Roles.GUARDIAN, secondGuardian, 0);
        grid = new GridManagement(address(manager), bounds());
        allow(address(grid), GridManagement.report.selector, Roles.ENGINE);
        allow(address(grid), GridManagement.breakCircuit.selector, Roles.GUARDIAN);
        allow(address(grid), GridManagement.resetCircuit.selector, Roles.OPERATOR);
        allow(address(grid), GridManagement.requestStop.selector, Roles.GUARDIAN);
        allow(address(grid), GridManagement.confirmStop.selector, Roles.OPERATOR);
        allow(address(grid), GridManagement.resume.selector, Roles.GOVERNANCE);
        allow(address(grid), GridManagement.setBounds.selector, Roles.GOVERNANCE);
    }

    function bounds() internal pure returns (GridManagement.Bounds memory) {
        return GridManagement.Bounds(49_500, 50_500, 9_000, 11_000, 11_000);
    }

    function report(GridManagement.State state) internal view returns (GridManagement.Report memory) {
        return GridManagement.Report(state, uint64(block.timestamp), 50_000, 10_000, 5_000);
    }

    function submit(GridManagement.Report memory one) internal {
        vm.prank(engine);
        grid.report(REGION, one);
    }
}

contract GridManagementTest is GridCommunity {
    function reason(bytes32 regionCode) internal view returns (GridManagement.Reason) {
        return grid.breakerOf(regionCode).reason;
    }

    function test_MarketsAreOpenAtFirst() public view {
        vm.assertTrue(grid.marketOpen());
        vm.assertTrue(grid.marketOpenIn(REGION));
        vm.assertFalse(grid.inEmergency(REGION));
    }

    function test_AReportIsKeptAndTheSameAgainChangesNothing() public {
        GridManagement.Report memory one = report(GridManagement.State.Alert);
        submit(one);
        submit(one);
        vm.assertEq(uint256(grid.reportOf(REGION).state), uint256(GridManagement.State.Alert));
        vm.assertTrue(grid.marketOpen());
        one.frequency = 50_001;
        vm.prank(engine);
        vm.expectRevert(
            abi.encodeWithSelector(GridManagement.NotLater.selector, block.timestamp, block.timestamp)
        );
        grid.report(REGION, one);
        one.reportedAt = uint64(block.timestamp) + 5 minutes + 1;
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(GridManagement.FromTheFuture.selector, one.reportedAt));
        grid.report(REGION, one);
        one.state = GridManagement.State.Unknown;
        vm.prank(engine);
        vm.expectRevert(GridManagement.EmptyValue.selector);
        grid.report(REGION, one);
        vm.prank(engine);
        vm.expectRevert(GridManagement.EmptyValue.selector);
        grid.report(0, report(GridManagement.State.Normal));
    }

    function testFuzz_AReportOutOfBoundsBreaksItsCircuit(uint8 state, uint32 frequency, uint32 voltage, uint32 load)
        public
    {
        GridManagement.Report memory one =
            GridManagement.Report(GridManagement.State(bound(state, 1, 5)), 1, frequency, voltage, load);
        bool emergency =
            one.state == GridManagement.State.Emergency || one.state == GridManagement.State.Blackout;
        bool bad = emergency || (frequency != 0 && (frequency < 49_500 || frequency > 50_500))
            || (voltage != 0 && (voltage < 9_000 || voltage > 11_000)) || load > 11_000;
        submit(one);
        vm.assertEq(grid.marketOpen(), !bad);
        vm.assertEq(grid.marketOpenIn(REGION), !bad);
        vm.assertTrue(grid.marketOpenIn("elsewhere"));
        vm.assertEq(grid.inEmergency(REGION), emergency);
        vm.assertEq(uint256(grid.brokenCircuits()), bad ? 1 : 0);
    }

    function test_EachReasonIsNamed() public view {
        GridManagement.Report memory one = report(GridManagement.State.Normal);
        vm.assertEq(uint256(grid.reasonToBreak(one, bounds())), uint256(GridManagement.Reason.None));
        one.loadPermyriad = 11_001;
        vm.assertEq(uint256(grid.reasonToBreak(one, bounds())), uint256(GridManagement.Reason.Overload));
        one.voltage = 8_999;
        vm.assertEq(uint256(grid.reasonToBreak(one, bounds())), uint256(GridManagement.Reason.Voltage));
        one.frequency = 50_501;
        vm.assertEq(uint256(grid.reasonToBreak(one, bounds())), uint256(GridManagement.Reason.Frequency));
        one.state = GridManagement.State.Blackout;
        vm.assertEq(uint256(grid.reasonToBreak(one, bounds())), uint256(GridManagement.Reason.Emergency));
    }

    function test_ACircuitIsResetOnlyWhenTheGridIsNormal() public {
        submit(report(GridManagement.State.Emergency));
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(GridManagement.NotNormal.selector, REGION));
        grid.resetCircuit(REGION);
        vm.warp(block.timestamp + 1 minutes);
        submit(report(GridManagement.State.Restoration));
        vm.assertFalse(grid.marketOpen());
        vm.startPrank(operator);
        grid.resetCircuit(REGION);
        grid.resetCircuit(REGION);
        vm.stopPrank();
        vm.assertTrue(grid.marketOpen());
        vm.assertEq(uint256(grid.brokenCircuits()), 0);
    }

    function test_AGuardianBreaksTheWholeMarket() public {
        vm.startPrank(guardian);
        vm.expectRevert(GridManagement.EmptyValue.selector);
        grid.breakCircuit(0, GridManagement.Reason.None);
        grid.breakCircuit(0, GridManagement.Reason.MarketFault);
        grid.breakCircuit(0, GridManagement.Reason.Security);
        vm.stopPrank();
        vm.assertEq(uint256(reason(0)), uint256(GridManagement.Reason.MarketFault));
        vm.assertEq(grid.breakerOf(0).by, guardian);
        vm.assertFalse(grid.marketOpen());
        vm.assertFalse(grid.marketOpenIn(REGION));
        vm.prank(operator);
        grid.resetCircuit(0);
        vm.assertTrue(grid.marketOpen());
    }

    function test_TwoGuardiansStopEverything() public {
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.assertTrue(grid.marketOpen());
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.assertFalse(grid.stopped());
        vm.prank(secondGuardian);
        grid.requestStop("fire, too");
        vm.assertTrue(grid.stopped());
        vm.assertFalse(grid.marketOpen());
        vm.assertTrue(grid.inEmergency(REGION));
        (address by,,) = grid.stopRequest();
        vm.assertEq(by, address(0));
    }

    function test_AGuardianAndTheOperatorStopEverythingInEitherOrder() public {
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.prank(operator);
        grid.confirmStop("yes");
        vm.assertTrue(grid.stopped());
        grid.resume("over");
        vm.prank(operator);
        grid.confirmStop("fire");
        vm.assertFalse(grid.stopped());
        vm.prank(guardian);
        grid.requestStop("yes");
        vm.assertTrue(grid.stopped());
    }

    function test_TwoOperatorsAreNotEnough() public {
        manager.grantRole(Roles.OPERATOR, stranger, 0);
        vm.prank(operator);
        grid.confirmStop("fire");
        vm.prank(stranger);
        grid.confirmStop("fire");
        vm.assertFalse(grid.stopped());
    }

    function test_OnePersonWithBothRolesIsOnePerson() public {
        manager.grantRole(Roles.OPERATOR, guardian, 0);
        vm.startPrank(guardian);
        grid.requestStop("fire");
        grid.confirmStop("fire");
        vm.stopPrank();
        vm.assertFalse(grid.stopped());
    }

    function testFuzz_TheSecondPersonHasAnHour(uint32 later) public {
        later = uint32(bound(later, 0, 1 days));
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.warp(block.timestamp + later);
        vm.prank(secondGuardian);
        grid.requestStop("fire");
        vm.assertEq(grid.stopped(), later <= 1 hours);
        if (later > 1 hours) {
            vm.prank(guardian);
            grid.requestStop("fire");
            vm.assertTrue(grid.stopped());
        }
    }

    function test_ARequestCanBeTakenBack() public {
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.prank(secondGuardian);
        vm.expectRevert(abi.encodeWithSelector(GridManagement.NotRequester.selector, secondGuardian));
        grid.withdrawStopRequest();
        vm.prank(guardian);
        grid.withdrawStopRequest();
        vm.prank(secondGuardian);
        grid.requestStop("fire");
        vm.assertFalse(grid.stopped());
    }

    function test_OnlyGovernanceResumes() public {
        vm.prank(guardian);
        vm.expectRevert(GridManagement.EmptyValue.selector);
        grid.requestStop(0);
        vm.expectRevert(GridManagement.NotStopped.selector);
        grid.resume("nothing to resume");
        vm.prank(guardian);
        grid.requestStop("fire");
        vm.prank(secondGuardian);
        grid.requestStop("fire");
        vm.expectRevert(GridManagement.EmptyValue.selector);
        grid.resume(0);
        grid.resume("over");
        vm.assertTrue(grid.marketOpen());
    }

    function test_BoundsFit() public {
        GridManagement.Bounds memory next = bounds();
        next.highestLoad = 0;
        vm.expectRevert(GridManagement.BadBounds.selector);
        grid.setBounds(next);
        next = bounds();
        next.lowestFrequency = 50_500;
        vm.expectRevert(GridManagement.BadBounds.selector);
        grid.setBounds(next);
        next = bounds();
        next.lowestVoltage = 11_000;
        vm.expectRevert(GridManagement.BadBounds.selector);
        grid.setBounds(next);
        next = bounds();
        next.highestLoad = 100;
        grid.setBounds(next);
        submit(report(GridManagement.State.Normal));
        vm.assertEq(uint256(reason(REGION)), uint256(GridManagement.Reason.Overload));
    }

    function test_OnlyTheirRoles() public {
        address[4] memory others = [stranger, engine, operator, guardian];
        for (uint256 i = 0; i < others.length; ++i) {
            address who = others[i];
            bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, who);
            vm.startPrank(who);
            if (who != engine) {
                vm.expectRevert(refused);
                grid.report(REGION, report(GridManagement.State.Normal));
            }
            if (who != guardian) {
                vm.expectRevert(refused);
                grid.breakCircuit(REGION, GridManagement.Reason.Other);
                vm.expectRevert(refused);
                grid.requestStop("x");
            }
            if (who != operator) {
                vm.expectRevert(refused);
                grid.resetCircuit(REGION);
                vm.expectRevert(refused);
                grid.confirmStop("x");
            }
            vm.expectRevert(refused);
            grid.resume("x");
            vm.expectRevert(refused);
            grid.setBounds(bounds());
            vm.stopPrank();
        }
    }
}

/// @notice Reports, breaks, resets and asks for stops as one guardian and the engine, and as nobody.
contract GridHandler is Test {
    GridManagement internal immutable GRID;
    address internal immutable ENGINE;
    address internal immutable GUARDIAN;
    address internal immutable OPERATOR;

    constructor(GridManagement grid, address engine, address guardian, address operator) {
        (GRID, ENGINE, GUARDIAN, OPERATOR) = (grid, engine, guardian, operator);
    }

    function region(uint256 i) public pure returns (bytes32) {
        return bytes32(i % 4);
    }

    function report(uint256 where, uint8 state, uint32 frequency) external {
        vm.prank(ENGINE);
        GRID.report(
            region(where),
            GridManagement.Report(
                GridManagement.State(bound(state, 1, 5)),
                uint64(block.timestamp),
                uint32(bound(frequency, 49_400, 50_600)),
                10_000,
                5_000
            )
        );
    }

    function breakCircuit(uint256 where, uint8 reason) external {
        vm.prank(GUARDIAN);
        GRID.breakCircuit(region(where), GridManagement.Reason(bound(reason, 1, 8)));
    }

    function reset(uint256 where) external {
        vm.prank(OPERATOR);
        GRID.resetCircuit(region(where));
    }

    function requestStop() external {
        vm.prank(GUARDIAN);
        GRID.requestStop("alone");
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 hours));
    }
}

contract GridManagementInvariants is GridCommunity {
    GridHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new GridHandler(grid, engine, guardian, operator);
        targetContract(address(handler));
    }

    function invariant_TheCountIsOfBrokenCircuitsAndOneGuardianStopsNothing() public view {
        uint256 broken = 0;
        for (uint256 i = 0; i < 4; ++i) {
            if (grid.breakerOf(handler.region(i)).reason != GridManagement.Reason.None) ++broken;
        }
        vm.assertEq(uint256(grid.brokenCircuits()), broken);
        vm.assertEq(grid.marketOpen(), broken == 0);
        vm.assertFalse(grid.stopped());
    }
}
