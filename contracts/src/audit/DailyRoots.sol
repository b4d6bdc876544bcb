// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title DailyRoots
/// @notice One Merkle root a day for each kind of record that anybody may later ask to see unchanged: sealed frames,
/// each keyholder's privacy ledger, the platform's audit log, bills.
/// @dev A root is RFC 6962 over salted leaves, so it says nothing about what is below it. A day's root is written once.
contract DailyRoots is AccessManaged {
    /// @notice What a root is over.
    /// @dev Ledger0..2 are the three keyholders' privacy ledgers.
    enum Kind {
        Frames,
        Ledger0,
        Ledger1,
        Ledger2,
        AuditLog,
        Bills
    }

    /// @notice A root and how much is below it.
    struct Anchor {
        bytes32 root;
        uint64 leaves;
        uint64 anchoredAt;
    }

    /// @dev day (days since 1970, UTC) => kind => anchor
    mapping(uint32 day => mapping(Kind kind => Anchor anchor)) private _anchors;

    /// @notice A day's root is on chain from now on.
    event RootAnchored(uint32 indexed day, Kind indexed kind, bytes32 root, uint64 leaves);

    /// @notice The day has a root of this kind, and it is another one.
    error AlreadyAnchored(uint32 day, Kind kind, bytes32 root);
    /// @notice Roots are not zero.
    error EmptyRoot(uint32 day, Kind kind);
    /// @notice A root is anchored when its day is over, not before.
    error DayNotOver(uint32 day);
    /// @notice Kinds, roots and leaves do not have the same length.
    error LengthsDiffer();

    constructor(address authority) AccessManaged(authority) {}

    /// @notice Write the roots of one day.
    /// @dev Role: ENGINE
    /// Writing the same root again changes nothing, so that a retry is harmless.
    /// @param day Days since 1970 (UTC); it must be over.
    /// @param kinds What each root is over.
    /// @param roots One a kind, not zero.
    /// @param leaves How many leaves are below each.
    function anchor(uint32 day, Kind[] calldata kinds, bytes32[] calldata roots, uint64[] calldata leaves)
        external
        restricted
    {
        if (kinds.length != roots.length || kinds.length != leaves.length) revert LengthsDiffer();
        if (block.timestamp < (uint256(day) + 1) * 1 days) revert DayNotOver(day);
        for (uint256 i = 0; i < kinds.length; ++i) {
            _anchor(day, kinds[i], roots[i], leaves[i]);
        }
    }

    /// @notice The root of a day; zero if there is none.
    function anchorOf(uint32 day, Kind kind) external view returns (Anchor memory) {
        return _anchors[day][kind];
    }

    function _anchor(uint32 day, Kind kind, bytes32 root, uint64 leaves) private {
        if (root == 0) revert EmptyRoot(day, kind);
        Anchor storage found = _anchors[day][kind];
        if (found.root == root) return;
        if (found.root != 0) revert AlreadyAnchored(day, kind, found.root);
        _anchors[day][kind] = Anchor(root, leaves, uint64(block.timestamp));
        emit RootAnchored(day, kind, root, leaves);
    }
}
