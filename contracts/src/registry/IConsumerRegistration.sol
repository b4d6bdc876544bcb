// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IConsumerRegistration
/// @notice What other contracts ask about registered consumers, and what they write to their history.
interface IConsumerRegistration {
    /// @notice What kind of consumer.
    enum Segment {
        Residential,
        Commercial,
        Industrial
    }

    /// @notice What is on chain of a consumer.
    /// @param profile Commitment to the profile: a hash over it and a random salt of 32 bytes that only the consumer and
    /// the platform have.
    /// @param regionCode Where it can be asked to reduce; never finer than the community's smallest published group.
    /// @param segment What kind of consumer.
    /// @param capability Class n can reduce by at least 2^n × 100 W.
    /// @param joined Events opted into, less those opted out of.
    /// @param completed Events taken part in that were verified.
    struct Consumer {
        bytes32 profile;
        bytes32 regionCode;
        Segment segment;
        uint8 capability;
        uint32 joined;
        uint32 completed;
        uint64 registeredAt;
    }

    /// @notice What is on chain of a token's consumer; `registeredAt` is zero if there is none.
    function consumerOf(uint256 tokenId) external view returns (Consumer memory);

    /// @notice Who holds a token, zero if nobody.
    function holderOf(uint256 tokenId) external view returns (address);

    /// @notice Count an opt-in (true) or an opt-out (false).
    /// @dev Role: CONTRACT
    function recordChoice(uint256 tokenId, bool joined) external;

    /// @notice Count a verified event that the consumer took part in.
    /// @dev Role: CONTRACT
    function recordCompletion(uint256 tokenId) external;
}
