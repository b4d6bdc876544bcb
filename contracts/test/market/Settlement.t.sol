// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {NetDeltas} from "../../src/market/NetDeltas.sol";
import {Settlement} from "../../src/market/Settlement.sol";
import {Trees} from "../Trees.sol";
import {Trades} from "./Trades.sol";

contract SettlementTest is Trades {
    /// @dev One call deeper, so that `expectRevert` sees the contract's own revert.
    function send(bytes32 id, bytes32 root, uint32 count, bytes memory packed) external {
        vm.prank(engine);
        settlement.post(id, root, count, packed);
    }

    function one(address party, int128 delta) internal pure returns (bytes memory) {
        return abi.encodePacked(party, delta);
    }

    function test_PayersPayAtOnceReceiversAfterTheWindow() public {
        soundBatch("b");
        vm.assertEq(settlement.balanceOf(traders[1]), 500 * EUR - 500_000);
        vm.assertEq(settlement.balanceOf(traders[0]), 500 * EUR);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("b", deltas());
        vm.assertEq(settlement.balanceOf(traders[0]), 500 * EUR + 500_000);
        vm.assertEq(settlement.freeBond(), 1000 * EUR);
        settlement.finalise("b", deltas());
        vm.assertEq(settlement.balanceOf(traders[0]), 500 * EUR + 500_000, "paid twice");
    }

    function test_NotFinalInsideTheWindow() public {
        soundBatch("b");
        vm.warp(block.timestamp + WINDOW);
        bytes memory packed = deltas();
        vm.expectPartialRevert(Settlement.StillOpen.selector);
        settlement.finalise("b", packed);
    }

    function test_FinalOnlyWithItsDeltas() public {
        soundBatch("b");
        vm.warp(block.timestamp + WINDOW + 1);
        bytes memory others = one(traders[0], 1e6);
        vm.expectPartialRevert(Settlement.NotTheDeltas.selector);
        settlement.finalise("b", others);
    }

    function test_TheSameBatchAgainChangesNothing() public {
        soundBatch("b");
        uint256 before = settlement.balanceOf(traders[1]);
        post("b", deltas());
        vm.assertEq(settlement.balanceOf(traders[1]), before, "taken twice");
        vm.assertEq(settlement.freeBond(), 1000 * EUR - BATCH_BOND);
        bytes memory packed = deltas();
        vm.expectRevert(abi.encodeWithSelector(Settlement.AlreadyPosted.selector, bytes32("b")));
        this.send("b", "another root", 1, packed);
    }

    function test_DeltasSumToZero() public {
        bytes memory packed = one(sortedTraders()[0], -5);
        vm.expectRevert(abi.encodeWithSelector(NetDeltas.NotBalanced.selector, int256(-5)));
        this.send("b", "root", 1, packed);
    }

    function test_PartiesAscendOnce() public {
        address[] memory sorted = sortedTraders();
        bytes memory twice = bytes.concat(one(sorted[0], -5), one(sorted[0], 5));
        vm.expectRevert(abi.encodeWithSelector(NetDeltas.PartiesNotAscending.selector, sorted[0]));
        this.send("b", "root", 1, twice);
        bytes memory swapped = bytes.concat(one(sorted[1], -5), one(sorted[0], 5));
        vm.expectPartialRevert(NetDeltas.PartiesNotAscending.selector);
        this.send("b", "root", 1, swapped);
    }

    function test_DeltasThatCannotBePaidAreRefused() public {
        address[] memory sorted = sortedTraders();
        bytes memory none = one(sorted[0], 0);
        vm.expectPartialRevert(NetDeltas.NotPayable.selector);
        this.send("b", "root", 1, none);
        bytes memory least = one(sorted[0], type(int128).min);
        vm.expectPartialRevert(NetDeltas.NotPayable.selector);
        this.send("b", "root", 1, least);
        vm.expectPartialRevert(NetDeltas.NotWhole.selector);
        this.send("b", "root", 1, new bytes(37));
        bytes memory tooMuch = bytes.concat(one(sorted[0], -int128(int256(501 * EUR))), one(sorted[1], 501e6));
        vm.expectPartialRevert(Settlement.BalanceTooLow.selector);
        this.send("b", "root", 1, tooMuch);
    }

    function test_EmptyBatchesAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(Settlement.EmptyBatch.selector, bytes32("b")));
        this.send("b", 0, 1, "");
        vm.expectRevert(abi.encodeWithSelector(Settlement.EmptyBatch.selector, bytes32("b")));
        this.send("b", "root", 0, "");
    }

    function test_TheEngineIsLimitedADay() public {
        settlement.setLimits(Settlement.Stakes(BATCH_BOND, DEMAND_BOND), 500_000);
        soundBatch("b");
        address[] memory sorted = sortedTraders();
        bytes memory packed = bytes.concat(one(sorted[0], -1), one(sorted[1], 1));
        vm.expectRevert(abi.encodeWithSelector(DailyLimit.DailyLimitReached.selector, 1, 0));
        this.send("c", "root", 1, packed);
        vm.warp(block.timestamp + 1 days);
        this.send("c", "root", 1, packed);
        vm.assertEq(settlement.postableToday(), 499_999);
    }

    function test_NoBatchWithoutBond() public {
        vm.prank(operator);
        settlement.takeBond(operator, 1000 * EUR - BATCH_BOND + 1);
        bytes32 root = "root";
        vm.expectPartialRevert(Settlement.BondTooLow.selector);
        this.send("b", root, 1, "");
    }

    function test_ClosedMarketsSettleNothingButLetMoneyGo() public {
        soundBatch("b");
        gate.set(false);
        vm.expectRevert(Settlement.MarketClosed.selector);
        this.send("c", "root", 1, "");
        vm.prank(traders[0]);
        settlement.withdraw(stranger, 500 * EUR);
        vm.assertEq(token.balanceOf(stranger), 500 * EUR);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("b", deltas());
    }

    function test_NobodyWithdrawsMoreThanTheirs() public {
        vm.prank(traders[0]);
        vm.expectRevert(
            abi.encodeWithSelector(Settlement.BalanceTooLow.selector, traders[0], 500 * EUR, 500 * EUR + 1)
        );
        settlement.withdraw(traders[0], 500 * EUR + 1);
    }

    function test_PausedMoneyStays() public {
        soundBatch("b");
        bytes memory packed = deltas();
        vm.prank(guardian);
        settlement.pause();
        vm.warp(block.timestamp + WINDOW + 1);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        settlement.finalise("b", packed);
        vm.prank(traders[0]);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        settlement.withdraw(traders[0], 1);
        settlement.unpause();
        settlement.finalise("b", packed);
    }

    function test_OnlyTheRole() public {
        address target = address(settlement);
        Settlement.Stakes memory stakes = Settlement.Stakes(1, 1);
        onlyRole(target, abi.encodeCall(Settlement.post, ("x", "root", 1, "")), engine);
        onlyRole(target, abi.encodeCall(Settlement.takeBond, (operator, 1)), operator);
        onlyRole(target, abi.encodeCall(Settlement.takePenalties, (stranger)), address(this));
        onlyRole(target, abi.encodeCall(Settlement.setLimits, (stakes, 1)), address(this));
        onlyRole(target, abi.encodeCall(Settlement.pause, ()), guardian);
        onlyRole(target, abi.encodeCall(Settlement.unpause, ()), address(this));
    }

    /// @dev Any four-party batch: what payers pay is what receivers receive, and all of it is covered.
    function testFuzz_MoneyIsConserved(int32 a, int32 b, int32 c) public {
        int128[4] memory amounts = [int128(a) / 8, int128(b) / 8, int128(c) / 8, 0];
        amounts[3] = -(amounts[0] + amounts[1] + amounts[2]);
        address[] memory sorted = sortedTraders();
        bytes memory packed;
        for (uint256 i = 0; i < 4; ++i) {
            if (amounts[i] != 0) packed = bytes.concat(packed, one(sorted[i], amounts[i]));
            vm.assume(amounts[i] >= -int128(int256(500 * EUR)));
        }
        uint256 before = balances();
        this.send("b", "root", 1, packed);
        vm.assertEq(balances() + settlement.batchOf("b").gross, before);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("b", packed);
        vm.assertEq(balances(), before);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(int256(settlement.balanceOf(sorted[i])), int256(500 * EUR) + amounts[i]);
        }
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed());
    }

    function test_ProofsOfTheTestsTree() public {
        for (uint256 i = 0; i < 5; ++i) soundTrade();
        bytes32 root = Trees.root(leaves());
        for (uint256 i = 0; i < 5; ++i) {
            bytes32 node = leaves()[i];
            bytes32[] memory path = Trees.proof(leaves(), i);
            for (uint256 k = 0; k < path.length; ++k) node = Trees.pair(node, path[k]);
            vm.assertEq(node, root);
        }
    }

    function soundTrade() private {
        trade(sign(1, order(1, 0, 3000, 300_000)), sign(0, order(0, 1, 2000, 200_000)), 100, 250_000);
    }
}
