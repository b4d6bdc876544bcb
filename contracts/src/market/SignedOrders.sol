// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice An order as a trader signs it (EIP-712).
/// @dev `side`: 0 buys, 1 sells. `product` names area and delivery period. `priceMicroPerKwh` is the limit and may be
/// negative. The order may be executed until `expiry` (unix seconds), the second included.
struct SignedOrder {
    address trader;
    uint8 side;
    bytes32 product;
    uint64 energyWh;
    int64 priceMicroPerKwh;
    uint64 expiry;
    uint64 nonce;
}

/// @title SignedOrders
/// @notice One EIP-712 order for the market's contracts; a signature is for one contract, by the domain.
/// @dev Only keys sign orders, no contracts: an ERC-1271 answer may change after a trade, so it proves nothing later.
library SignedOrders {
    uint8 internal constant BUY = 0;
    uint8 internal constant SELL = 1;
    bytes32 internal constant TYPEHASH = keccak256(
        "Order(address trader,uint8 side,bytes32 product,uint64 energyWh,int64 priceMicroPerKwh,uint64 expiry,uint64 nonce)"
    );

    /// @notice The struct's EIP-712 hash.
    function hash(SignedOrder calldata order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                TYPEHASH,
                order.trader,
                order.side,
                order.product,
                order.energyWh,
                order.priceMicroPerKwh,
                order.expiry,
                order.nonce
            )
        );
    }

    /// @notice Whether the trader's key signed the digest.
    function signedBy(address trader, bytes32 digest, bytes calldata signature) internal pure returns (bool) {
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        return problem == ECDSA.RecoverError.NoError && signer == trader;
    }

    /// @notice What a trade says of the order below it: the order's hash and the signature it came with.
    function commitment(bytes32 orderHash, bytes calldata signature) internal pure returns (bytes32) {
        return keccak256(abi.encode(orderHash, keccak256(signature)));
    }
}
