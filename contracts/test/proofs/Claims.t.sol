// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IncentiveDistribution} from "../../src/response/IncentiveDistribution.sol";
import {Agreeable} from "./Settlement.t.sol";

/// @notice What halmos proves of claims, for all amounts: one leaf is the whole tree.
contract ClaimsProofs {
    bytes32 internal constant P = "programme";
    IncentiveDistribution internal rewards;

    function setUp() public {
        address yes = address(new Agreeable());
        rewards = new IncentiveDistribution(yes, IERC20(yes), type(uint112).max);
        rewards.openProgramme(P, 1);
    }

    function leaf(uint256 index, uint256 cumulative) internal pure returns (IncentiveDistribution.Leaf memory) {
        return IncentiveDistribution.Leaf(index, address(0xA), cumulative, "salt");
    }

    function root(uint256 index, uint256 cumulative) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(leaf(index, cumulative)))));
    }

    /// @dev However often and in what steps an index claims: it was paid its last amount, and the programme's sums hold.
    function check_PaidIsWhatTheLastLeafSays(uint32 first, uint32 second, uint88 funded, uint88 a, uint88 b)
        external
    {
        rewards.fund(P, funded);
        bytes32[] memory none = new bytes32[](0);
        rewards.postRoot(P, 1, root(5, first), a);
        rewards.claim(P, leaf(5, first), none);
        rewards.postRoot(P, 2, root(5, second), b);
        rewards.claim(P, leaf(5, second), none);
        IncentiveDistribution.Programme memory found = rewards.programmeOf(P);
        assert(rewards.paidTo(P, 5) == second);
        assert(found.paid == second && found.paid <= found.allotted && found.allotted <= found.funded);
        assert(rewards.paidTo(P, 4) == 0 && rewards.paidTo(P, 6) == 0);
    }

    /// @dev Indices that share a word do not touch each other.
    function check_NeighboursAreKeptApart(uint32 first, uint32 second) external {
        rewards.fund(P, type(uint88).max);
        bytes32[] memory none = new bytes32[](0);
        rewards.postRoot(P, 1, root(6, first), type(uint64).max);
        rewards.claim(P, leaf(6, first), none);
        rewards.postRoot(P, 2, root(7, second), 0);
        rewards.claim(P, leaf(7, second), none);
        assert(rewards.paidTo(P, 6) == first && rewards.paidTo(P, 7) == second);
        assert(rewards.programmeOf(P).paid == uint256(first) + second);
    }
}
