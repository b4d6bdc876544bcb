// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAggregatorV3} from "../oracles/IAggregatorV3.sol";
import {Compliance} from "./Compliance.sol";
import {IReductionRequest} from "./IReductionRequest.sol";

/// @title LoadForecasting
/// @notice Forecasts of each region's load beside its threshold; asks for a reduction when a forecast is over it.
/// @dev The rule is on chain and the engine only reports: the operator sets thresholds, the rate that is offered and the
/// most that is asked for. A cold or hot day adds to the forecast, and a low frequency lowers the threshold, when the
/// region has feeds for that and they are fresh; a silent feed changes nothing.
contract LoadForecasting is AccessManaged, ReentrancyGuardTransient {
    /// @notice How a region is watched.
    /// @param thresholdW More load than this is too much.
    /// @param incentiveRate Micro-units that are offered for a kWh.
    /// @param maxTarget The most that is asked for at once, Wh.
    /// @param weatherFeed Temperature in thousandths of a degree Celsius, or zero.
    /// @param coldBelow Below this temperature, heating adds load (thousandths of a degree).
    /// @param hotAbove Above this temperature, cooling adds load (thousandths of a degree).
    /// @param coldWattPerKelvin For each degree; zero if the forecast has the weather in it.
    /// @param hotWattPerKelvin For each degree; zero if the forecast has the weather in it.
    /// @param gridFeed Frequency in mHz, or zero.
    /// @param lowFrequency Below this the grid is under stress, mHz.
    /// @param stress By how much the threshold is lowered then, in ten-thousandths.
    /// @param feedMaxAge Older answers are not used, seconds.
    struct Region {
        uint64 thresholdW;
        uint64 incentiveRate;
        uint64 maxTarget;
        IAggregatorV3 weatherFeed;
        int32 coldBelow;
        int32 hotAbove;
        uint64 coldWattPerKelvin;
        uint64 hotWattPerKelvin;
        IAggregatorV3 gridFeed;
        uint32 lowFrequency;
        uint16 stress;
        uint32 feedMaxAge;
    }

    /// @notice A forecast and what came of it.
    /// @param powerW As reported: mean power of the interval.
    /// @param expectedW With the weather.
    /// @param thresholdW What it was compared with.
    /// @param issuedAt When the forecast was made, unix seconds.
    /// @param duration Of the interval, seconds.
    /// @param eventId The request, zero if there is none.
    struct Forecast {
        uint64 powerW;
        uint64 expectedW;
        uint64 thresholdW;
        uint64 issuedAt;
        uint64 duration;
        uint256 eventId;
    }

    /// @notice Intervals begin at whole quarters of an hour.
    uint64 public constant ALIGNMENT = 15 minutes;
    /// @notice No interval is longer.
    uint64 public constant LONGEST_INTERVAL = 6 hours;

    /// @notice Where reductions are asked for.
    IReductionRequest public immutable REQUESTS;

    mapping(bytes32 regionCode => Region region) private _regions;
    mapping(bytes32 regionCode => mapping(uint64 startTime => Forecast forecast)) private _forecasts;

    /// @notice A region is watched like this from now on.
    event RegionConfigured(bytes32 indexed regionCode, Region region);
    /// @notice A forecast beside its threshold.
    event LoadForecast(
        bytes32 indexed regionCode,
        uint64 indexed startTime,
        uint64 duration,
        uint64 powerW,
        uint64 expectedW,
        uint64 thresholdW,
        uint64 issuedAt
    );
    /// @notice A forecast was over its threshold, and a reduction is asked for.
    event ReductionTriggered(
        bytes32 indexed regionCode, uint64 indexed startTime, uint256 indexed eventId, uint64 targetReduction
    );
    /// @notice A forecast was over its threshold, but the request was refused.
    /// @param why The error of `ReductionRequest`.
    event TriggerRefused(bytes32 indexed regionCode, uint64 indexed startTime, uint64 targetReduction, bytes why);

    /// @notice The region is not watched.
    error NoRegion(bytes32 regionCode);
    /// @notice Regions, thresholds and most targets are not zero; shares are at most one; feeds have an age.
    error BadRegion();
    /// @notice An interval lies in the future, begins at a quarter of an hour and is not too long.
    error BadInterval(uint64 startTime, uint64 duration);
    /// @notice A forecast is later than the one before and not from the future.
    error BadIssueTime(uint64 issuedAt, uint64 before);

    /// @param authority The community's access manager.
    /// @param requests Where this contract has the role CONTRACT.
    constructor(address authority, IReductionRequest requests) AccessManaged(authority) {
        REQUESTS = requests;
    }

    /// @notice Say how a region is watched.
    /// @dev Role: OPERATOR
    /// @param regionCode The region.
    /// @param region Threshold, offer and feeds.
    function configureRegion(bytes32 regionCode, Region calldata region) external restricted {
        bool hasFeed = address(region.weatherFeed) != address(0) || address(region.gridFeed) != address(0);
        bool fits = regionCode != 0 && region.thresholdW != 0 && region.maxTarget != 0
            && region.stress <= Compliance.MET && region.coldBelow <= region.hotAbove
            && (!hasFeed || region.feedMaxAge != 0);
        if (!fits) revert BadRegion();
        _regions[regionCode] = region;
        emit RegionConfigured(regionCode, region);
    }

    /// @notice Report a forecast; a reduction is asked for if it is over the threshold and none is yet.
    /// @dev Role: ENGINE
    /// The same again changes nothing. A refused request does not hinder the report; a later forecast tries again.
    /// @param regionCode A watched region.
    /// @param startTime Start of the interval, unix seconds.
    /// @param duration Seconds.
    /// @param powerW Expected mean power of the interval.
    /// @param issuedAt When the forecast was made, unix seconds.
    function reportForecast(bytes32 regionCode, uint64 startTime, uint64 duration, uint64 powerW, uint64 issuedAt)
        external
        restricted
        nonReentrant
    {
        Forecast storage known = _forecasts[regionCode][startTime];
        if (
            known.issuedAt != 0 && known.issuedAt == issuedAt && known.powerW == powerW && known.duration == duration
        ) return;
        _check(startTime, duration, issuedAt, known.issuedAt);
        (uint64 expectedW, uint64 thresholdW) = assess(regionCode, powerW);
        known.powerW = powerW;
        known.expectedW = expectedW;
        known.thresholdW = thresholdW;
        known.issuedAt = issuedAt;
        known.duration = duration;
        emit LoadForecast(regionCode, startTime, duration, powerW, expectedW, thresholdW, issuedAt);
        if (known.eventId == 0) _trigger(regionCode, startTime, known);
    }

    /// @notice What a forecast is taken for now, and what it is compared with.
    /// @param regionCode A watched region.
    /// @param powerW A forecast.
    /// @return expectedW With the weather.
    /// @return thresholdW Lowered if the grid is under stress.
    function assess(bytes32 regionCode, uint64 powerW) public view returns (uint64 expectedW, uint64 thresholdW) {
        Region memory region = _regions[regionCode];
        if (region.thresholdW == 0) revert NoRegion(regionCode);
        (expectedW, thresholdW) = (powerW, region.thresholdW);
        (bool fresh, int256 answer) = _answer(region.weatherFeed, region.feedMaxAge);
        if (fresh && answer > -100_000 && answer < 100_000) {
            uint64 added = Compliance.weatherLoad(
                int32(answer), region.coldBelow, region.hotAbove, region.coldWattPerKelvin, region.hotWattPerKelvin
            );
            expectedW = added > type(uint64).max - powerW ? type(uint64).max : powerW + added;
        }
        (fresh, answer) = _answer(region.gridFeed, region.feedMaxAge);
        if (fresh && answer > 0 && answer < int256(uint256(region.lowFrequency))) {
            thresholdW = Compliance.lowered(thresholdW, region.stress);
        }
    }

    /// @notice How a region is watched; all zero if it is not.
    function regionOf(bytes32 regionCode) external view returns (Region memory) {
        return _regions[regionCode];
    }

    /// @notice The latest forecast of an interval and what came of it.
    function forecastOf(bytes32 regionCode, uint64 startTime) external view returns (Forecast memory) {
        return _forecasts[regionCode][startTime];
    }

    /// @dev The id is stored after the call that gives it; `reportForecast` is guarded.
    function _trigger(bytes32 regionCode, uint64 startTime, Forecast storage forecast) private {
        Region storage region = _regions[regionCode];
        uint64 target =
            Compliance.excess(forecast.expectedW, forecast.thresholdW, forecast.duration, region.maxTarget);
        if (target == 0) return;
        try REQUESTS.createEvent(regionCode, startTime, forecast.duration, target, region.incentiveRate) returns (
            uint256 eventId
        ) {
            forecast.eventId = eventId;
            emit ReductionTriggered(regionCode, startTime, eventId, target);
        } catch (bytes memory why) {
            emit TriggerRefused(regionCode, startTime, target, why);
        }
    }

    function _check(uint64 startTime, uint64 duration, uint64 issuedAt, uint64 before) private view {
        bool fits = startTime > block.timestamp && startTime % ALIGNMENT == 0 && duration != 0
            && duration <= LONGEST_INTERVAL;
        if (!fits) revert BadInterval(startTime, duration);
        if (issuedAt <= before || issuedAt > block.timestamp) revert BadIssueTime(issuedAt, before);
    }

    /// @dev A feed that fails, or has nothing fresh, is silent.
    function _answer(IAggregatorV3 feed, uint32 maxAge) private view returns (bool, int256) {
        if (address(feed) == address(0)) return (false, 0);
        (bool ok, bytes memory data) = address(feed).staticcall(abi.encodeCall(IAggregatorV3.latestRoundData, ()));
        if (!ok || data.length < 160) return (false, 0);
        (, int256 answer,, uint256 updatedAt,) = abi.decode(data, (uint256, int256, uint256, uint256, uint256));
        bool fresh = updatedAt <= type(uint64).max && updatedAt + maxAge >= block.timestamp;
        return (fresh, answer);
    }
}
