// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IConsumerRegistration} from "../registry/IConsumerRegistration.sol";

/// @title ParticipationChoices
/// @notice Who takes part in which event: opting in and out by participation tokens, before the start.
/// @dev A consumer needs no coin for it: a signed choice can be brought by anybody.
abstract contract ParticipationChoices is EIP712 {
    /// @notice Whether a token takes part in an event.
    enum Choice {
        None,
        Joined,
        OptedOut,
        Completed
    }

    /// @notice A choice that its consumer signed and somebody else brings.
    /// @param number How many choices this token made for this event before.
    /// @param signature EIP-712 over `Choice(uint256 eventId,uint256 tokenId,bool joined,uint64 number)`.
    struct SignedChoice {
        uint256 eventId;
        uint256 tokenId;
        bool joined;
        uint64 number;
        bytes signature;
    }

    struct Participation {
        Choice choice;
        uint64 number;
    }

    /// @notice The type that consumers sign.
    bytes32 public constant CHOICE_TYPEHASH =
        keccak256("Choice(uint256 eventId,uint256 tokenId,bool joined,uint64 number)");
    /// @notice Who can take part.
    IConsumerRegistration public immutable CONSUMERS;

    mapping(uint256 eventId => mapping(uint256 tokenId => Participation participation)) private _participations;

    /// @notice A token takes part, or does not.
    event ChoiceMade(uint256 indexed eventId, uint256 indexed tokenId, bool joined);

    /// @notice Only the holder may, or who has the holder's signature.
    error NotHolder(uint256 tokenId, address caller);
    /// @notice The signature is not the holder's.
    error BadSignature(uint256 tokenId);
    /// @notice An earlier choice of the token has not come yet.
    error ChoiceTooEarly(uint256 tokenId, uint64 number, uint64 next);

    constructor(IConsumerRegistration consumers) EIP712("Quietgrid request", "1") {
        CONSUMERS = consumers;
    }

    /// @notice Take part. Before the start, by the token's holder.
    /// @param eventId Announced, for this token.
    /// @param tokenId The caller's participation token.
    function optIn(uint256 eventId, uint256 tokenId) external {
        if (CONSUMERS.holderOf(tokenId) != msg.sender) revert NotHolder(tokenId, msg.sender);
        _choose(eventId, tokenId, true);
    }

    /// @notice Do not take part. Before the start, by the token's holder.
    /// @param eventId Announced, for this token.
    /// @param tokenId The caller's participation token.
    function optOut(uint256 eventId, uint256 tokenId) external {
        if (CONSUMERS.holderOf(tokenId) != msg.sender) revert NotHolder(tokenId, msg.sender);
        _choose(eventId, tokenId, false);
    }

    /// @notice Bring choices that their consumers signed. Anybody may: what counts are the signatures.
    /// @dev Choices that have come already are skipped, so that a retry is harmless and nobody can spoil a batch by
    /// bringing a part of it first.
    /// @param choices Before the start of their events.
    function carryChoices(SignedChoice[] calldata choices) external {
        for (uint256 i = 0; i < choices.length; ++i) {
            SignedChoice calldata choice = choices[i];
            uint64 next = _participations[choice.eventId][choice.tokenId].number;
            if (choice.number < next) continue;
            if (choice.number > next) revert ChoiceTooEarly(choice.tokenId, choice.number, next);
            address holder = CONSUMERS.holderOf(choice.tokenId);
            bytes32 digest = choiceDigest(choice.eventId, choice.tokenId, choice.joined, choice.number);
            if (holder == address(0) || !SignatureChecker.isValidSignatureNow(holder, digest, choice.signature)) {
                revert BadSignature(choice.tokenId);
            }
            _choose(choice.eventId, choice.tokenId, choice.joined);
        }
    }

    /// @notice Count a verified event in its participants' histories. Anybody may; each token is counted once.
    /// @param eventId Verified.
    /// @param tokenIds Those that did not join, or are gone, are skipped.
    function recordHistory(uint256 eventId, uint256[] calldata tokenIds) external {
        _requireVerified(eventId);
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            Participation storage participation = _participations[eventId][tokenIds[i]];
            if (participation.choice != Choice.Joined || CONSUMERS.holderOf(tokenIds[i]) == address(0)) continue;
            participation.choice = Choice.Completed;
            CONSUMERS.recordCompletion(tokenIds[i]);
        }
    }

    /// @notice Whether a token takes part, and the number of its next choice.
    function choiceOf(uint256 eventId, uint256 tokenId) external view returns (Choice choice, uint64 next) {
        Participation memory participation = _participations[eventId][tokenId];
        return (participation.choice, participation.number);
    }

    /// @notice What a consumer signs.
    function choiceDigest(uint256 eventId, uint256 tokenId, bool joined, uint64 number)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(CHOICE_TYPEHASH, eventId, tokenId, joined, number)));
    }

    /// @dev Reverts unless choices for the event can be made now and it is for this token.
    function _requireOpen(uint256 eventId, uint256 tokenId) internal view virtual;

    /// @dev Reverts unless the event is verified.
    function _requireVerified(uint256 eventId) internal view virtual;

    /// @dev A token's choice is another one.
    function _count(uint256 eventId, Choice before, Choice next) internal virtual;

    function _choose(uint256 eventId, uint256 tokenId, bool joined) private {
        _requireOpen(eventId, tokenId);
        Participation storage participation = _participations[eventId][tokenId];
        Choice before = participation.choice;
        Choice next = joined ? Choice.Joined : Choice.OptedOut;
        ++participation.number;
        if (before == next) return;
        participation.choice = next;
        _count(eventId, before, next);
        emit ChoiceMade(eventId, tokenId, joined);
        if (joined || before == Choice.Joined) CONSUMERS.recordChoice(tokenId, joined);
    }
}
