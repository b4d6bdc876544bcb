// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IEnergyTrading
/// @notice Orders for energy, matched and settled one by one: what seed system 004 asks a trading contract to speak.
/// @dev ERC-165 id 0x6be03217, the xor of the four selectors. Amounts in Wh, prices in micro-units per kWh, times in
/// unix seconds; an order may be matched until its expiry, the second included.
interface IEnergyTrading {
    /// @notice Which side of the market.
    enum OrderType {
        BUY,
        SELL
    }

    /// @notice A partly filled order is still ACTIVE; one that expired becomes CANCELLED when it is cleared away.
    enum OrderStatus {
        ACTIVE,
        FILLED,
        CANCELLED
    }

    /// @notice An order as it was placed, and where it stands.
    struct Order {
        address trader;
        uint256 amount;
        uint256 price;
        uint256 expiry;
        OrderType orderType;
        OrderStatus status;
    }

    /// @notice Place a limit order. A buyer's money is taken into escrow.
    function createOrder(uint256 amount, uint256 price, uint256 expiry, OrderType orderType)
        external
        returns (uint256 orderId);

    /// @notice Take an order back; what is in escrow for the rest of it returns to the buyer.
    function cancelOrder(uint256 orderId) external;

    /// @notice Execute two orders against each other as far as both reach, at the older one's price.
    function matchOrders(uint256 buyOrderId, uint256 sellOrderId) external;

    /// @notice Pay the seller of a match.
    function settleTransaction(uint256 transactionId) external;
}
