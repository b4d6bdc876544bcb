// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Roles} from "../src/access/Roles.sol";
import {Test} from "./Test.sol";

/// @notice What every test starts from: an access manager, and one account for each role.
abstract contract Community is Test {
    AccessManager internal manager;
    address internal operator = makeAddr("operator");
    address internal engine = makeAddr("engine");
    address internal regulator = makeAddr("regulator");
    address internal guardian = makeAddr("guardian");
    address internal utility = makeAddr("utility");
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual {
        vm.warp(20_000 days);
        manager = new AccessManager(address(this));
        manager.grantRole(Roles.OPERATOR, operator, 0);
        manager.grantRole(Roles.ENGINE, engine, 0);
        manager.grantRole(Roles.REGULATOR, regulator, 0);
        manager.grantRole(Roles.GUARDIAN, guardian, 0);
        manager.grantRole(Roles.GOVERNANCE, address(this), 0);
    }

    /// @dev Give one function of a contract to a role, as the deployment does.
    function allow(address target, bytes4 selector, uint64 role) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
    }
}
