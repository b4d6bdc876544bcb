// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {IGridStatus} from "../grid/IGridStatus.sol";
import {Amounts} from "./Amounts.sol";
import {IEnergyTrading} from "./IEnergyTrading.sol";
import {SignedOrder, SignedOrders} from "./SignedOrders.sol";

/// @title EnergyTrading
/// @notice Orders on chain: placed by traders, matched by the platform's engine within their limits, paid from escrow.
/// @dev For the few large or public trades; many small ones go through `Settlement`. What the engine can do wrong is
/// bounded: the contract checks side, limits, amount, expiry and product, and takes the older order's price. The cost
/// of each match is rounded down, so that parts never cost more than the escrow of the whole.
contract EnergyTrading is IEnergyTrading, AccessManaged, EIP712, ERC165, Pausable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SignedOrders for SignedOrder;

    /// @dev An order in three slots.
    struct Stored {
        address trader;
        uint64 amount;
        OrderType orderType;
        OrderStatus status;
        uint64 filled;
        uint64 price;
        uint64 expiry;
        bytes32 product;
    }

    /// @notice Two orders executed against each other.
    struct Transaction {
        uint128 buyOrderId;
        uint128 sellOrderId;
        uint64 amount;
        uint64 price;
        bool settled;
        uint128 cost;
    }

    /// @notice The token of all payments.
    IERC20 public immutable token;
    /// @notice Whether the market is open.
    IGridStatus public immutable grid;
    /// @notice How many orders and transactions there are; ids count from 1.
    uint256 public orderCount;
    /// @notice See `orderCount`.
    uint256 public transactionCount;
    /// @notice All that is in escrow: of buy orders, and of matches not yet settled.
    uint256 public escrowed;

    mapping(uint256 id => Stored order) private _orders;
    mapping(uint256 id => uint256 amount) private _escrow;
    mapping(uint256 id => Transaction transaction) private _transactions;
    /// @dev EIP-712 hash of a signed order => id
    mapping(bytes32 hash => uint256 id) private _placed;

    /// @notice An order was placed.
    event OrderCreated(
        uint256 indexed orderId,
        address indexed trader,
        OrderType orderType,
        bytes32 product,
        uint256 energyWh,
        uint256 priceMicroPerKwh,
        uint256 expiry
    );
    /// @notice An order was taken back, or had expired; `refund` went to its buyer.
    event OrderCancelled(uint256 indexed orderId, uint256 refund);
    /// @notice Two orders were executed against each other.
    event OrdersMatched(
        uint256 indexed transactionId,
        uint256 indexed buyOrderId,
        uint256 indexed sellOrderId,
        uint256 energyWh,
        uint256 priceMicroPerKwh,
        uint256 cost
    );
    /// @notice An order is executed in full; `refund` of its escrow was not needed.
    event OrderFilled(uint256 indexed orderId, uint256 refund);
    /// @notice The seller of a match was paid.
    event TransactionSettled(uint256 indexed transactionId, address indexed seller, uint256 amount);

    /// @notice The market is closed.
    error MarketClosed();
    /// @notice There is no such order.
    error NoOrder(uint256 orderId);
    /// @notice There is no such transaction.
    error NoTransaction(uint256 transactionId);
    /// @notice An amount of zero, or a number beyond 64 bits.
    error OutOfRange();
    /// @notice The order is over.
    error NotActive(uint256 orderId, OrderStatus status);
    /// @notice The order's time is over.
    error Expired(uint256 orderId, uint256 expiry);
    /// @notice Only its trader takes back an order that has not expired.
    error NotTheTrader(uint256 orderId, address caller);
    /// @notice The order is on the other side.
    error WrongSide(uint256 orderId);
    /// @notice The orders are for different products.
    error ProductsDiffer(bytes32 bought, bytes32 sold);
    /// @notice The buyer's limit is below the seller's.
    error PricesDoNotCross(uint256 bid, uint256 ask);
    /// @notice Both orders are of one trader.
    error SelfTrade(address trader);
    /// @notice The trader did not sign this order.
    error NotSigned(address trader);

    /// @param authority The community's access manager.
    /// @param token_ EnergyToken.
    /// @param grid_ GridManagement, asked whether the market is open.
    constructor(address authority, IERC20 token_, IGridStatus grid_) AccessManaged(authority) EIP712("Quietgrid", "1") {
        (token, grid) = (token_, grid_);
    }

    modifier whenOpen() {
        if (!grid.marketOpen()) revert MarketClosed();
        _;
    }

    /// @inheritdoc IEnergyTrading
    function createOrder(uint256 amount, uint256 price, uint256 expiry, OrderType orderType)
        external
        nonReentrant
        whenNotPaused
        whenOpen
        returns (uint256 orderId)
    {
        return _create(_msgSender(), orderType, 0, amount, price, expiry);
    }

    /// @notice Place an order that its trader signed. Anybody may; a second time changes nothing.
    /// @param order What was signed, in this contract's EIP-712 domain; its price is not negative.
    function createSignedOrder(SignedOrder calldata order, bytes calldata signature)
        external
        nonReentrant
        whenNotPaused
        whenOpen
        returns (uint256 orderId)
    {
        bytes32 hash = order.hash();
        if (_placed[hash] != 0) return _placed[hash];
        if (!SignedOrders.signedBy(order.trader, _hashTypedDataV4(hash), signature)) revert NotSigned(order.trader);
        if (order.priceMicroPerKwh < 0 || order.side > SignedOrders.SELL) revert OutOfRange();
        _placed[hash] = orderCount + 1;
        uint256 price = uint64(order.priceMicroPerKwh);
        return _create(order.trader, OrderType(order.side), order.product, order.energyWh, price, order.expiry);
    }

    /// @inheritdoc IEnergyTrading
    /// @dev Its trader at any time, anybody once it has expired; also while the market is closed.
    function cancelOrder(uint256 orderId) external nonReentrant whenNotPaused {
        Stored storage order = _active(orderId);
        if (order.trader != _msgSender() && block.timestamp <= order.expiry) {
            revert NotTheTrader(orderId, _msgSender());
        }
        order.status = OrderStatus.CANCELLED;
        uint256 refund = _escrow[orderId];
        _escrow[orderId] = 0;
        escrowed -= refund;
        emit OrderCancelled(orderId, refund);
        if (refund != 0) token.safeTransfer(order.trader, refund);
    }

    /// @inheritdoc IEnergyTrading
    /// @dev Role: ENGINE. One of the two orders is full afterwards, so a retry is refused.
    function matchOrders(uint256 buyOrderId, uint256 sellOrderId)
        external
        restricted
        nonReentrant
        whenNotPaused
        whenOpen
    {
        Stored storage buy = _matchable(buyOrderId, OrderType.BUY);
        Stored storage sell = _matchable(sellOrderId, OrderType.SELL);
        if (buy.trader == sell.trader) revert SelfTrade(buy.trader);
        if (buy.product != sell.product) revert ProductsDiffer(buy.product, sell.product);
        if (buy.price < sell.price) revert PricesDoNotCross(buy.price, sell.price);
        uint64 price = buyOrderId < sellOrderId ? buy.price : sell.price;
        uint64 bought = buy.amount - buy.filled;
        uint64 sold = sell.amount - sell.filled;
        uint64 amount = bought < sold ? bought : sold;
        uint128 cost = Amounts.costDown(amount, price);
        uint256 id = ++transactionCount;
        _transactions[id] = Transaction(uint128(buyOrderId), uint128(sellOrderId), amount, price, false, cost);
        _escrow[buyOrderId] -= cost;
        emit OrdersMatched(id, buyOrderId, sellOrderId, amount, price, cost);
        _fill(sellOrderId, sell, amount);
        _fill(buyOrderId, buy, amount);
    }

    /// @inheritdoc IEnergyTrading
    /// @dev Anybody may; a second time changes nothing.
    function settleTransaction(uint256 transactionId) external nonReentrant whenNotPaused whenOpen {
        Transaction storage transaction = _transactions[transactionId];
        if (transaction.amount == 0) revert NoTransaction(transactionId);
        if (transaction.settled) return;
        transaction.settled = true;
        address seller = _orders[transaction.sellOrderId].trader;
        escrowed -= transaction.cost;
        emit TransactionSettled(transactionId, seller, transaction.cost);
        token.safeTransfer(seller, transaction.cost);
    }

    /// @notice Stop everything that moves money.
    /// @dev Role: GUARDIAN
    function pause() external restricted {
        _pause();
    }

    /// @notice Go on.
    /// @dev Role: GOVERNANCE
    function unpause() external restricted {
        _unpause();
    }

    /// @notice An order as placed, and where it stands.
    function orderOf(uint256 orderId) external view returns (Order memory) {
        Stored storage order = _existing(orderId);
        return Order(order.trader, order.amount, order.price, order.expiry, order.orderType, order.status);
    }

    /// @notice What of an order is executed, Wh; what is in escrow for the rest, micro-units; and for which product.
    function progressOf(uint256 orderId) external view returns (uint256 filled, uint256 escrow, bytes32 product) {
        Stored storage order = _existing(orderId);
        return (order.filled, _escrow[orderId], order.product);
    }

    /// @notice A transaction as it stands.
    function transactionOf(uint256 transactionId) external view returns (Transaction memory) {
        if (_transactions[transactionId].amount == 0) revert NoTransaction(transactionId);
        return _transactions[transactionId];
    }

    /// @notice What a trader signs for this order (EIP-712 digest).
    function digestOf(SignedOrder calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(order.hash());
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IEnergyTrading).interfaceId || super.supportsInterface(interfaceId);
    }

    function _create(
        address trader,
        OrderType orderType,
        bytes32 product,
        uint256 amount,
        uint256 price,
        uint256 expiry
    ) private returns (uint256 orderId) {
        uint256 most = type(uint64).max;
        if (amount == 0 || amount > most || price > most || expiry > most) revert OutOfRange();
        orderId = ++orderCount;
        if (expiry < block.timestamp) revert Expired(orderId, expiry);
        Stored storage order = _orders[orderId];
        (order.trader, order.amount, order.orderType) = (trader, uint64(amount), orderType);
        (order.price, order.expiry, order.product) = (uint64(price), uint64(expiry), product);
        emit OrderCreated(orderId, trader, orderType, product, amount, price, expiry);
        if (orderType == OrderType.SELL) return orderId;
        uint256 escrow = Amounts.costDown(uint64(amount), uint64(price));
        _escrow[orderId] = escrow;
        escrowed += escrow;
        token.safeTransferFrom(trader, address(this), escrow);
    }

    /// @dev Count an execution; a full buy order gets back what its limit was better than.
    function _fill(uint256 orderId, Stored storage order, uint64 amount) private {
        order.filled += amount;
        if (order.filled != order.amount) return;
        order.status = OrderStatus.FILLED;
        uint256 refund = _escrow[orderId];
        _escrow[orderId] = 0;
        escrowed -= refund;
        emit OrderFilled(orderId, refund);
        if (refund != 0) token.safeTransfer(order.trader, refund);
    }

    function _existing(uint256 orderId) private view returns (Stored storage order) {
        order = _orders[orderId];
        if (order.trader == address(0)) revert NoOrder(orderId);
    }

    function _active(uint256 orderId) private view returns (Stored storage order) {
        order = _existing(orderId);
        if (order.status != OrderStatus.ACTIVE) revert NotActive(orderId, order.status);
    }

    function _matchable(uint256 orderId, OrderType side) private view returns (Stored storage order) {
        order = _active(orderId);
        if (order.orderType != side) revert WrongSide(orderId);
        if (block.timestamp > order.expiry) revert Expired(orderId, order.expiry);
    }
}
