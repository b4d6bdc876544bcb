// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from
    "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title GridGovernor
/// @notice Votes with GRID, executed by the timelock; beside the votes a council of the utilities (a Safe) that may
/// propose without owning GRID, and stop a proposal before it is executed. The council decides nothing alone: what it
/// proposes needs the votes. It cannot stop
///
/// - a proposal that touches this contract, the timelock or the access manager (so it can be replaced or abolished);
/// - one that two thirds of all votes there are were cast for.
/// @dev Times are seconds (the token's clock). A quorum reached late prolongs the vote.
contract GridGovernor is
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorTimelockControl
{
    /// @notice What a governor starts with.
    /// @dev Delay, period and extension in seconds; threshold in GRID with 18 decimals; quorum in per cent of the supply.
    struct Settings {
        uint48 votingDelay;
        uint32 votingPeriod;
        uint48 lateQuorumExtension;
        uint256 proposalThreshold;
        uint256 quorumPercent;
    }

    /// @notice The access manager: proposals that touch it are about who may do what.
    address public immutable accessManager;
    /// @notice The utilities' council; zero if there is none.
    address public council;

    mapping(uint256 proposalId => bool) private _constitutional;

    /// @notice There is another council from now on.
    event CouncilChanged(address indexed oldCouncil, address indexed newCouncil);
    /// @notice The council stopped a proposal.
    event StoppedByCouncil(uint256 indexed proposalId, address indexed council);

    /// @notice A vote without a quorum would be decided by anybody.
    error QuorumIsZero();

    /// @param token GRID.
    /// @param timelock Executes; this contract must be its only proposer and canceller.
    /// @param accessManager_ The community's AccessManager.
    /// @param council_ The utilities' Safe; zero for none.
    /// @param settings Times, threshold, quorum.
    constructor(
        IVotes token,
        TimelockController timelock,
        address accessManager_,
        address council_,
        Settings memory settings
    )
        Governor("GridGovernor")
        GovernorSettings(settings.votingDelay, settings.votingPeriod, settings.proposalThreshold)
        GovernorVotes(token)
        GovernorVotesQuorumFraction(settings.quorumPercent)
        GovernorPreventLateQuorum(settings.lateQuorumExtension)
        GovernorTimelockControl(timelock)
    {
        accessManager = accessManager_;
        council = council_;
        emit CouncilChanged(address(0), council_);
    }

    /// @notice Replace or abolish (zero) the council: by an executed vote only.
    function setCouncil(address newCouncil) external onlyGovernance {
        emit CouncilChanged(council, newCouncil);
        council = newCouncil;
    }

    /// @notice Whether a proposal is one that the council cannot stop, whatever the votes.
    function isConstitutional(uint256 proposalId) external view returns (bool) {
        return _constitutional[proposalId];
    }

    /// @notice Put calls to the vote. The council needs no GRID for it.
    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        if (council != address(0) && _msgSender() == council) {
            return _propose(targets, values, calldatas, description, council);
        }
        return super.propose(targets, values, calldatas, description);
    }

    /// @notice When a proposal's vote ends, prolonged if the quorum came late.
    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    /// @notice GRID an account needs to propose.
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @notice Where a proposal stands, the timelock included.
    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    /// @notice Every proposal goes through the timelock.
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        for (uint256 i = 0; i < targets.length; ++i) {
            address target = targets[i];
            if (target == address(this) || target == timelock() || target == accessManager) {
                _constitutional[proposalId] = true;
                break;
            }
        }
    }

    /// @dev The proposer before the vote starts (OpenZeppelin's rule), and the council within its limits.
    function _validateCancel(uint256 proposalId, address caller) internal view override returns (bool) {
        if (council != address(0) && caller == council && !_constitutional[proposalId]) {
            (, uint256 forVotes,) = proposalVotes(proposalId);
            if (forVotes * 3 < token().getPastTotalSupply(_snapshotOrPast(proposalId)) * 2) return true;
        }
        return super._validateCancel(proposalId, caller);
    }

    /// @dev The snapshot, or the last moment that has passed while the vote has not started.
    function _snapshotOrPast(uint256 proposalId) private view returns (uint256) {
        uint256 snapshot = proposalSnapshot(proposalId);
        return snapshot < clock() ? snapshot : clock() - 1;
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256 proposalId) {
        proposalId = super._cancel(targets, values, calldatas, descriptionHash);
        if (_msgSender() == council) emit StoppedByCouncil(proposalId, council);
    }

    function _updateQuorumNumerator(uint256 newQuorumNumerator) internal override {
        if (newQuorumNumerator == 0) revert QuorumIsZero();
        super._updateQuorumNumerator(newQuorumNumerator);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
