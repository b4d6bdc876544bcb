// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title NetDeltas
/// @notice What each party of a batch pays or receives, packed: 20 bytes of address, 16 bytes of int128 micro-units.
library NetDeltas {
    /// @notice Bytes of one entry.
    uint256 internal constant SIZE = 36;

    /// @notice Not a whole number of entries.
    error NotWhole(uint256 length);
    /// @notice Parties stand in ascending order, each once, none is zero.
    error PartiesNotAscending(address party);
    /// @notice A delta is zero or too large to pay.
    error NotPayable(address party, int128 delta);
    /// @notice What is paid is not what is received.
    error NotBalanced(int256 sum);

    /// @notice How many entries there are.
    function count(bytes calldata deltas) internal pure returns (uint256) {
        if (deltas.length % SIZE != 0) revert NotWhole(deltas.length);
        return deltas.length / SIZE;
    }

    /// @notice Entry `i`; the caller has made sure that it exists.
    function entry(bytes calldata deltas, uint256 i) internal pure returns (address party, int128 delta) {
        assembly ("memory-safe") {
            let place := add(deltas.offset, mul(i, 36))
            party := shr(96, calldataload(place))
            delta := sar(128, calldataload(add(place, 20)))
        }
    }

    /// @notice Revert unless the entry may follow the one before.
    function check(address before, address party, int128 delta) internal pure {
        if (party <= before) revert PartiesNotAscending(party);
        if (delta == 0 || delta == type(int128).min) revert NotPayable(party, delta);
    }

    /// @notice What a payer pays: the delta without its sign.
    function payment(int128 delta) internal pure returns (uint256) {
        unchecked {
            return uint128(-delta); // never the smallest int128, see `check`
        }
    }
}
