// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IUtilityVerification} from "./IUtilityVerification.sol";

/// @title UtilityVerification
/// @notice Which energy providers may ask for reductions, where, and until when.
/// @dev A utility applies with a hash of its credentials; the regulator's side, having seen the credentials themselves,
/// verifies exactly that hash. Utilities are organisations: their address and their regions are public.
contract UtilityVerification is AccessManaged, IUtilityVerification {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /// @notice Where a utility stands. `Expired` is never stored: it is `Verified` after its last second.
    enum Status {
        Unknown,
        Applied,
        Verified,
        Suspended,
        Expired
    }

    /// @notice What is known of a utility.
    struct Utility {
        bytes32 credentials;
        bytes32 applied;
        uint64 verifiedAt;
        uint64 expiresAt;
        Status status;
    }

    /// @notice The longest time between two verifications.
    uint64 public constant LONGEST_VALIDITY = 3 * 366 days;
    /// @notice The most regions of one utility.
    uint256 public constant MOST_JURISDICTIONS = 64;

    mapping(address utility => Utility record) private _utilities;
    mapping(address utility => EnumerableSet.Bytes32Set regions) private _jurisdictions;
    mapping(address utility => mapping(address agent => bool appointed)) private _appointed;
    mapping(address agent => address utility) private _actsFor;

    /// @notice A utility asks to be verified with these credentials.
    event VerificationRequested(address indexed utility, bytes32 credentials);
    /// @notice A utility is verified for these regions.
    event UtilityVerified(address indexed utility, bytes32 credentials, bytes32[] jurisdictions, uint64 expiresAt);
    /// @notice A verification goes on for longer.
    event VerificationRenewed(address indexed utility, uint64 expiresAt);
    /// @notice A utility may not act for now.
    event UtilitySuspended(address indexed utility, bytes32 reason);
    /// @notice A suspended utility may act again, if it has not expired.
    event UtilityReinstated(address indexed utility);
    /// @notice An account may act for a utility, or may no longer.
    event AgentAppointed(address indexed utility, address indexed agent, bool appointed);
    /// @notice An account acts for a utility from now on, or for none (zero).
    event AgentChosen(address indexed agent, address indexed utility);

    /// @notice Hashes and regions are not zero.
    error EmptyValue();
    /// @notice The credentials are not what the utility applied with.
    error OtherCredentials(address utility, bytes32 applied, bytes32 given);
    /// @notice This can't be done to a utility with that status.
    error WrongStatus(address utility, Status status);
    /// @notice A verification ends in the future, and not after `latest`.
    error BadExpiry(uint64 expiresAt, uint64 latest);
    /// @notice A renewal ends later than what it renews.
    error NotLater(uint64 expiresAt, uint64 current);
    /// @notice No region, or more than a utility may have.
    error BadNumberOfJurisdictions(uint256 given);
    /// @notice The utility has not appointed the caller.
    error NotAppointed(address utility, address caller);

    constructor(address authority) AccessManaged(authority) {}

    /// @notice Ask to be verified; the caller is the utility.
    /// @dev Open to anybody: asking gives nothing. A verified utility asks again when its credentials change and stays
    /// verified with the old ones meanwhile.
    /// @param credentials Hash of the credentials that the regulator's side is shown.
    function applyForVerification(bytes32 credentials) external {
        if (credentials == 0) revert EmptyValue();
        Utility storage record = _utilities[msg.sender];
        if (record.applied == credentials) return;
        record.applied = credentials;
        if (record.status == Status.Unknown) record.status = Status.Applied;
        emit VerificationRequested(msg.sender, credentials);
    }

    /// @notice Verify a utility, or verify it anew with other credentials or regions.
    /// @dev Role: REGULATOR
    /// @param utility Who applied.
    /// @param credentials What it applied with.
    /// @param jurisdictions Where it may act, in place of what was before.
    /// @param expiresAt Until when (unix seconds, not included).
    function verify(address utility, bytes32 credentials, bytes32[] calldata jurisdictions, uint64 expiresAt)
        external
        restricted
    {
        Utility storage record = _utilities[utility];
        if (record.status == Status.Suspended) revert WrongStatus(utility, record.status);
        if (credentials == 0) revert EmptyValue();
        if (record.applied != credentials) revert OtherCredentials(utility, record.applied, credentials);
        _checkExpiry(expiresAt);
        if (_isVerifiedAs(utility, credentials, jurisdictions, expiresAt)) return;
        record.credentials = credentials;
        record.status = Status.Verified;
        record.verifiedAt = uint64(block.timestamp);
        record.expiresAt = expiresAt;
        _setJurisdictions(utility, jurisdictions);
        emit UtilityVerified(utility, credentials, jurisdictions, expiresAt);
    }

    /// @notice Let a verification go on for longer, also one that has expired.
    /// @dev Role: REGULATOR
    /// @param utility Verified, with the credentials it has.
    /// @param expiresAt Later than now and than before.
    function renew(address utility, uint64 expiresAt) external restricted {
        Utility storage record = _utilities[utility];
        if (record.status != Status.Verified) revert WrongStatus(utility, record.status);
        if (expiresAt == record.expiresAt) return;
        if (expiresAt < record.expiresAt) revert NotLater(expiresAt, record.expiresAt);
        _checkExpiry(expiresAt);
        record.expiresAt = expiresAt;
        emit VerificationRenewed(utility, expiresAt);
    }

    /// @notice Take a utility's right to act away for now.
    /// @dev Role: REGULATOR
    /// @param utility Verified or expired.
    /// @param reason Short text or a hash of the decision.
    function suspend(address utility, bytes32 reason) external restricted {
        Utility storage record = _utilities[utility];
        if (record.status == Status.Suspended) return;
        if (record.status != Status.Verified) revert WrongStatus(utility, record.status);
        record.status = Status.Suspended;
        emit UtilitySuspended(utility, reason);
    }

    /// @notice End a suspension.
    /// @dev Role: REGULATOR
    /// @param utility Suspended.
    function reinstate(address utility) external restricted {
        Utility storage record = _utilities[utility];
        if (record.status == Status.Verified) return;
        if (record.status != Status.Suspended) revert WrongStatus(utility, record.status);
        record.status = Status.Verified;
        emit UtilityReinstated(utility);
    }

    /// @notice Let another account act for the caller, for instance the platform's engine; or no longer.
    /// @dev Open to anybody, because an agent has no more rights than the one who appointed it, and acts for it only
    /// after `actFor`.
    /// @param agent The account.
    /// @param appointed Whether it may from now on.
    function appointAgent(address agent, bool appointed) external {
        if (_appointed[msg.sender][agent] == appointed) return;
        _appointed[msg.sender][agent] = appointed;
        emit AgentAppointed(msg.sender, agent, appointed);
    }

    /// @notice Choose the utility that the caller acts for, one at a time; it must have appointed the caller.
    /// @param utility Zero for none.
    function actFor(address utility) external {
        if (utility != address(0) && !_appointed[utility][msg.sender]) revert NotAppointed(utility, msg.sender);
        if (_actsFor[msg.sender] == utility) return;
        _actsFor[msg.sender] = utility;
        emit AgentChosen(msg.sender, utility);
    }

    /// @inheritdoc IUtilityVerification
    function utilityFor(address account, bytes32 regionCode) external view returns (address utility) {
        utility = account;
        if (_utilities[account].status == Status.Unknown) {
            utility = _actsFor[account];
            if (!_appointed[utility][account]) return address(0);
        }
        if (statusOf(utility) != Status.Verified || !_jurisdictions[utility].contains(regionCode)) return address(0);
    }

    /// @notice Where a utility stands now.
    function statusOf(address utility) public view returns (Status) {
        Utility storage record = _utilities[utility];
        if (record.status == Status.Verified && block.timestamp >= record.expiresAt) return Status.Expired;
        return record.status;
    }

    /// @notice What is known of a utility, its status as stored (see `statusOf`).
    function recordOf(address utility) external view returns (Utility memory) {
        return _utilities[utility];
    }

    /// @notice Where a utility may act while it is verified.
    function jurisdictionsOf(address utility) external view returns (bytes32[] memory) {
        return _jurisdictions[utility].values();
    }

    function _checkExpiry(uint64 expiresAt) private view {
        uint64 latest = uint64(block.timestamp) + LONGEST_VALIDITY;
        if (expiresAt <= block.timestamp || expiresAt > latest) revert BadExpiry(expiresAt, latest);
    }

    function _isVerifiedAs(address utility, bytes32 credentials, bytes32[] calldata regions, uint64 expiresAt)
        private
        view
        returns (bool)
    {
        Utility storage record = _utilities[utility];
        EnumerableSet.Bytes32Set storage known = _jurisdictions[utility];
        if (record.status != Status.Verified || record.credentials != credentials || record.expiresAt != expiresAt) {
            return false;
        }
        if (known.length() != regions.length) return false;
        for (uint256 i = 0; i < regions.length; ++i) {
            if (!known.contains(regions[i])) return false;
        }
        return true;
    }

    function _setJurisdictions(address utility, bytes32[] calldata regions) private {
        if (regions.length == 0 || regions.length > MOST_JURISDICTIONS) {
            revert BadNumberOfJurisdictions(regions.length);
        }
        EnumerableSet.Bytes32Set storage known = _jurisdictions[utility];
        known.clear();
        for (uint256 i = 0; i < regions.length; ++i) {
            if (regions[i] == 0) revert EmptyValue();
            known.add(regions[i]);
        }
    }
}
