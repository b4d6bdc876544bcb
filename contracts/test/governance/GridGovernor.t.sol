// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Roles} from "../../src/access/Roles.sol";
import {GridGovernor} from "../../src/governance/GridGovernor.sol";
import {ICommunityParameters} from "../../src/governance/ICommunityParameters.sol";
import {Governed} from "./Governed.sol";

contract GridGovernorTest is Governed {
    function test_AnExecutedVoteChangesTheValue() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        pass(p);
        assertState(p, IGovernor.ProposalState.Executed);
        vm.assertEq(parameters.get(ICommunityParameters.Parameter.PrivacyFloor), 20);
    }

    function test_NothingIsExecutedBeforeTheTimelocksDelay() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vote(p, ada, 1);
        endVote();
        queue(p);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        this.executeExternal(p);
    }

    function test_WithoutQuorumNothingPasses() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vote(p, cem, 1);
        endVote();
        assertState(p, IGovernor.ProposalState.Defeated);
    }

    function test_AVoteThatIsLostIsLost() public {
        Proposal memory p = propose(ben, address(parameters), raiseTheFloor());
        startVote();
        vote(p, ben, 1);
        vote(p, ada, 0);
        endVote();
        assertState(p, IGovernor.ProposalState.Defeated);
    }

    function test_ProposingNeedsVotesExceptForTheCouncil() public {
        vm.prank(ben);
        grid.transfer(stranger, 49e18);
        vm.warp(block.timestamp + 1);
        vm.expectPartialRevert(IGovernor.GovernorInsufficientProposerVotes.selector);
        this.proposeExternal(stranger);
        Proposal memory p = propose(council, address(parameters), raiseTheFloor());
        pass(p);
        vm.assertEq(parameters.get(ICommunityParameters.Parameter.PrivacyFloor), 20);
    }

    function test_TheCouncilDecidesNothingAlone() public {
        Proposal memory p = propose(council, address(parameters), raiseTheFloor());
        startVote();
        endVote();
        assertState(p, IGovernor.ProposalState.Defeated);
    }

    function test_TheCouncilStopsAProposalUntilItIsExecuted() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vote(p, ada, 1);
        endVote();
        queue(p);
        vm.expectEmit(true, true, true, true);
        emit GridGovernor.StoppedByCouncil(p.id, council);
        cancel(p, council);
        assertState(p, IGovernor.ProposalState.Canceled);
        vm.warp(block.timestamp + 3 days);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        this.executeExternal(p);
    }

    function test_TheCouncilStopsAProposalBeforeTheVote() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        cancel(p, council);
        assertState(p, IGovernor.ProposalState.Canceled);
    }

    function test_NobodyElseStopsAProposalInTheVote() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        this.cancelExternal(p, ada);
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        this.cancelExternal(p, stranger);
    }

    function test_TwoThirdsOfAllVotesOverrideTheCouncil() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vote(p, ada, 1);
        vote(p, cem, 1);
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        this.cancelExternal(p, council);
    }

    function test_TheCouncilCannotStopItsOwnAbolition() public {
        Proposal memory p = propose(ada, address(governor), abi.encodeCall(GridGovernor.setCouncil, (address(0))));
        vm.assertTrue(governor.isConstitutional(p.id));
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        this.cancelExternal(p, council);
        pass(p);
        vm.assertEq(governor.council(), address(0));
        vm.expectPartialRevert(IGovernor.GovernorInsufficientProposerVotes.selector);
        this.proposeExternal(council);
    }

    function test_NorOneAboutTimelockOrRoles() public {
        Proposal memory p = propose(ada, address(timelock), abi.encodeCall(TimelockController.updateDelay, (1 days)));
        vm.assertTrue(governor.isConstitutional(p.id));
        p = propose(ada, address(manager), abi.encodeCall(IAccessManager.grantRole, (Roles.ENGINE, ben, 0)));
        vm.assertTrue(governor.isConstitutional(p.id));
        p = propose(ada, address(parameters), raiseTheFloor());
        vm.assertFalse(governor.isConstitutional(p.id));
    }

    function test_OnlyAVoteReplacesTheCouncil() public {
        vm.prank(council);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, council));
        governor.setCouncil(stranger);
    }

    function test_AQuorumReachedLateProlongsTheVote() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        uint256 deadline = governor.proposalDeadline(p.id);
        vm.warp(deadline - 1);
        vote(p, ben, 1);
        vm.assertEq(governor.proposalDeadline(p.id), deadline - 1 + 2 days);
        vm.warp(deadline + 1);
        vote(p, ada, 0);
        vm.warp(deadline + 2 days);
        assertState(p, IGovernor.ProposalState.Defeated);
    }

    function test_VotesBoughtDuringTheVoteDoNotCount() public {
        Proposal memory p = propose(ada, address(parameters), raiseTheFloor());
        startVote();
        vm.prank(ada);
        grid.transfer(stranger, 600e18);
        vm.prank(stranger);
        grid.delegate(stranger);
        vote(p, stranger, 1);
        (, uint256 forVotes,) = governor.proposalVotes(p.id);
        vm.assertEq(forVotes, 0);
    }

    function test_AQuorumOfZeroIsRefused() public {
        Proposal memory p =
            propose(ada, address(governor), abi.encodeWithSignature("updateQuorumNumerator(uint256)", 0));
        startVote();
        vote(p, ada, 1);
        endVote();
        queue(p);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(GridGovernor.QuorumIsZero.selector);
        this.executeExternal(p);
    }

    function test_NotEvenAVoteLowersThePrivacyFloor() public {
        bytes memory lower =
            abi.encodeWithSignature("set(uint8,int64)", ICommunityParameters.Parameter.PrivacyFloor, 14);
        Proposal memory p = propose(ada, address(parameters), lower);
        startVote();
        vote(p, ada, 1);
        vote(p, ben, 1);
        endVote();
        queue(p);
        vm.warp(block.timestamp + 2 days);
        vm.expectPartialRevert(ICommunityParameters.OutOfBounds.selector);
        this.executeExternal(p);
    }

    /// @dev One call deeper, so that `expectRevert` sees the contract's own revert.
    function executeExternal(Proposal memory p) external {
        execute(p);
    }

    function cancelExternal(Proposal memory p, address by) external {
        cancel(p, by);
    }

    function proposeExternal(address proposer) external {
        propose(proposer, address(parameters), raiseTheFloor());
    }
}
