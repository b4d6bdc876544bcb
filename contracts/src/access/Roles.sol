// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Roles
/// @notice Who may do what, as numbers of the community's AccessManager. Every restricted function of every contract is
/// given to exactly one of these roles by `quietgrid chain deploy` (the table is `quietgrid.chain.plan`).
/// @dev 0 is OpenZeppelin's ADMIN_ROLE; after the hand-over only the timelock has it.
library Roles {
    /// @notice The community's operator account: a 2-of-n Safe. Registers, funds, configures.
    uint64 internal constant OPERATOR = 1;
    /// @notice The platform's engine, a hot key behind the outbox: posts roots, requests and settlements, within limits.
    uint64 internal constant ENGINE = 2;
    /// @notice Bodies that verify utilities (the regulator's side).
    uint64 internal constant REGULATOR = 3;
    /// @notice May pause and stop, never move anything.
    uint64 internal constant GUARDIAN = 4;
    /// @notice Other contracts of the community that call each other.
    uint64 internal constant CONTRACT = 5;
    /// @notice The timelock: what only an executed vote may change.
    uint64 internal constant GOVERNANCE = 6;
}
