// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {ISmartMeter} from "./ISmartMeter.sol";

/// @title SmartMeter
/// @notice One public meter. `SmartMeterFactory` makes a minimal proxy of this for each.
/// @dev Days are UTC; an interval belongs to the day it began on, so one that ends at midnight counts for the day before.
contract SmartMeter is ERC165, ISmartMeter {
    /// @notice What a reading must keep to.
    /// @param since Before this there are no readings, unix seconds.
    /// @param maxPowerW What the connection can carry; no interval has more energy than that in its time.
    /// @param nominalMilliVolt What a voltage is compared with.
    struct Limits {
        uint64 since;
        uint64 maxPowerW;
        uint32 nominalMilliVolt;
    }

    /// @dev A reading in one slot.
    struct Packed {
        uint64 timestamp;
        uint64 consumption;
        uint64 production;
        uint32 gridFrequency;
        uint32 voltage;
    }

    /// @notice What a day came to.
    struct Day {
        uint128 consumption;
        uint128 production;
    }

    /// @notice Lowest and highest frequency that is believed, mHz.
    uint256 public constant LOWEST_FREQUENCY = 45_000;
    /// @notice See `LOWEST_FREQUENCY`; 60 Hz grids are meant, too.
    uint256 public constant HIGHEST_FREQUENCY = 65_000;
    /// @notice Highest nominal voltage, mV, so that half as much again fits a reading's 32 bits.
    uint256 public constant HIGHEST_NOMINAL = 2_000_000_000;
    /// @notice How far a reading may be ahead of the chain's clock.
    uint256 public constant CLOCK_TOLERANCE = 5 minutes;

    /// @notice Who makes meters and changes their reporters.
    address public immutable FACTORY;
    /// @notice The meter's public name.
    bytes32 public meterId;
    /// @notice Who may submit readings; zero if the meter is retired.
    address public reporter;
    /// @notice What a reading must keep to.
    Limits public limits;
    Packed private _latest;
    mapping(uint32 day => Day total) private _days;

    /// @notice A reading is recorded.
    event ReadingSubmitted(
        uint64 indexed timestamp, uint64 consumption, uint64 production, uint32 gridFrequency, uint32 voltage
    );
    /// @notice Another account submits readings from now on.
    event ReporterChanged(address indexed reporter);

    /// @notice Only the factory may.
    error NotFactory(address caller);
    /// @notice Only the reporter may.
    error NotReporter(address caller, address reporter);
    /// @notice The meter is set up already.
    error AlreadySetUp();
    /// @notice A meter can't be without limits, or with a voltage that no grid has.
    error BadLimits();
    /// @notice Readings come in the order of time, each later than the one before.
    error NotLater(uint256 timestamp, uint256 latest);
    /// @notice A reading is not from the future.
    error FromTheFuture(uint256 timestamp, uint256 now_);
    /// @notice More energy than the connection can carry in that time.
    error TooMuchEnergy(uint256 wattHours, uint256 most);
    /// @notice A frequency or voltage that nobody believes.
    error Implausible(uint256 value, uint256 low, uint256 high);

    constructor() {
        FACTORY = msg.sender;
    }

    modifier onlyFactory() {
        if (msg.sender != FACTORY) revert NotFactory(msg.sender);
        _;
    }

    /// @notice Set a fresh meter up. Once, by the factory.
    function setUp(bytes32 id, address firstReporter, Limits calldata limits_) external onlyFactory {
        if (limits.maxPowerW != 0) revert AlreadySetUp();
        if (limits_.maxPowerW == 0 || limits_.nominalMilliVolt == 0 || limits_.nominalMilliVolt > HIGHEST_NOMINAL) {
            revert BadLimits();
        }
        meterId = id;
        limits = limits_;
        _setReporter(firstReporter);
    }

    /// @notice Let another account submit readings; zero retires the meter. By the factory.
    function setReporter(address next) external onlyFactory {
        _setReporter(next);
    }

    /// @inheritdoc ISmartMeter
    /// @dev Only the reporter. The latest reading again changes nothing, so that a retry is harmless.
    function submitReading(MeterReading calldata reading) external {
        if (msg.sender != reporter) revert NotReporter(msg.sender, reporter);
        Packed memory before = _latest;
        if (_isSame(reading, before)) return;
        Limits memory limit = limits;
        uint256 start = before.timestamp == 0 ? limit.since : before.timestamp;
        if (reading.timestamp <= start) revert NotLater(reading.timestamp, start);
        if (reading.timestamp > block.timestamp + CLOCK_TOLERANCE) {
            revert FromTheFuture(reading.timestamp, block.timestamp);
        }
        uint256 most = mostWattHours(limit.maxPowerW, uint64(reading.timestamp - start));
        if (reading.consumption > most) revert TooMuchEnergy(reading.consumption, most);
        if (reading.production > most) revert TooMuchEnergy(reading.production, most);
        _requireWithin(reading.gridFrequency, LOWEST_FREQUENCY, HIGHEST_FREQUENCY);
        _requireWithin(reading.voltage, limit.nominalMilliVolt / 2, uint256(limit.nominalMilliVolt) * 3 / 2);
        _record(reading);
    }

    /// @inheritdoc ISmartMeter
    function getLatestReading() external view returns (MeterReading memory) {
        Packed memory latest = _latest;
        return MeterReading(
            latest.timestamp, latest.consumption, latest.production, latest.gridFrequency, latest.voltage
        );
    }

    /// @inheritdoc ISmartMeter
    function getDailyProduction() external view returns (uint256) {
        return _days[dayOf(_latest.timestamp)].production;
    }

    /// @inheritdoc ISmartMeter
    function getDailyConsumption() external view returns (uint256) {
        return _days[dayOf(_latest.timestamp)].consumption;
    }

    /// @notice What a day came to so far.
    /// @param day Days since 1970 (UTC).
    function totalOf(uint32 day) external view returns (Day memory) {
        return _days[day];
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(ISmartMeter).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @notice The most energy that a connection carries, rounded up, Wh; never more than 64 bits.
    /// @param power W
    /// @param elapsed Seconds.
    function mostWattHours(uint64 power, uint64 elapsed) public pure returns (uint256 most) {
        most = (uint256(power) * elapsed + 3599) / 3600;
        if (most > type(uint64).max) most = type(uint64).max;
    }

    /// @notice The day that an interval ending at this time belongs to.
    function dayOf(uint64 timestamp) public pure returns (uint32) {
        return timestamp == 0 ? 0 : uint32((timestamp - 1) / 1 days);
    }

    function _record(MeterReading calldata reading) private {
        // Each is bounded above: times by the clock, energies by mostWattHours, the others by their limits.
        Packed memory next = Packed(
            uint64(reading.timestamp),
            uint64(reading.consumption),
            uint64(reading.production),
            uint32(reading.gridFrequency),
            uint32(reading.voltage)
        );
        _latest = next;
        Day storage day = _days[dayOf(next.timestamp)];
        day.consumption += next.consumption;
        day.production += next.production;
        emit ReadingSubmitted(next.timestamp, next.consumption, next.production, next.gridFrequency, next.voltage);
    }

    function _setReporter(address next) private {
        if (reporter == next) return;
        reporter = next;
        emit ReporterChanged(next);
    }

    function _isSame(MeterReading calldata reading, Packed memory latest) private pure returns (bool) {
        return latest.timestamp != 0 && reading.timestamp == latest.timestamp
            && reading.consumption == latest.consumption && reading.production == latest.production
            && reading.gridFrequency == latest.gridFrequency && reading.voltage == latest.voltage;
    }

    function _requireWithin(uint256 value, uint256 low, uint256 high) private pure {
        if (value != 0 && (value < low || value > high)) revert Implausible(value, low, high);
    }
}
