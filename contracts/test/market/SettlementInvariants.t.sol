// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Settlement} from "../../src/market/Settlement.sol";
import {EnergyToken} from "../../src/token/EnergyToken.sol";
import {Test} from "../Test.sol";
import {Trees} from "../Trees.sol";
import {Trades} from "./Trades.sol";

/// @notice Deposits, withdraws, posts, finalises, demands and lets demands lapse, at random.
contract SettlementHandler is Test {
    Settlement internal immutable settlement;
    EnergyToken internal immutable token;
    address internal immutable engine;
    address[] internal parties;
    bytes32[] public ids;
    mapping(bytes32 id => bytes packed) internal deltasOf;
    Settlement.Trade internal dummy;
    uint256 public finals;
    uint256 public reversals;

    constructor(Settlement settlement_, EnergyToken token_, address engine_, address[] memory sorted) {
        (settlement, token, engine, parties) = (settlement_, token_, engine_, sorted);
    }

    function leaf(Settlement.Trade memory made) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(made))));
    }

    function post(uint256 pays, uint256 receives, uint256 amount, bool again) external {
        bytes32 id = again && ids.length != 0 ? ids[amount % ids.length] : bytes32(ids.length + 1);
        (pays, receives) = (pays % parties.length, receives % parties.length);
        if (pays == receives) receives = (receives + 1) % parties.length;
        amount = bound(amount, 1, settlement.balanceOf(parties[pays]) + 1);
        (uint256 low, uint256 high) = pays < receives ? (pays, receives) : (receives, pays);
        int128 delta = pays < receives ? -int128(int256(amount)) : int128(int256(amount));
        bytes memory packed = abi.encodePacked(parties[low], delta, parties[high], -delta);
        vm.prank(engine);
        settlement.post(id, leaf(dummy), 1, packed);
        if (deltasOf[id].length != 0) return; // the same content again
        ids.push(id);
        deltasOf[id] = packed;
    }

    function finalise(uint256 which) external {
        bytes32 id = ids[which % ids.length];
        bool before = settlement.batchOf(id).status == Settlement.Status.Final;
        settlement.finalise(id, deltasOf[id]);
        if (!before) ++finals;
    }

    function demand(uint256 who, uint256 which) external {
        vm.prank(parties[who % parties.length]);
        settlement.demandOrders(ids[which % ids.length], Settlement.ProvenTrade(dummy, new bytes32[](0)));
    }

    function lapse(uint256 which) external {
        uint256 id = 1 + which % settlement.demandCount();
        Settlement.Demand memory found = settlement.demandOf(id);
        bool before = settlement.batchOf(found.batch).status == Settlement.Status.Reversed;
        settlement.lapse(id, deltasOf[found.batch]);
        if (!before) ++reversals;
    }

    function deposit(uint256 who, uint256 amount) external {
        address party = parties[who % parties.length];
        amount = bound(amount, 0, token.balanceOf(party));
        vm.prank(party);
        settlement.deposit(party, amount);
    }

    function withdraw(uint256 who, uint256 amount) external {
        address party = parties[who % parties.length];
        amount = bound(amount, 0, settlement.balanceOf(party));
        vm.prank(party);
        settlement.withdraw(party, amount);
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, 2 hours));
    }

    /// @dev All that anybody has a right to, counted one by one.
    function rights() external view returns (uint256 sum) {
        for (uint256 i = 0; i < parties.length; ++i) sum += settlement.balanceOf(parties[i]);
        for (uint256 i = 0; i < ids.length; ++i) {
            Settlement.Batch memory batch = settlement.batchOf(ids[i]);
            if (batch.status == Settlement.Status.Posted) sum += uint256(batch.gross) + batch.bond;
        }
        for (uint256 i = 1; i <= settlement.demandCount(); ++i) {
            Settlement.Demand memory found = settlement.demandOf(i);
            if (!found.over) sum += found.bond;
        }
        sum += settlement.freeBond() + settlement.penalties();
    }

    function wealth() external view returns (uint256 sum) {
        for (uint256 i = 0; i < parties.length; ++i) sum += token.balanceOf(parties[i]);
    }
}

contract SettlementInvariants is Trades {
    SettlementHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new SettlementHandler(settlement, token, engine, sortedTraders());
        targetContract(address(handler));
    }

    function invariant_AllRightsAreCovered() public view {
        vm.assertEq(settlement.owed(), handler.rights(), "rights are not what is owed");
        vm.assertEq(token.balanceOf(address(settlement)), settlement.owed(), "owed is not held");
    }

    function invariant_NoMoneyIsMadeOrLost() public view {
        uint256 outside = handler.wealth() + token.balanceOf(operator);
        vm.assertEq(outside + token.balanceOf(address(settlement)), token.totalSupply());
    }
}
