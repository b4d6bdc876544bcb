// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {DailyLimit} from "../access/DailyLimit.sol";
import {IGridStatus} from "../grid/IGridStatus.sol";
import {Amounts} from "./Amounts.sol";
import {NetDeltas} from "./NetDeltas.sol";
import {SignedOrder, SignedOrders} from "./SignedOrders.sol";

/// @title Settlement
/// @notice Trades settled net: a batch carries one delta a party and the Merkle root of the salted trades below it.
/// @dev Optimistic. Posting takes what the payers owe out of their balances at once and holds it; the receivers get it
/// when the challenge window is over. Until then anybody can show, from signed orders and a proof, that a trade breaks
/// an order, or demand to be shown the orders of a trade or the trades behind a delta; a batch that fails is reversed,
/// every payer is whole again, and the bond behind the batch is lost. What no demand reaches: a trade that was agreed
/// and is in no batch (its owner holds the platform's signed acknowledgement).
///
/// Tokens held here always cover `owed()`: balances, open batches and bonds.
contract Settlement is AccessManaged, EIP712, Pausable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using DailyLimit for DailyLimit.Limit;
    using SignedOrders for SignedOrder;

    /// @notice Where a batch stands.
    enum Status {
        None,
        Posted,
        Final,
        Reversed
    }

    /// @notice What is wrong with a trade.
    enum Fault {
        None,
        Signature,
        Party,
        Side,
        Product,
        Amount,
        Price,
        Expiry
    }

    /// @notice A posted batch. `gross` is what its payers pay; `closesAt` ends the challenge window.
    struct Batch {
        bytes32 root;
        bytes32 deltasHash;
        uint88 gross;
        uint64 bond;
        uint40 closesAt;
        uint32 trades;
        uint16 demands;
        Status status;
    }

    /// @notice A leaf of a batch's tree: `keccak256(keccak256(abi.encode(trade)))`, sorted pairs above it.
    /// @dev The orders are commitments to the order's hash and signature; `salt` hides the rest.
    struct Trade {
        uint32 index;
        bytes32 buyOrder;
        bytes32 sellOrder;
        address buyer;
        address seller;
        bytes32 product;
        uint64 energyWh;
        int64 priceMicroPerKwh;
        uint64 executedAt;
        bytes32 salt;
    }

    /// @notice A trade and its path to the root.
    struct ProvenTrade {
        Trade trade;
        bytes32[] proof;
    }

    /// @notice An order and the signature it came with.
    struct Signed {
        SignedOrder order;
        bytes signature;
    }

    /// @notice One execution of an order: the batch, the trade and the signature it commits to.
    struct Fill {
        bytes32 batch;
        ProvenTrade proven;
        bytes signature;
    }

    /// @notice A question to whoever posted a batch; `subject` says which trade or account.
    struct Demand {
        bytes32 batch;
        bytes32 subject;
        address by;
        uint40 answerBy;
        bool over;
        uint128 bond;
    }

    /// @notice What is at stake: behind a batch, and behind a demand.
    struct Stakes {
        uint64 batchBond;
        uint64 demandBond;
    }

    /// @notice The token of all balances.
    IERC20 public immutable token;
    /// @notice Whether the market is open.
    IGridStatus public immutable grid;
    /// @notice Seconds in which a batch can be challenged; also the time to answer a demand.
    uint40 public immutable window;

    /// @notice What is at stake behind a batch and a demand.
    Stakes public stakes;
    /// @notice Bond that is behind no batch.
    uint256 public freeBond;
    /// @notice Forfeited bond that went to no challenger.
    uint256 public penalties;
    /// @notice All that this contract owes: balances, open batches, bonds, penalties.
    uint256 public owed;
    /// @notice How many demands there were.
    uint256 public demandCount;

    DailyLimit.Limit private _posting;
    mapping(address account => uint256 balance) private _balances;
    mapping(bytes32 id => Batch batch) private _batches;
    mapping(uint256 id => Demand demand) private _demands;

    /// @notice Tokens came in.
    event Deposited(address indexed account, uint256 amount, address indexed from);
    /// @notice Tokens went out.
    event Withdrawn(address indexed account, uint256 amount, address indexed to);
    /// @notice A batch stands behind these deltas (36 bytes each: address, int128 micro-units) until challenged.
    event BatchPosted(bytes32 indexed id, bytes32 root, uint32 trades, uint256 gross, uint40 closesAt, bytes deltas);
    /// @notice The receivers of a batch have their money.
    event BatchFinalised(bytes32 indexed id);
    /// @notice A batch counts for nothing and its payers have their money back.
    event BatchReversed(bytes32 indexed id, address indexed challenger, uint256 reward);
    /// @notice A trade was shown to break an order.
    event FaultShown(bytes32 indexed id, uint32 index, Fault fault);
    /// @notice Somebody wants to see the orders of a trade, or the trades behind an account's delta.
    event Demanded(uint256 indexed demandId, bytes32 indexed id, bytes32 subject, uint40 answerBy);
    /// @notice A demand was answered.
    event DemandAnswered(uint256 indexed demandId);
    /// @notice Bond was added or taken.
    event BondChanged(uint256 freeBond);
    /// @notice Stakes or the daily limit changed.
    event LimitsChanged(uint256 dailyLimit, uint64 batchBond, uint64 demandBond);
    /// @notice Forfeited bond was taken out.
    event PenaltiesTaken(address indexed to, uint256 amount);

    /// @notice The market is closed.
    error MarketClosed();
    /// @notice The id has other content.
    error AlreadyPosted(bytes32 id);
    /// @notice The batch is not in the state that this needs.
    error WrongStatus(bytes32 id, Status status);
    /// @notice These are not the deltas of the batch.
    error NotTheDeltas(bytes32 id);
    /// @notice A batch without trades or without a root.
    error EmptyBatch(bytes32 id);
    /// @notice The challenge window is open, or a demand is.
    error StillOpen(bytes32 id, uint40 closesAt, uint16 demands);
    /// @notice The challenge window is over.
    error WindowOver(bytes32 id, uint40 closesAt);
    /// @notice Not enough in the account.
    error BalanceTooLow(address account, uint256 balance, uint256 needed);
    /// @notice Not enough free bond to post a batch.
    error BondTooLow(uint256 freeBond, uint256 needed);
    /// @notice The path does not lead to the batch's root.
    error NotInTheBatch(bytes32 id, uint32 index);
    /// @notice The trade does not commit to this order with this signature.
    error NotTheOrder(uint32 index);
    /// @notice Nothing is wrong.
    error NoFault();
    /// @notice Not what the demand asks for.
    error NotTheSubject(uint256 demandId);
    /// @notice The demand was answered or has lapsed.
    error DemandOver(uint256 demandId);
    /// @notice The demand may still be answered.
    error AnswerPending(uint256 demandId, uint40 answerBy);
    /// @notice Trades come in ascending order, each once.
    error NotAscending(uint32 index);
    /// @notice The trades do not add up to the delta.
    error DoesNotAddUp(int256 sum, int128 delta);
    /// @notice The amount or the time does not fit.
    error OutOfRange();

    /// @param authority The community's access manager.
    /// @param token_ EnergyToken.
    /// @param grid_ GridManagement, asked whether the market is open.
    /// @param window_ Seconds in which a batch can be challenged.
    /// @param stakes_ Bonds behind a batch and a demand, micro-units.
    /// @param dailyLimit What the engine may post in one day, micro-units paid.
    constructor(
        address authority,
        IERC20 token_,
        IGridStatus grid_,
        uint40 window_,
        Stakes memory stakes_,
        uint256 dailyLimit
    ) AccessManaged(authority) EIP712("Quietgrid", "1") {
        if (window_ == 0 || window_ > 30 days) revert OutOfRange();
        (token, grid, window) = (token_, grid_, window_);
        _setLimits(stakes_, dailyLimit);
    }

    // ---- balances ----

    /// @notice Put tokens of the caller into an account.
    function deposit(address account, uint256 amount) external nonReentrant whenNotPaused {
        _balances[account] += amount;
        owed += amount;
        emit Deposited(account, amount, _msgSender());
        token.safeTransferFrom(_msgSender(), address(this), amount);
    }

    /// @notice Take tokens out of the caller's account; possible while the market is closed.
    function withdraw(address to, uint256 amount) external nonReentrant whenNotPaused {
        _take(_msgSender(), amount);
        owed -= amount;
        emit Withdrawn(_msgSender(), amount, to);
        token.safeTransfer(to, amount);
    }

    /// @notice What an account has free.
    function balanceOf(address account) external view returns (uint256) {
        return _balances[account];
    }

    // ---- batches ----

    /// @notice Post a batch. The same id with the same content changes nothing, so that a retry is harmless.
    /// @dev Role: ENGINE
    /// @param id The platform's id of the batch.
    /// @param root Merkle root over the trades (`Trade`).
    /// @param trades How many there are.
    /// @param deltas 36 bytes a party, ascending by address: address, then int128 micro-units; they sum to zero.
    function post(bytes32 id, bytes32 root, uint32 trades, bytes calldata deltas) external restricted whenNotPaused {
        Batch storage batch = _batches[id];
        bytes32 deltasHash = keccak256(deltas);
        if (batch.status != Status.None) {
            if (batch.root == root && batch.deltasHash == deltasHash && batch.trades == trades) return;
            revert AlreadyPosted(id);
        }
        if (root == 0 || trades == 0) revert EmptyBatch(id);
        if (!grid.marketOpen()) revert MarketClosed();
        uint64 bond = stakes.batchBond;
        if (freeBond < bond) revert BondTooLow(freeBond, bond);
        freeBond -= bond;
        uint256 gross = _debit(deltas);
        if (gross > type(uint88).max) revert OutOfRange();
        _posting.spend(gross);
        uint40 closesAt = uint40(block.timestamp) + window;
        _batches[id] = Batch(root, deltasHash, uint88(gross), bond, closesAt, trades, 0, Status.Posted);
        emit BatchPosted(id, root, trades, gross, closesAt, deltas);
    }

    /// @notice Pay the receivers of a batch whose window is over. Anybody may; a second time changes nothing.
    function finalise(bytes32 id, bytes calldata deltas) external whenNotPaused {
        Batch storage batch = _batches[id];
        if (batch.status == Status.Final) return;
        _posted(id, batch);
        if (block.timestamp <= batch.closesAt || batch.demands != 0) {
            revert StillOpen(id, batch.closesAt, batch.demands);
        }
        if (keccak256(deltas) != batch.deltasHash) revert NotTheDeltas(id);
        batch.status = Status.Final;
        freeBond += batch.bond;
        uint256 parties = NetDeltas.count(deltas);
        for (uint256 i = 0; i < parties; ++i) {
            (address party, int128 delta) = NetDeltas.entry(deltas, i);
            if (delta > 0) _balances[party] += uint128(delta);
        }
        emit BatchFinalised(id);
    }

    /// @notice A batch as it stands.
    function batchOf(bytes32 id) external view returns (Batch memory) {
        return _batches[id];
    }

    // ---- challenges that prove themselves ----

    /// @notice Reverse a batch because one of its trades breaks an order it commits to.
    /// @param id The batch.
    /// @param deltas Its deltas, as posted.
    /// @param proven The trade.
    /// @param signed The order, buy or sell, exactly as the trade commits to it.
    function challengeTrade(
        bytes32 id,
        bytes calldata deltas,
        ProvenTrade calldata proven,
        Signed calldata signed
    ) external {
        _member(id, _challengeable(id), proven);
        Trade calldata trade = proven.trade;
        bytes32 orderHash = signed.order.hash();
        bytes32 commitment = SignedOrders.commitment(orderHash, signed.signature);
        Fault fault = Fault.None;
        if (commitment == trade.buyOrder) fault = _fault(trade, signed, orderHash, SignedOrders.BUY);
        else if (commitment != trade.sellOrder) revert NotTheOrder(trade.index);
        if (fault == Fault.None && commitment == trade.sellOrder) {
            fault = _fault(trade, signed, orderHash, SignedOrders.SELL);
        }
        if (fault == Fault.None) revert NoFault();
        emit FaultShown(id, trade.index, fault);
        _reverse(id, deltas, _msgSender());
    }

    /// @notice Reverse a batch because an order was executed beyond its amount, counting earlier batches too.
    /// @param which Place in `fills` of the batch to reverse; it must still be open.
    /// @param deltas Its deltas, as posted.
    /// @param order The order that all the trades commit to.
    /// @param fills The trades, ascending by batch id and, within a batch, by index.
    function challengeOverfill(
        uint256 which,
        bytes calldata deltas,
        SignedOrder calldata order,
        Fill[] calldata fills
    ) external {
        bytes32 id = fills[which].batch;
        _challengeable(id);
        if (_filled(order, fills) <= order.energyWh) revert NoFault();
        emit FaultShown(id, fills[which].proven.trade.index, Fault.Amount);
        _reverse(id, deltas, _msgSender());
    }

    // ---- demands ----

    /// @notice Demand to see the signed orders of a trade. The caller's bond is lost if they are shown and sound.
    function demandOrders(bytes32 id, ProvenTrade calldata proven) external returns (uint256 demandId) {
        _member(id, _challengeable(id), proven);
        return _demand(id, keccak256(abi.encode(proven.trade)));
    }

    /// @notice Demand to see the trades that add up to an account's delta.
    /// @param id The batch.
    /// @param deltas Its deltas, as posted.
    /// @param position Which of them.
    function demandAccount(bytes32 id, bytes calldata deltas, uint256 position) external returns (uint256 demandId) {
        if (keccak256(deltas) != _challengeable(id).deltasHash) revert NotTheDeltas(id);
        if (position >= NetDeltas.count(deltas)) revert OutOfRange();
        (address party, int128 delta) = NetDeltas.entry(deltas, position);
        return _demand(id, keccak256(abi.encode(party, delta)));
    }

    /// @notice Answer a demand with both orders of the trade. Anybody may: the orders speak for themselves.
    function showOrders(uint256 demandId, Trade calldata trade, Signed calldata buy, Signed calldata sell) external {
        Demand storage demand = _unanswered(demandId);
        if (keccak256(abi.encode(trade)) != demand.subject) revert NotTheSubject(demandId);
        _sound(trade, buy, trade.buyOrder, SignedOrders.BUY);
        _sound(trade, sell, trade.sellOrder, SignedOrders.SELL);
        _answered(demandId, demand);
    }

    /// @notice Answer a demand with the trades behind a delta, ascending by index. The batch stays open for another
    /// window, in which a trade that was left out can be shown (`showOmission`).
    function showAccount(uint256 demandId, address party, int128 delta, ProvenTrade[] calldata proven) external {
        Demand storage demand = _unanswered(demandId);
        if (keccak256(abi.encode(party, delta)) != demand.subject) revert NotTheSubject(demandId);
        Batch storage batch = _batches[demand.batch];
        bytes32[] memory shown = new bytes32[](proven.length);
        int256 sum = 0;
        for (uint256 i = 0; i < proven.length; ++i) {
            Trade calldata trade = proven[i].trade;
            shown[i] = _member(demand.batch, batch, proven[i]);
            if (i != 0 && trade.index <= proven[i - 1].trade.index) revert NotAscending(trade.index);
            int256 cost = Amounts.signedCost(trade.energyWh, trade.priceMicroPerKwh);
            if (trade.seller == party) sum += cost;
            if (trade.buyer == party) sum -= cost;
        }
        if (sum != delta) revert DoesNotAddUp(sum, delta);
        demand.subject = keccak256(abi.encode(party, shown));
        batch.closesAt = uint40(block.timestamp) + window;
        _answered(demandId, demand);
    }

    /// @notice Reverse a batch because an answer left out a trade of the account.
    /// @param demandId The answered demand.
    /// @param deltas The batch's deltas, as posted.
    /// @param party The account.
    /// @param shown The leaves that the answer showed.
    /// @param proven A trade of the account that is none of them.
    function showOmission(
        uint256 demandId,
        bytes calldata deltas,
        address party,
        bytes32[] calldata shown,
        ProvenTrade calldata proven
    ) external {
        Demand storage demand = _demands[demandId];
        if (!demand.over || keccak256(abi.encode(party, shown)) != demand.subject) revert NotTheSubject(demandId);
        bytes32 leaf = _member(demand.batch, _challengeable(demand.batch), proven);
        Trade calldata trade = proven.trade;
        // a trade with oneself adds nothing, so leaving it out hides nothing
        if ((trade.buyer == party) == (trade.seller == party)) revert NoFault();
        for (uint256 i = 0; i < shown.length; ++i) {
            if (shown[i] == leaf) revert NoFault();
        }
        emit FaultShown(demand.batch, trade.index, Fault.Party);
        _reverse(demand.batch, deltas, _msgSender());
    }

    /// @notice Reverse a batch because a demand was not answered in time; or, where the batch was reversed already,
    /// give the demand's bond back.
    function lapse(uint256 demandId, bytes calldata deltas) external {
        Demand storage demand = _demands[demandId];
        if (demand.by == address(0) || demand.over) revert DemandOver(demandId);
        bool reversed = _batches[demand.batch].status == Status.Reversed;
        if (!reversed && block.timestamp <= demand.answerBy) revert AnswerPending(demandId, demand.answerBy);
        demand.over = true;
        _balances[demand.by] += demand.bond;
        if (!reversed) _reverse(demand.batch, deltas, demand.by);
    }

    /// @notice A demand as it stands.
    function demandOf(uint256 demandId) external view returns (Demand memory) {
        return _demands[demandId];
    }

    // ---- bonds, limits, pausing ----

    /// @notice Add to the bond behind batches.
    function addBond(uint256 amount) external nonReentrant whenNotPaused {
        freeBond += amount;
        owed += amount;
        emit BondChanged(freeBond);
        token.safeTransferFrom(_msgSender(), address(this), amount);
    }

    /// @notice Take bond that is behind no batch.
    /// @dev Role: OPERATOR
    function takeBond(address to, uint256 amount) external restricted nonReentrant whenNotPaused {
        if (amount > freeBond) revert BondTooLow(freeBond, amount);
        freeBond -= amount;
        owed -= amount;
        emit BondChanged(freeBond);
        token.safeTransfer(to, amount);
    }

    /// @notice Take what was forfeited.
    /// @dev Role: GOVERNANCE
    function takePenalties(address to) external restricted nonReentrant whenNotPaused {
        uint256 amount = penalties;
        penalties = 0;
        owed -= amount;
        emit PenaltiesTaken(to, amount);
        token.safeTransfer(to, amount);
    }

    /// @notice Change the stakes and what the engine may post in a day.
    /// @dev Role: GOVERNANCE
    function setLimits(Stakes calldata stakes_, uint256 dailyLimit) external restricted {
        _setLimits(stakes_, dailyLimit);
    }

    /// @notice Stop deposits, withdrawals, posting and finalising; challenges and answers go on.
    /// @dev Role: GUARDIAN
    function pause() external restricted {
        _pause();
    }

    /// @notice Go on.
    /// @dev Role: GOVERNANCE
    function unpause() external restricted {
        _unpause();
    }

    /// @notice What a trader signs for this order (EIP-712 digest).
    function digestOf(SignedOrder calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(order.hash());
    }

    /// @notice What may still be posted today, micro-units paid.
    function postableToday() external view returns (uint256) {
        return _posting.left();
    }

    // ---- inside ----

    function _setLimits(Stakes memory stakes_, uint256 dailyLimit) private {
        stakes = stakes_;
        _posting.set(dailyLimit);
        emit LimitsChanged(dailyLimit, stakes_.batchBond, stakes_.demandBond);
    }

    function _take(address account, uint256 amount) private {
        uint256 balance = _balances[account];
        if (balance < amount) revert BalanceTooLow(account, balance, amount);
        unchecked {
            _balances[account] = balance - amount;
        }
    }

    /// @dev Takes what payers owe; checks order and sum; returns what was taken.
    function _debit(bytes calldata deltas) private returns (uint256 gross) {
        uint256 parties = NetDeltas.count(deltas);
        address before = address(0);
        int256 sum = 0;
        for (uint256 i = 0; i < parties; ++i) {
            (address party, int128 delta) = NetDeltas.entry(deltas, i);
            NetDeltas.check(before, party, delta);
            before = party;
            unchecked {
                sum += delta; // fewer than 2^127 parties
            }
            if (delta < 0) {
                uint256 amount = NetDeltas.payment(delta);
                gross += amount;
                _take(party, amount);
            }
        }
        if (sum != 0) revert NetDeltas.NotBalanced(sum);
    }

    function _reverse(bytes32 id, bytes calldata deltas, address challenger) private {
        Batch storage batch = _batches[id];
        _posted(id, batch);
        if (keccak256(deltas) != batch.deltasHash) revert NotTheDeltas(id);
        batch.status = Status.Reversed;
        uint256 reward = batch.bond / 2;
        penalties += batch.bond - reward;
        _balances[challenger] += reward;
        uint256 parties = NetDeltas.count(deltas);
        for (uint256 i = 0; i < parties; ++i) {
            (address party, int128 delta) = NetDeltas.entry(deltas, i);
            if (delta < 0) _balances[party] += NetDeltas.payment(delta);
        }
        emit BatchReversed(id, challenger, reward);
    }

    function _demand(bytes32 id, bytes32 subject) private returns (uint256 demandId) {
        uint64 bond = stakes.demandBond;
        _take(_msgSender(), bond);
        ++_batches[id].demands;
        demandId = ++demandCount;
        uint40 answerBy = uint40(block.timestamp) + window;
        _demands[demandId] = Demand(id, subject, _msgSender(), answerBy, false, bond);
        emit Demanded(demandId, id, subject, answerBy);
    }

    /// @dev The bond of an answered demand goes to those who answered for the batch.
    function _answered(uint256 demandId, Demand storage demand) private {
        demand.over = true;
        --_batches[demand.batch].demands;
        freeBond += demand.bond;
        emit DemandAnswered(demandId);
    }

    function _unanswered(uint256 demandId) private view returns (Demand storage demand) {
        demand = _demands[demandId];
        if (demand.by == address(0) || demand.over || block.timestamp > demand.answerBy) revert DemandOver(demandId);
        _posted(demand.batch, _batches[demand.batch]);
    }

    function _posted(bytes32 id, Batch storage batch) private view {
        if (batch.status != Status.Posted) revert WrongStatus(id, batch.status);
    }

    function _challengeable(bytes32 id) private view returns (Batch storage batch) {
        batch = _batches[id];
        _posted(id, batch);
        if (block.timestamp > batch.closesAt) revert WindowOver(id, batch.closesAt);
    }

    function _member(bytes32 id, Batch storage batch, ProvenTrade calldata proven)
        private
        view
        returns (bytes32 leaf)
    {
        leaf = keccak256(bytes.concat(keccak256(abi.encode(proven.trade))));
        if (!MerkleProof.verifyCalldata(proven.proof, batch.root, leaf)) revert NotInTheBatch(id, proven.trade.index);
    }

    function _filled(SignedOrder calldata order, Fill[] calldata fills) private view returns (uint256 filled) {
        bytes32 orderHash = order.hash();
        for (uint256 i = 0; i < fills.length; ++i) {
            bytes32 id = fills[i].batch;
            Trade calldata trade = fills[i].proven.trade;
            if (i != 0) {
                bytes32 before = fills[i - 1].batch;
                if (id < before || (id == before && trade.index <= fills[i - 1].proven.trade.index)) {
                    revert NotAscending(trade.index);
                }
            }
            Batch storage batch = _batches[id];
            if (batch.status != Status.Posted && batch.status != Status.Final) revert WrongStatus(id, batch.status);
            _member(id, batch, fills[i].proven);
            bytes32 commitment = SignedOrders.commitment(orderHash, fills[i].signature);
            if (commitment != (order.side == SignedOrders.BUY ? trade.buyOrder : trade.sellOrder)) {
                revert NotTheOrder(trade.index);
            }
            filled += trade.energyWh;
        }
    }

    function _sound(Trade calldata trade, Signed calldata signed, bytes32 commitment, uint8 side) private view {
        bytes32 orderHash = signed.order.hash();
        if (SignedOrders.commitment(orderHash, signed.signature) != commitment) revert NotTheOrder(trade.index);
        if (_fault(trade, signed, orderHash, side) != Fault.None) revert NotTheOrder(trade.index);
    }

    function _fault(Trade calldata trade, Signed calldata signed, bytes32 orderHash, uint8 side)
        private
        view
        returns (Fault)
    {
        SignedOrder calldata order = signed.order;
        bool buys = side == SignedOrders.BUY;
        if (!SignedOrders.signedBy(order.trader, _hashTypedDataV4(orderHash), signed.signature)) return Fault.Signature;
        if (order.trader != (buys ? trade.buyer : trade.seller)) return Fault.Party;
        if (order.side != side) return Fault.Side;
        if (order.product != trade.product) return Fault.Product;
        if (trade.energyWh > order.energyWh) return Fault.Amount;
        if (buys ? trade.priceMicroPerKwh > order.priceMicroPerKwh : trade.priceMicroPerKwh < order.priceMicroPerKwh) {
            return Fault.Price;
        }
        if (trade.executedAt > order.expiry) return Fault.Expiry;
        return Fault.None;
    }
}
