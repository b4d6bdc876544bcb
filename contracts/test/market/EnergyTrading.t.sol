// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Roles} from "../../src/access/Roles.sol";
import {EnergyTrading} from "../../src/market/EnergyTrading.sol";
import {IEnergyTrading} from "../../src/market/IEnergyTrading.sol";
import {SignedOrder} from "../../src/market/SignedOrders.sol";
import {Purse} from "../Purse.sol";
import {Test} from "../Test.sol";
import {EnergyToken} from "../../src/token/EnergyToken.sol";

abstract contract Market is Purse {
    EnergyTrading internal trading;
    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    IEnergyTrading.OrderType internal constant BUY = IEnergyTrading.OrderType.BUY;
    IEnergyTrading.OrderType internal constant SELL = IEnergyTrading.OrderType.SELL;

    function setUp() public virtual override {
        super.setUp();
        (alice, aliceKey) = makeAddrAndKey("alice");
        trading = new EnergyTrading(address(manager), token, gate);
        allow(address(trading), EnergyTrading.matchOrders.selector, Roles.ENGINE);
        allow(address(trading), EnergyTrading.pause.selector, Roles.GUARDIAN);
        allow(address(trading), EnergyTrading.unpause.selector, Roles.GOVERNANCE);
        equip(alice, 1000 * EUR, address(trading));
        equip(bob, 1000 * EUR, address(trading));
    }
}

contract EnergyTradingTest is Market {
    function place(address who, uint256 amount, uint256 price, IEnergyTrading.OrderType side)
        internal
        returns (uint256)
    {
        vm.prank(who);
        return trading.createOrder(amount, price, block.timestamp + 1 hours, side);
    }

    function run(uint256 buy, uint256 sell) public {
        vm.prank(engine);
        trading.matchOrders(buy, sell);
    }

    function status(uint256 id) internal view returns (uint256) {
        return uint256(trading.orderOf(id).status);
    }

    /// @dev The seed's four signatures, written out: whoever changes one sees it here.
    function test_SpeaksTheSeedsInterface() public view {
        bytes4 expected = bytes4(keccak256("createOrder(uint256,uint256,uint256,uint8)"))
            ^ bytes4(keccak256("cancelOrder(uint256)")) ^ bytes4(keccak256("matchOrders(uint256,uint256)"))
            ^ bytes4(keccak256("settleTransaction(uint256)"));
        vm.assertEq(bytes32(type(IEnergyTrading).interfaceId), bytes32(expected));
        vm.assertTrue(trading.supportsInterface(expected));
        vm.assertTrue(trading.supportsInterface(type(IERC165).interfaceId));
        vm.assertFalse(trading.supportsInterface(0xffffffff));
        vm.assertEq(uint256(IEnergyTrading.OrderType.SELL), 1);
        vm.assertEq(uint256(IEnergyTrading.OrderStatus.FILLED), 1);
        vm.assertEq(uint256(IEnergyTrading.OrderStatus.CANCELLED), 2);
    }

    function test_MatchedAtTheOlderPriceAndPaidOnce() public {
        uint256 sell = place(alice, 2000, 200_000, SELL);
        uint256 buy = place(bob, 2000, 300_000, BUY);
        vm.assertEq(token.balanceOf(bob), 1000 * EUR - 600_000);
        run(buy, sell);
        vm.assertEq(token.balanceOf(bob), 1000 * EUR - 400_000, "the better price comes back");
        vm.assertEq(status(buy), 1);
        vm.assertEq(status(sell), 1);
        trading.settleTransaction(1);
        trading.settleTransaction(1);
        vm.assertEq(token.balanceOf(alice), 1000 * EUR + 400_000);
        vm.assertEq(token.balanceOf(address(trading)), 0);
        vm.assertTrue(trading.transactionOf(1).settled);
        uint256 oldBuy = place(bob, 1000, 300_000, BUY);
        run(oldBuy, place(alice, 1000, 200_000, SELL));
        vm.assertEq(trading.transactionOf(2).price, 300_000);
    }

    function test_PartialFills() public {
        uint256 buy = place(bob, 5000, 300_000, BUY);
        run(buy, place(alice, 2000, 250_000, SELL));
        (uint256 filled, uint256 escrow,) = trading.progressOf(buy);
        vm.assertEq(filled, 2000);
        vm.assertEq(escrow, 900_000);
        vm.assertEq(status(buy), 0);
        run(buy, place(alice, 9000, 250_000, SELL));
        vm.assertEq(status(buy), 1);
        (filled, escrow,) = trading.progressOf(3);
        vm.assertEq(filled, 3000);
        vm.assertEq(status(3), 0);
    }

    function test_AFullOrderIsNotMatchedAgain() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        uint256 sell = place(alice, 5000, 250_000, SELL);
        run(buy, sell);
        vm.expectPartialRevert(EnergyTrading.NotActive.selector);
        this.run(buy, sell);
    }

    function test_NeverAfterExpiry() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        uint256 sell = place(alice, 1000, 250_000, SELL);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.expectPartialRevert(EnergyTrading.Expired.selector);
        this.run(buy, sell);
        vm.warp(block.timestamp - 1);
        run(buy, sell);
        vm.prank(bob);
        vm.expectPartialRevert(EnergyTrading.Expired.selector);
        trading.createOrder(1, 1, block.timestamp - 1, BUY);
    }

    function test_LimitsSidesAndPartiesAreKept() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        uint256 dear = place(alice, 1000, 300_001, SELL);
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.PricesDoNotCross.selector, 300_000, 300_001));
        this.run(buy, dear);
        vm.expectPartialRevert(EnergyTrading.WrongSide.selector);
        this.run(dear, buy);
        uint256 own = place(bob, 1000, 100_000, SELL);
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.SelfTrade.selector, bob));
        this.run(buy, own);
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.NoOrder.selector, 99));
        this.run(buy, 99);
    }

    function test_OnlyTheTraderTakesAnOrderBack() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.NotTheTrader.selector, buy, alice));
        trading.cancelOrder(buy);
        vm.prank(bob);
        trading.cancelOrder(buy);
        vm.assertEq(token.balanceOf(bob), 1000 * EUR);
        vm.assertEq(status(buy), 2);
        vm.prank(bob);
        vm.expectPartialRevert(EnergyTrading.NotActive.selector);
        trading.cancelOrder(buy);
    }

    function test_AnybodyClearsAwayWhatExpired() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(stranger);
        trading.cancelOrder(buy);
        vm.assertEq(token.balanceOf(bob), 1000 * EUR);
    }

    function test_ClosedMarketsTakeNothingButGiveBack() public {
        uint256 buy = place(bob, 1000, 300_000, BUY);
        uint256 other = place(bob, 1000, 300_000, BUY);
        uint256 sell = place(alice, 1000, 200_000, SELL);
        run(buy, sell);
        gate.set(false);
        vm.prank(bob);
        vm.expectRevert(EnergyTrading.MarketClosed.selector);
        trading.createOrder(1, 1, block.timestamp, SELL);
        vm.expectRevert(EnergyTrading.MarketClosed.selector);
        this.run(other, sell);
        vm.expectRevert(EnergyTrading.MarketClosed.selector);
        trading.settleTransaction(1);
        vm.prank(bob);
        trading.cancelOrder(other);
        gate.set(true);
        trading.settleTransaction(1);
    }

    function signed(SignedOrder memory order) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, trading.digestOf(order));
        return abi.encodePacked(r, s, v);
    }

    function test_ASignedOrderIsPlacedOnce() public {
        SignedOrder memory order = SignedOrder(alice, 0, "hour", 1000, 250_000, uint64(block.timestamp + 9), 1);
        bytes memory signature = signed(order);
        uint256 id = trading.createSignedOrder(order, signature);
        vm.assertEq(trading.createSignedOrder(order, signature), id);
        vm.assertEq(token.balanceOf(alice), 1000 * EUR - 250_000);
        vm.assertEq(trading.orderOf(id).trader, alice);
        order.energyWh = 1001;
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.NotSigned.selector, alice));
        trading.createSignedOrder(order, signature);
        uint256 sell = place(bob, 1000, 1, SELL);
        vm.expectPartialRevert(EnergyTrading.ProductsDiffer.selector);
        this.run(id, sell);
    }

    function test_OutOfRange() public {
        vm.expectRevert(EnergyTrading.OutOfRange.selector);
        trading.createOrder(0, 1, block.timestamp, BUY);
        vm.expectRevert(EnergyTrading.OutOfRange.selector);
        trading.createOrder(2 ** 64, 1, block.timestamp, SELL);
        SignedOrder memory order = SignedOrder(alice, 1, "hour", 1000, -1, uint64(block.timestamp + 9), 1);
        bytes memory signature = signed(order);
        vm.expectRevert(EnergyTrading.OutOfRange.selector);
        trading.createSignedOrder(order, signature);
        vm.expectRevert(abi.encodeWithSelector(EnergyTrading.NoTransaction.selector, 1));
        trading.settleTransaction(1);
    }

    function test_OnlyTheRole() public {
        address target = address(trading);
        uint256 buy = place(bob, 1000, 300_000, BUY);
        uint256 sell = place(alice, 1000, 200_000, SELL);
        onlyRole(target, abi.encodeCall(IEnergyTrading.matchOrders, (buy, sell)), engine);
        onlyRole(target, abi.encodeCall(EnergyTrading.pause, ()), guardian);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        trading.settleTransaction(1);
        onlyRole(target, abi.encodeCall(EnergyTrading.unpause, ()), address(this));
    }

    /// @dev However an order is executed in parts, its escrow suffices and what is over comes back.
    function testFuzz_EscrowSufficesForAnyParts(uint64 first, uint64 second, uint64 limit, uint64 price) public {
        uint256 amount = uint256(bound(first, 1, 1e9)) + bound(second, 1, 1e9);
        limit = uint64(bound(limit, 0, 400_000));
        uint256 ask = bound(price, 0, limit);
        uint256 a = place(alice, bound(first, 1, 1e9), ask, SELL);
        uint256 b = place(alice, bound(second, 1, 1e9), ask, SELL);
        give(bob, 1e6 * EUR);
        uint256 before = token.balanceOf(bob) + token.balanceOf(alice);
        uint256 buy = place(bob, amount, limit, BUY);
        run(buy, a);
        run(buy, b);
        trading.settleTransaction(1);
        trading.settleTransaction(2);
        vm.assertEq(status(buy), 1);
        vm.assertEq(token.balanceOf(address(trading)), 0);
        vm.assertEq(token.balanceOf(bob) + token.balanceOf(alice), before);
    }
}

/// @notice Places, cancels, matches and settles at random, in time and out of it.
contract TradingHandler is Test {
    EnergyTrading internal immutable trading;
    EnergyToken internal immutable token;
    address internal immutable engine;
    address[] internal traders;
    uint256 public lateFills;

    constructor(EnergyTrading trading_, EnergyToken token_, address engine_, address[] memory traders_) {
        (trading, token, engine, traders) = (trading_, token_, engine_, traders_);
    }

    function place(uint256 who, uint256 amount, uint256 price, bool buys, uint256 time) external {
        vm.prank(traders[who % traders.length]);
        trading.createOrder(
            bound(amount, 1, 1e6),
            buys ? bound(price, 200_000, 400_000) : bound(price, 0, 250_000),
            block.timestamp + bound(time, 0, 1 hours),
            buys ? IEnergyTrading.OrderType.BUY : IEnergyTrading.OrderType.SELL
        );
    }

    function cancel(uint256 which, bool byTrader) external {
        uint256 id = 1 + which % trading.orderCount();
        if (byTrader) vm.prank(trading.orderOf(id).trader);
        trading.cancelOrder(id);
    }

    /// @dev The first two orders from `start` on that are on different sides.
    function run(uint256 start) external {
        uint256 count = trading.orderCount();
        (uint256 buy, uint256 sell) = (0, 0);
        for (uint256 i = 0; i < count; ++i) {
            uint256 id = 1 + (start % count + i) % count;
            IEnergyTrading.Order memory order = trading.orderOf(id);
            if (order.status != IEnergyTrading.OrderStatus.ACTIVE) continue;
            bool buys = order.orderType == IEnergyTrading.OrderType.BUY;
            if (buys && buy == 0) buy = id;
            if (!buys && sell == 0 && (buy == 0 || order.trader != trading.orderOf(buy).trader)) sell = id;
            if (buy != 0 && sell != 0) break;
        }
        vm.prank(engine);
        trading.matchOrders(buy, sell);
        if (trading.orderOf(buy).expiry < block.timestamp || trading.orderOf(sell).expiry < block.timestamp) {
            ++lateFills;
        }
    }

    function settle(uint256 which) external {
        trading.settleTransaction(1 + which % trading.transactionCount());
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, 5 minutes));
    }

    function wealth() external view returns (uint256 sum) {
        for (uint256 i = 0; i < traders.length; ++i) sum += token.balanceOf(traders[i]);
    }
}

contract EnergyTradingInvariants is Market {
    TradingHandler internal handler;
    uint256 internal whole;

    function setUp() public override {
        super.setUp();
        address[] memory traders = new address[](2);
        (traders[0], traders[1]) = (alice, bob);
        handler = new TradingHandler(trading, token, engine, traders);
        whole = handler.wealth();
        targetContract(address(handler));
    }

    function invariant_MoneyIsConserved() public view {
        vm.assertEq(handler.wealth() + token.balanceOf(address(trading)), whole, "money made or lost");
        vm.assertEq(token.balanceOf(address(trading)), trading.escrowed(), "escrow is not held");
        uint256 sum = 0;
        for (uint256 i = 1; i <= trading.orderCount(); ++i) {
            (, uint256 escrow,) = trading.progressOf(i);
            sum += escrow;
        }
        for (uint256 i = 1; i <= trading.transactionCount(); ++i) {
            EnergyTrading.Transaction memory done = trading.transactionOf(i);
            if (!done.settled) sum += done.cost;
        }
        vm.assertEq(sum, trading.escrowed(), "escrow is not what is owed");
    }

    function invariant_EnergyIsConserved() public view {
        uint256 bought = 0;
        uint256 sold = 0;
        uint256 traded = 0;
        for (uint256 i = 1; i <= trading.orderCount(); ++i) {
            IEnergyTrading.Order memory order = trading.orderOf(i);
            (uint256 filled,,) = trading.progressOf(i);
            vm.assertLe(filled, order.amount, "filled beyond its amount");
            bool full = order.status == IEnergyTrading.OrderStatus.FILLED;
            vm.assertEq(full, filled == order.amount);
            if (order.orderType == BUY) bought += filled;
            else sold += filled;
        }
        for (uint256 i = 1; i <= trading.transactionCount(); ++i) traded += trading.transactionOf(i).amount;
        vm.assertEq(bought, sold);
        vm.assertEq(bought, traded);
        vm.assertEq(handler.lateFills(), 0, "filled after expiry");
    }
}
