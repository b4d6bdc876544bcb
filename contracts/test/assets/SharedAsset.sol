// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Roles} from "../../src/access/Roles.sol";
import {AssetShares} from "../../src/assets/AssetShares.sol";
import {EnergyAssetNFT} from "../../src/assets/EnergyAssetNFT.sol";
import {IEnergyAssetNFT} from "../../src/assets/IEnergyAssetNFT.sol";
import {RevenuePool} from "../../src/assets/RevenuePool.sol";
import {Community} from "../Community.sol";

/// @notice Money that anybody can make, for tests.
contract Coin is ERC20 {
    constructor() ERC20("Coin", "COIN") {}

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}

/// @notice A solar field that five people are to share.
abstract contract SharedAsset is Community {
    EnergyAssetNFT internal assets;
    AssetShares internal shares;
    RevenuePool internal pool;
    Coin internal coin;
    address internal owner = makeAddr("owner");
    address internal steward = makeAddr("steward");
    address[5] internal holders =
        [makeAddr("Ada"), makeAddr("Ben"), makeAddr("Cem"), makeAddr("Dora"), makeAddr("Emil")];

    uint256 internal constant FIELD = 1;
    uint256 internal constant BATTERY = 2;

    function setUp() public virtual override {
        super.setUp();
        assets = new EnergyAssetNFT(address(manager));
        shares = new AssetShares(address(manager), assets);
        pool = shares.pool();
        coin = new Coin();
        allow(address(assets), EnergyAssetNFT.register.selector, Roles.OPERATOR);
        allow(address(assets), EnergyAssetNFT.admit.selector, Roles.OPERATOR);
        allow(address(shares), AssetShares.restoreSteward.selector, Roles.GOVERNANCE);
        allow(address(pool), RevenuePool.acceptToken.selector, Roles.OPERATOR);
        allow(address(pool), RevenuePool.pause.selector, Roles.GUARDIAN);
        allow(address(pool), RevenuePool.unpause.selector, Roles.GOVERNANCE);
        register(FIELD, IEnergyAssetNFT.TransferRule.Free);
        vm.prank(operator);
        pool.acceptToken(FIELD, coin);
    }

    function register(uint256 assetId, IEnergyAssetNFT.TransferRule rule) internal {
        vm.prank(operator);
        assets.register(assetId, owner, IEnergyAssetNFT.Kind.Solar, rule, 100_000, 0, keccak256("place"));
    }

    function admit(uint256 assetId, address account) internal {
        vm.prank(operator);
        assets.admit(assetId, account, type(uint64).max);
    }

    function soon() internal view returns (uint64) {
        return uint64(block.timestamp) + 30 days;
    }

    /// @dev 500, 250, 150, 50, 50 shares.
    function parts() internal view returns (address[] memory receivers, uint256[] memory amounts) {
        receivers = new address[](5);
        amounts = new uint256[](5);
        for (uint256 i = 0; i < 5; ++i) {
            receivers[i] = holders[i];
        }
        (amounts[0], amounts[1], amounts[2], amounts[3], amounts[4]) = (500, 250, 150, 50, 50);
    }

    function split() internal {
        (address[] memory receivers, uint256[] memory amounts) = parts();
        vm.startPrank(owner);
        assets.approve(address(shares), FIELD);
        shares.split(FIELD, receivers, amounts, steward, soon());
        vm.stopPrank();
    }

    function pass(address from, address to, uint256 amount) internal {
        vm.prank(from);
        shares.safeTransferFrom(from, to, FIELD, amount, "");
    }

    function pay(bytes32 id, uint256 amount) internal {
        coin.mint(utility, amount);
        vm.startPrank(utility);
        coin.approve(address(pool), amount);
        pool.deposit(id, FIELD, coin, amount);
        vm.stopPrank();
    }
}
