// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {DailyLimit} from "../../src/access/DailyLimit.sol";
import {EnergyToken} from "../../src/token/EnergyToken.sol";
import {Purse} from "../Purse.sol";
import {FuzzSelector, Test} from "../Test.sol";

contract EnergyTokenTest is Purse {
    address internal alice;
    uint256 internal aliceKey;

    function setUp() public override {
        super.setUp();
        (alice, aliceKey) = makeAddrAndKey("alice");
        token.setCaps(1000 * EUR, 100 * EUR);
        vm.prank(operator);
        token.declareReserve(500 * EUR, "statement");
    }

    function mint(bytes32 id, address to, uint256 amount) external {
        vm.prank(operator);
        token.mint(id, to, amount);
    }

    function test_OneUnitIsOneMicroEuro() public view {
        vm.assertEq(token.decimals(), 6);
    }

    function test_NeverMoreThanTheReserve() public {
        token.setCaps(1000 * EUR, 1000 * EUR);
        this.mint("a", alice, 500 * EUR);
        vm.expectRevert(abi.encodeWithSelector(EnergyToken.ReserveTooLow.selector, 500 * EUR, 500 * EUR + 1));
        this.mint("b", alice, 1);
    }

    function test_NeverMoreThanTheCap() public {
        token.setCaps(50 * EUR, 1000 * EUR);
        vm.expectRevert(abi.encodeWithSelector(EnergyToken.SupplyCapReached.selector, 50 * EUR, 50 * EUR + 1));
        this.mint("a", alice, 50 * EUR + 1);
    }

    function test_NeverMoreThanTheDaysCap() public {
        this.mint("a", alice, 60 * EUR);
        vm.assertEq(token.mintableToday(), 40 * EUR);
        vm.expectRevert(abi.encodeWithSelector(DailyLimit.DailyLimitReached.selector, 40 * EUR + 1, 40 * EUR));
        this.mint("b", alice, 40 * EUR + 1);
        vm.warp(block.timestamp + 1 days);
        this.mint("b", alice, 100 * EUR);
        vm.assertEq(token.balanceOf(alice), 160 * EUR);
    }

    function test_ALoweredCapCountsWhatIsUsed() public {
        this.mint("a", alice, 60 * EUR);
        token.setCaps(1000 * EUR, 50 * EUR);
        vm.assertEq(token.mintableToday(), 0);
    }

    function test_TheSameMintAgainChangesNothing() public {
        this.mint("a", alice, 10 * EUR);
        this.mint("a", alice, 10 * EUR);
        vm.assertEq(token.totalSupply(), 10 * EUR);
        vm.expectRevert(abi.encodeWithSelector(EnergyToken.AlreadyMinted.selector, bytes32("a")));
        this.mint("a", alice, 11 * EUR);
    }

    function test_ARedemptionLowersTheReserve() public {
        this.mint("a", alice, 100 * EUR);
        vm.prank(alice);
        token.redeem(30 * EUR, "payment");
        vm.assertEq(token.totalSupply(), 70 * EUR);
        vm.assertEq(token.reserve(), 470 * EUR);
    }

    function test_TheReserveIsNotDeclaredBelowTheSupply() public {
        this.mint("a", alice, 100 * EUR);
        vm.prank(operator);
        vm.expectPartialRevert(EnergyToken.ReserveTooLow.selector);
        token.declareReserve(100 * EUR - 1, "statement");
    }

    function test_NothingMovesWhilePaused() public {
        this.mint("a", alice, 100 * EUR);
        vm.prank(guardian);
        token.pause();
        vm.prank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        token.transfer(stranger, 1);
        token.unpause();
        vm.prank(alice);
        token.transfer(stranger, 1);
        vm.assertEq(token.balanceOf(stranger), 1);
    }

    function test_APermitIsAnApproval() public {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 struct_ = keccak256(abi.encode(typehash, alice, stranger, 5, 0, block.timestamp));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), struct_));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        token.permit(alice, stranger, 5, block.timestamp, v, r, s);
        vm.assertEq(token.allowance(alice, stranger), 5);
    }

    function test_OnlyTheRole() public {
        onlyRole(address(token), abi.encodeCall(EnergyToken.declareReserve, (1e15, 0)), operator);
        onlyRole(address(token), abi.encodeCall(EnergyToken.mint, ("x", alice, 1)), operator);
        onlyRole(address(token), abi.encodeCall(EnergyToken.setCaps, (1, 1)), address(this));
        onlyRole(address(token), abi.encodeCall(EnergyToken.pause, ()), guardian);
        onlyRole(address(token), abi.encodeCall(EnergyToken.unpause, ()), address(this));
    }
}

/// @notice Mints, transfers, redeems, declares and lets time pass, at random.
contract TokenHandler is Test {
    EnergyToken internal immutable token;
    address internal immutable operator;
    address[3] internal holders = [address(0xA), address(0xB), address(0xC)];
    mapping(uint256 day => uint256 minted) public minted;
    uint256 private _id;

    constructor(EnergyToken token_, address operator_) {
        (token, operator) = (token_, operator_);
    }

    function mint(uint256 who, uint256 amount) external {
        vm.prank(operator);
        token.mint(bytes32(++_id), holders[who % 3], amount);
        minted[block.timestamp / 1 days] += amount;
    }

    function mintSome(uint256 who, uint256 amount) external {
        amount = bound(amount, 1, token.mintableToday() + 1);
        vm.prank(operator);
        token.mint(bytes32(++_id), holders[who % 3], amount);
        minted[block.timestamp / 1 days] += amount;
    }

    function move(uint256 from, uint256 to, uint256 amount) external {
        amount = bound(amount, 0, token.balanceOf(holders[from % 3]));
        vm.prank(holders[from % 3]);
        token.transfer(holders[to % 3], amount);
    }

    function redeem(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, token.balanceOf(holders[who % 3]));
        vm.prank(holders[who % 3]);
        token.redeem(amount, 0);
    }

    function declare(uint256 amount) external {
        vm.prank(operator);
        token.declareReserve(bound(amount, 0, 2000e6), 0);
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, 2 days));
    }

    function held() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) sum += token.balanceOf(holders[i]);
    }
}

contract EnergyTokenInvariants is Purse {
    TokenHandler internal handler;

    function setUp() public override {
        super.setUp();
        token.setCaps(1000 * EUR, 100 * EUR);
        handler = new TokenHandler(token, operator);
        targetContract(address(handler));
    }

    function invariant_TokensAreCovered() public view {
        vm.assertLe(token.totalSupply(), token.reserve(), "more tokens than reserve");
        vm.assertLe(token.totalSupply(), token.supplyCap(), "more tokens than the cap");
        vm.assertEq(token.totalSupply(), handler.held(), "tokens lost or made");
        vm.assertLe(handler.minted(block.timestamp / 1 days), 100 * EUR, "more than the day's cap");
    }
}
