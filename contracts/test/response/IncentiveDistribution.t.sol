// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Roles} from "../../src/access/Roles.sol";
import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {ClaimTree} from "../../src/response/ClaimTree.sol";
import {IncentiveDistribution} from "../../src/response/IncentiveDistribution.sol";
import {Rewards} from "../../src/response/Rewards.sol";
import {EnergyToken} from "../../src/token/EnergyToken.sol";
import {Purse} from "../Purse.sol";
import {Test} from "../Test.sol";
import {Trees} from "../Trees.sol";

abstract contract Programmes is Purse {
    IncentiveDistribution internal rewards;
    bytes32 internal constant PROGRAMME = "evening peaks";
    uint40 internal constant UNIT = 1e6;
    IncentiveDistribution.Leaf[] internal tree;

    function setUp() public virtual override {
        super.setUp();
        rewards = new IncentiveDistribution(address(manager), token, 1000 * EUR);
        allow(address(rewards), IncentiveDistribution.openProgramme.selector, Roles.OPERATOR);
        allow(address(rewards), IncentiveDistribution.drain.selector, Roles.OPERATOR);
        allow(address(rewards), IncentiveDistribution.postRoot.selector, Roles.ENGINE);
        allow(address(rewards), IncentiveDistribution.push.selector, Roles.ENGINE);
        allow(address(rewards), IncentiveDistribution.setDailyLimit.selector, Roles.GOVERNANCE);
        allow(address(rewards), IncentiveDistribution.pause.selector, Roles.GUARDIAN);
        allow(address(rewards), IncentiveDistribution.unpause.selector, Roles.GOVERNANCE);
        vm.prank(operator);
        rewards.openProgramme(PROGRAMME, UNIT);
        equip(operator, 100_000 * EUR, address(rewards));
        vm.prank(operator);
        rewards.fund(PROGRAMME, 500 * EUR);
    }

    function leaves() internal view returns (bytes32[] memory found) {
        found = new bytes32[](tree.length);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = keccak256(bytes.concat(keccak256(abi.encode(tree[i]))));
        }
    }

    function proof(uint256 i) internal view returns (bytes32[] memory) {
        return Trees.proof(leaves(), i);
    }

    function add(address account, uint256 cumulative) internal {
        tree.push(IncentiveDistribution.Leaf(account, cumulative, keccak256(abi.encode(tree.length))));
    }

    function publish(uint32 sequence, uint256 added) internal {
        bytes32 root = Trees.root(leaves());
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, sequence, root, added);
    }
}

contract IncentiveDistributionTest is Programmes {
    address internal home;
    uint256 internal homeKey;

    function setUp() public override {
        super.setUp();
        (home, homeKey) = makeAddrAndKey("fresh address");
        add(home, 3 * EUR);
        add(makeAddr("another"), 2 * EUR);
        add(makeAddr("a third"), 7 * EUR);
        publish(1, 12 * EUR);
    }

    function post(uint32 sequence, bytes32 root, uint256 added) external {
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, sequence, root, added);
    }

    function claim(uint256 i) public {
        bytes32[] memory path = proof(i);
        vm.prank(stranger);
        rewards.claim(PROGRAMME, tree[i], path);
    }

    /// @dev Pay all of a leaf's purse to its account.
    function withdraw(uint256 i) public {
        vm.prank(tree[i].account);
        rewards.withdraw(PROGRAMME, tree[i].cumulative, tree[i].account);
    }

    function purse(uint256 i) internal view returns (uint256 claimed, uint256 paid) {
        IncentiveDistribution.Purse memory found = rewards.purseOf(PROGRAMME, tree[i].account);
        return (found.claimed, found.paid);
    }

    function test_AnybodySendsAClaimButOnlyItsAccountIsPaid() public {
        claim(0);
        (uint256 claimed, uint256 paid) = purse(0);
        vm.assertEq(claimed, 3 * EUR);
        vm.assertEq(paid, 0);
        bytes memory none =
            abi.encodeWithSelector(IncentiveDistribution.NotInThePurse.selector, PROGRAMME, stranger, 0, 0);
        vm.prank(stranger);
        vm.expectRevert(none);
        rewards.withdraw(PROGRAMME, 3 * EUR, stranger);
        withdraw(0);
        (claimed, paid) = purse(0);
        vm.assertEq(paid, 3 * EUR);
        vm.assertEq(token.balanceOf(home), 3 * EUR);
        vm.assertEq(token.balanceOf(stranger), 0);
    }

    function test_NoPaymentTwice() public {
        claim(0);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.NothingToClaim.selector, PROGRAMME, home));
        this.claim(0);
        withdraw(0);
        bytes memory empty = abi.encodeWithSelector(
            IncentiveDistribution.NotInThePurse.selector, PROGRAMME, home, 3 * EUR, 3 * EUR
        );
        vm.expectRevert(empty);
        this.withdraw(0);
        vm.assertEq(token.balanceOf(home), 3 * EUR);
    }

    function test_APurseIsPaidInParts() public {
        claim(2);
        address account = tree[2].account;
        (address one, address other) = (makeAddr("one"), makeAddr("other"));
        vm.startPrank(account);
        rewards.withdraw(PROGRAMME, 2 * EUR, one);
        vm.expectPartialRevert(IncentiveDistribution.NotInThePurse.selector);
        rewards.withdraw(PROGRAMME, 2 * EUR, one);
        vm.expectPartialRevert(IncentiveDistribution.NotInThePurse.selector);
        rewards.withdraw(PROGRAMME, 8 * EUR, one);
        vm.expectPartialRevert(IncentiveDistribution.NotRound.selector);
        rewards.withdraw(PROGRAMME, 7 * EUR - 1, one);
        rewards.withdraw(PROGRAMME, 7 * EUR, other);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(one), 2 * EUR);
        vm.assertEq(token.balanceOf(other), 5 * EUR);
        vm.assertEq(rewards.programmeOf(PROGRAMME).paid, 7 * EUR);
    }

    function test_WhatWasClaimedStaysWhateverTheNextRootSays() public {
        claim(0);
        tree[0].cumulative = 1 * EUR;
        publish(2, 0);
        vm.expectPartialRevert(IncentiveDistribution.NothingToClaim.selector);
        this.claim(0);
        vm.prank(home);
        rewards.withdraw(PROGRAMME, 3 * EUR, home);
        vm.assertEq(token.balanceOf(home), 3 * EUR);
    }

    function test_ALaterRootPaysTheDifference() public {
        claim(0);
        tree[0].cumulative = 5 * EUR;
        publish(2, 2 * EUR);
        claim(0);
        withdraw(0);
        vm.assertEq(token.balanceOf(home), 5 * EUR);
        claim(2);
        withdraw(2);
        vm.assertEq(token.balanceOf(tree[2].account), 7 * EUR);
    }

    function test_ALeafThatIsNotInTheTreeGetsNothing() public {
        bytes32[] memory path = proof(0);
        tree[0].cumulative = 4 * EUR;
        IncentiveDistribution.Leaf memory more = tree[0];
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.NotInTheTree.selector, PROGRAMME, home));
        rewards.claim(PROGRAMME, more, path);
        vm.expectPartialRevert(IncentiveDistribution.NotInTheTree.selector);
        rewards.claim("another programme", more, path);
    }

    function signedFor(address recipient) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(homeKey, rewards.withdrawalDigest(PROGRAMME, 3 * EUR, recipient));
        return abi.encodePacked(r, s, v);
    }

    function test_TheAccountsKeySaysWhoGetsIt() public {
        address fresh = makeAddr("another fresh address");
        bytes memory signature = signedFor(fresh);
        claim(0);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.NotSigned.selector, home));
        rewards.withdrawFor(PROGRAMME, home, 3 * EUR, stranger, signature);
        vm.prank(stranger);
        rewards.withdrawFor(PROGRAMME, home, 3 * EUR, fresh, signature);
        vm.assertEq(token.balanceOf(fresh), 3 * EUR);
        vm.assertEq(token.balanceOf(home), 0);
        vm.expectPartialRevert(IncentiveDistribution.NotInThePurse.selector);
        rewards.withdrawFor(PROGRAMME, home, 3 * EUR, fresh, signature);
    }

    function test_ManyAtOnce() public {
        IncentiveDistribution.Leaf[] memory some = new IncentiveDistribution.Leaf[](2);
        bytes32[][] memory paths = new bytes32[][](2);
        (some[0], some[1], paths[0], paths[1]) = (tree[0], tree[2], proof(0), proof(2));
        rewards.claimMany(PROGRAMME, some, paths);
        (uint256 first,) = purse(0);
        (uint256 third,) = purse(2);
        vm.assertEq(first, 3 * EUR);
        vm.assertEq(third, 7 * EUR);
        (some[1], paths[1]) = (some[0], paths[0]);
        vm.expectPartialRevert(IncentiveDistribution.NothingToClaim.selector);
        rewards.claimMany(PROGRAMME, some, paths);
    }

    function test_OnlyRoundAmounts() public {
        add(stranger, EUR + 1);
        publish(2, 2 * EUR);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.NotRound.selector, EUR + 1, UNIT));
        this.claim(3);
    }

    function test_ARootThatPromisesLessThanItsLeavesIsBoundedByWhatItSaid() public {
        add(stranger, 100 * EUR);
        publish(2, 1 * EUR);
        claim(0);
        withdraw(0);
        claim(3);
        vm.expectRevert(
            abi.encodeWithSelector(IncentiveDistribution.NotAllotted.selector, PROGRAMME, 103 * EUR, 13 * EUR)
        );
        this.withdraw(3);
    }

    function test_NeverMoreThanFunded() public {
        vm.expectRevert(
            abi.encodeWithSelector(IncentiveDistribution.NotFunded.selector, PROGRAMME, 501 * EUR, 500 * EUR)
        );
        this.post(2, "root", 489 * EUR);
    }

    function test_OneProgrammeDoesNotPayForAnother() public {
        vm.prank(operator);
        rewards.openProgramme("poor", UNIT);
        vm.prank(engine);
        vm.expectPartialRevert(IncentiveDistribution.NotFunded.selector);
        rewards.postRoot("poor", 1, "root", 1);
    }

    function test_TheEngineIsLimitedADay() public {
        rewards.setDailyLimit(20 * EUR);
        vm.expectRevert(abi.encodeWithSelector(DailyLimit.DailyLimitReached.selector, 9 * EUR, 8 * EUR));
        this.post(2, "root", 9 * EUR);
        vm.warp(block.timestamp + 1 days);
        this.post(2, "root", 9 * EUR);
        vm.assertEq(rewards.allottableToday(), 11 * EUR);
    }

    function test_TheSameRootAgainChangesNothing() public {
        publish(1, 12 * EUR);
        vm.assertEq(rewards.programmeOf(PROGRAMME).allotted, 12 * EUR);
        vm.expectPartialRevert(IncentiveDistribution.WrongSequence.selector);
        this.post(1, "another", 0);
        vm.expectPartialRevert(IncentiveDistribution.WrongSequence.selector);
        this.post(3, "another", 0);
    }

    function test_FewArePaidWithoutClaims() public {
        address[] memory accounts = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (accounts[0], accounts[1], amounts[0], amounts[1]) = (utility, stranger, 5 * EUR, 6 * EUR);
        vm.prank(engine);
        rewards.push("p", PROGRAMME, accounts, amounts);
        vm.prank(engine);
        rewards.push("p", PROGRAMME, accounts, amounts);
        vm.assertEq(token.balanceOf(utility), 5 * EUR);
        vm.assertEq(token.balanceOf(stranger), 6 * EUR);
        amounts[0] = 4 * EUR;
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.AlreadyPushed.selector, bytes32("p")));
        rewards.push("p", PROGRAMME, accounts, amounts);
        amounts[0] = 4 * EUR + 1;
        vm.prank(engine);
        vm.expectPartialRevert(IncentiveDistribution.NotRound.selector);
        rewards.push("q", PROGRAMME, accounts, amounts);
    }

    function test_OnlyWhatIsFreeIsDrained() public {
        vm.prank(operator);
        vm.expectPartialRevert(IncentiveDistribution.NotFunded.selector);
        rewards.drain(PROGRAMME, operator, 488 * EUR + 1);
        vm.prank(operator);
        rewards.drain(PROGRAMME, operator, 488 * EUR);
        for (uint256 i = 0; i < 3; ++i) {
            claim(i);
            withdraw(i);
        }
        vm.assertEq(token.balanceOf(address(rewards)), 0);
    }

    function test_AStoppedProgrammePaysNothing() public {
        vm.prank(guardian);
        rewards.pause(PROGRAMME);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.Stopped.selector, PROGRAMME));
        this.claim(0);
        rewards.unpause(PROGRAMME);
        claim(0);
        vm.prank(guardian);
        rewards.pause(PROGRAMME);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.Stopped.selector, PROGRAMME));
        this.withdraw(0);
        rewards.unpause(PROGRAMME);
        withdraw(0);
    }

    function test_OnlyTheRole() public {
        address target = address(rewards);
        address[] memory nobody;
        uint256[] memory nothing;
        onlyRole(target, abi.encodeCall(IncentiveDistribution.openProgramme, ("x", 1)), operator);
        onlyRole(target, abi.encodeCall(IncentiveDistribution.drain, (PROGRAMME, operator, 1)), operator);
        onlyRole(target, abi.encodeCall(IncentiveDistribution.postRoot, (PROGRAMME, 2, "r", 1)), engine);
        onlyRole(target, abi.encodeCall(IncentiveDistribution.push, ("p", PROGRAMME, nobody, nothing)), engine);
        onlyRole(target, abi.encodeCall(IncentiveDistribution.setDailyLimit, (1)), address(this));
        onlyRole(target, abi.encodeCall(IncentiveDistribution.pause, (PROGRAMME)), guardian);
        onlyRole(target, abi.encodeCall(IncentiveDistribution.unpause, (PROGRAMME)), address(this));
    }

    function test_AProgrammeHasOneUnit() public {
        vm.prank(operator);
        rewards.openProgramme(PROGRAMME, UNIT);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.AlreadyOpen.selector, PROGRAMME, UNIT));
        rewards.openProgramme(PROGRAMME, 2);
        vm.expectRevert(abi.encodeWithSelector(IncentiveDistribution.NoProgramme.selector, bytes32("none")));
        rewards.fund("none", 1);
    }

    function test_PursesAndProgrammesAreKeptApart() public {
        for (uint256 i = 3; i < 20; ++i) add(address(uint160(0x1000 + i)), (i + 1) * EUR);
        publish(2, 400 * EUR);
        for (uint256 i = 0; i < 20; ++i) claim(i);
        for (uint256 i = 0; i < 20; ++i) {
            withdraw(i);
            (uint256 claimed, uint256 paid) = purse(i);
            vm.assertEq(claimed, tree[i].cumulative);
            vm.assertEq(paid, tree[i].cumulative);
            vm.assertEq(token.balanceOf(tree[i].account), tree[i].cumulative);
        }
        vm.assertEq(rewards.purseOf("another", home).claimed, 0);
        vm.prank(home);
        vm.expectPartialRevert(IncentiveDistribution.NoProgramme.selector);
        rewards.withdraw("another", EUR, home);
    }

    function top(bytes32 leaf, bytes32[] calldata path) external pure returns (bytes32 ours, bytes32 theirs) {
        return (ClaimTree.top(leaf, path), MerkleProof.processProofCalldata(path, leaf));
    }

    function testFuzz_TheRootIsOpenZeppelins(bytes32 leaf, bytes32[] calldata path) public view {
        (bytes32 ours, bytes32 theirs) = this.top(leaf, path);
        vm.assertEq(ours, theirs);
        vm.assertEq(path.length == 0, ours == leaf);
    }

    // ---- the formula ----

    function test_AmountAndTiming() public view {
        Rewards.Terms memory terms = Rewards.Terms(400_000, 3000, 5000);
        vm.assertEq(rewards.rewardOf(terms, 2000, 0, 3600), 1_200_000);
        vm.assertEq(rewards.rewardOf(terms, 2000, 1800, 3600), 1_000_000);
        vm.assertEq(rewards.rewardOf(terms, 2000, 3600, 3600), 800_000);
        vm.assertEq(rewards.rewardOf(terms, 2000, 9999, 3600), 800_000);
        vm.assertEq(rewards.rewardOf(terms, 9000, 0, 3600), 1_800_000);
        vm.assertEq(rewards.rewardOf(terms, 0, 0, 3600), 0);
        vm.assertEq(rewards.rewardOf(terms, 2000, 0, 0), 800_000);
    }

    function testFuzz_MoreAndSoonerIsNeverWorse(
        Rewards.Terms memory terms,
        uint64 less,
        uint64 more,
        uint32 sooner,
        uint32 later,
        uint32 duration
    ) public view {
        (less, more) = less < more ? (less, more) : (more, less);
        (sooner, later) = sooner < later ? (sooner, later) : (later, sooner);
        uint256 best = rewards.rewardOf(terms, more, sooner, duration);
        vm.assertGe(best, rewards.rewardOf(terms, less, sooner, duration));
        vm.assertGe(best, rewards.rewardOf(terms, more, later, duration));
        uint256 cap = (uint256(terms.capWh) * terms.rateMicroPerKwh * (10_000 + uint256(terms.bonusBp))) / 10_000_000;
        vm.assertLe(best, cap);
    }
}

/// @notice Posts roots, claims, pushes, funds and drains at random, some of it dishonestly.
contract RewardsHandler is Test {
    IncentiveDistribution internal immutable rewards;
    address internal immutable engine;
    address internal immutable operator;
    bytes32 internal immutable programme;
    IncentiveDistribution.Leaf[] internal tree;
    uint256 private _pushes;
    mapping(uint256 index => uint256 amount) public claimed;

    constructor(IncentiveDistribution rewards_, address engine_, address operator_, bytes32 programme_) {
        (rewards, engine, operator, programme) = (rewards_, engine_, operator_, programme_);
        for (uint256 i = 0; i < 10; ++i) {
            tree.push(IncentiveDistribution.Leaf(address(uint160(0x1000 + i)), 0, bytes32(i)));
        }
    }

    function leaves() internal view returns (bytes32[] memory found) {
        found = new bytes32[](tree.length);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = keccak256(bytes.concat(keccak256(abi.encode(tree[i]))));
        }
    }

    function post(uint256 which, uint256 units, uint256 said) external {
        uint256 grows = bound(units, 0, 20) * 1e6;
        tree[which % 10].cumulative += grows;
        bytes32 root = Trees.root(leaves());
        uint32 sequence = rewards.programmeOf(programme).sequence + 1;
        vm.prank(engine);
        try rewards.postRoot(programme, sequence, root, said % 3 == 0 ? 0 : grows) {}
        catch {
            tree[which % 10].cumulative -= grows;
        }
    }

    function claim(uint256 which) external {
        uint256 i = which % 10;
        uint256 before = rewards.purseOf(programme, tree[i].account).claimed;
        rewards.claim(programme, tree[i], Trees.proof(leaves(), i));
        claimed[i] += tree[i].cumulative - before;
    }

    function withdraw(uint256 which, uint256 upTo) external {
        address account = tree[which % 10].account;
        vm.prank(account);
        rewards.withdraw(programme, bound(upTo, 0, 40) * 1e6, account);
    }

    function push(uint256 units, bool again) external {
        address[] memory accounts = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (accounts[0], amounts[0]) = (address(0xBEEF), bound(units, 0, 9) * 1e6);
        bytes32 id = bytes32(again ? _pushes : ++_pushes);
        vm.prank(engine);
        rewards.push(id, programme, accounts, amounts);
    }

    function fund(uint256 amount) external {
        vm.prank(operator);
        rewards.fund(programme, bound(amount, 0, 50e6));
    }

    function drain(uint256 amount) external {
        vm.prank(operator);
        rewards.drain(programme, operator, bound(amount, 0, 500e6));
    }

    function wait_() external {
        vm.warp(block.timestamp + 1 days);
    }

    function leaf(uint256 i) external view returns (IncentiveDistribution.Leaf memory) {
        return tree[i];
    }
}

contract IncentiveInvariants is Programmes {
    RewardsHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new RewardsHandler(rewards, engine, operator, PROGRAMME);
        targetContract(address(handler));
    }

    function invariant_PaidAllottedFunded() public view {
        IncentiveDistribution.Programme memory found = rewards.programmeOf(PROGRAMME);
        vm.assertLe(found.paid, found.allotted, "paid more than promised");
        vm.assertLe(found.allotted, found.funded, "promised more than funded");
        vm.assertEq(token.balanceOf(address(rewards)), found.funded - found.paid, "escrow is not held");
    }

    function invariant_NobodyIsPaidTwice() public view {
        uint256 sum = token.balanceOf(address(0xBEEF));
        for (uint256 i = 0; i < 10; ++i) {
            address account = address(uint160(0x1000 + i));
            uint256 held = token.balanceOf(account);
            IncentiveDistribution.Purse memory purse = rewards.purseOf(PROGRAMME, account);
            vm.assertEq(held, purse.paid);
            vm.assertLe(purse.paid, purse.claimed);
            vm.assertEq(purse.claimed, handler.claimed(i));
            vm.assertLe(purse.claimed, handler.leaf(i).cumulative);
            sum += held;
        }
        vm.assertEq(sum, rewards.programmeOf(PROGRAMME).paid);
    }
}
