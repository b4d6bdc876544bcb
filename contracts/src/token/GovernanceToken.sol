// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title GovernanceToken
/// @notice GRID, the community's votes. The rule by which it is issued is this contract:
///
/// 1. the founding members receive theirs when the contract is made, for everybody to see;
/// 2. afterwards GRID comes into being in rounds only. A round gives the same amount to every member that took part in
///    the community's work since the last one, so that a claim says no more than "somebody took part";
/// 3. the rounds announced in a year (365 days from the contract's making) add at most `YEARLY_BPS` of the supply there
///    was when the year's first round was announced;
/// 4. a round can be claimed `REVIEW` after its announcement; until then the guardian can withdraw it.
///
/// There is no other way to mint, for anybody.
/// @dev A round's root is over OpenZeppelin standard leaves `(uint32 round, address account)`: the hash of the hash of
/// their ABI encoding, pairs sorted. Households name a fresh address for each round. The clock is the time (ERC-6372).
contract GovernanceToken is ERC20, ERC20Permit, ERC20Votes, AccessManaged {
    /// @notice What a year's rounds may add, in ten-thousandths of the supply.
    uint256 public constant YEARLY_BPS = 500;
    /// @notice Time between a round's announcement and its first claim.
    uint64 public constant REVIEW = 3 days;
    /// @notice A round that nobody claims any more after this long is closed.
    uint64 public constant OPEN = 365 days;
    uint64 private constant YEAR = 365 days;

    /// @notice One issue: the same amount for each of so many members.
    struct Round {
        bytes32 root;
        uint128 amountEach;
        uint32 members;
        uint32 claimed;
        uint64 announcedAt;
    }

    /// @notice When the contract was made: years count from here.
    uint64 public immutable foundedAt;

    mapping(uint32 round => Round) private _rounds;
    mapping(uint32 round => mapping(address account => bool)) private _claimed;
    /// @dev year => what its rounds may add (set by the first) and what they announced
    mapping(uint256 year => uint256) private _allowance;
    mapping(uint256 year => uint256) private _announced;

    /// @notice A round was announced; it can be claimed from `claimableFrom` on.
    event RoundAnnounced(
        uint32 indexed round, bytes32 root, uint32 members, uint256 amountEach, uint64 claimableFrom
    );
    /// @notice The guardian withdrew a round before anybody could claim.
    event RoundWithdrawn(uint32 indexed round);
    /// @notice Somebody who took part has the round's amount.
    event RoundClaimed(uint32 indexed round, address indexed account, uint256 amount);

    /// @notice Founding accounts and amounts do not have the same length.
    error LengthsDiffer();
    /// @notice Root, members and amount must not be zero.
    error EmptyRound(uint32 round);
    /// @notice The round exists, with another content.
    error AlreadyAnnounced(uint32 round);
    /// @notice More than this year still allows.
    error YearlyBoundExceeded(uint256 wanted, uint256 left);
    /// @notice No such round (or it was withdrawn).
    error UnknownRound(uint32 round);
    /// @notice The review is not over, or the round is closed.
    error NotClaimable(uint32 round, uint64 from, uint64 until);
    /// @notice The review is over: what can be claimed cannot be taken back.
    error ReviewOver(uint32 round);
    /// @notice This account has had it.
    error AlreadyClaimed(uint32 round, address account);
    /// @notice The proof does not lead to the round's root.
    error NotInRound(uint32 round, address account);
    /// @notice As many have claimed as the announcement named.
    error RoundUsedUp(uint32 round, uint32 members);

    /// @param authority The community's AccessManager.
    /// @param founders The founding members' accounts.
    /// @param amounts What each receives, with 18 decimals.
    constructor(address authority, address[] memory founders, uint256[] memory amounts)
        ERC20("Quietgrid governance", "GRID")
        ERC20Permit("Quietgrid governance")
        AccessManaged(authority)
    {
        if (founders.length != amounts.length) revert LengthsDiffer();
        foundedAt = uint64(block.timestamp);
        for (uint256 i = 0; i < founders.length; ++i) {
            _give(founders[i], amounts[i]);
        }
    }

    /// @notice Announce a round. The same again changes nothing.
    /// @dev Role: OPERATOR
    /// @param round Its number, chosen by the community's account.
    /// @param root Over the accounts that may claim.
    /// @param members How many there are.
    /// @param amountEach What each receives.
    function announce(uint32 round, bytes32 root, uint32 members, uint128 amountEach) external restricted {
        if (root == 0 || members == 0 || amountEach == 0) revert EmptyRound(round);
        Round storage found = _rounds[round];
        if (found.announcedAt != 0) {
            if (found.root == root && found.members == members && found.amountEach == amountEach) return;
            revert AlreadyAnnounced(round);
        }
        uint256 year = _year();
        uint256 left = leftThisYear();
        uint256 wanted = uint256(members) * amountEach;
        if (wanted > left) revert YearlyBoundExceeded(wanted, left);
        if (_allowance[year] == 0) _allowance[year] = left;
        _announced[year] += wanted;
        _rounds[round] = Round(root, amountEach, members, 0, uint64(block.timestamp));
        emit RoundAnnounced(round, root, members, amountEach, uint64(block.timestamp) + REVIEW);
    }

    /// @notice Withdraw a round during its review. What it would have added counts for the year all the same, so that
    /// announcing and withdrawing leads nowhere.
    /// @dev Role: GUARDIAN
    function withdraw(uint32 round) external restricted {
        Round storage found = _known(round);
        if (block.timestamp >= found.announcedAt + REVIEW) revert ReviewOver(round);
        found.root = 0;
        emit RoundWithdrawn(round);
    }

    /// @notice Give an account what a round holds for it. Anybody may pay for the transaction.
    function claim(uint32 round, address account, bytes32[] calldata proof) external {
        Round storage found = _known(round);
        uint64 from = found.announcedAt + REVIEW;
        if (block.timestamp < from || block.timestamp >= from + OPEN) revert NotClaimable(round, from, from + OPEN);
        if (_claimed[round][account]) revert AlreadyClaimed(round, account);
        if (found.claimed == found.members) revert RoundUsedUp(round, found.members);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(round, account))));
        if (!MerkleProof.verifyCalldata(proof, found.root, leaf)) revert NotInRound(round, account);
        _claimed[round][account] = true;
        ++found.claimed;
        emit RoundClaimed(round, account, found.amountEach);
        _give(account, found.amountEach);
    }

    /// @notice A round as announced; a withdrawn one has no root.
    function roundOf(uint32 round) external view returns (Round memory) {
        return _rounds[round];
    }

    /// @notice Whether an account has had its part of a round.
    function hasClaimed(uint32 round, address account) external view returns (bool) {
        return _claimed[round][account];
    }

    /// @notice What rounds may still add this year.
    function leftThisYear() public view returns (uint256) {
        uint256 year = _year();
        uint256 allowance = _allowance[year];
        return allowance == 0 ? totalSupply() * YEARLY_BPS / 10_000 : allowance - _announced[year];
    }

    /// @notice The clock of votes is the time.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice How the clock is to be read (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice The next number of an account's signatures.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev Votes count when delegated; who has not said otherwise votes for himself.
    function _give(address account, uint256 amount) private {
        if (delegates(account) == address(0)) _delegate(account, account);
        _mint(account, amount);
    }

    function _year() private view returns (uint256) {
        return (block.timestamp - foundedAt) / YEAR;
    }

    function _known(uint32 round) private view returns (Round storage found) {
        found = _rounds[round];
        if (found.root == 0) revert UnknownRound(round);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
