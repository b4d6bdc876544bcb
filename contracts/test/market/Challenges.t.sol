// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Settlement} from "../../src/market/Settlement.sol";
import {SignedOrder} from "../../src/market/SignedOrders.sol";
import {Trades} from "./Trades.sol";

contract ChallengesTest is Trades {
    Settlement.Signed internal buy;
    Settlement.Signed internal sell;

    function setUp() public override {
        super.setUp();
        buy = sign(1, order(1, 0, 3000, 300_000));
        sell = sign(0, order(0, 1, 2000, 200_000));
    }

    /// @dev Post the one trade, challenge it with an order, and see that everything is as before but for the bond.
    function reversedBy(Settlement.Signed memory shown) internal {
        uint256 paid = settlement.balanceOf(traders[1]);
        uint256 received = settlement.balanceOf(traders[0]);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(trades.length - 1);
        vm.prank(stranger);
        settlement.challengeTrade("b", packed, found, shown);
        vm.assertEq(settlement.balanceOf(traders[1]), paid, "payer is not whole");
        vm.assertEq(settlement.balanceOf(traders[0]), received);
        vm.assertEq(settlement.balanceOf(stranger), BATCH_BOND / 2);
        vm.assertEq(settlement.penalties(), BATCH_BOND / 2);
        vm.assertEq(settlement.freeBond(), 1000 * EUR - BATCH_BOND);
        vm.assertEq(uint256(settlement.batchOf("b").status), uint256(Settlement.Status.Reversed));
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed());
        vm.warp(block.timestamp + WINDOW + 1);
        vm.expectPartialRevert(Settlement.WrongStatus.selector);
        settlement.finalise("b", packed);
    }

    function test_ASoundTradeStands() public {
        trade(buy, sell, 2000, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.challengeTrade("b", packed, found, buy);
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.challengeTrade("b", packed, found, sell);
    }

    function test_PriceAboveTheBuyersLimit() public {
        trade(buy, sell, 2000, 300_001);
        reversedBy(buy);
    }

    function test_PriceBelowTheSellersLimit() public {
        trade(buy, sell, 2000, 199_999);
        reversedBy(sell);
    }

    function test_MoreThanOrdered() public {
        trade(buy, sell, 2001, 250_000);
        reversedBy(sell);
    }

    function test_AfterExpiry() public {
        trade(buy, sell, 2000, 250_000);
        trades[0].executedAt = buy.order.expiry + 1;
        reversedBy(buy);
    }

    function test_AtExpiryStands() public {
        trade(buy, sell, 2000, 250_000);
        trades[0].executedAt = buy.order.expiry;
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.challengeTrade("b", packed, found, buy);
    }

    function test_TheWrongSide() public {
        buy = sign(1, order(1, 1, 3000, 300_000));
        trade(buy, sell, 2000, 250_000);
        reversedBy(buy);
    }

    function test_AnotherProduct() public {
        SignedOrder memory other = order(1, 0, 3000, 300_000);
        other.product = "tomorrow";
        buy = sign(1, other);
        trade(buy, sell, 2000, 250_000);
        reversedBy(buy);
    }

    function test_AnotherParty() public {
        trade(buy, sell, 2000, 250_000);
        trades[0].buyer = traders[2];
        reversedBy(buy);
    }

    function test_SignedBySomebodyElse() public {
        buy = sign(2, order(1, 0, 3000, 300_000));
        trade(buy, sell, 2000, 250_000);
        reversedBy(buy);
    }

    function test_NoSignatureAtAll() public {
        buy.signature = "";
        trade(buy, sell, 2000, 250_000);
        reversedBy(buy);
    }

    /// @dev Any price and amount against one buy order: the challenge succeeds exactly if a limit is broken.
    function testFuzz_ExactlyBrokenLimitsReverse(uint64 energyWh, int64 price, uint64 late) public {
        energyWh = uint64(bound(energyWh, 1, 6000));
        price = int64(int256(bound(uint64(price), 0, 600_000))) - 100_000;
        trade(buy, sell, energyWh, price);
        trades[0].executedAt = buy.order.expiry - 10 + uint64(bound(late, 0, 20));
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        bool broken = energyWh > 3000 || price > 300_000 || trades[0].executedAt > buy.order.expiry;
        if (!broken) vm.expectRevert(Settlement.NoFault.selector);
        settlement.challengeTrade("b", packed, found, buy);
        bool reversed = settlement.batchOf("b").status == Settlement.Status.Reversed;
        vm.assertEq(reversed, broken);
    }

    function test_AGoodOrderWithAForgedSignatureShowsNothing() public {
        trade(buy, sell, 2000, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        buy.signature = sell.signature;
        vm.expectPartialRevert(Settlement.NotTheOrder.selector);
        settlement.challengeTrade("b", packed, found, buy);
    }

    function test_ATradeOfAnotherBatchShowsNothing() public {
        trade(buy, sell, 2000, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        trades[0].priceMicroPerKwh = 900_000;
        Settlement.ProvenTrade memory found = proven(0);
        vm.expectPartialRevert(Settlement.NotInTheBatch.selector);
        settlement.challengeTrade("b", packed, found, buy);
    }

    function test_TooLate() public {
        trade(buy, sell, 2001, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        vm.warp(block.timestamp + WINDOW + 1);
        vm.expectPartialRevert(Settlement.WindowOver.selector);
        settlement.challengeTrade("b", packed, found, sell);
    }

    // ---- beyond the amount over several trades ----

    function fills(bytes32 first, bytes32 second) internal view returns (Settlement.Fill[] memory found) {
        found = new Settlement.Fill[](2);
        found[0] = Settlement.Fill(first, proven(0), buy.signature);
        found[1] = Settlement.Fill(second, proven(1), buy.signature);
    }

    function test_MoreThanOrderedInTwoTradesOfABatch() public {
        trade(buy, sell, 1501, 250_000);
        trade(buy, sell, 1500, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.Fill[] memory found = fills("b", "b");
        settlement.challengeOverfill(1, packed, buy.order, found);
        vm.assertEq(uint256(settlement.batchOf("b").status), uint256(Settlement.Status.Reversed));
    }

    function test_MoreThanOrderedInTwoBatches() public {
        trade(buy, sell, 1501, 250_000);
        trade(buy, sell, 1500, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("b", packed);
        post("c", packed);
        Settlement.Fill[] memory found = fills("b", "c");
        settlement.challengeOverfill(1, packed, buy.order, found);
        vm.assertEq(uint256(settlement.batchOf("b").status), uint256(Settlement.Status.Final));
        vm.assertEq(uint256(settlement.batchOf("c").status), uint256(Settlement.Status.Reversed));
    }

    function test_AsMuchAsOrderedStands() public {
        trade(buy, sell, 1500, 250_000);
        trade(buy, sell, 1500, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.Fill[] memory found = fills("b", "b");
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.challengeOverfill(1, packed, buy.order, found);
    }

    function test_OneTradeCountsOnce() public {
        trade(buy, sell, 2000, 250_000);
        trade(buy, sell, 500, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.Fill[] memory found = fills("b", "b");
        found[1] = found[0];
        vm.expectPartialRevert(Settlement.NotAscending.selector);
        settlement.challengeOverfill(1, packed, buy.order, found);
    }
}
