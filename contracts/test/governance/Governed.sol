// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Roles} from "../../src/access/Roles.sol";
import {CommunityParameters} from "../../src/governance/CommunityParameters.sol";
import {GridGovernor} from "../../src/governance/GridGovernor.sol";
import {ICommunityParameters} from "../../src/governance/ICommunityParameters.sol";
import {GovernanceToken} from "../../src/token/GovernanceToken.sol";
import {Community} from "../Community.sol";
import {Initial} from "./Initial.sol";

/// @notice A community that governs itself: token, timelock, governor, parameters. Ada has 600 GRID, Ben 300, Cem 100.
abstract contract Governed is Community {
    GovernanceToken internal grid;
    TimelockController internal timelock;
    GridGovernor internal governor;
    CommunityParameters internal parameters;
    address internal council = makeAddr("council");
    address internal ada = makeAddr("Ada");
    address internal ben = makeAddr("Ben");
    address internal cem = makeAddr("Cem");

    /// @dev One call put to the vote.
    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calldatas;
        string description;
        uint256 id;
    }

    function setUp() public virtual override {
        super.setUp();
        address[] memory founders = new address[](3);
        uint256[] memory amounts = new uint256[](3);
        (founders[0], founders[1], founders[2]) = (ada, ben, cem);
        (amounts[0], amounts[1], amounts[2]) = (600e18, 300e18, 100e18);
        grid = new GovernanceToken(address(manager), founders, amounts);
        address[] memory anybody = new address[](1);
        timelock = new TimelockController(2 days, new address[](0), anybody, address(this));
        governor = new GridGovernor(
            IVotes(address(grid)),
            timelock,
            address(manager),
            council,
            GridGovernor.Settings({
                votingDelay: 1 days,
                votingPeriod: 5 days,
                lateQuorumExtension: 2 days,
                proposalThreshold: 50e18,
                quorumPercent: 20
            })
        );
        parameters = new CommunityParameters(address(manager), Initial.values());
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
        allow(address(parameters), CommunityParameters.set.selector, Roles.GOVERNANCE);
        manager.grantRole(Roles.GOVERNANCE, address(timelock), 0);
        manager.revokeRole(Roles.GOVERNANCE, address(this));
        vm.warp(block.timestamp + 1);
    }

    function raiseTheFloor() internal view returns (bytes memory) {
        return abi.encodeCall(CommunityParameters.set, (ICommunityParameters.Parameter.PrivacyFloor, 20));
    }

    function propose(address proposer, address target, bytes memory call) internal returns (Proposal memory made) {
        made.targets = new address[](1);
        made.values = new uint256[](1);
        made.calldatas = new bytes[](1);
        (made.targets[0], made.calldatas[0], made.description) = (target, call, "A proposal");
        vm.prank(proposer);
        made.id = governor.propose(made.targets, made.values, made.calldatas, made.description);
    }

    function vote(Proposal memory proposal, address voter, uint8 support) internal {
        vm.prank(voter);
        governor.castVote(proposal.id, support);
    }

    function startVote() internal {
        vm.warp(block.timestamp + 1 days + 1);
    }

    function endVote() internal {
        vm.warp(block.timestamp + 8 days);
    }

    function queue(Proposal memory p) internal {
        governor.queue(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function execute(Proposal memory p) internal {
        governor.execute(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function cancel(Proposal memory p, address by) internal {
        vm.prank(by);
        governor.cancel(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    /// @dev Vote, queue, wait, execute.
    function pass(Proposal memory p) internal {
        startVote();
        vote(p, ada, 1);
        endVote();
        queue(p);
        vm.warp(block.timestamp + 2 days);
        execute(p);
    }

    function stateOf(Proposal memory p) internal view returns (IGovernor.ProposalState) {
        return governor.state(p.id);
    }

    function assertState(Proposal memory p, IGovernor.ProposalState expected) internal view {
        vm.assertEq(uint256(stateOf(p)), uint256(expected));
    }
}
