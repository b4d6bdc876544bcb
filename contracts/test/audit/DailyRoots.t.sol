// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {DailyRoots} from "../../src/audit/DailyRoots.sol";
import {Community} from "../Community.sol";

contract DailyRootsTest is Community {
    DailyRoots internal roots;
    uint32 internal constant YESTERDAY = 19_999;

    function setUp() public override {
        super.setUp();
        roots = new DailyRoots(address(manager));
        allow(address(roots), DailyRoots.anchor.selector, Roles.ENGINE);
    }

    function anchor(uint32 day, DailyRoots.Kind kind, bytes32 root) internal {
        DailyRoots.Kind[] memory kinds = new DailyRoots.Kind[](1);
        bytes32[] memory values = new bytes32[](1);
        uint64[] memory leaves = new uint64[](1);
        (kinds[0], values[0], leaves[0]) = (kind, root, 7);
        vm.prank(engine);
        roots.anchor(day, kinds, values, leaves);
    }

    function testFuzz_IsKept(uint32 day, bytes32 root, uint8 kind) public {
        day = uint32(bound(day, 0, YESTERDAY));
        vm.assume(root != 0);
        DailyRoots.Kind chosen = DailyRoots.Kind(bound(kind, 0, 5));
        anchor(day, chosen, root);
        DailyRoots.Anchor memory found = roots.anchorOf(day, chosen);
        vm.assertEq(found.root, root);
        vm.assertEq(found.leaves, 7);
        vm.assertEq(found.anchoredAt, block.timestamp);
    }

    function test_TheSameAgainChangesNothing() public {
        anchor(YESTERDAY, DailyRoots.Kind.Frames, bytes32(uint256(1)));
        vm.warp(block.timestamp + 1 hours);
        anchor(YESTERDAY, DailyRoots.Kind.Frames, bytes32(uint256(1)));
        vm.assertEq(roots.anchorOf(YESTERDAY, DailyRoots.Kind.Frames).anchoredAt, block.timestamp - 1 hours);
    }

    function test_AnotherRootIsRefused() public {
        anchor(YESTERDAY, DailyRoots.Kind.Frames, bytes32(uint256(1)));
        vm.expectPartialRevert(DailyRoots.AlreadyAnchored.selector);
        this.anchorExternal(YESTERDAY, DailyRoots.Kind.Frames, bytes32(uint256(2)));
    }

    function test_ADayThatGoesOnIsRefused() public {
        vm.expectPartialRevert(DailyRoots.DayNotOver.selector);
        this.anchorExternal(YESTERDAY + 1, DailyRoots.Kind.Frames, bytes32(uint256(1)));
    }

    function test_AStrangerIsRefused() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        roots.anchor(YESTERDAY, new DailyRoots.Kind[](0), new bytes32[](0), new uint64[](0));
    }

    /// @dev One call deeper, so that `expectRevert` sees the contract's own revert.
    function anchorExternal(uint32 day, DailyRoots.Kind kind, bytes32 root) external {
        anchor(day, kind, root);
    }
}
