// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {AssetShares} from "../../src/assets/AssetShares.sol";
import {EnergyAssetNFT} from "../../src/assets/EnergyAssetNFT.sol";
import {RevenuePool} from "../../src/assets/RevenuePool.sol";
import {Test} from "../Test.sol";
import {Coin, SharedAsset} from "./SharedAsset.sol";

/// @dev Keeps one part in a hundred of each transfer.
contract Toll is ERC20 {
    constructor() ERC20("Toll", "TOLL") {
        _mint(msg.sender, 1e24);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), value / 100);
    }
}

contract RevenuePoolTest is SharedAsset {
    function setUp() public override {
        super.setUp();
        split();
    }

    function test_RevenueIsInProportion() public {
        pay("march", 1_000_000);
        uint256[5] memory due = [uint256(500_000), 250_000, 150_000, 50_000, 50_000];
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertEq(pool.claimable(FIELD, coin, holders[i]), due[i]);
            pool.claim(FIELD, coin, holders[i]);
            vm.assertEq(coin.balanceOf(holders[i]), due[i]);
            vm.assertEq(pool.claim(FIELD, coin, holders[i]), 0);
        }
        vm.assertEq(coin.balanceOf(address(pool)), 0);
    }

    function test_RevenueStaysTheSellers() public {
        pay("march", 1_000_000);
        pass(holders[0], stranger, 500);
        pay("april", 2_000_000);
        vm.assertEq(pool.claimable(FIELD, coin, holders[0]), 500_000);
        vm.assertEq(pool.claimable(FIELD, coin, stranger), 1_000_000);
    }

    function test_RevenueOutlivesMergingAndSplittingAgain() public {
        pay("march", 1_000_000);
        for (uint256 i = 1; i < 5; ++i) {
            pass(holders[i], holders[0], shares.balanceOf(holders[i], FIELD));
        }
        vm.startPrank(holders[0]);
        shares.merge(FIELD, holders[0]);
        assets.approve(address(shares), FIELD);
        address[] memory receivers = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (receivers[0], amounts[0]) = (stranger, 7);
        shares.split(FIELD, receivers, amounts, steward, 0);
        vm.stopPrank();
        vm.assertEq(pool.claimable(FIELD, coin, stranger), 0);
        pay("april", 70);
        vm.assertEq(pool.claimable(FIELD, coin, stranger), 70);
        vm.assertEq(pool.claimable(FIELD, coin, holders[0]), 500_000);
        vm.assertEq(pool.claimable(FIELD, coin, holders[1]), 250_000);
    }

    function test_WhatDoesNotDivideIsNotLost() public {
        for (uint256 i = 0; i < 1_000; ++i) {
            pay(bytes32(i), 1);
        }
        vm.assertEq(pool.claimable(FIELD, coin, holders[0]), 500);
        vm.assertEq(pool.claimable(FIELD, coin, holders[4]), 50);
        vm.assertEq(pool.accountOf(FIELD, coin).carried, 0);
    }

    function test_TheSamePaymentAgainChangesNothing() public {
        pay("march", 1_000);
        vm.prank(utility);
        pool.deposit("march", FIELD, coin, 1_000);
        vm.assertEq(pool.accountOf(FIELD, coin).received, 1_000);
        vm.prank(utility);
        vm.expectRevert(abi.encodeWithSelector(RevenuePool.AlreadyPaid.selector, bytes32("march")));
        pool.deposit("march", FIELD, coin, 2_000);
    }

    function test_AnotherPayerMayUseTheSameId() public {
        pay("march", 1_000);
        coin.mint(stranger, 500);
        vm.startPrank(stranger);
        coin.approve(address(pool), 500);
        pool.deposit("march", FIELD, coin, 500);
        vm.stopPrank();
        vm.assertEq(pool.accountOf(FIELD, coin).received, 1_500);
    }

    function test_WhatCannotBePaidInIsRefused() public {
        vm.startPrank(utility);
        vm.expectPartialRevert(RevenuePool.TokenNotAccepted.selector);
        pool.deposit("x", FIELD, IERC20(address(7)), 1);
        vm.expectPartialRevert(RevenuePool.BadAmount.selector);
        pool.deposit("x", FIELD, coin, 0);
        vm.stopPrank();
        vm.startPrank(operator);
        pool.acceptToken(BATTERY, coin);
        vm.expectRevert(abi.encodeWithSelector(RevenuePool.NotSplit.selector, BATTERY));
        pool.deposit("x", BATTERY, coin, 1);
        vm.stopPrank();
    }

    function test_TokensAreFew() public {
        vm.startPrank(operator);
        pool.acceptToken(FIELD, coin);
        for (uint160 i = 1; i < 4; ++i) {
            pool.acceptToken(FIELD, IERC20(address(i)));
        }
        vm.assertEq(pool.tokensOf(FIELD).length, 4);
        vm.expectRevert(abi.encodeWithSelector(RevenuePool.TooManyTokens.selector, FIELD));
        pool.acceptToken(FIELD, IERC20(address(9)));
        vm.stopPrank();
    }

    function test_OnlyWhatArrivesCounts() public {
        Toll toll = new Toll();
        vm.prank(operator);
        pool.acceptToken(FIELD, toll);
        toll.approve(address(pool), 1_000_000);
        pool.deposit("march", FIELD, toll, 1_000_000);
        vm.assertEq(pool.accountOf(FIELD, toll).received, 990_000);
        vm.assertEq(pool.claimable(FIELD, toll, holders[0]), 495_000);
    }

    function test_PausedMoneyStands() public {
        pay("march", 1_000);
        vm.prank(guardian);
        pool.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        pool.claim(FIELD, coin, holders[0]);
        vm.prank(utility);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        pool.deposit("april", FIELD, coin, 1_000);
        pass(holders[0], stranger, 500);
        pool.unpause();
        vm.assertEq(pool.claim(FIELD, coin, holders[0]), 500);
    }

    function test_StrangersAreRefused() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(refusal);
        pool.acceptToken(FIELD, coin);
        vm.expectRevert(refusal);
        pool.pause();
        vm.expectRevert(refusal);
        pool.unpause();
        vm.expectRevert(abi.encodeWithSelector(RevenuePool.NotShares.selector, stranger));
        pool.follow(holders[0], stranger, new uint256[](0), new uint256[](0));
        vm.stopPrank();
    }

    /// @dev What a holder gets does not depend on when, or how often, it claims.
    function testFuzz_ClaimingInBetweenChangesNothing(uint128 first, uint128 second, uint256 sold) public {
        first = uint128(bound(first, 1, type(uint120).max));
        second = uint128(bound(second, 1, type(uint120).max));
        sold = bound(sold, 0, 250);
        pay("march", first);
        pool.claim(FIELD, coin, holders[1]);
        pass(holders[1], holders[2], sold);
        pay("april", second);
        pool.claim(FIELD, coin, holders[1]);
        uint256 exact = uint256(first) * 250 + uint256(second) * (250 - sold);
        vm.assertLe(coin.balanceOf(holders[1]), exact / 1_000);
        vm.assertGe(coin.balanceOf(holders[1]) + 1, exact / 1_000);
    }
}

/// @notice Buys, sells, pays in, claims, merges and splits at random.
contract RevenueHandler is Test {
    AssetShares internal immutable shares;
    RevenuePool internal immutable pool;
    EnergyAssetNFT internal immutable assets;
    Coin internal immutable coin;
    address[5] internal holders;
    uint256 public payments;

    constructor(AssetShares shares_, EnergyAssetNFT assets_, Coin coin_, address[5] memory holders_) {
        (shares, pool, assets, coin, holders) = (shares_, shares_.pool(), assets_, coin_, holders_);
        coin.approve(address(pool), type(uint256).max);
    }

    function pay(uint256 amount) external {
        amount = bound(amount, 1, amount % 3 == 0 ? 1_000 : type(uint112).max);
        coin.mint(address(this), amount);
        pool.deposit(bytes32(++payments), 1, coin, amount);
    }

    function pass(uint256 from, uint256 to, uint256 amount) external {
        (address seller, address buyer) = (holders[from % 5], holders[to % 5]);
        amount = bound(amount, 0, shares.balanceOf(seller, 1));
        vm.prank(seller);
        shares.safeTransferFrom(seller, buyer, 1, amount, "");
    }

    function claim(uint256 holder) external {
        pool.claim(1, coin, holders[holder % 5]);
    }

    function buyOut(uint256 who, uint256 supply) external {
        address buyer = holders[who % 5];
        for (uint256 i = 0; i < 5; ++i) {
            uint256 held = shares.balanceOf(holders[i], 1);
            if (holders[i] == buyer || held == 0) continue;
            vm.prank(holders[i]);
            shares.safeTransferFrom(holders[i], buyer, 1, held, "");
        }
        address[] memory receivers = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (receivers[0], amounts[0]) = (buyer, bound(supply, 1, 1e12));
        vm.startPrank(buyer);
        shares.merge(1, buyer);
        assets.approve(address(shares), 1);
        shares.split(1, receivers, amounts, buyer, 0);
        vm.stopPrank();
    }
}

contract RevenuePoolInvariants is SharedAsset {
    RevenueHandler internal handler;

    function setUp() public override {
        super.setUp();
        split();
        handler = new RevenueHandler(shares, assets, coin, holders);
        targetContract(address(handler));
    }

    /// @dev The equation in the contract's description, with everybody who ever held a share.
    function invariant_NothingIsMadeOrLost() public view {
        RevenuePool.Account memory account = pool.accountOf(FIELD, coin);
        uint256 earned = account.carried;
        for (uint256 i = 0; i < 5; ++i) {
            earned += pool.scaledEarnings(FIELD, coin, holders[i]);
        }
        vm.assertEq(earned, account.received * pool.SCALE());
    }

    function invariant_ThePoolCanPayEverybody() public view {
        RevenuePool.Account memory account = pool.accountOf(FIELD, coin);
        uint256 due = 0;
        for (uint256 i = 0; i < 5; ++i) {
            due += pool.claimable(FIELD, coin, holders[i]);
        }
        vm.assertEq(coin.balanceOf(address(pool)), account.received - account.paid);
        vm.assertLe(due, coin.balanceOf(address(pool)));
    }

    /// @dev At most five holders' fractions of a unit, and what is carried: never more than that stays behind.
    function invariant_OnlyDustIsLeftWhenAllHaveClaimed() public view {
        RevenuePool.Account memory account = pool.accountOf(FIELD, coin);
        uint256 due = 0;
        for (uint256 i = 0; i < 5; ++i) {
            due += pool.claimable(FIELD, coin, holders[i]);
        }
        vm.assertLe(account.received - account.paid - due, 5);
    }
}
