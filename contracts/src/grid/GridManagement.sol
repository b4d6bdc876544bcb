// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IGridManagement} from "./IGridManagement.sol";
import {IGridStatus} from "./IGridStatus.sol";

/// @title GridManagement
/// @notice The state of each region's grid, the circuit breakers, and the emergency stop that closes all markets.
/// @dev A breaker closes markets quickly: one guardian, or by itself when a report is out of the bounds that governance
/// set. The stop takes two people: two guardians, or a guardian and the operator, within an hour. Only governance ends
/// a stop. Nothing here moves anything, and claims and withdrawals never ask.
contract GridManagement is AccessManaged, IGridManagement {
    /// @notice System states as transmission operators call them.
    enum State {
        Unknown,
        Normal,
        Alert,
        Emergency,
        Blackout,
        Restoration
    }

    /// @notice Why a circuit is broken.
    enum Reason {
        None,
        Frequency,
        Voltage,
        Overload,
        Emergency,
        MarketFault,
        OracleFault,
        Security,
        Other
    }

    /// @notice What was last reported of a region.
    /// @param reportedAt When it was measured, unix seconds.
    /// @param frequency mHz, zero if not measured.
    /// @param voltage Of nominal, in ten-thousandths; zero if not measured.
    /// @param loadPermyriad Load of what the region's connection carries, in ten-thousandths.
    struct Report {
        State state;
        uint64 reportedAt;
        uint32 frequency;
        uint32 voltage;
        uint32 loadPermyriad;
    }

    /// @notice Reports outside break the region's circuit.
    struct Bounds {
        uint32 lowestFrequency;
        uint32 highestFrequency;
        uint32 lowestVoltage;
        uint32 highestVoltage;
        uint32 highestLoad;
    }

    /// @notice A broken circuit; `reason` is None if it is closed.
    struct Breaker {
        Reason reason;
        uint64 brokenAt;
        address by;
    }

    /// @notice The first of two people who asked for a stop.
    struct StopRequest {
        address by;
        uint64 requestedAt;
        bool byGuardian;
    }

    /// @notice The region code that stands for the whole market in `breakCircuit` and `resetCircuit`.
    bytes32 public constant EVERYWHERE = 0;
    /// @notice How long a request for a stop waits for the second person.
    uint64 public constant STOP_WINDOW = 1 hours;
    /// @notice How far a report may be ahead of the chain's clock.
    uint64 public constant CLOCK_TOLERANCE = 5 minutes;

    /// @notice Whether everything is stopped.
    bool public stopped;
    /// @notice How many circuits are broken.
    uint32 public brokenCircuits;
    /// @notice Who waits for a second person.
    StopRequest public stopRequest;
    /// @notice Reports outside break the region's circuit.
    Bounds public bounds;
    mapping(bytes32 regionCode => Report report) private _reports;
    mapping(bytes32 regionCode => Breaker breaker) private _breakers;

    /// @notice A region's grid was reported.
    event GridReported(
        bytes32 indexed regionCode,
        State indexed state,
        uint64 reportedAt,
        uint32 frequency,
        uint32 voltage,
        uint32 loadPermyriad
    );
    /// @notice A region's markets are closed; zero is all of them.
    event CircuitBroken(bytes32 indexed regionCode, Reason indexed reason, address indexed by);
    /// @notice A circuit is closed again.
    event CircuitReset(bytes32 indexed regionCode, address indexed by);
    /// @notice One of two people asked for a stop.
    event StopRequested(address indexed by, bytes32 reason, uint64 until);
    /// @notice A request for a stop was taken back.
    event StopRequestWithdrawn(address indexed by);
    /// @notice Everything is stopped.
    event GridStopped(address indexed first, address indexed second, bytes32 reason);
    /// @notice Everything goes on.
    event GridResumed(address indexed by, bytes32 reason);
    /// @notice Reports outside these break a circuit from now on.
    event BoundsChanged(Bounds bounds);

    /// @notice A reason and a state are named.
    error EmptyValue();
    /// @notice A report is not older than the one before.
    error NotLater(uint64 reportedAt, uint64 latest);
    /// @notice A report is not from the future.
    error FromTheFuture(uint64 reportedAt);
    /// @notice The region's last report is not of a normal state within the bounds.
    error NotNormal(bytes32 regionCode);
    /// @notice It is not stopped.
    error NotStopped();
    /// @notice Only who asked may take it back.
    error NotRequester(address caller);
    /// @notice Lowest is below highest.
    error BadBounds();

    constructor(address authority, Bounds memory bounds_) AccessManaged(authority) {
        _setBounds(bounds_);
    }

    /// @notice Report a region's grid. A report out of bounds, or of an emergency or a blackout, breaks its circuit.
    /// @dev Role: ENGINE
    /// The latest report again changes nothing, so that a retry is harmless.
    /// @param regionCode Not zero.
    /// @param next What was measured, later than what was reported before.
    function report(bytes32 regionCode, Report calldata next) external restricted {
        if (regionCode == EVERYWHERE || next.state == State.Unknown) revert EmptyValue();
        Report memory before = _reports[regionCode];
        if (keccak256(abi.encode(before)) == keccak256(abi.encode(next))) return;
        if (next.reportedAt <= before.reportedAt) revert NotLater(next.reportedAt, before.reportedAt);
        if (next.reportedAt > block.timestamp + CLOCK_TOLERANCE) revert FromTheFuture(next.reportedAt);
        _reports[regionCode] = next;
        emit GridReported(
            regionCode, next.state, next.reportedAt, next.frequency, next.voltage, next.loadPermyriad
        );
        Reason reason = reasonToBreak(next, bounds);
        if (reason != Reason.None) _break(regionCode, reason);
    }

    /// @notice Close a region's markets, or all (zero), at once.
    /// @dev Role: GUARDIAN
    /// @param regionCode Where.
    /// @param reason Why.
    function breakCircuit(bytes32 regionCode, Reason reason) external restricted {
        if (reason == Reason.None) revert EmptyValue();
        _break(regionCode, reason);
    }

    /// @notice Open a region's markets, or all (zero), again; not while the region's last report is a reason to break.
    /// @dev Role: OPERATOR
    /// @param regionCode Where.
    function resetCircuit(bytes32 regionCode) external restricted {
        if (_breakers[regionCode].reason == Reason.None) return;
        if (reasonToBreak(_reports[regionCode], bounds) != Reason.None) revert NotNormal(regionCode);
        delete _breakers[regionCode];
        --brokenCircuits;
        emit CircuitReset(regionCode, msg.sender);
    }

    /// @notice Ask for the stop of everything, or agree to what another guardian or the operator asked for.
    /// @dev Role: GUARDIAN
    /// @param reason Short text or a hash of more.
    function requestStop(bytes32 reason) external restricted {
        _stop(reason, true);
    }

    /// @notice Ask for the stop of everything as the operator, or agree to what a guardian asked for.
    /// @dev Role: OPERATOR
    /// @param reason Short text or a hash of more.
    function confirmStop(bytes32 reason) external restricted {
        _stop(reason, false);
    }

    /// @notice Take one's own request for a stop back.
    /// @dev Open to whoever asked.
    function withdrawStopRequest() external {
        if (stopRequest.by != msg.sender) revert NotRequester(msg.sender);
        delete stopRequest;
        emit StopRequestWithdrawn(msg.sender);
    }

    /// @notice Let everything go on.
    /// @dev Role: GOVERNANCE
    /// @param reason Short text or a hash of more.
    function resume(bytes32 reason) external restricted {
        if (!stopped) revert NotStopped();
        if (reason == 0) revert EmptyValue();
        stopped = false;
        emit GridResumed(msg.sender, reason);
    }

    /// @notice Change what breaks a circuit.
    /// @dev Role: GOVERNANCE
    /// @param next The new bounds.
    function setBounds(Bounds calldata next) external restricted {
        _setBounds(next);
    }

    /// @inheritdoc IGridStatus
    function marketOpen() external view returns (bool) {
        return !stopped && brokenCircuits == 0;
    }

    /// @notice Whether a region's market is open: nothing is stopped, and neither its circuit nor the whole is broken.
    function marketOpenIn(bytes32 regionCode) external view returns (bool) {
        return !stopped && _breakers[EVERYWHERE].reason == Reason.None
            && _breakers[regionCode].reason == Reason.None;
    }

    /// @inheritdoc IGridManagement
    function inEmergency(bytes32 regionCode) external view returns (bool) {
        State state = _reports[regionCode].state;
        return stopped || state == State.Emergency || state == State.Blackout;
    }

    /// @notice What was last reported of a region.
    function reportOf(bytes32 regionCode) external view returns (Report memory) {
        return _reports[regionCode];
    }

    /// @notice A region's breaker.
    function breakerOf(bytes32 regionCode) external view returns (Breaker memory) {
        return _breakers[regionCode];
    }

    /// @notice Why a report breaks a circuit; None if it does not. What was not measured breaks nothing.
    function reasonToBreak(Report memory reported, Bounds memory allowed) public pure returns (Reason) {
        if (reported.state == State.Emergency || reported.state == State.Blackout) return Reason.Emergency;
        if (_isOutside(reported.frequency, allowed.lowestFrequency, allowed.highestFrequency)) return Reason.Frequency;
        if (_isOutside(reported.voltage, allowed.lowestVoltage, allowed.highestVoltage)) return Reason.Voltage;
        return reported.loadPermyriad > allowed.highestLoad ? Reason.Overload : Reason.None;
    }

    function _stop(bytes32 reason, bool asGuardian) private {
        if (reason == 0) revert EmptyValue();
        if (stopped) return;
        StopRequest memory first = stopRequest;
        bool waits = first.by != address(0) && block.timestamp <= first.requestedAt + STOP_WINDOW;
        if (waits && first.by == msg.sender) return;
        if (waits && (first.byGuardian || asGuardian)) {
            stopped = true;
            delete stopRequest;
            emit GridStopped(first.by, msg.sender, reason);
            return;
        }
        stopRequest = StopRequest(msg.sender, uint64(block.timestamp), asGuardian);
        emit StopRequested(msg.sender, reason, uint64(block.timestamp) + STOP_WINDOW);
    }

    function _break(bytes32 regionCode, Reason reason) private {
        if (_breakers[regionCode].reason != Reason.None) return;
        _breakers[regionCode] = Breaker(reason, uint64(block.timestamp), msg.sender);
        ++brokenCircuits;
        emit CircuitBroken(regionCode, reason, msg.sender);
    }

    function _setBounds(Bounds memory next) private {
        if (next.lowestFrequency >= next.highestFrequency || next.lowestVoltage >= next.highestVoltage) {
            revert BadBounds();
        }
        if (next.highestLoad == 0) revert BadBounds();
        bounds = next;
        emit BoundsChanged(next);
    }

    function _isOutside(uint32 value, uint32 low, uint32 high) private pure returns (bool) {
        return value != 0 && (value < low || value > high);
    }
}
