// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IncentiveDistribution} from "../../src/response/IncentiveDistribution.sol";
import {Settlement} from "../../src/market/Settlement.sol";
import {Trades} from "../market/Trades.sol";
import {Programmes} from "../response/IncentiveDistribution.t.sol";
import {Trees} from "../Trees.sol";

// What things cost, as whole transactions (21,000 and calldata included, all storage cold): `node tools/gas.mjs` runs
// these with every call as a transaction of its own and writes snapshots/gas.json. The state is that of a community
// that has been running: accounts hold something already, unless a line says "fresh".

contract GasSettlement is Trades {
    uint256 internal constant PARTIES = 100;
    uint256 internal constant TRADES = 1000;

    address[] internal parties;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < PARTIES; ++i) {
            parties.push(address(uint160(0x1000000000000000000000000000000000000000) + uint160(i) * uint160(1e40)));
            equip(parties[i], 200 * EUR, address(settlement));
            vm.prank(parties[i]);
            settlement.deposit(parties[i], 100 * EUR);
        }
    }

    /// @dev 1,000 trades at random among 100 parties: their tree's root and their net deltas.
    function market(uint256 seed) internal view returns (bytes32 root, bytes memory deltas_) {
        int128[] memory net = new int128[](PARTIES);
        bytes32[] memory level = new bytes32[](TRADES);
        for (uint256 i = 0; i < TRADES; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 buyer = draw % PARTIES;
            uint256 seller = (buyer + 1 + (draw >> 64) % (PARTIES - 1)) % PARTIES;
            Settlement.Trade memory made = Settlement.Trade({
                index: uint32(i),
                buyOrder: bytes32(draw),
                sellOrder: ~bytes32(draw),
                buyer: parties[buyer],
                seller: parties[seller],
                product: PRODUCT,
                energyWh: uint64(1000 + (draw >> 128) % 4000),
                priceMicroPerKwh: int64(int256(100_000 + (draw >> 192) % 200_000)),
                executedAt: uint64(block.timestamp),
                salt: keccak256(abi.encode(draw))
            });
            level[i] = keccak256(bytes.concat(keccak256(abi.encode(made))));
            int128 cost = int128(int64(made.energyWh)) * made.priceMicroPerKwh / 1000;
            net[buyer] -= cost;
            net[seller] += cost;
        }
        root = Trees.root(level);
        for (uint256 i = 0; i < PARTIES; ++i) deltas_ = bytes.concat(deltas_, abi.encodePacked(parties[i], net[i]));
    }

    function test_Settlement() public {
        (bytes32 root, bytes memory packed) = market(1);
        vm.prank(engine);
        settlement.post("first", root, uint32(TRADES), packed);
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("first", packed);
        (root, packed) = market(2);
        vm.prank(engine);
        settlement.post("second", root, uint32(TRADES), packed);
        uint256 gas = vm.snapshotGasLastCall("gas", "settlement of 1,000 trades, 100 parties: post");
        vm.warp(block.timestamp + WINDOW + 1);
        settlement.finalise("second", packed);
        gas += vm.snapshotGasLastCall("gas", "settlement of 1,000 trades, 100 parties: finalise");
        vm.snapshotValue("gas", "settlement of 1,000 trades, 100 parties: a trade", gas / TRADES);
        vm.assertLe(gas / TRADES, 1000, "a netted trade costs more than 1,000 gas");
    }

    function test_DirectTransfer() public {
        vm.prank(parties[0]);
        token.transfer(parties[1], EUR);
        vm.snapshotGasLastCall("gas", "direct transfer");
        vm.prank(parties[0]);
        token.transfer(makeAddr("fresh"), EUR);
        vm.snapshotGasLastCall("gas", "direct transfer, fresh address");
    }

    function test_Challenge() public {
        (Settlement.Signed memory buy, Settlement.Signed memory sell) =
            (sign(1, order(1, 0, 3000, 300_000)), sign(0, order(0, 1, 3000, 200_000)));
        trade(buy, sell, 3001, 250_000);
        bytes memory packed = deltas();
        post("b", packed);
        Settlement.ProvenTrade memory found = proven(0);
        vm.prank(traders[1]);
        settlement.challengeTrade("b", packed, found, buy);
        vm.snapshotGasLastCall("gas", "challenge of one trade");
    }
}

contract GasRewards is Programmes {
    uint256 internal constant AT_ONCE = 20;

    function setUp() public override {
        super.setUp();
        rewards.setDailyLimit(1_000_000 * EUR);
        vm.prank(operator);
        rewards.fund(PROGRAMME, 50_000 * EUR);
        bytes32 first = "the root before";
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, 1, first, 100 * EUR);
    }

    function leaf(uint256 index) internal pure returns (IncentiveDistribution.Leaf memory) {
        address account = address(uint160(uint256(keccak256(abi.encode("home", index)))));
        return IncentiveDistribution.Leaf(account, 3e6, keccak256(abi.encode(index)));
    }

    function town(uint256 homes, uint256 index) internal pure returns (bytes32 root, bytes32[] memory path) {
        bytes32[] memory level = new bytes32[](homes);
        for (uint256 i = 0; i < homes; ++i) level[i] = hash(i);
        return Trees.rootAndProof(level, index);
    }

    /// @dev The hash of `leaf(index)`, without using memory up.
    function hash(uint256 index) internal pure returns (bytes32 node) {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        node = keccak256(bytes.concat(keccak256(abi.encode(leaf(index)))));
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function publish(uint256 homes, string memory name) internal {
        (bytes32 root,) = town(homes, 0);
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, 2, root, 10_000 * EUR);
        vm.snapshotGasLastCall("gas", name);
    }

    function test_Roots() public {
        publish(1000, "reward root, 1,000 homes");
    }

    function test_RootsOfACity() public {
        publish(100_000, "reward root, 100,000 homes");
    }

    function claims(uint256 homes, string memory many) internal {
        (bytes32 root, bytes32[] memory path) = town(homes, 400);
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, 2, root, 10_000 * EUR);
        // another home was paid before, as after the first days of a programme
        (, bytes32[] memory before) = town(homes, 401);
        rewards.claim(PROGRAMME, leaf(401), before);
        give(leaf(401).account, EUR);
        vm.prank(leaf(401).account);
        rewards.withdraw(PROGRAMME, 1e6, leaf(401).account);
        claimAndWithdraw(path, many);
        IncentiveDistribution.Leaf[] memory some = new IncentiveDistribution.Leaf[](AT_ONCE);
        bytes32[][] memory paths = new bytes32[][](AT_ONCE);
        for (uint256 i = 0; i < AT_ONCE; ++i) {
            some[i] = leaf(500 + i);
            (, paths[i]) = town(homes, 500 + i);
        }
        atOnce(some, paths, many);
    }

    /// @dev Leaf 400, whose account never held anything, claims and is paid in parts; then 401, which has a purse.
    function claimAndWithdraw(bytes32[] memory path, string memory many) internal {
        address account = leaf(400).account;
        rewards.claim(PROGRAMME, leaf(400), path);
        vm.snapshotGasLastCall("gas", string.concat("claim, ", many, ", fresh address"));
        vm.prank(account);
        rewards.withdraw(PROGRAMME, 2e6, account);
        vm.snapshotGasLastCall("gas", "withdrawal, to an address that held nothing");
        vm.prank(account);
        rewards.withdraw(PROGRAMME, 3e6, account);
        vm.snapshotGasLastCall("gas", "withdrawal");
    }

    /// @dev A relay sends the claims of 20 homes, all to addresses that never held anything.
    function atOnce(
        IncentiveDistribution.Leaf[] memory some,
        bytes32[][] memory paths,
        string memory many
    ) internal {
        rewards.claimMany(PROGRAMME, some, paths);
        uint256 gas = vm.snapshotGasLastCall("gas", string.concat("20 claims at once, ", many, ", fresh addresses"));
        vm.snapshotValue("gas", string.concat("20 claims at once, ", many, ", fresh addresses: a claim"), gas / AT_ONCE);
    }

    function test_Claims() public {
        claims(1000, "1,000 homes");
    }

    function test_ClaimsOfACity() public {
        (bytes32 root, bytes32[] memory path) = town(100_000, 400);
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, 2, root, 10_000 * EUR);
        rewards.claim(PROGRAMME, leaf(400), path);
        vm.snapshotGasLastCall("gas", "claim, 100,000 homes, fresh address");
    }

    /// @dev An account that claims again, a year's last of twelve: its purse is there.
    function test_LaterClaims() public {
        bytes32[] memory level = new bytes32[](1000);
        for (uint256 i = 0; i < 1000; ++i) level[i] = hash(i);
        IncentiveDistribution.Leaf memory mine = leaf(400);
        for (uint32 month = 2; month < 4; ++month) {
            mine.cumulative = uint256(month) * 3e6;
            bytes32[] memory now_ = new bytes32[](1000);
            for (uint256 i = 0; i < 1000; ++i) now_[i] = level[i];
            now_[400] = keccak256(bytes.concat(keccak256(abi.encode(mine))));
            (bytes32 root, bytes32[] memory path) = Trees.rootAndProof(now_, 400);
            vm.prank(engine);
            rewards.postRoot(PROGRAMME, month, root, 3e6);
            rewards.claim(PROGRAMME, mine, path);
        }
        vm.snapshotGasLastCall("gas", "claim, 1,000 homes, a later one");
    }

    function test_ManyClaimsOfACity() public {
        // leaves 512 to 543 fill one subtree of 32: its paths are made by hand, the rest comes from leaf 512's
        (bytes32 root, bytes32[] memory path) = town(100_000, 512);
        vm.prank(engine);
        rewards.postRoot(PROGRAMME, 2, root, 10_000 * EUR);
        bytes32[] memory level = new bytes32[](32);
        for (uint256 i = 0; i < 32; ++i) level[i] = hash(512 + i);
        IncentiveDistribution.Leaf[] memory some = new IncentiveDistribution.Leaf[](AT_ONCE);
        bytes32[][] memory paths = new bytes32[][](AT_ONCE);
        for (uint256 i = 0; i < AT_ONCE; ++i) {
            some[i] = leaf(512 + i);
            bytes32[] memory low = Trees.proof(level, i);
            paths[i] = new bytes32[](path.length);
            for (uint256 k = 0; k < path.length; ++k) paths[i][k] = k < low.length ? low[k] : path[k];
        }
        atOnce(some, paths, "100,000 homes");
    }
}
