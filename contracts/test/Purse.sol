// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../src/access/Roles.sol";
import {IGridStatus} from "../src/grid/IGridStatus.sol";
import {EnergyToken} from "../src/token/EnergyToken.sol";
import {Community} from "./Community.sol";

/// @notice A grid whose market a test opens and closes.
contract Gate is IGridStatus {
    bool public marketOpen = true;

    function set(bool open) external {
        marketOpen = open;
    }
}

/// @notice What tests of money start from: the token, a reserve, and a grid.
abstract contract Purse is Community {
    EnergyToken internal token;
    Gate internal gate;
    uint256 internal constant EUR = 1e6;
    uint256 private _mints;

    function setUp() public virtual override {
        super.setUp();
        gate = new Gate();
        token = new EnergyToken(address(manager), 1e9 * EUR, 1e9 * EUR);
        allow(address(token), EnergyToken.declareReserve.selector, Roles.OPERATOR);
        allow(address(token), EnergyToken.mint.selector, Roles.OPERATOR);
        allow(address(token), EnergyToken.setCaps.selector, Roles.GOVERNANCE);
        allow(address(token), EnergyToken.pause.selector, Roles.GUARDIAN);
        allow(address(token), EnergyToken.unpause.selector, Roles.GOVERNANCE);
        vm.prank(operator);
        token.declareReserve(1e9 * EUR, "statement");
    }

    function give(address to, uint256 amount) internal {
        vm.prank(operator);
        token.mint(bytes32(++_mints), to, amount);
    }

    /// @dev The account gets tokens and lets `spender` take them.
    function equip(address account, uint256 amount, address spender) internal {
        give(account, amount);
        vm.prank(account);
        token.approve(spender, type(uint256).max);
    }

    /// @dev Every role but the right one is refused.
    function onlyRole(address target, bytes memory call, address allowed) internal {
        address[6] memory all = [operator, engine, regulator, guardian, utility, stranger];
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i] == allowed) continue;
            vm.prank(all[i]);
            (bool done, bytes memory why) = target.call(call);
            vm.assertFalse(done, "somebody else may");
            vm.assertEq(why, abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, all[i]));
        }
        vm.prank(allowed);
        (bool passed, bytes memory problem) = target.call(call);
        bytes4 unauthorised = IAccessManaged.AccessManagedUnauthorized.selector;
        vm.assertTrue(passed || bytes4(problem) != unauthorised, "the role itself may not");
    }
}
