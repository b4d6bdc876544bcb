// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Settlement} from "../../src/market/Settlement.sol";
import {Trades} from "./Trades.sol";

contract DemandsTest is Trades {
    Settlement.Signed internal buy;
    Settlement.Signed internal sell;
    bytes internal packed;

    function setUp() public override {
        super.setUp();
        (buy, sell) = (sign(1, order(1, 0, 3000, 300_000)), sign(0, order(0, 1, 3000, 200_000)));
        trade(buy, sell, 2000, 250_000);
        trade(buy, sell, 1000, 260_000);
        trade(sign(2, order(2, 0, 900, 400_000)), sign(3, order(3, 1, 900, 100_000)), 900, 300_000);
        packed = deltas();
        post("b", packed);
    }

    function demandOrders() internal returns (uint256) {
        Settlement.ProvenTrade memory found = proven(0);
        vm.prank(traders[1]);
        return settlement.demandOrders("b", found);
    }

    /// @dev The place of a trader among the deltas.
    function demandAccount(uint256 who) internal returns (uint256 id, int128 delta) {
        address[] memory sorted = sortedTraders();
        uint256 place = 0;
        while (sorted[place] != traders[who]) ++place;
        for (uint256 i = 0; i < 16; ++i) delta = (delta << 8) | int128(uint128(uint8(packed[36 * place + 20 + i])));
        vm.prank(traders[who]);
        id = settlement.demandAccount("b", packed, place);
    }

    function test_ShownOrdersEndADemandAndCostItsBond() public {
        uint256 id = demandOrders();
        vm.assertEq(settlement.balanceOf(traders[1]), 500 * EUR - 760_000 - DEMAND_BOND);
        vm.warp(block.timestamp + WINDOW);
        settlement.showOrders(id, trades[0], buy, sell);
        vm.assertEq(settlement.freeBond(), 1000 * EUR - BATCH_BOND + DEMAND_BOND);
        vm.warp(block.timestamp + 1);
        settlement.finalise("b", packed);
        vm.expectPartialRevert(Settlement.DemandOver.selector);
        settlement.lapse(id, packed);
    }

    function test_AnOpenDemandKeepsTheBatchOpen() public {
        vm.warp(block.timestamp + WINDOW);
        demandOrders();
        vm.warp(block.timestamp + 1);
        vm.expectPartialRevert(Settlement.StillOpen.selector);
        settlement.finalise("b", packed);
    }

    function test_UnansweredReverses() public {
        uint256 id = demandOrders();
        vm.warp(block.timestamp + WINDOW);
        vm.expectPartialRevert(Settlement.AnswerPending.selector);
        settlement.lapse(id, packed);
        vm.warp(block.timestamp + 1);
        vm.expectPartialRevert(Settlement.DemandOver.selector);
        settlement.showOrders(id, trades[0], buy, sell);
        settlement.lapse(id, packed);
        vm.assertEq(settlement.balanceOf(traders[1]), 500 * EUR + BATCH_BOND / 2);
        vm.assertEq(uint256(settlement.batchOf("b").status), uint256(Settlement.Status.Reversed));
        vm.expectPartialRevert(Settlement.DemandOver.selector);
        settlement.lapse(id, packed);
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed());
    }

    function test_WrongOrdersAreNoAnswer() public {
        uint256 id = demandOrders();
        Settlement.Signed memory other = sign(1, order(1, 0, 3001, 300_000));
        vm.expectPartialRevert(Settlement.NotTheOrder.selector);
        settlement.showOrders(id, trades[0], other, sell);
        vm.expectPartialRevert(Settlement.NotTheSubject.selector);
        settlement.showOrders(id, trades[1], buy, sell);
    }

    function test_AReversedBatchGivesTheBondBack() public {
        uint256 first = demandOrders();
        (uint256 second,) = demandAccount(0);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.lapse(first, packed);
        vm.assertEq(settlement.balanceOf(traders[0]), 500 * EUR - DEMAND_BOND);
        settlement.lapse(second, packed);
        vm.assertEq(settlement.balanceOf(traders[0]), 500 * EUR);
    }

    function account(uint256 count) internal view returns (Settlement.ProvenTrade[] memory found) {
        found = new Settlement.ProvenTrade[](count);
        for (uint256 i = 0; i < count; ++i) found[i] = proven(i);
    }

    function test_TradesThatAddUpAnswer() public {
        (uint256 id, int128 delta) = demandAccount(1);
        vm.assertEq(delta, -760_000);
        Settlement.ProvenTrade[] memory found = account(2);
        settlement.showAccount(id, traders[1], delta, found);
        vm.assertTrue(settlement.demandOf(id).over);
    }

    function test_TradesThatDoNotAddUpAreNoAnswer() public {
        (uint256 id, int128 delta) = demandAccount(1);
        Settlement.ProvenTrade[] memory found = account(1);
        vm.expectRevert(abi.encodeWithSelector(Settlement.DoesNotAddUp.selector, int256(-500_000), delta));
        settlement.showAccount(id, traders[1], delta, found);
        found = account(2);
        found[1] = found[0];
        vm.expectPartialRevert(Settlement.NotAscending.selector);
        settlement.showAccount(id, traders[1], delta, found);
    }

    function test_ATradeLeftOutReverses() public {
        // a batch that pays A too little: the second trade is in the tree and not in the deltas
        address[] memory sorted = sortedTraders();
        bytes memory wrong;
        for (uint256 i = 0; i < 4; ++i) {
            if (sorted[i] == traders[0]) wrong = bytes.concat(wrong, abi.encodePacked(sorted[i], int128(500_000)));
            if (sorted[i] == traders[1]) wrong = bytes.concat(wrong, abi.encodePacked(sorted[i], int128(-500_000)));
        }
        post("wrong", wrong);
        bool first = sorted[0] == traders[0] || (sorted[1] == traders[0] && sorted[0] != traders[1]);
        vm.prank(traders[0]);
        uint256 id = settlement.demandAccount("wrong", wrong, first ? 0 : 1);
        Settlement.ProvenTrade[] memory answer = account(1);
        settlement.showAccount(id, traders[0], 500_000, answer);
        bytes32[] memory shown = new bytes32[](1);
        shown[0] = leaves()[0];
        (Settlement.ProvenTrade memory there, Settlement.ProvenTrade memory left) = (proven(0), proven(1));
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.showOmission(id, wrong, traders[0], shown, there);
        Settlement.ProvenTrade memory foreign = proven(2);
        vm.expectRevert(Settlement.NoFault.selector);
        settlement.showOmission(id, wrong, traders[0], shown, foreign);
        vm.prank(traders[0]);
        settlement.showOmission(id, wrong, traders[0], shown, left);
        vm.assertEq(uint256(settlement.batchOf("wrong").status), uint256(Settlement.Status.Reversed));
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed());
    }

    function test_AnAnswerOpensAnotherWindow() public {
        vm.warp(block.timestamp + WINDOW);
        (uint256 id, int128 delta) = demandAccount(1);
        vm.warp(block.timestamp + WINDOW);
        Settlement.ProvenTrade[] memory found = account(2);
        settlement.showAccount(id, traders[1], delta, found);
        vm.warp(block.timestamp + WINDOW);
        vm.expectPartialRevert(Settlement.StillOpen.selector);
        settlement.finalise("b", packed);
        vm.warp(block.timestamp + 1);
        settlement.finalise("b", packed);
    }

    function test_PenaltiesGoWhereGovernanceSays() public {
        uint256 id = demandOrders();
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.lapse(id, packed);
        settlement.takePenalties(stranger);
        vm.assertEq(token.balanceOf(stranger), BATCH_BOND / 2);
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed());
    }
}
