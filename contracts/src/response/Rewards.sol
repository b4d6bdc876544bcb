// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Rewards
/// @notice What a reduction earns: by amount and by timing.
library Rewards {
    uint256 internal constant WH_PER_KWH = 1000;
    uint256 internal constant BASIS = 10_000;

    /// @notice How a programme pays. `bonusBp`: what an answer from the first second on earns on top, hundredths of a
    /// percent; it falls evenly to nothing at the event's end. `capWh`: no energy beyond it earns.
    struct Terms {
        uint64 rateMicroPerKwh;
        uint64 capWh;
        uint32 bonusBp;
    }

    /// @notice The reward of one event in micro-units, rounded down.
    /// @dev min(delivered, cap) × rate / 1000 × (1 + bonus × (duration − delay) / duration). It never falls when more
    /// is delivered or sooner, and is never more than cap × rate × (1 + bonus).
    /// @param terms The programme's.
    /// @param deliveredWh The measured reduction.
    /// @param delay Seconds from the event's start until the reduction began.
    /// @param duration The event's seconds.
    function earned(Terms memory terms, uint64 deliveredWh, uint32 delay, uint32 duration)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            // 64 + 64 + 33 + 32 bits: nothing overflows
            uint256 paidWh = deliveredWh < terms.capWh ? deliveredWh : terms.capWh;
            uint256 value = paidWh * terms.rateMicroPerKwh;
            if (delay >= duration) return value / WH_PER_KWH;
            uint256 whole = BASIS * duration;
            uint256 early = uint256(terms.bonusBp) * (duration - delay);
            return (value * (whole + early)) / (WH_PER_KWH * whole);
        }
    }
}
