// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Roles} from "../../src/access/Roles.sol";
import {AssetShares} from "../../src/assets/AssetShares.sol";
import {EnergyAssetNFT} from "../../src/assets/EnergyAssetNFT.sol";
import {IEnergyAssetNFT} from "../../src/assets/IEnergyAssetNFT.sol";
import {RevenuePool} from "../../src/assets/RevenuePool.sol";
import {DailyRoots} from "../../src/audit/DailyRoots.sol";
import {CommunityParameters} from "../../src/governance/CommunityParameters.sol";
import {GridGovernor} from "../../src/governance/GridGovernor.sol";
import {ICommunityParameters} from "../../src/governance/ICommunityParameters.sol";
import {GovernanceToken} from "../../src/token/GovernanceToken.sol";
import {Initial} from "./Initial.sol";
import {ISafe, SafeAccount} from "./SafeAccount.sol";

/// @notice The deployment's last steps, in the order in which `quietgrid chain deploy` takes them, by a deployer who
/// afterwards has nothing: the operator account is a Safe of three of whom two sign, the council another.
contract HandOverTest is SafeAccount {
    struct Restricted {
        address target;
        bytes4 selector;
        uint64 role;
    }

    address internal deployer = makeAddr("deployer");
    address internal engine = makeAddr("engine");
    address internal guardian = makeAddr("guardian");
    address internal ada;
    uint256[] internal keys;
    Restricted[] internal functions;

    ISafe internal operator;
    ISafe internal council;
    AccessManager internal manager;
    TimelockController internal timelock;
    GridGovernor internal governor;
    GovernanceToken internal grid;
    CommunityParameters internal parameters;
    EnergyAssetNFT internal assets;
    AssetShares internal shares;
    DailyRoots internal roots;

    function setUp() public {
        vm.warp(20_000 days);
        (ada,) = makeAddrAndKey("Ada");
        address[] memory owners = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 key;
            (owners[i], key) = makeAddrAndKey(["first", "second", "third"][i]);
            keys.push(key);
        }
        operator = makeSafe(owners, 2);
        owners[2] = ada;
        council = makeSafe(owners, 2);
        vm.startPrank(deployer);
        deployContracts();
        giveFunctions();
        grantRoles();
        handOver();
        vm.stopPrank();
        vm.warp(block.timestamp + 1);
    }

    /// @dev Step 1: contracts. The deployer is the access manager's and the timelock's first administrator.
    function deployContracts() internal {
        manager = new AccessManager(deployer);
        address[] memory anybody = new address[](1);
        timelock = new TimelockController(2 days, new address[](0), anybody, deployer);
        address[] memory founders = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (founders[0], amounts[0]) = (ada, 1_000e18);
        grid = new GovernanceToken(address(manager), founders, amounts);
        governor = new GridGovernor(
            IVotes(address(grid)),
            timelock,
            address(manager),
            address(council),
            GridGovernor.Settings(1 days, 5 days, 2 days, 1e18, 20)
        );
        parameters = new CommunityParameters(address(manager), Initial.values());
        roots = new DailyRoots(address(manager));
        assets = new EnergyAssetNFT(address(manager));
        shares = new AssetShares(address(manager), assets);
    }

    /// @dev Step 2: every restricted function to its role.
    function giveFunctions() internal {
        give(address(roots), DailyRoots.anchor.selector, Roles.ENGINE);
        give(address(parameters), CommunityParameters.set.selector, Roles.GOVERNANCE);
        give(address(grid), GovernanceToken.announce.selector, Roles.OPERATOR);
        give(address(grid), GovernanceToken.withdraw.selector, Roles.GUARDIAN);
        give(address(assets), EnergyAssetNFT.register.selector, Roles.OPERATOR);
        give(address(assets), EnergyAssetNFT.retire.selector, Roles.OPERATOR);
        give(address(assets), EnergyAssetNFT.admit.selector, Roles.OPERATOR);
        give(address(shares), AssetShares.restoreSteward.selector, Roles.GOVERNANCE);
        give(address(shares.pool()), RevenuePool.acceptToken.selector, Roles.OPERATOR);
        give(address(shares.pool()), RevenuePool.pause.selector, Roles.GUARDIAN);
        give(address(shares.pool()), RevenuePool.unpause.selector, Roles.GOVERNANCE);
    }

    /// @dev Step 3: roles to accounts. The operator account may replace the engine's hot key without a vote.
    function grantRoles() internal {
        manager.grantRole(Roles.OPERATOR, address(operator), 0);
        manager.grantRole(Roles.ENGINE, engine, 0);
        manager.grantRole(Roles.GUARDIAN, guardian, 0);
        manager.grantRole(Roles.GOVERNANCE, address(timelock), 0);
        manager.setRoleAdmin(Roles.ENGINE, Roles.OPERATOR);
    }

    /// @dev Step 4: the governor alone schedules and cancels, anybody executes, the timelock administers itself and the
    /// access manager; the deployer gives up both. Only in this order: an administrator must always be there.
    function handOver() internal {
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        manager.grantRole(manager.ADMIN_ROLE(), address(timelock), 0);
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), deployer);
        manager.renounceRole(manager.ADMIN_ROLE(), deployer);
    }

    function give(address target, bytes4 selector, uint64 role) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
        functions.push(Restricted(target, selector, role));
    }

    function test_TheDeployerCanDoNothing() public {
        for (uint64 role = 0; role <= Roles.GOVERNANCE; ++role) {
            (bool has,) = manager.hasRole(role, deployer);
            vm.assertFalse(has);
        }
        for (uint256 i = 0; i < functions.length; ++i) {
            (bool allowed,) = manager.canCall(deployer, functions[i].target, functions[i].selector);
            vm.assertFalse(allowed);
        }
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), deployer));
        vm.assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), deployer));
        vm.startPrank(deployer);
        vm.expectPartialRevert(IAccessManager.AccessManagerUnauthorizedAccount.selector);
        manager.grantRole(Roles.OPERATOR, deployer, 0);
        vm.expectPartialRevert(IAccessManager.AccessManagerUnauthorizedAccount.selector);
        manager.updateAuthority(address(assets), deployer);
        vm.stopPrank();
    }

    function test_OnlyTheTimelockIsAdministrator() public view {
        address[6] memory all =
            [deployer, engine, guardian, address(operator), address(council), address(governor)];
        for (uint256 i = 0; i < all.length; ++i) {
            (bool has,) = manager.hasRole(manager.ADMIN_ROLE(), all[i]);
            vm.assertFalse(has);
            vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), all[i]));
        }
        (bool is_, uint32 delay) = manager.hasRole(manager.ADMIN_ROLE(), address(timelock));
        vm.assertTrue(is_);
        vm.assertEq(delay, 0);
        vm.assertTrue(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(timelock)));
        vm.assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), address(governor)));
        vm.assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), address(council)));
    }

    function test_EveryFunctionHasItsRoleAndNobodyElses() public view {
        address[4] memory accounts = [address(operator), engine, guardian, address(timelock)];
        uint64[4] memory roles = [Roles.OPERATOR, Roles.ENGINE, Roles.GUARDIAN, Roles.GOVERNANCE];
        for (uint256 i = 0; i < functions.length; ++i) {
            Restricted memory f = functions[i];
            vm.assertEq(manager.getTargetFunctionRole(f.target, f.selector), f.role);
            for (uint256 j = 0; j < 4; ++j) {
                (bool allowed,) = manager.canCall(accounts[j], f.target, f.selector);
                vm.assertEq(allowed, roles[j] == f.role);
            }
        }
    }

    function test_TwoOfThreeOperate() public {
        vm.assertEq(operator.getThreshold(), 2);
        vm.assertTrue(act(operator, address(assets), registration(), two(2, 0)));
        vm.assertEq(assets.ownerOf(1), ada);
    }

    function test_OneOfThreeDoesNot() public {
        uint256[] memory one = new uint256[](1);
        one[0] = keys[0];
        vm.expectRevert("GS020");
        this.actExternal(registration(), one);
        vm.expectRevert("GS026");
        this.actExternal(registration(), two(1, 1));
    }

    function test_ASignatureIsGoodOnce() public {
        bytes memory signed = signatures(hashOf(operator, address(assets), registration()), two(0, 1));
        for (uint256 i = 0; i < 2; ++i) {
            if (i == 1) vm.expectRevert("GS026");
            operator.execTransaction(
                address(assets), 0, registration(), 0, 0, 0, 0, address(0), payable(address(0)), signed
            );
        }
    }

    function test_TheOperatorReplacesTheHotKey() public {
        address fresh = makeAddr("fresh key");
        act(operator, address(manager), abi.encodeCall(IAccessManager.revokeRole, (Roles.ENGINE, engine)), two(0, 1));
        act(operator, address(manager), abi.encodeCall(IAccessManager.grantRole, (Roles.ENGINE, fresh, 0)), two(0, 1));
        (bool old,) = manager.hasRole(Roles.ENGINE, engine);
        (bool now_,) = manager.hasRole(Roles.ENGINE, fresh);
        vm.assertTrue(!old && now_);
        vm.prank(engine);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, engine));
        roots.anchor(1, new DailyRoots.Kind[](0), new bytes32[](0), new uint64[](0));
    }

    function test_TheOperatorGrantsNothingElse() public {
        vm.expectPartialRevert(IAccessManager.AccessManagerUnauthorizedAccount.selector);
        this.actOnManager(abi.encodeCall(IAccessManager.grantRole, (Roles.GOVERNANCE, address(operator), 0)));
    }

    function test_AVoteStillReachesEverything() public {
        address[] memory targets = new address[](2);
        bytes[] memory calls = new bytes[](2);
        (targets[0], targets[1]) = (address(parameters), address(manager));
        calls[0] = abi.encodeCall(CommunityParameters.set, (ICommunityParameters.Parameter.PrivacyFloor, 20));
        calls[1] = abi.encodeCall(IAccessManager.grantRole, (Roles.GUARDIAN, ada, 0));
        vm.prank(ada);
        uint256 id = governor.propose(targets, new uint256[](2), calls, "Twenty homes, and Ada guards");
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(ada);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 5 days);
        governor.queue(targets, new uint256[](2), calls, keccak256("Twenty homes, and Ada guards"));
        vm.warp(block.timestamp + 2 days);
        governor.execute(targets, new uint256[](2), calls, keccak256("Twenty homes, and Ada guards"));
        vm.assertEq(parameters.get(ICommunityParameters.Parameter.PrivacyFloor), 20);
        (bool guards,) = manager.hasRole(Roles.GUARDIAN, ada);
        vm.assertTrue(guards);
    }

    function registration() internal view returns (bytes memory) {
        return abi.encodeCall(
            EnergyAssetNFT.register,
            (
                1,
                ada,
                IEnergyAssetNFT.Kind.Solar,
                IEnergyAssetNFT.TransferRule.Free,
                100_000,
                0,
                keccak256("salted place")
            )
        );
    }

    function two(uint256 first, uint256 second) internal view returns (uint256[] memory some) {
        some = new uint256[](2);
        (some[0], some[1]) = (keys[first], keys[second]);
    }

    /// @dev One call deeper, so that `expectRevert` sees the Safe's own revert.
    function actExternal(bytes memory data, uint256[] memory some) external {
        act(operator, address(assets), data, some);
    }

    function actOnManager(bytes memory data) external {
        act(operator, address(manager), data, two(0, 1));
    }
}
