// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {UtilityVerification} from "../../src/registry/UtilityVerification.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

contract UtilityVerificationTest is Community {
    UtilityVerification internal utilities;
    bytes32 internal constant CREDENTIALS = keccak256("licence 42");
    bytes32 internal constant NORTH = "NL-N";
    bytes32 internal constant SOUTH = "NL-S";
    uint64 internal expiry;

    function setUp() public override {
        super.setUp();
        utilities = new UtilityVerification(address(manager));
        allow(address(utilities), UtilityVerification.verify.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.renew.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.suspend.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.reinstate.selector, Roles.REGULATOR);
        expiry = uint64(block.timestamp) + 365 days;
    }

    function regions(bytes32 one) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = one;
    }

    function verified() internal {
        vm.prank(utility);
        utilities.applyForVerification(CREDENTIALS);
        vm.prank(regulator);
        utilities.verify(utility, CREDENTIALS, regions(NORTH), expiry);
    }

    function test_AVerifiedUtilityActsInItsRegionsOnly() public {
        verified();
        vm.assertEq(uint256(utilities.statusOf(utility)), uint256(UtilityVerification.Status.Verified));
        vm.assertEq(utilities.utilityFor(utility, NORTH), utility);
        vm.assertEq(utilities.utilityFor(utility, SOUTH), address(0));
        vm.assertEq(utilities.utilityFor(stranger, NORTH), address(0));
        vm.assertEq(utilities.jurisdictionsOf(utility).length, 1);
    }

    function test_AnApplicationGivesNothing() public {
        vm.prank(utility);
        utilities.applyForVerification(CREDENTIALS);
        vm.assertEq(uint256(utilities.statusOf(utility)), uint256(UtilityVerification.Status.Applied));
        vm.assertEq(utilities.utilityFor(utility, NORTH), address(0));
        vm.prank(utility);
        vm.expectRevert(UtilityVerification.EmptyValue.selector);
        utilities.applyForVerification(0);
    }

    function testFuzz_OtherCredentialsThanAppliedAreRefused(bytes32 credentials) public {
        vm.assume(credentials != CREDENTIALS && credentials != 0);
        vm.prank(utility);
        utilities.applyForVerification(CREDENTIALS);
        vm.prank(regulator);
        vm.expectRevert(
            abi.encodeWithSelector(
                UtilityVerification.OtherCredentials.selector, utility, CREDENTIALS, credentials
            )
        );
        utilities.verify(utility, credentials, regions(NORTH), expiry);
    }

    function test_WhoNeverAppliedIsNotVerified() public {
        vm.prank(regulator);
        vm.expectPartialRevert(UtilityVerification.OtherCredentials.selector);
        utilities.verify(stranger, CREDENTIALS, regions(NORTH), expiry);
        vm.prank(regulator);
        vm.expectRevert(UtilityVerification.EmptyValue.selector);
        utilities.verify(stranger, 0, regions(NORTH), expiry);
    }

    function testFuzz_ExpiresByItself(uint64 later) public {
        verified();
        vm.warp(bound(later, expiry, uint256(expiry) + 10_000 days));
        vm.assertEq(uint256(utilities.statusOf(utility)), uint256(UtilityVerification.Status.Expired));
        vm.assertEq(utilities.utilityFor(utility, NORTH), address(0));
        uint64 next = uint64(block.timestamp) + 1 days;
        vm.prank(regulator);
        utilities.renew(utility, next);
        vm.assertEq(utilities.utilityFor(utility, NORTH), utility);
    }

    function test_ActsUntilItsLastSecond() public {
        verified();
        vm.warp(expiry - 1);
        vm.assertEq(utilities.utilityFor(utility, NORTH), utility);
    }

    function testFuzz_AnExpiryIsInTheFutureAndNear(uint64 when) public {
        vm.prank(utility);
        utilities.applyForVerification(CREDENTIALS);
        uint64 latest = uint64(block.timestamp) + utilities.LONGEST_VALIDITY();
        bool bad = when <= block.timestamp || when > latest;
        if (bad) vm.expectRevert(abi.encodeWithSelector(UtilityVerification.BadExpiry.selector, when, latest));
        vm.prank(regulator);
        utilities.verify(utility, CREDENTIALS, regions(NORTH), when);
        vm.assertEq(utilities.utilityFor(utility, NORTH) == utility, !bad);
    }

    function test_SuspendedUntilReinstated() public {
        verified();
        vm.startPrank(regulator);
        utilities.suspend(utility, "unpaid");
        utilities.suspend(utility, "again");
        vm.assertEq(utilities.utilityFor(utility, NORTH), address(0));
        vm.expectPartialRevert(UtilityVerification.WrongStatus.selector);
        utilities.verify(utility, CREDENTIALS, regions(NORTH), expiry + 1);
        vm.expectPartialRevert(UtilityVerification.WrongStatus.selector);
        utilities.renew(utility, expiry + 1);
        utilities.reinstate(utility);
        utilities.reinstate(utility);
        vm.assertEq(utilities.utilityFor(utility, NORTH), utility);
        vm.expectPartialRevert(UtilityVerification.WrongStatus.selector);
        utilities.suspend(stranger, "nobody");
        vm.expectPartialRevert(UtilityVerification.WrongStatus.selector);
        utilities.reinstate(stranger);
        vm.stopPrank();
    }

    function test_ReinstatedAfterItsTimeIsExpired() public {
        verified();
        vm.prank(regulator);
        utilities.suspend(utility, "unpaid");
        vm.warp(expiry);
        vm.prank(regulator);
        utilities.reinstate(utility);
        vm.assertEq(utilities.utilityFor(utility, NORTH), address(0));
    }

    function test_ARenewalIsLater() public {
        verified();
        vm.startPrank(regulator);
        utilities.renew(utility, expiry);
        vm.expectRevert(abi.encodeWithSelector(UtilityVerification.NotLater.selector, expiry - 1, expiry));
        utilities.renew(utility, expiry - 1);
        utilities.renew(utility, expiry + 1);
        vm.stopPrank();
        vm.assertEq(utilities.recordOf(utility).expiresAt, expiry + 1);
    }

    function test_NewCredentialsAndRegionsReplaceTheOld() public {
        verified();
        bytes32 next = keccak256("licence 43");
        vm.prank(utility);
        utilities.applyForVerification(next);
        vm.assertEq(utilities.utilityFor(utility, NORTH), utility);
        vm.prank(regulator);
        utilities.verify(utility, next, regions(SOUTH), expiry);
        vm.assertEq(utilities.utilityFor(utility, NORTH), address(0));
        vm.assertEq(utilities.utilityFor(utility, SOUTH), utility);
        vm.assertEq(utilities.recordOf(utility).credentials, next);
    }

    function test_TheSameAgainChangesNothing() public {
        verified();
        uint64 first = utilities.recordOf(utility).verifiedAt;
        vm.warp(block.timestamp + 1 days);
        vm.prank(regulator);
        utilities.verify(utility, CREDENTIALS, regions(NORTH), expiry);
        vm.assertEq(utilities.recordOf(utility).verifiedAt, first);
    }

    function test_RegionsAreNamedAndNotTooMany() public {
        vm.prank(utility);
        utilities.applyForVerification(CREDENTIALS);
        vm.startPrank(regulator);
        vm.expectRevert(abi.encodeWithSelector(UtilityVerification.BadNumberOfJurisdictions.selector, 0));
        utilities.verify(utility, CREDENTIALS, new bytes32[](0), expiry);
        vm.expectRevert(abi.encodeWithSelector(UtilityVerification.BadNumberOfJurisdictions.selector, 65));
        utilities.verify(utility, CREDENTIALS, new bytes32[](65), expiry);
        vm.expectRevert(UtilityVerification.EmptyValue.selector);
        utilities.verify(utility, CREDENTIALS, new bytes32[](1), expiry);
        vm.stopPrank();
    }

    function test_AnAgentActsOnlyIfBothAgree() public {
        verified();
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(UtilityVerification.NotAppointed.selector, utility, engine));
        utilities.actFor(utility);
        vm.prank(utility);
        utilities.appointAgent(engine, true);
        vm.assertEq(utilities.utilityFor(engine, NORTH), address(0));
        vm.prank(engine);
        utilities.actFor(utility);
        vm.assertEq(utilities.utilityFor(engine, NORTH), utility);
        vm.assertEq(utilities.utilityFor(engine, SOUTH), address(0));
        vm.prank(utility);
        utilities.appointAgent(engine, false);
        vm.assertEq(utilities.utilityFor(engine, NORTH), address(0));
    }

    function test_AnAgentIsSuspendedWithItsUtility() public {
        verified();
        vm.prank(utility);
        utilities.appointAgent(engine, true);
        vm.prank(engine);
        utilities.actFor(utility);
        vm.prank(regulator);
        utilities.suspend(utility, "unpaid");
        vm.assertEq(utilities.utilityFor(engine, NORTH), address(0));
        vm.prank(engine);
        utilities.actFor(address(0));
        vm.prank(regulator);
        utilities.reinstate(utility);
        vm.assertEq(utilities.utilityFor(engine, NORTH), address(0));
    }

    function test_OnlyTheRegulatorVerifies() public {
        address[3] memory others = [stranger, utility, engine];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refused =
                abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(refused);
            utilities.verify(utility, CREDENTIALS, regions(NORTH), expiry);
            vm.expectRevert(refused);
            utilities.renew(utility, expiry);
            vm.expectRevert(refused);
            utilities.suspend(utility, "no");
            vm.expectRevert(refused);
            utilities.reinstate(utility);
            vm.stopPrank();
        }
    }
}

/// @notice Does to three utilities whatever the regulator and they could, and time passes.
contract UtilityHandler is Test {
    UtilityVerification internal immutable UTILITIES;
    address internal immutable REGULATOR;
    address[3] internal actors;
    bytes32 internal constant REGION = "R";

    constructor(UtilityVerification utilities, address regulator) {
        (UTILITIES, REGULATOR) = (utilities, regulator);
        for (uint256 i = 0; i < 3; ++i) {
            actors[i] = makeAddr(string(abi.encodePacked("actor", bytes1(uint8(65 + i)))));
        }
    }

    function actor(uint256 i) public view returns (address) {
        return actors[i % 3];
    }

    function apply_(uint256 who, uint8 credentials) external {
        vm.prank(actor(who));
        UTILITIES.applyForVerification(bytes32(bound(credentials, 1, 3)));
    }

    function verify(uint256 who, uint8 credentials, uint32 validity) external {
        bytes32[] memory regions = new bytes32[](1);
        regions[0] = REGION;
        vm.prank(REGULATOR);
        UTILITIES.verify(
            actor(who), bytes32(bound(credentials, 1, 3)), regions, uint64(block.timestamp + bound(validity, 1, 60 days))
        );
    }

    function suspend(uint256 who) external {
        vm.prank(REGULATOR);
        UTILITIES.suspend(actor(who), "s");
    }

    function reinstate(uint256 who) external {
        vm.prank(REGULATOR);
        UTILITIES.reinstate(actor(who));
    }

    function renew(uint256 who, uint32 validity) external {
        vm.prank(REGULATOR);
        UTILITIES.renew(actor(who), uint64(block.timestamp + bound(validity, 1, 60 days)));
    }

    function wait_(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 days));
    }
}

contract UtilityVerificationInvariants is Community {
    UtilityVerification internal utilities;
    UtilityHandler internal handler;

    function setUp() public override {
        super.setUp();
        utilities = new UtilityVerification(address(manager));
        allow(address(utilities), UtilityVerification.verify.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.renew.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.suspend.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.reinstate.selector, Roles.REGULATOR);
        handler = new UtilityHandler(utilities, regulator);
        targetContract(address(handler));
    }

    /// @dev Who may act has credentials that it applied with once, a time that is not over, and is not suspended.
    function invariant_WhoActsIsVerifiedNow() public view {
        for (uint256 i = 0; i < 3; ++i) {
            address who = handler.actor(i);
            bool acts = utilities.utilityFor(who, "R") == who;
            UtilityVerification.Utility memory record = utilities.recordOf(who);
            vm.assertEq(
                acts,
                record.status == UtilityVerification.Status.Verified && record.credentials != 0
                    && record.expiresAt > block.timestamp
            );
            vm.assertLe(record.expiresAt, block.timestamp + utilities.LONGEST_VALIDITY());
        }
    }
}
