// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {DailyLimit} from "../access/DailyLimit.sol";
import {ICommunityParameters} from "../governance/ICommunityParameters.sol";
import {IGridManagement} from "../grid/IGridManagement.sol";
import {IConsumerRegistration} from "../registry/IConsumerRegistration.sol";
import {IUtilityVerification} from "../registry/IUtilityVerification.sol";
import {Compliance} from "./Compliance.sol";
import {IReductionRequest} from "./IReductionRequest.sol";
import {ParticipationChoices} from "./ParticipationChoices.sol";

/// @title ReductionRequest
/// @notice Requests to reduce consumption: who asked whom for what, who takes part, and what the group delivered.
/// @dev Lifecycle: Announced, Active and Ended follow from the clock; Verified when the outcome is recorded; Cancelled
/// at any time before the end, or if a proposed event was not approved before its start. Of an outcome only the group's three numbers and a salted root are on chain, never one
/// home's, and only for groups that are large enough.
contract ReductionRequest is AccessManaged, ParticipationChoices, IReductionRequest {
    using DailyLimit for DailyLimit.Limit;

    /// @notice What requests must keep to.
    /// @param minNotice Seconds between the request and its start, at least.
    /// @param maxNotice Seconds between the request and its start, at most.
    /// @param maxDuration Seconds.
    /// @param eventsPerDay Of one requester.
    /// @param maxTarget Wh
    /// @param maxIncentiveRate Micro-units a kWh.
    struct Limits {
        uint32 minNotice;
        uint32 maxNotice;
        uint32 maxDuration;
        uint16 eventsPerDay;
        uint64 maxTarget;
        uint64 maxIncentiveRate;
    }

    /// @notice All segments.
    uint8 public constant EVERYBODY = 7;
    /// @notice No event is longer.
    uint32 public constant LONGEST_DURATION = 1 days;
    /// @notice No emergency event is longer: it ends by itself.
    uint32 public constant LONGEST_EMERGENCY = 2 hours;
    /// @notice An emergency event starts no longer ago than this, nor in more than this.
    uint32 public constant EMERGENCY_TOLERANCE = 15 minutes;

    /// @notice Who may ask where.
    IUtilityVerification public immutable UTILITIES;
    /// @notice Whether there is an emergency.
    IGridManagement public immutable GRID;
    /// @notice The privacy floor, and from which size a utility's event needs an approval.
    ICommunityParameters public immutable PARAMETERS;

    /// @notice What requests must keep to.
    Limits public limits;
    /// @notice How many events there are; their ids count from 1.
    uint256 public eventCount;
    mapping(uint256 eventId => ReductionEvent record) private _events;
    mapping(uint256 eventId => Outcome outcome) private _outcomes;
    mapping(bytes32 content => uint256 eventId) private _ids;
    mapping(address requester => DailyLimit.Limit left) private _requests;

    /// @notice A region is asked to reduce.
    event EventCreated(
        uint256 indexed eventId,
        bytes32 indexed regionCode,
        address indexed requester,
        uint64 startTime,
        uint64 duration,
        uint64 targetReduction,
        uint64 incentiveRate,
        bool emergency,
        bool waiting
    );
    /// @notice A second person agreed to a large event.
    event EventApproved(uint256 indexed eventId, address indexed by);
    /// @notice Why there was no notice.
    event EmergencyDeclared(uint256 indexed eventId, bytes32 reason);
    /// @notice Only some consumers of the region are asked.
    event EventTargeted(uint256 indexed eventId, uint8 segments, uint8 minCapability);
    /// @notice An event does not take place, or ended early.
    event EventCancelled(uint256 indexed eventId, address indexed by, bytes32 reason);
    /// @notice What the group delivered.
    event OutcomeRecorded(
        uint256 indexed eventId,
        uint64 targetReduction,
        uint64 baselineWh,
        uint64 deliveredWh,
        uint32 homes,
        uint32 compliance,
        bytes32 root
    );
    /// @notice What requests must keep to from now on.
    event LimitsChanged(Limits limits);

    /// @notice There is no such event.
    error NoEvent(uint256 eventId);
    /// @notice This can't be done in that state.
    error WrongState(uint256 eventId, State state);
    /// @notice Regions, reasons, targets and roots are not zero.
    error EmptyValue();
    /// @notice A start that is too soon, too late or, in an emergency, not now.
    error BadStart(uint64 startTime, uint64 earliest, uint64 latest);
    /// @notice A time, an energy or a rate above its limit.
    error AboveLimit(uint64 given, uint64 most);
    /// @notice The region's grid is not in an emergency.
    error NoEmergency(bytes32 regionCode);
    /// @notice No such segments.
    error BadSegments(uint8 segments);
    /// @notice The event has participants already.
    error HasParticipants(uint256 eventId, uint32 joined);
    /// @notice The caller did not ask for the event.
    error NotRequester(uint256 eventId, address caller);
    /// @notice The event is not for this token.
    error NotAsked(uint256 eventId, uint256 tokenId);
    /// @notice More was delivered than the baseline.
    error MoreThanBaseline(uint64 deliveredWh, uint64 baselineWh);
    /// @notice Fewer homes than the community's privacy floor.
    error GroupTooSmall(uint32 homes, uint256 floor);
    /// @notice The event has another outcome.
    error AlreadyRecorded(uint256 eventId);
    /// @notice Who asks for an event can't approve it.
    error OwnApproval(uint256 eventId, address caller);
    /// @notice Limits that do not fit each other.
    error BadLimits();

    /// @param authority The community's access manager.
    /// @param utilities Who may ask where.
    /// @param consumers Who can take part.
    /// @param grid Whether there is an emergency.
    /// @param parameters The community's votable numbers.
    /// @param limits_ What requests must keep to.
    constructor(
        address authority,
        IUtilityVerification utilities,
        IConsumerRegistration consumers,
        IGridManagement grid,
        ICommunityParameters parameters,
        Limits memory limits_
    ) AccessManaged(authority) ParticipationChoices(consumers) {
        UTILITIES = utilities;
        GRID = grid;
        PARAMETERS = parameters;
        _setLimits(limits_);
    }

    /// @inheritdoc IReductionRequest
    function createEvent(
        bytes32 regionCode,
        uint64 startTime,
        uint64 duration,
        uint64 targetReduction,
        uint64 incentiveRate
    ) external returns (uint256 eventId) {
        address requester = _requester(regionCode);
        ReductionEvent memory asked =
            _asked(requester, regionCode, startTime, duration, targetReduction, incentiveRate);
        bytes32 content = keccak256(abi.encode(asked));
        eventId = _ids[content];
        if (eventId != 0) return eventId;
        Limits memory limit = limits;
        uint64 earliest = uint64(block.timestamp) + limit.minNotice;
        uint64 latest = uint64(block.timestamp) + limit.maxNotice;
        if (startTime < earliest || startTime > latest) revert BadStart(startTime, earliest, latest);
        if (duration > limit.maxDuration) revert AboveLimit(duration, limit.maxDuration);
        asked.waiting = _needsApproval(asked);
        return _create(content, asked);
    }

    /// @notice Agree to a large event that a utility proposed. It is announced from now on.
    /// @dev Role: OPERATOR
    /// @param eventId Proposed by somebody else.
    function approve(uint256 eventId) external restricted {
        ReductionEvent storage record = _existing(eventId);
        if (_isRequester(record)) revert OwnApproval(eventId, msg.sender);
        if (!record.waiting) return;
        State state = stateOf(eventId);
        if (state != State.Proposed) revert WrongState(eventId, state);
        record.waiting = false;
        emit EventApproved(eventId, msg.sender);
    }

    /// @notice Ask a region to reduce at once, in an emergency of its grid. It ends by itself after two hours at most.
    /// @dev Role: CONTRACT
    /// A utility verified for the region may, too. The same again gives the same event and changes nothing.
    /// @param regionCode Where there is an emergency.
    /// @param startTime Now, to a quarter of an hour.
    /// @param duration Seconds.
    /// @param targetReduction Wh
    /// @param incentiveRate Micro-units for a kWh reduced.
    /// @param reason Short text or a hash of more.
    /// @return eventId Counted from 1.
    function createEmergencyEvent(
        bytes32 regionCode,
        uint64 startTime,
        uint64 duration,
        uint64 targetReduction,
        uint64 incentiveRate,
        bytes32 reason
    ) external returns (uint256 eventId) {
        address requester = _requester(regionCode);
        if (reason == 0) revert EmptyValue();
        ReductionEvent memory asked =
            _asked(requester, regionCode, startTime, duration, targetReduction, incentiveRate);
        asked.emergency = true;
        asked.reason = reason;
        bytes32 content = keccak256(abi.encode(asked));
        eventId = _ids[content];
        if (eventId != 0) return eventId;
        if (!GRID.inEmergency(regionCode)) revert NoEmergency(regionCode);
        uint64 earliest = uint64(block.timestamp) - EMERGENCY_TOLERANCE;
        uint64 latest = uint64(block.timestamp) + EMERGENCY_TOLERANCE;
        if (startTime < earliest || startTime > latest) revert BadStart(startTime, earliest, latest);
        if (duration > LONGEST_EMERGENCY) revert AboveLimit(duration, LONGEST_EMERGENCY);
        eventId = _create(content, asked);
        emit EmergencyDeclared(eventId, reason);
    }

    /// @notice Ask only some consumers of the region. By who asked, before anybody has joined.
    /// @dev Open to the event's requester and its agent.
    /// @param eventId Proposed or announced.
    /// @param segments Bit n: segment n is asked.
    /// @param minCapability Classes below are not asked.
    function setTarget(uint256 eventId, uint8 segments, uint8 minCapability) external {
        ReductionEvent storage record = _existing(eventId);
        if (!_isRequester(record)) revert NotRequester(eventId, msg.sender);
        State state = stateOf(eventId);
        if (state != State.Proposed && state != State.Announced) revert WrongState(eventId, state);
        if (segments == 0 || segments > EVERYBODY) revert BadSegments(segments);
        if (record.segments == segments && record.minCapability == minCapability) return;
        if (record.joined != 0) revert HasParticipants(eventId, record.joined);
        record.segments = segments;
        record.minCapability = minCapability;
        emit EventTargeted(eventId, segments, minCapability);
    }

    /// @notice Cancel an event, or end it early; it is not verified then.
    /// @dev Role: OPERATOR
    /// Who asked may, too.
    /// @param eventId Proposed, announced or active.
    /// @param reason Short text or a hash of more.
    function cancel(uint256 eventId, bytes32 reason) external {
        ReductionEvent storage record = _existing(eventId);
        if (!_isRequester(record)) _checkCanCall(msg.sender, msg.data);
        if (reason == 0) revert EmptyValue();
        if (record.cancelled && record.reason == reason) return;
        State state = stateOf(eventId);
        if (state != State.Proposed && state != State.Announced && state != State.Active) {
            revert WrongState(eventId, state);
        }
        record.cancelled = true;
        record.reason = reason;
        emit EventCancelled(eventId, msg.sender, reason);
    }

    /// @notice Record what the group did. Once.
    /// @dev Role: ENGINE
    /// The same again changes nothing. A group under the privacy floor stays unverified: its number would say too much.
    /// @param eventId Ended.
    /// @param baselineWh What the group would have used.
    /// @param deliveredWh What it used less; zero if it used more.
    /// @param homes How many took part.
    /// @param root Of their salted leaves (RFC 6962).
    function recordOutcome(uint256 eventId, uint64 baselineWh, uint64 deliveredWh, uint32 homes, bytes32 root)
        external
        restricted
    {
        ReductionEvent storage record = _existing(eventId);
        Outcome storage known = _outcomes[eventId];
        if (known.recordedAt != 0) {
            if (
                known.baselineWh == baselineWh && known.deliveredWh == deliveredWh && known.homes == homes
                    && known.root == root
            ) return;
            revert AlreadyRecorded(eventId);
        }
        State state = stateOf(eventId);
        if (state != State.Ended) revert WrongState(eventId, state);
        if (root == 0) revert EmptyValue();
        uint256 floor = _parameter(ICommunityParameters.Parameter.PrivacyFloor);
        if (homes < floor) revert GroupTooSmall(homes, floor);
        if (deliveredWh > baselineWh) revert MoreThanBaseline(deliveredWh, baselineWh);
        uint32 compliance = Compliance.share(record.targetReduction, deliveredWh);
        _outcomes[eventId] = Outcome(root, baselineWh, deliveredWh, homes, compliance, uint64(block.timestamp));
        emit OutcomeRecorded(
            eventId, record.targetReduction, baselineWh, deliveredWh, homes, compliance, root
        );
    }

    /// @notice Change what requests must keep to.
    /// @dev Role: GOVERNANCE
    /// @param next The new limits.
    function setLimits(Limits calldata next) external restricted {
        _setLimits(next);
    }

    /// @inheritdoc IReductionRequest
    function stateOf(uint256 eventId) public view returns (State) {
        ReductionEvent storage record = _events[eventId];
        if (record.requester == address(0)) return State.None;
        if (record.cancelled) return State.Cancelled;
        if (_outcomes[eventId].recordedAt != 0) return State.Verified;
        if (block.timestamp < record.startTime) return record.waiting ? State.Proposed : State.Announced;
        if (record.waiting) return State.Cancelled;
        return block.timestamp < uint256(record.startTime) + record.duration ? State.Active : State.Ended;
    }

    /// @inheritdoc IReductionRequest
    function eventOf(uint256 eventId) external view returns (ReductionEvent memory) {
        return _events[eventId];
    }

    /// @inheritdoc IReductionRequest
    function outcomeOf(uint256 eventId) external view returns (Outcome memory) {
        return _outcomes[eventId];
    }

    /// @notice Whether an event is for a token.
    function isAsked(uint256 eventId, uint256 tokenId) public view returns (bool) {
        ReductionEvent storage record = _events[eventId];
        IConsumerRegistration.Consumer memory consumer = CONSUMERS.consumerOf(tokenId);
        return consumer.registeredAt != 0 && record.requester != address(0)
            && consumer.regionCode == record.regionCode && consumer.capability >= record.minCapability
            && (record.segments >> uint8(consumer.segment)) & 1 == 1;
    }

    /// @dev Who asks: the utility that the caller may act for in the region, or the caller if it has the role.
    function _requester(bytes32 regionCode) private returns (address requester) {
        if (regionCode == 0) revert EmptyValue();
        requester = UTILITIES.utilityFor(msg.sender, regionCode);
        if (requester != address(0)) return requester;
        _checkCanCall(msg.sender, msg.data);
        return msg.sender;
    }

    function _asked(
        address requester,
        bytes32 regionCode,
        uint64 startTime,
        uint64 duration,
        uint64 targetReduction,
        uint64 incentiveRate
    ) private pure returns (ReductionEvent memory asked) {
        if (duration == 0 || targetReduction == 0) revert EmptyValue();
        if (duration > LONGEST_DURATION) revert AboveLimit(duration, LONGEST_DURATION);
        asked.requester = requester;
        asked.startTime = startTime;
        asked.duration = uint32(duration);
        asked.regionCode = regionCode;
        asked.targetReduction = targetReduction;
        asked.incentiveRate = incentiveRate;
        asked.segments = EVERYBODY;
    }

    /// @dev What a rule asks for by itself needs none, whatever its size; its rule was set by the operator.
    function _needsApproval(ReductionEvent memory asked) private view returns (bool) {
        return UTILITIES.utilityFor(asked.requester, asked.regionCode) == asked.requester
            && asked.targetReduction >= _parameter(ICommunityParameters.Parameter.SecondApproverWh);
    }

    function _create(bytes32 content, ReductionEvent memory asked) private returns (uint256 eventId) {
        Limits memory limit = limits;
        if (asked.targetReduction > limit.maxTarget) revert AboveLimit(asked.targetReduction, limit.maxTarget);
        if (asked.incentiveRate > limit.maxIncentiveRate) {
            revert AboveLimit(asked.incentiveRate, limit.maxIncentiveRate);
        }
        DailyLimit.Limit storage today = _requests[asked.requester];
        today.set(limit.eventsPerDay);
        today.spend(1);
        eventId = ++eventCount;
        _ids[content] = eventId;
        _events[eventId] = asked;
        emit EventCreated(
            eventId,
            asked.regionCode,
            asked.requester,
            asked.startTime,
            asked.duration,
            asked.targetReduction,
            asked.incentiveRate,
            asked.emergency,
            asked.waiting
        );
    }

    /// @inheritdoc ParticipationChoices
    function _requireOpen(uint256 eventId, uint256 tokenId) internal view override {
        State state = stateOf(eventId);
        if (state != State.Announced || _events[eventId].emergency) revert WrongState(eventId, state);
        if (!isAsked(eventId, tokenId)) revert NotAsked(eventId, tokenId);
    }

    /// @inheritdoc ParticipationChoices
    function _requireVerified(uint256 eventId) internal view override {
        State state = stateOf(eventId);
        if (state != State.Verified) revert WrongState(eventId, state);
    }

    /// @inheritdoc ParticipationChoices
    function _count(uint256 eventId, Choice before, Choice next) internal override {
        ReductionEvent storage record = _events[eventId];
        if (before == Choice.Joined) --record.joined;
        if (before == Choice.OptedOut) --record.optedOut;
        if (next == Choice.Joined) ++record.joined;
        if (next == Choice.OptedOut) ++record.optedOut;
    }

    function _existing(uint256 eventId) private view returns (ReductionEvent storage record) {
        record = _events[eventId];
        if (record.requester == address(0)) revert NoEvent(eventId);
    }

    function _isRequester(ReductionEvent storage record) private view returns (bool) {
        return msg.sender == record.requester
            || UTILITIES.utilityFor(msg.sender, record.regionCode) == record.requester;
    }

    /// @dev Neither of the two that are asked for can be negative.
    function _parameter(ICommunityParameters.Parameter parameter) private view returns (uint256) {
        return uint256(int256(PARAMETERS.get(parameter)));
    }

    function _setLimits(Limits memory next) private {
        bool fits = next.minNotice < next.maxNotice && next.maxDuration != 0
            && next.maxDuration <= LONGEST_DURATION && next.maxTarget != 0 && next.eventsPerDay != 0;
        if (!fits) revert BadLimits();
        limits = next;
        emit LimitsChanged(next);
    }
}
