// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {DailyLimit} from "../access/DailyLimit.sol";
import {SignedOrders} from "../market/SignedOrders.sol";
import {ClaimTree} from "./ClaimTree.sol";
import {Rewards} from "./Rewards.sol";

/// @title IncentiveDistribution
/// @notice Rewards of demand response out of funded escrow: one Merkle root for any number of homes, claimed at will.
/// @dev A leaf is (account, cumulative amount, salt). `account` is a fresh address that the home made and told nobody but
/// the platform; amounts are multiples of the programme's unit; a home that wants no two of its claims linked takes a
/// new account each period, one leaf a unit if it wants no amount told either.
///
/// A claim puts a leaf's amount into its account's purse here, for good: no later root takes it out. Who knows a leaf
/// may send its claim. A purse is paid out by its account's key only, in one part or several, to whom the key names. So
/// a claim writes one word, whoever claims, and the token's balances are written once for all claims of a purse.
///
/// For each programme: paid <= allotted <= funded; all three are kept in micro-units.
contract IncentiveDistribution is AccessManaged, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using DailyLimit for DailyLimit.Limit;

    /// @notice A programme's root and money. A programme exists when its unit is not zero.
    struct Programme {
        bytes32 root;
        uint88 paid;
        uint88 allotted;
        uint40 unit;
        uint32 sequence;
        bool paused;
        uint128 funded;
    }

    /// @notice What an account was credited by claims and paid out so far, micro-units.
    struct Purse {
        uint128 claimed;
        uint128 paid;
    }

    /// @notice A leaf: what an account has earned so far, micro-units.
    struct Leaf {
        address account;
        uint256 cumulative;
        bytes32 salt;
    }

    bytes32 private constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(bytes32 programme,uint256 upTo,address recipient)");

    /// @notice The token of all rewards.
    IERC20 public immutable token;

    DailyLimit.Limit private _allotting;
    mapping(bytes32 id => Programme programme) private _programmes;
    mapping(bytes32 id => mapping(address account => Purse purse)) private _purses;
    /// @dev id of a push => hash of what was pushed
    mapping(bytes32 id => bytes32 content) private _pushes;

    /// @notice A programme pays in multiples of `unit` micro-units.
    event ProgrammeOpened(bytes32 indexed programme, uint40 unit);
    /// @notice Money came into a programme's escrow.
    event ProgrammeFunded(bytes32 indexed programme, address indexed from, uint256 amount);
    /// @notice Money that nothing was allotted of went out of a programme's escrow.
    event ProgrammeDrained(bytes32 indexed programme, address indexed to, uint256 amount);
    /// @notice A programme's claims stopped or go on.
    event ProgrammePaused(bytes32 indexed programme, bool paused);
    /// @notice A programme's root; `allotted` is all it has ever promised.
    event RootPosted(bytes32 indexed programme, uint32 indexed sequence, bytes32 root, uint256 allotted);
    /// @notice A claim: `claimed` is all that the account's purse was ever credited.
    event Claimed(bytes32 indexed programme, address indexed account, uint256 claimed);
    /// @notice A purse paid: `paid` is all it ever paid out.
    event Withdrawn(bytes32 indexed programme, address indexed account, address indexed recipient, uint256 paid);
    /// @notice Rewards were paid without a claim.
    event Pushed(bytes32 indexed id, bytes32 indexed programme, uint256 amount);
    /// @notice What the engine may allot in a day.
    event DailyLimitChanged(uint256 dailyLimit);

    /// @notice There is no such programme.
    error NoProgramme(bytes32 programme);
    /// @notice The programme has another unit.
    error AlreadyOpen(bytes32 programme, uint40 unit);
    /// @notice A unit or an amount that does not fit.
    error OutOfRange();
    /// @notice The sequence number was used for another root, or is not the next.
    error WrongSequence(bytes32 programme, uint32 sequence, uint32 last);
    /// @notice More than the programme's escrow holds.
    error NotFunded(bytes32 programme, uint256 needed, uint256 funded);
    /// @notice More than the programme's root promised in all.
    error NotAllotted(bytes32 programme, uint256 needed, uint256 allotted);
    /// @notice The programme is stopped.
    error Stopped(bytes32 programme);
    /// @notice The leaf is not below the programme's root.
    error NotInTheTree(bytes32 programme, address account);
    /// @notice The amount is not a multiple of the programme's unit.
    error NotRound(uint256 amount, uint40 unit);
    /// @notice All of it was claimed before.
    error NothingToClaim(bytes32 programme, address account);
    /// @notice The purse was paid out up to there, or does not hold so much.
    error NotInThePurse(bytes32 programme, address account, uint256 claimed, uint256 paid);
    /// @notice The account did not sign for this recipient.
    error NotSigned(address account);
    /// @notice The id was used for another push.
    error AlreadyPushed(bytes32 id);
    /// @notice Lists of different lengths.
    error LengthsDiffer();

    /// @param authority The community's access manager.
    /// @param token_ EnergyToken.
    /// @param dailyLimit What the engine may allot in one day over all programmes, micro-units.
    constructor(address authority, IERC20 token_, uint256 dailyLimit)
        AccessManaged(authority)
        EIP712("Quietgrid rewards", "1")
    {
        token = token_;
        _setDailyLimit(dailyLimit);
    }

    // ---- escrow ----

    /// @notice Open a programme (or one event). The same again changes nothing.
    /// @dev Role: OPERATOR
    /// @param programme Its id.
    /// @param unit All claims are multiples of it, micro-units.
    function openProgramme(bytes32 programme, uint40 unit) external restricted {
        if (unit == 0) revert OutOfRange();
        uint40 found = _programmes[programme].unit;
        if (found == unit) return;
        if (found != 0) revert AlreadyOpen(programme, found);
        _programmes[programme].unit = unit;
        emit ProgrammeOpened(programme, unit);
    }

    /// @notice Put money into a programme's escrow.
    function fund(bytes32 programme, uint256 amount) external nonReentrant {
        Programme storage found = _existing(programme);
        uint256 funded = found.funded + amount;
        if (funded > type(uint88).max) revert OutOfRange();
        found.funded = uint128(funded);
        emit ProgrammeFunded(programme, _msgSender(), amount);
        token.safeTransferFrom(_msgSender(), address(this), amount);
    }

    /// @notice Take out what nothing was allotted of.
    /// @dev Role: OPERATOR
    function drain(bytes32 programme, address to, uint256 amount) external restricted nonReentrant {
        Programme storage found = _existing(programme);
        if (found.allotted + amount > found.funded) revert NotFunded(programme, found.allotted + amount, found.funded);
        found.funded -= uint128(amount);
        emit ProgrammeDrained(programme, to, amount);
        token.safeTransfer(to, amount);
    }

    // ---- roots and pushes ----

    /// @notice Replace a programme's root by one that promises more. The same again changes nothing.
    /// @dev Role: ENGINE
    /// @param programme The programme.
    /// @param sequence One more than the last.
    /// @param root Over (account, cumulative, salt), OpenZeppelin's standard tree.
    /// @param added By how much the sum of all leaves grew, micro-units.
    function postRoot(bytes32 programme, uint32 sequence, bytes32 root, uint256 added) external restricted {
        Programme storage found = _existing(programme);
        if (found.sequence == sequence && found.root == root) return;
        if (sequence == 0 || sequence != found.sequence + 1 || root == 0) {
            revert WrongSequence(programme, sequence, found.sequence);
        }
        uint256 allotted = _allot(programme, found, added);
        found.root = root;
        found.sequence = sequence;
        emit RootPosted(programme, sequence, root, allotted);
    }

    /// @notice Pay a few accounts at once, without claims: organisations, aggregators. The same again changes nothing.
    /// @dev Role: ENGINE
    function push(bytes32 id, bytes32 programme, address[] calldata accounts, uint256[] calldata amounts)
        external
        restricted
        nonReentrant
    {
        if (accounts.length != amounts.length) revert LengthsDiffer();
        bytes32 content = keccak256(abi.encode(programme, accounts, amounts));
        if (_pushes[id] == content) return;
        if (_pushes[id] != 0) revert AlreadyPushed(id);
        _pushes[id] = content;
        Programme storage found = _existing(programme);
        if (found.paused) revert Stopped(programme);
        uint256 sum = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            if (amounts[i] % found.unit != 0) revert NotRound(amounts[i], found.unit);
            sum += amounts[i];
        }
        _allot(programme, found, sum);
        found.paid += uint88(sum);
        emit Pushed(id, programme, sum);
        for (uint256 i = 0; i < amounts.length; ++i) {
            token.safeTransfer(accounts[i], amounts[i]);
        }
    }

    // ---- claims ----

    /// @notice Put a leaf's amount into its account's purse. Anybody who knows the leaf may send it.
    function claim(bytes32 programme, Leaf calldata leaf, bytes32[] calldata proof) external {
        _credit(programme, leaf, proof);
    }

    /// @notice Claim several leaves in one transaction, as a relay does for many homes.
    function claimMany(bytes32 programme, Leaf[] calldata leaves, bytes32[][] calldata proofs) external {
        if (leaves.length != proofs.length) revert LengthsDiffer();
        for (uint256 i = 0; i < leaves.length; ++i) {
            _credit(programme, leaves[i], proofs[i]);
        }
    }

    /// @notice Pay the caller's purse out.
    /// @param upTo What it will have paid out in all, micro-units: a retry pays nothing twice.
    /// @param recipient Whom it pays.
    function withdraw(bytes32 programme, uint256 upTo, address recipient) external {
        _pay(programme, _msgSender(), upTo, recipient);
    }

    /// @notice Pay an account's purse to whom its key signed for. Anybody may send it, so the account needs no gas.
    /// @param signature EIP-712 Withdrawal(programme, upTo, recipient) by the account.
    function withdrawFor(
        bytes32 programme,
        address account,
        uint256 upTo,
        address recipient,
        bytes calldata signature
    ) external {
        if (!SignedOrders.signedBy(account, withdrawalDigest(programme, upTo, recipient), signature)) {
            revert NotSigned(account);
        }
        _pay(programme, account, upTo, recipient);
    }

    /// @notice What an account was credited and paid out so far, micro-units.
    function purseOf(bytes32 programme, address account) external view returns (Purse memory) {
        return _purses[programme][account];
    }

    /// @notice A programme as it stands.
    function programmeOf(bytes32 programme) external view returns (Programme memory) {
        return _programmes[programme];
    }

    /// @notice What an account signs to have its purse paid out (EIP-712 digest).
    function withdrawalDigest(bytes32 programme, uint256 upTo, address recipient) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(WITHDRAWAL_TYPEHASH, programme, upTo, recipient)));
    }

    /// @notice What a reduction earns, by amount and timing.
    /// @param terms How the programme pays.
    /// @param deliveredWh The measured reduction.
    /// @param delay Seconds from the event's start until the reduction began.
    /// @param duration The event's seconds.
    function rewardOf(Rewards.Terms calldata terms, uint64 deliveredWh, uint32 delay, uint32 duration)
        external
        pure
        returns (uint256)
    {
        return Rewards.earned(terms, deliveredWh, delay, duration);
    }

    // ---- limits, pausing ----

    /// @notice What the engine may allot in one day, micro-units.
    /// @dev Role: GOVERNANCE
    function setDailyLimit(uint256 dailyLimit) external restricted {
        _setDailyLimit(dailyLimit);
    }

    /// @notice Stop a programme's claims and pushes.
    /// @dev Role: GUARDIAN
    function pause(bytes32 programme) external restricted {
        _existing(programme).paused = true;
        emit ProgrammePaused(programme, true);
    }

    /// @notice Let a programme pay again.
    /// @dev Role: GOVERNANCE
    function unpause(bytes32 programme) external restricted {
        _existing(programme).paused = false;
        emit ProgrammePaused(programme, false);
    }

    /// @notice What may still be allotted today.
    function allottableToday() external view returns (uint256) {
        return _allotting.left();
    }

    function _setDailyLimit(uint256 dailyLimit) private {
        _allotting.set(dailyLimit);
        emit DailyLimitChanged(dailyLimit);
    }

    function _existing(bytes32 programme) private view returns (Programme storage found) {
        found = _programmes[programme];
        if (found.unit == 0) revert NoProgramme(programme);
    }

    /// @dev Promise more, within the escrow and today's limit.
    function _allot(bytes32 programme, Programme storage found, uint256 added) private returns (uint256 allotted) {
        allotted = found.allotted + added;
        if (allotted > found.funded) revert NotFunded(programme, allotted, found.funded);
        found.allotted = uint88(allotted); // funded fits in 88 bits, see `fund`
        _allotting.spend(added);
    }

    /// @dev One word is written. What the root promises beyond `allotted` is not paid out (`_pay`).
    function _credit(bytes32 programme, Leaf calldata leaf, bytes32[] calldata proof) private {
        Programme storage found = _programmes[programme];
        (address account, uint256 cumulative) = (leaf.account, leaf.cumulative);
        if (ClaimTree.top(_hash(leaf), proof) != found.root) revert NotInTheTree(programme, account);
        (uint256 unit, bool paused) = (found.unit, found.paused);
        if (unit == 0) revert NoProgramme(programme);
        if (paused) revert Stopped(programme);
        if (cumulative % unit != 0) revert NotRound(cumulative, uint40(unit));
        if (cumulative > type(uint88).max) revert OutOfRange();
        Purse storage purse = _purses[programme][account];
        if (cumulative <= purse.claimed) revert NothingToClaim(programme, account);
        purse.claimed = uint128(cumulative);
        emit Claimed(programme, account, cumulative);
    }

    /// @dev All is written before the token is called, so a withdrawal needs no guard.
    function _pay(bytes32 programme, address account, uint256 upTo, address recipient) private {
        Programme storage found = _existing(programme);
        if (found.paused) revert Stopped(programme);
        if (upTo % found.unit != 0) revert NotRound(upTo, found.unit);
        Purse storage purse = _purses[programme][account];
        (uint256 claimed, uint256 before) = (purse.claimed, purse.paid);
        if (upTo <= before || upTo > claimed) revert NotInThePurse(programme, account, claimed, before);
        uint256 amount = upTo - before;
        uint256 paid = found.paid + amount;
        if (paid > found.allotted) revert NotAllotted(programme, paid, found.allotted);
        purse.paid = uint128(upTo); // not above `claimed`, which fits
        found.paid = uint88(paid); // not above `allotted`, which fits
        emit Withdrawn(programme, account, recipient, upTo);
        token.safeTransfer(recipient, amount);
    }

    /// @dev Hashed twice, so that no inner node is a leaf.
    function _hash(Leaf calldata leaf) private pure returns (bytes32 node) {
        node = keccak256(abi.encode(leaf));
        assembly ("memory-safe") {
            mstore(0, node)
            node := keccak256(0, 32)
        }
    }
}
