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

    function leaf(address account, uint256 cumulative) internal pure returns (IncentiveDistribution.Leaf memory) {
        return IncentiveDistribution.Leaf(account, cumulative, "salt");
    }

    function root(address account, uint256 cumulative) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(leaf(account, cumulative)))));
    }

    /// @dev However often and in what steps an account claims and is paid: it was paid no more than its last leaf says.
    function check_PaidIsWhatTheLastLeafSays(uint32 first, uint32 second, uint88 funded, uint88 a, uint88 b)
        external
    {
        rewards.fund(P, funded);
        bytes32[] memory none = new bytes32[](0);
        rewards.postRoot(P, 1, root(address(this), first), a);
        rewards.claim(P, leaf(address(this), first), none);
        rewards.withdraw(P, first, address(0xB));
        rewards.postRoot(P, 2, root(address(this), second), b);
        rewards.claim(P, leaf(address(this), second), none);
        rewards.withdraw(P, second, address(0xB));
        IncentiveDistribution.Programme memory found = rewards.programmeOf(P);
        IncentiveDistribution.Purse memory purse = rewards.purseOf(P, address(this));
        assert(purse.claimed == second && purse.paid == second);
        assert(found.paid == second && found.paid <= found.allotted && found.allotted <= found.funded);
        assert(rewards.purseOf(P, address(0xB)).claimed == 0);
    }

    /// @dev Two accounts of a programme do not touch each other.
    function check_PursesAreKeptApart(uint32 first, uint32 second) external {
        rewards.fund(P, type(uint88).max);
        bytes32[] memory none = new bytes32[](0);
        rewards.postRoot(P, 1, root(address(6), first), type(uint64).max);
        rewards.claim(P, leaf(address(6), first), none);
        rewards.postRoot(P, 2, root(address(7), second), 0);
        rewards.claim(P, leaf(address(7), second), none);
        assert(rewards.purseOf(P, address(6)).claimed == first && rewards.purseOf(P, address(7)).claimed == second);
        assert(rewards.programmeOf(P).paid == 0);
    }
}
