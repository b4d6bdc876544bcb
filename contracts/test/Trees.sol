// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Merkle trees with sorted pairs, as MerkleProof checks them.
library Trees {
    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    /// @dev The next level up; an odd last node moves up as it is.
    function above(bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 < level.length ? pair(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    function root(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) level = above(level);
        return level[0];
    }

    function proof(bytes32[] memory level, uint256 index) internal pure returns (bytes32[] memory path) {
        bytes32[] memory found = new bytes32[](64);
        uint256 length = 0;
        while (level.length > 1) {
            if (index ^ 1 < level.length) found[length++] = level[index ^ 1];
            level = above(level);
            index /= 2;
        }
        path = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) path[i] = found[i];
    }

    /// @dev A path of `depth` nodes from a leaf, and the root it leads to: a tree of any size, of which one leaf is known.
    function deep(bytes32 leaf, uint256 depth) internal pure returns (bytes32 top, bytes32[] memory path) {
        path = new bytes32[](depth);
        top = leaf;
        for (uint256 i = 0; i < depth; ++i) {
            path[i] = keccak256(abi.encode(leaf, i));
            top = pair(top, path[i]);
        }
    }
}
