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

    /// @dev The root over very many leaves and the path of one, in place: `level` is used up.
    function rootAndProof(bytes32[] memory level, uint256 index)
        internal
        pure
        returns (bytes32 top, bytes32[] memory path)
    {
        bytes32[] memory found = new bytes32[](64);
        uint256 length = 0;
        uint256 size = level.length;
        while (size > 1) {
            if (index ^ 1 < size) found[length++] = level[index ^ 1];
            uint256 half = (size + 1) / 2;
            for (uint256 i = 0; i < half; ++i) {
                level[i] = 2 * i + 1 < size ? packed(level[2 * i], level[2 * i + 1]) : level[2 * i];
            }
            (size, index) = (half, index / 2);
        }
        top = level[0];
        path = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) path[i] = found[i];
    }

    /// @dev `pair` without using memory up.
    function packed(bytes32 a, bytes32 b) internal pure returns (bytes32 node) {
        (a, b) = a < b ? (a, b) : (b, a);
        assembly ("memory-safe") {
            mstore(0, a)
            mstore(0x20, b)
            node := keccak256(0, 0x40)
        }
    }
}
