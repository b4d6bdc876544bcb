// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ClaimTree} from "../../src/response/ClaimTree.sol";
import {IncentiveDistribution} from "../../src/response/IncentiveDistribution.sol";
import {Programmes} from "./IncentiveDistribution.t.sol";

/// @notice The trees of vectors/claims.json, which Python makes: the contract takes every leaf below every root.
contract ClaimVectorsTest is Programmes {
    uint256 internal constant CASES = 5;
    uint256 internal seen;

    function digit(uint256 n) internal pure returns (string memory) {
        return n < 10
            ? string(abi.encodePacked(bytes1(uint8(48 + n))))
            : string.concat(digit(n / 10), digit(n % 10));
    }

    function test_EveryLeafIsClaimed() public {
        string memory held = vm.readFile("../vectors/claims.json");
        for (uint256 n = 0; n < CASES; ++n) {
            string memory place = string.concat(".cases[", digit(n), "]");
            bytes32 root = vm.parseJsonBytes32(held, string.concat(place, ".root"));
            uint256 size = vm.parseJsonUint(held, string.concat(place, ".size"));
            vm.prank(engine);
            rewards.postRoot(PROGRAMME, uint32(n + 1), root, 0);
            for (uint256 i = 0; i < size; ++i) {
                this.claimOne(held, string.concat(place, ".leaves[", digit(i), "]"), root);
                ++seen;
            }
        }
        vm.assertEq(seen, 27);
    }

    function claimOne(string calldata held, string calldata place, bytes32 root) external {
        IncentiveDistribution.Leaf memory leaf = IncentiveDistribution.Leaf(
            vm.parseJsonAddress(held, string.concat(place, ".account")),
            vm.parseJsonUint(held, string.concat(place, ".cumulative")),
            vm.parseJsonBytes32(held, string.concat(place, ".salt"))
        );
        bytes32[] memory path = vm.parseJsonBytes32Array(held, string.concat(place, ".path"));
        bytes32 hash = vm.parseJsonBytes32(held, string.concat(place, ".leaf"));
        vm.assertEq(keccak256(bytes.concat(keccak256(abi.encode(leaf)))), hash);
        vm.assertEq(this.top(hash, path), root);
        rewards.claim(PROGRAMME, leaf, path);
        vm.assertEq(rewards.purseOf(PROGRAMME, leaf.account).claimed, leaf.cumulative);
    }

    function top(bytes32 leaf, bytes32[] calldata path) external pure returns (bytes32) {
        return ClaimTree.top(leaf, path);
    }
}
