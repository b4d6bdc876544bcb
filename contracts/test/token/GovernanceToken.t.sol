// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Roles} from "../../src/access/Roles.sol";
import {GovernanceToken} from "../../src/token/GovernanceToken.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

/// @notice A round of two members.
abstract contract Rounds is Community {
    GovernanceToken internal grid;
    address internal founder = makeAddr("founder");
    address internal ada = makeAddr("Ada");
    address internal ben = makeAddr("Ben");

    function setUp() public virtual override {
        super.setUp();
        address[] memory founders = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (founders[0], amounts[0]) = (founder, 1_000e18);
        grid = new GovernanceToken(address(manager), founders, amounts);
        allow(address(grid), GovernanceToken.announce.selector, Roles.OPERATOR);
        allow(address(grid), GovernanceToken.withdraw.selector, Roles.GUARDIAN);
    }

    function leaf(uint32 round, address account) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(round, account))));
    }

    function root(uint32 round) internal view returns (bytes32) {
        return Hashes.commutativeKeccak256(leaf(round, ada), leaf(round, ben));
    }

    function proof(uint32 round, address other) internal pure returns (bytes32[] memory path) {
        path = new bytes32[](1);
        path[0] = leaf(round, other);
    }

    function announce(uint32 round, uint128 amountEach) internal {
        bytes32 over = root(round);
        vm.prank(operator);
        grid.announce(round, over, 2, amountEach);
    }
}

contract GovernanceTokenTest is Rounds {
    function test_FoundersVoteFromTheStart() public {
        vm.assertEq(grid.symbol(), "GRID");
        vm.assertEq(grid.totalSupply(), 1_000e18);
        vm.assertEq(grid.getVotes(founder), 1_000e18);
        vm.assertEq(grid.clock(), block.timestamp);
        vm.assertEq(grid.CLOCK_MODE(), "mode=timestamp");
        vm.expectRevert(GovernanceToken.LengthsDiffer.selector);
        new GovernanceToken(address(manager), new address[](1), new uint256[](0));
    }

    function test_ARoundGivesEveryMemberTheSame() public {
        announce(1, 10e18);
        vm.warp(block.timestamp + 3 days);
        grid.claim(1, ada, proof(1, ben));
        vm.prank(stranger);
        grid.claim(1, ben, proof(1, ada));
        vm.assertEq(grid.balanceOf(ada), 10e18);
        vm.assertEq(grid.getVotes(ben), 10e18);
        vm.assertTrue(grid.hasClaimed(1, ada));
        vm.assertEq(grid.roundOf(1).claimed, 2);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.AlreadyClaimed.selector, 1, ada));
        grid.claim(1, ada, proof(1, ben));
    }

    function test_OnlyMembersClaim() public {
        announce(1, 10e18);
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.NotInRound.selector, 1, stranger));
        grid.claim(1, stranger, proof(1, ben));
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.UnknownRound.selector, 2));
        grid.claim(2, ada, proof(2, ben));
    }

    function test_NoMoreClaimThanWereAnnounced() public {
        bytes32 over = root(1);
        vm.prank(operator);
        grid.announce(1, over, 1, 10e18);
        vm.warp(block.timestamp + 3 days);
        grid.claim(1, ada, proof(1, ben));
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.RoundUsedUp.selector, 1, 1));
        grid.claim(1, ben, proof(1, ada));
    }

    function test_ClaimsHaveATime() public {
        announce(1, 10e18);
        vm.warp(block.timestamp + 3 days - 1);
        vm.expectPartialRevert(GovernanceToken.NotClaimable.selector);
        grid.claim(1, ada, proof(1, ben));
        vm.warp(block.timestamp + 1 + 365 days);
        vm.expectPartialRevert(GovernanceToken.NotClaimable.selector);
        grid.claim(1, ada, proof(1, ben));
    }

    function test_AnnouncingAgainChangesNothingAnotherContentIsRefused() public {
        announce(1, 10e18);
        uint256 left = grid.leftThisYear();
        announce(1, 10e18);
        vm.assertEq(grid.leftThisYear(), left);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.AlreadyAnnounced.selector, 1));
        this.announceExternal(1, 11e18);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.EmptyRound.selector, 2));
        grid.announce(2, bytes32(0), 2, 1);
    }

    function test_AYearHasABound() public {
        vm.assertEq(grid.leftThisYear(), 50e18);
        announce(1, 20e18);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.YearlyBoundExceeded.selector, 10e18 + 2, 10e18));
        this.announceExternal(2, 5e18 + 1);
        announce(2, 5e18);
        vm.assertEq(grid.leftThisYear(), 0);
        vm.warp(block.timestamp + 365 days);
        vm.assertEq(grid.leftThisYear(), 50e18);
    }

    function test_TheGuardianWithdrawsDuringTheReviewOnly() public {
        announce(1, 20e18);
        announce(2, 5e18);
        vm.startPrank(guardian);
        grid.withdraw(1);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.UnknownRound.selector, 1));
        grid.withdraw(1);
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.ReviewOver.selector, 2));
        grid.withdraw(2);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.UnknownRound.selector, 1));
        grid.claim(1, ada, proof(1, ben));
        vm.assertEq(grid.leftThisYear(), 0);
        vm.expectRevert(abi.encodeWithSelector(GovernanceToken.AlreadyAnnounced.selector, 1));
        this.announceExternal(1, 20e18);
    }

    function test_StrangersAreRefused() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(refusal);
        grid.announce(1, bytes32(uint256(1)), 1, 1);
        vm.expectRevert(refusal);
        grid.withdraw(1);
        vm.stopPrank();
    }

    function test_AnExistingChoiceOfDelegateStays() public {
        vm.prank(ada);
        grid.delegate(founder);
        announce(1, 10e18);
        vm.warp(block.timestamp + 3 days);
        grid.claim(1, ada, proof(1, ben));
        vm.assertEq(grid.getVotes(founder), 1_010e18);
    }

    /// @dev One call deeper, so that `expectRevert` sees the contract's own revert.
    function announceExternal(uint32 round, uint128 amountEach) external {
        announce(round, amountEach);
    }
}

/// @notice Announces as much as it can, claims, withdraws, lets time pass.
contract GridHandler is Test {
    GovernanceToken internal immutable grid;
    address internal immutable operator;
    address internal immutable guardian;
    uint32 internal rounds;

    constructor(GovernanceToken grid_, address operator_, address guardian_) {
        (grid, operator, guardian) = (grid_, operator_, guardian_);
    }

    function announce(uint128 amount) external {
        amount = uint128(bound(amount, 1, grid.leftThisYear() + 1e18));
        ++rounds;
        vm.prank(operator);
        try grid.announce(rounds, only(rounds), 1, amount) {} catch {}
    }

    function claim(uint32 round) external {
        round = uint32(bound(round, 0, rounds));
        try grid.claim(round, address(this), new bytes32[](0)) {} catch {}
    }

    function withdraw(uint32 round) external {
        vm.prank(guardian);
        try grid.withdraw(uint32(bound(round, 0, rounds))) {} catch {}
    }

    function wait(uint32 pause) external {
        vm.warp(block.timestamp + bound(pause, 1 hours, 90 days));
    }

    /// @dev A tree of one leaf.
    function only(uint32 round) internal view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(round, address(this)))));
    }
}

contract GovernanceTokenInvariants is Rounds {
    function setUp() public override {
        super.setUp();
        targetContract(address(new GridHandler(grid, operator, guardian)));
    }

    /// @dev Rounds stay open into the next year, so that the bound counts years begun and one more.
    function invariant_SupplyGrowsFivePerCentAYearAtMost() public view {
        uint256 most = 1_000e18;
        for (uint256 year = 0; year <= (block.timestamp - grid.foundedAt()) / 365 days; ++year) {
            most += most * 500 / 10_000;
        }
        vm.assertLe(grid.totalSupply(), most);
    }
}
