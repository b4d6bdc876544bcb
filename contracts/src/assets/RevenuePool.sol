// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAssetShares} from "./IAssetShares.sol";

/// @title RevenuePool
/// @notice An asset's revenue, paid in by anybody in an accepted token, for whoever holds its shares at that moment, in
/// proportion. A transfer of shares afterwards takes none of it along. Paid in once however many holders there are;
/// each claims when it likes.
/// @dev Scaled revenue a share (`SCALE`) grows with each payment; what does not divide is carried to the next, and what a
/// holder has below one unit stays his. With E(h) = perShare * balance + correction for each holder h:
/// sum of E(h) + carried = SCALE * received, exactly, at every moment.
contract RevenuePool is AccessManaged, Pausable, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeCast for int256;
    using SafeERC20 for IERC20;

    /// @notice A token's smallest unit, divided this often.
    uint256 public constant SCALE = 2 ** 64;
    /// @notice Tokens an asset's revenue can come in.
    uint256 public constant MOST_TOKENS = 4;

    /// @notice The shares.
    IAssetShares public immutable shares;

    /// @notice Revenue of one asset in one token.
    struct Account {
        uint256 perShare;
        uint256 carried;
        uint256 received;
        uint256 paid;
    }

    mapping(uint256 assetId => IERC20[]) private _tokens;
    mapping(uint256 assetId => mapping(IERC20 token => bool)) private _accepted;
    mapping(uint256 assetId => mapping(IERC20 token => Account)) private _accounts;
    mapping(uint256 assetId => mapping(IERC20 token => mapping(address holder => int256))) private _corrections;
    mapping(uint256 assetId => mapping(IERC20 token => mapping(address holder => uint256))) private _paid;
    /// @dev payer and its id => hash of the payment
    mapping(address payer => mapping(bytes32 id => bytes32)) private _payments;

    /// @notice An asset's revenue may come in this token.
    event TokenAccepted(uint256 indexed assetId, IERC20 indexed token);
    /// @notice Revenue came in.
    event RevenueReceived(
        uint256 indexed assetId, IERC20 indexed token, address indexed payer, bytes32 id, uint256 amount, uint256 shares
    );
    /// @notice A holder has its revenue.
    event RevenuePaid(uint256 indexed assetId, IERC20 indexed token, address indexed holder, uint256 amount);

    /// @notice Only the shares' contract reports transfers.
    error NotShares(address caller);
    /// @notice The asset has as many tokens as it can.
    error TooManyTokens(uint256 assetId);
    /// @notice The asset's revenue does not come in this token.
    error TokenNotAccepted(uint256 assetId, IERC20 token);
    /// @notice Nobody holds shares.
    error NotSplit(uint256 assetId);
    /// @notice A payment is between 1 and 2**128 - 1 units.
    error BadAmount(uint256 amount);
    /// @notice The payer used this id for another payment.
    error AlreadyPaid(bytes32 id);

    /// @param authority The community's AccessManager.
    /// @param shares_ The shares, which make this contract.
    constructor(address authority, IAssetShares shares_) AccessManaged(authority) {
        shares = shares_;
    }

    /// @notice Accept a token for an asset's revenue. A second time changes nothing.
    /// @dev Role: OPERATOR
    function acceptToken(uint256 assetId, IERC20 token) external restricted {
        if (_accepted[assetId][token]) return;
        if (_tokens[assetId].length == MOST_TOKENS) revert TooManyTokens(assetId);
        _accepted[assetId][token] = true;
        _tokens[assetId].push(token);
        emit TokenAccepted(assetId, token);
    }

    /// @notice No payments in or out.
    /// @dev Role: GUARDIAN
    function pause() external restricted {
        _pause();
    }

    /// @notice Payments go on.
    /// @dev Role: GOVERNANCE
    function unpause() external restricted {
        _unpause();
    }

    /// @notice Pay revenue in, for the present holders. The same payment (payer and id) again changes nothing.
    /// @param id The payer's own number of this payment.
    /// @param assetId Whose revenue.
    /// @param token An accepted token, of which the payer has approved `amount`.
    /// @param amount Units of the token.
    function deposit(bytes32 id, uint256 assetId, IERC20 token, uint256 amount) external nonReentrant whenNotPaused {
        bytes32 payment = keccak256(abi.encode(assetId, token, amount));
        bytes32 known = _payments[msg.sender][id];
        if (known == payment) return;
        if (known != 0) revert AlreadyPaid(id);
        if (amount == 0) revert BadAmount(amount);
        if (!_accepted[assetId][token]) revert TokenNotAccepted(assetId, token);
        if (shares.totalSupply(assetId) == 0) revert NotSplit(assetId);
        _payments[msg.sender][id] = payment;

        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 came = token.balanceOf(address(this)) - before;
        if (came > type(uint128).max) revert BadAmount(came);

        uint256 supply = shares.totalSupply(assetId);
        Account storage account = _accounts[assetId][token];
        uint256 scaled = came * SCALE + account.carried;
        account.perShare += scaled / supply;
        account.carried = scaled % supply;
        account.received += came;
        emit RevenueReceived(assetId, token, msg.sender, id, came, supply);
    }

    /// @notice Pay a holder what is due to it. Anybody may ask for anybody; nothing due is not an error.
    function claim(uint256 assetId, IERC20 token, address holder)
        external
        nonReentrant
        whenNotPaused
        returns (uint256 amount)
    {
        amount = claimable(assetId, token, holder);
        if (amount > 0) {
            _paid[assetId][token][holder] += amount;
            _accounts[assetId][token].paid += amount;
            emit RevenuePaid(assetId, token, holder, amount);
            token.safeTransfer(holder, amount);
        }
    }

    /// @notice Shares are about to change hands: what they earned so far stays with whom they leave.
    /// @dev Called by the shares, with `from` or `to` zero for new and given-back ones.
    function follow(address from, address to, uint256[] calldata ids, uint256[] calldata values) external {
        if (msg.sender != address(shares)) revert NotShares(msg.sender);
        for (uint256 i = 0; i < ids.length; ++i) {
            IERC20[] storage tokens = _tokens[ids[i]];
            for (uint256 j = 0; j < tokens.length; ++j) {
                IERC20 token = tokens[j];
                int256 earned = (_accounts[ids[i]][token].perShare * values[i]).toInt256();
                if (from != address(0)) _corrections[ids[i]][token][from] += earned;
                if (to != address(0)) _corrections[ids[i]][token][to] -= earned;
            }
        }
    }

    /// @notice An asset's revenue in a token: what came, what was paid out, what is carried (scaled).
    function accountOf(uint256 assetId, IERC20 token) external view returns (Account memory) {
        return _accounts[assetId][token];
    }

    /// @notice The tokens an asset's revenue comes in.
    function tokensOf(uint256 assetId) external view returns (IERC20[] memory) {
        return _tokens[assetId];
    }

    /// @notice What a holder was paid so far.
    function paidTo(uint256 assetId, IERC20 token, address holder) external view returns (uint256) {
        return _paid[assetId][token][holder];
    }

    /// @notice What is due to a holder now.
    function claimable(uint256 assetId, IERC20 token, address holder) public view returns (uint256) {
        return scaledEarnings(assetId, token, holder) / SCALE - _paid[assetId][token][holder];
    }

    /// @notice All a holder ever earned, scaled: E(h) above.
    function scaledEarnings(uint256 assetId, IERC20 token, address holder) public view returns (uint256) {
        uint256 held = _accounts[assetId][token].perShare * shares.balanceOf(holder, assetId);
        return (held.toInt256() + _corrections[assetId][token][holder]).toUint256();
    }
}
