// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {Roles} from "../../src/access/Roles.sol";
import {ConsumerRegistration} from "../../src/registry/ConsumerRegistration.sol";
import {IConsumerRegistration} from "../../src/registry/IConsumerRegistration.sol";
import {IERC5192} from "../../src/registry/IERC5192.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

/// @notice The rights that `quietgrid chain deploy` gives, for the tests of this folder and of `response`.
abstract contract ConsumerCommunity is Community {
    ConsumerRegistration internal consumers;

    function setUp() public virtual override {
        super.setUp();
        consumers = new ConsumerRegistration(address(manager), 50);
        allow(address(consumers), ConsumerRegistration.register.selector, Roles.ENGINE);
        allow(address(consumers), ConsumerRegistration.amend.selector, Roles.ENGINE);
        allow(address(consumers), ConsumerRegistration.remove.selector, Roles.OPERATOR);
        allow(address(consumers), ConsumerRegistration.setDailyLimit.selector, Roles.GOVERNANCE);
        allow(address(consumers), IConsumerRegistration.recordChoice.selector, Roles.CONTRACT);
        allow(address(consumers), IConsumerRegistration.recordCompletion.selector, Roles.CONTRACT);
    }

    function entry(address holder) internal pure returns (ConsumerRegistration.Registration memory) {
        return ConsumerRegistration.Registration(
            holder, keccak256("profile and salt"), "NL-N", IConsumerRegistration.Segment.Residential, 4
        );
    }

    function register(ConsumerRegistration.Registration memory one) internal returns (uint256) {
        ConsumerRegistration.Registration[] memory entries = new ConsumerRegistration.Registration[](1);
        entries[0] = one;
        vm.prank(engine);
        consumers.register(entries);
        return consumers.tokenOf(one.holder);
    }
}

contract ConsumerRegistrationTest is ConsumerCommunity {
    address internal home = makeAddr("home");

    function registerExternal(ConsumerRegistration.Registration memory one) external {
        register(one);
    }

    function testFuzz_ARegistrationIsAToken(address holder, bytes32 profile, uint8 segment, uint8 capability) public {
        vm.assume(holder != address(0) && profile != 0);
        ConsumerRegistration.Registration memory one = entry(holder);
        one.profile = profile;
        one.segment = IConsumerRegistration.Segment(bound(segment, 0, 2));
        one.capability = uint8(bound(capability, 0, consumers.HIGHEST_CAPABILITY()));
        uint256 token = register(one);
        IConsumerRegistration.Consumer memory found = consumers.consumerOf(token);
        vm.assertEq(consumers.ownerOf(token), holder);
        vm.assertEq(consumers.balanceOf(holder), 1);
        vm.assertTrue(consumers.locked(token));
        vm.assertEq(found.profile, profile);
        vm.assertEq(uint256(found.segment), uint256(one.segment));
        vm.assertEq(found.capability, one.capability);
        vm.assertEq(consumers.registered(), 1);
    }

    function test_InterfacesAreAnswered() public view {
        vm.assertEq(bytes32(type(IERC5192).interfaceId), bytes32(bytes4(0xb45a3c0e)));
        vm.assertTrue(consumers.supportsInterface(0xb45a3c0e));
        vm.assertTrue(consumers.supportsInterface(0x80ac58cd));
        vm.assertTrue(consumers.supportsInterface(0x01ffc9a7));
        vm.assertFalse(consumers.supportsInterface(0xffffffff));
    }

    function testFuzz_NothingMovesAToken(address to, address by) public {
        uint256 token = register(entry(home));
        vm.assume(to != address(0) && by != address(0));
        bytes memory soulbound = abi.encodeWithSelector(ConsumerRegistration.Soulbound.selector, token);
        vm.startPrank(home);
        vm.expectRevert(soulbound);
        consumers.transferFrom(home, to, token);
        vm.expectRevert(soulbound);
        consumers.safeTransferFrom(home, to, token);
        vm.expectRevert(soulbound);
        consumers.approve(by, token);
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.Soulbound.selector, 0));
        consumers.setApprovalForAll(by, true);
        vm.stopPrank();
        vm.assertEq(consumers.ownerOf(token), home);
    }

    function test_LeavingBurnsAndErases() public {
        uint256 token = register(entry(home));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.NotHolder.selector, token, stranger));
        consumers.deregister(token);
        vm.prank(home);
        consumers.deregister(token);
        vm.assertEq(consumers.holderOf(token), address(0));
        vm.assertEq(consumers.consumerOf(token).profile, bytes32(0));
        vm.assertEq(consumers.registered(), 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, token));
        consumers.locked(token);
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.AddressUsed.selector, home));
        this.registerExternal(entry(home));
    }

    function test_RemovedByTheOperatorOnce() public {
        uint256 token = register(entry(home));
        vm.startPrank(operator);
        consumers.remove(token, "moved");
        consumers.remove(token, "moved");
        vm.stopPrank();
        vm.assertEq(consumers.registered(), 0);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 5));
        consumers.remove(5, "never there");
    }

    function test_TheSameAgainChangesNothingAndCostsNoLimit() public {
        register(entry(home));
        uint256 left = consumers.writesLeft();
        register(entry(home));
        vm.assertEq(consumers.writesLeft(), left);
        ConsumerRegistration.Registration memory other = entry(home);
        other.capability = 5;
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.AlreadyRegistered.selector, home));
        this.registerExternal(other);
    }

    function test_EmptyValuesAndClassesAreRefused() public {
        ConsumerRegistration.Registration memory one = entry(address(0));
        vm.expectRevert(ConsumerRegistration.EmptyValue.selector);
        this.registerExternal(one);
        one = entry(home);
        one.profile = 0;
        vm.expectRevert(ConsumerRegistration.EmptyValue.selector);
        this.registerExternal(one);
        one = entry(home);
        one.regionCode = 0;
        vm.expectRevert(ConsumerRegistration.EmptyValue.selector);
        this.registerExternal(one);
        one = entry(home);
        one.capability = 21;
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.BadCapability.selector, 21));
        this.registerExternal(one);
    }

    function test_AHotKeyWritesSoManyADay() public {
        ConsumerRegistration.Registration[] memory many = new ConsumerRegistration.Registration[](50);
        for (uint256 i = 0; i < 50; ++i) {
            many[i] = entry(address(uint160(1000 + i)));
        }
        vm.prank(engine);
        consumers.register(many);
        vm.assertEq(consumers.writesLeft(), 0);
        vm.expectRevert(abi.encodeWithSelector(DailyLimit.DailyLimitReached.selector, 1, 0));
        this.registerExternal(entry(home));
        vm.warp(block.timestamp + 1 days);
        register(entry(home));
        consumers.setDailyLimit(51);
        vm.assertEq(consumers.registered(), 51);
    }

    function test_AnAmendmentReplacesTheCommitment() public {
        uint256 token = register(entry(home));
        vm.startPrank(engine);
        consumers.amend(token, keccak256("next"), 7);
        vm.assertEq(consumers.consumerOf(token).profile, keccak256("next"));
        uint256 left = consumers.writesLeft();
        consumers.amend(token, keccak256("next"), 7);
        vm.assertEq(consumers.writesLeft(), left);
        vm.expectRevert(ConsumerRegistration.EmptyValue.selector);
        consumers.amend(token, 0, 7);
        vm.expectRevert(abi.encodeWithSelector(ConsumerRegistration.BadCapability.selector, 99));
        consumers.amend(token, keccak256("next"), 99);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 5));
        consumers.amend(5, keccak256("next"), 7);
        vm.stopPrank();
    }

    function test_OnlyTheirRoles() public {
        uint256 token = register(entry(home));
        bytes memory refused = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, home);
        vm.startPrank(home);
        vm.expectRevert(refused);
        consumers.register(new ConsumerRegistration.Registration[](0));
        vm.expectRevert(refused);
        consumers.amend(token, keccak256("x"), 1);
        vm.expectRevert(refused);
        consumers.remove(token, "x");
        vm.expectRevert(refused);
        consumers.setDailyLimit(1);
        vm.expectRevert(refused);
        consumers.recordChoice(token, true);
        vm.expectRevert(refused);
        consumers.recordCompletion(token);
        vm.stopPrank();
    }
}

/// @notice Registers, amends, removes, tries to move.
contract ConsumerHandler is Test {
    ConsumerRegistration internal immutable CONSUMERS;
    address internal immutable ENGINE;
    address internal immutable OPERATOR;
    uint256 public minted;
    uint256 public burned;
    mapping(uint256 token => bool) public gone;

    constructor(ConsumerRegistration consumers, address engine, address operator) {
        (CONSUMERS, ENGINE, OPERATOR) = (consumers, engine, operator);
    }

    function holder(uint256 i) public pure returns (address) {
        return address(uint160(100 + i % 8));
    }

    function register(uint256 who, uint8 capability) external {
        ConsumerRegistration.Registration[] memory entries = new ConsumerRegistration.Registration[](1);
        entries[0] = ConsumerRegistration.Registration(
            holder(who), keccak256("p"), "R", IConsumerRegistration.Segment.Residential, uint8(bound(capability, 0, 2))
        );
        uint256 before = CONSUMERS.registered();
        vm.prank(ENGINE);
        CONSUMERS.register(entries);
        minted += CONSUMERS.registered() - before;
    }

    function depart(uint256 who) external {
        uint256 token = CONSUMERS.tokenOf(holder(who));
        vm.prank(holder(who));
        CONSUMERS.deregister(token);
        ++burned;
        gone[token] = true;
    }

    function remove(uint256 who) external {
        uint256 token = CONSUMERS.tokenOf(holder(who));
        uint256 before = CONSUMERS.registered();
        vm.prank(OPERATOR);
        CONSUMERS.remove(token, "moved");
        burned += before - CONSUMERS.registered();
        gone[token] = true;
    }

    function move(uint256 from, uint256 to) external {
        vm.prank(holder(from));
        CONSUMERS.transferFrom(holder(from), holder(to), CONSUMERS.tokenOf(holder(from)));
    }
}

contract ConsumerRegistrationInvariants is ConsumerCommunity {
    ConsumerHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new ConsumerHandler(consumers, engine, operator);
        targetContract(address(handler));
    }

    function invariant_EveryTokenIsWithItsOwnAddressOrNobody() public view {
        uint256 live = 0;
        for (uint256 i = 0; i < 8; ++i) {
            address holder = handler.holder(i);
            uint256 token = consumers.tokenOf(holder);
            address found = consumers.holderOf(token);
            vm.assertTrue(found == holder || found == address(0));
            vm.assertEq(consumers.balanceOf(holder), found == holder ? 1 : 0);
            vm.assertEq(consumers.consumerOf(token).registeredAt != 0, found == holder);
            if (found == holder) ++live;
            if (handler.gone(token)) vm.assertEq(found, address(0));
        }
        vm.assertEq(live, consumers.registered());
        vm.assertEq(consumers.registered(), handler.minted() - handler.burned());
    }
}
