// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Amounts} from "../../src/market/Amounts.sol";
import {NetDeltas} from "../../src/market/NetDeltas.sol";
import {Settlement} from "../../src/market/Settlement.sol";
import {Test} from "../Test.sol";
import {Trees} from "../Trees.sol";

/// @notice The batches of vectors/netted.json, which Python's encoder makes: the same deltas and root by the contract's
/// own rules.
contract NettedVectorsTest is Test {
    uint256 internal constant CASES = 4;

    function test_everyCase() external view {
        string memory held = vm.readFile("../vectors/netted.json");
        for (uint256 n = 0; n < CASES; ++n) {
            string memory path = string.concat(".cases[", string(abi.encodePacked(bytes1(uint8(48 + n)))), "]");
            Settlement.Trade[] memory trades =
                abi.decode(vm.parseJsonBytes(held, string.concat(path, ".encoded")), (Settlement.Trade[]));
            vm.assertEq(trades.length, vm.parseJsonUint(held, string.concat(path, ".trades")));
            vm.assertEq(Trees.root(leaves(trades)), vm.parseJsonBytes32(held, string.concat(path, ".root")));
            this.check(trades, vm.parseJsonBytes(held, string.concat(path, ".deltas")));
        }
    }

    /// @dev Each entry is the sum over the trades, in ascending order, and together they are zero.
    function check(Settlement.Trade[] calldata trades, bytes calldata deltas) external pure {
        int256 total = 0;
        address before = address(0);
        for (uint256 i = 0; i < NetDeltas.count(deltas); ++i) {
            (address party, int128 delta) = NetDeltas.entry(deltas, i);
            NetDeltas.check(before, party, delta);
            before = party;
            total += delta;
            int256 sum = 0;
            for (uint256 k = 0; k < trades.length; ++k) {
                int256 cost = Amounts.signedCost(trades[k].energyWh, trades[k].priceMicroPerKwh);
                if (trades[k].seller == party) sum += cost;
                if (trades[k].buyer == party) sum -= cost;
            }
            vm.assertEq(sum, delta);
        }
        vm.assertEq(total, 0);
    }

    function leaves(Settlement.Trade[] memory trades) internal pure returns (bytes32[] memory found) {
        found = new bytes32[](trades.length);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = keccak256(bytes.concat(keccak256(abi.encode(trades[i]))));
        }
    }
}
