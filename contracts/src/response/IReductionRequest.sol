// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IReductionRequest
/// @notice Requests to reduce consumption, as other contracts see them.
interface IReductionRequest {
    /// @notice Where an event stands. Proposed is one that waits for its approval.
    enum State {
        None,
        Proposed,
        Announced,
        Active,
        Ended,
        Verified,
        Cancelled
    }

    /// @notice A request to reduce.
    /// @param requester The utility, or the contract that asked.
    /// @param startTime Unix seconds.
    /// @param duration Seconds.
    /// @param targetReduction What the group is asked to reduce in all, Wh.
    /// @param incentiveRate Micro-units of EnergyToken for a kWh reduced.
    /// @param joined Tokens that opted in.
    /// @param optedOut Tokens that opted out.
    /// @param segments Bit n: segment n is asked.
    /// @param minCapability Classes below are not asked.
    /// @param emergency Announced without notice in an emergency; nobody opts in or out.
    /// @param waiting For its approval.
    /// @param cancelled By who asked or by the operator.
    /// @param reason Of the emergency or the cancellation.
    struct ReductionEvent {
        address requester;
        uint64 startTime;
        uint32 duration;
        bytes32 regionCode;
        uint64 targetReduction;
        uint64 incentiveRate;
        uint32 joined;
        uint32 optedOut;
        uint8 segments;
        uint8 minCapability;
        bool emergency;
        bool waiting;
        bool cancelled;
        bytes32 reason;
    }

    /// @notice What the group did, measured off chain on sealed readings.
    /// @param root Of the salted leaves of those who took part (RFC 6962).
    /// @param baselineWh What the group would have used.
    /// @param deliveredWh What it used less; zero if it used more.
    /// @param homes How many took part.
    /// @param compliance Delivered of the target, in ten-thousandths.
    struct Outcome {
        bytes32 root;
        uint64 baselineWh;
        uint64 deliveredWh;
        uint32 homes;
        uint32 compliance;
        uint64 recordedAt;
    }

    /// @notice Ask a region to reduce.
    /// @dev Role: CONTRACT
    /// A utility verified for the region may, too; from a size that the community votes on, its event waits for an
    /// approval. The same again gives the same event and changes nothing.
    /// @param regionCode Where.
    /// @param startTime Unix seconds, after the shortest notice.
    /// @param duration Seconds.
    /// @param targetReduction What the group is asked to reduce in all, Wh.
    /// @param incentiveRate Micro-units for a kWh reduced.
    /// @return eventId Counted from 1.
    function createEvent(
        bytes32 regionCode,
        uint64 startTime,
        uint64 duration,
        uint64 targetReduction,
        uint64 incentiveRate
    ) external returns (uint256 eventId);

    /// @notice Where an event stands now.
    function stateOf(uint256 eventId) external view returns (State);

    /// @notice An event; all zero if there is none.
    function eventOf(uint256 eventId) external view returns (ReductionEvent memory);

    /// @notice What came of an event; all zero until it is verified.
    function outcomeOf(uint256 eventId) external view returns (Outcome memory);
}
