// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {IAggregatorV3} from "../../src/oracles/IAggregatorV3.sol";
import {GridOracle} from "../../src/oracles/GridOracle.sol";
import {ValidatedFeed} from "../../src/oracles/ValidatedFeed.sol";
import {WeatherOracle} from "../../src/oracles/WeatherOracle.sol";
import {IReductionRequest} from "../../src/response/IReductionRequest.sol";
import {LoadForecasting} from "../../src/response/LoadForecasting.sol";
import {Test} from "../Test.sol";
import {ResponseCommunity} from "./Response.sol";

/// @notice A community whose region is watched, with a real temperature feed and a real frequency feed.
abstract contract ForecastCommunity is ResponseCommunity {
    LoadForecasting internal forecasting;
    WeatherOracle internal weather;
    GridOracle internal frequency;
    uint256[] internal keys;
    uint64 internal slot;

    function setUp() public virtual override {
        super.setUp();
        forecasting = new LoadForecasting(address(manager), requests);
        manager.grantRole(Roles.CONTRACT, address(forecasting), 0);
        allow(address(forecasting), LoadForecasting.configureRegion.selector, Roles.OPERATOR);
        allow(address(forecasting), LoadForecasting.reportForecast.selector, Roles.ENGINE);
        address[] memory reporters = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 key;
            (reporters[i], key) = makeAddrAndKey(string(abi.encodePacked("weather", bytes1(uint8(48 + i)))));
            keys.push(key);
        }
        ValidatedFeed.Config memory rule = ValidatedFeed.Config(1 hours, 2, 3, 100, 10_000, 500, 100_000);
        ValidatedFeed.Setup memory setup = ValidatedFeed.Setup(address(manager), reporters, rule);
        weather = new WeatherOracle(setup, WeatherOracle.Quantity.Temperature);
        frequency = new GridOracle(setup, GridOracle.Quantity.Frequency);
        vm.prank(operator);
        forecasting.configureRegion(REGION, region());
        slot = uint64(block.timestamp) + 4 hours;
    }

    function region() internal view returns (LoadForecasting.Region memory) {
        return LoadForecasting.Region({
            thresholdW: 100_000,
            incentiveRate: 200_000,
            maxTarget: 30_000,
            weatherFeed: weather,
            coldBelow: 15_000,
            hotAbove: 25_000,
            coldWattPerKelvin: 1_000,
            hotWattPerKelvin: 2_000,
            gridFeed: frequency,
            lowFrequency: 49_900,
            stress: 500,
            feedMaxAge: 2 hours
        });
    }

    function feed(ValidatedFeed to, int256 answer) internal {
        uint80 round = to.latestRound() + 1;
        ValidatedFeed.Report[] memory list = new ValidatedFeed.Report[](2);
        for (uint256 i = 0; i < 2; ++i) {
            (uint8 v, bytes32 r, bytes32 s) =
                vm.sign(keys[i], to.reportDigest(round, answer, uint64(block.timestamp)));
            list[i] = ValidatedFeed.Report(answer, uint64(block.timestamp), abi.encodePacked(r, s, v));
        }
        to.submit(round, list);
    }

    function forecast(uint64 power) internal {
        vm.prank(engine);
        forecasting.reportForecast(REGION, slot, 1 hours, power, uint64(block.timestamp));
    }

    function found() internal view returns (LoadForecasting.Forecast memory) {
        return forecasting.forecastOf(REGION, slot);
    }
}

contract LoadForecastingTest is ForecastCommunity {
    function testFuzz_ARequestWhenAndOnlyWhenOverTheThreshold(uint64 power) public {
        power = uint64(bound(power, 0, 1_000_000_000));
        forecast(power);
        bool over = power > 100_000;
        vm.assertEq(found().eventId, over ? 1 : 0);
        vm.assertEq(requests.eventCount(), over ? 1 : 0);
        if (!over) return;
        IReductionRequest.ReductionEvent memory asked = requests.eventOf(1);
        vm.assertEq(asked.requester, address(forecasting));
        vm.assertEq(asked.startTime, slot);
        vm.assertEq(asked.duration, 1 hours);
        vm.assertEq(asked.incentiveRate, 200_000);
        vm.assertEq(asked.targetReduction, power - 100_000 > 30_000 ? 30_000 : power - 100_000);
        assertState(1, IReductionRequest.State.Announced);
    }

    function test_OneRequestForAnInterval() public {
        forecast(110_000);
        forecast(110_000);
        vm.warp(block.timestamp + 15 minutes);
        forecast(120_000);
        vm.assertEq(requests.eventCount(), 1);
        vm.assertEq(found().powerW, 120_000);
        vm.assertEq(found().eventId, 1);
    }

    function test_ALaterForecastAsks() public {
        forecast(90_000);
        vm.assertEq(found().eventId, 0);
        vm.warp(block.timestamp + 15 minutes);
        forecast(101_000);
        vm.assertEq(found().eventId, 1);
    }

    function test_ColdAndHeatAddLoad() public {
        feed(weather, 5_000);
        (uint64 expected, uint64 threshold) = forecasting.assess(REGION, 95_000);
        vm.assertEq(expected, 105_000);
        vm.assertEq(threshold, 100_000);
        vm.warp(block.timestamp + 1 minutes);
        feed(weather, 30_000);
        (expected,) = forecasting.assess(REGION, 95_000);
        vm.assertEq(expected, 105_000);
        vm.warp(block.timestamp + 1 minutes);
        feed(weather, 20_000);
        (expected,) = forecasting.assess(REGION, 95_000);
        vm.assertEq(expected, 95_000);
        (expected,) = forecasting.assess(REGION, type(uint64).max);
        vm.assertEq(expected, type(uint64).max);
    }

    function test_ColdWeatherAsksWhatMildWeatherDoesNot() public {
        feed(weather, 5_000);
        forecast(95_000);
        vm.assertEq(requests.eventOf(found().eventId).targetReduction, 5_000);
        vm.assertEq(found().expectedW, 105_000);
        vm.assertEq(found().powerW, 95_000);
    }

    function test_StressLowersTheThreshold() public {
        feed(frequency, 49_899);
        (, uint64 threshold) = forecasting.assess(REGION, 1);
        vm.assertEq(threshold, 95_000);
        vm.warp(block.timestamp + 1 minutes);
        feed(frequency, 49_900);
        (, threshold) = forecasting.assess(REGION, 1);
        vm.assertEq(threshold, 100_000);
    }

    function test_SilentFeedsChangeNothing() public {
        feed(weather, 5_000);
        feed(frequency, 49_000);
        vm.warp(block.timestamp + 2 hours + 1);
        (uint64 expected, uint64 threshold) = forecasting.assess(REGION, 95_000);
        vm.assertEq(expected, 95_000);
        vm.assertEq(threshold, 100_000);
        LoadForecasting.Region memory next = region();
        (next.weatherFeed, next.gridFeed) = (IAggregatorV3(address(0)), IAggregatorV3(stranger));
        vm.prank(operator);
        forecasting.configureRegion(REGION, next);
        (expected, threshold) = forecasting.assess(REGION, 95_000);
        vm.assertEq(expected, 95_000);
        vm.assertEq(threshold, 100_000);
    }

    function test_ARefusedRequestDoesNotHinderTheForecast() public {
        LoadForecasting.Region memory next = region();
        next.incentiveRate = 500_001;
        vm.prank(operator);
        forecasting.configureRegion(REGION, next);
        forecast(150_000);
        vm.assertEq(found().powerW, 150_000);
        vm.assertEq(found().eventId, 0);
        vm.prank(operator);
        forecasting.configureRegion(REGION, region());
        vm.warp(block.timestamp + 1 minutes);
        forecast(150_000);
        vm.assertEq(found().eventId, 1);
    }

    /// @dev A stolen engine key can ask for a few events a day, at the operator's rate and no larger than it said.
    function test_AHotKeyIsLimited() public {
        for (uint64 i = 0; i < 6; ++i) {
            vm.prank(engine);
            forecasting.reportForecast(REGION, slot + i * 15 minutes, 15 minutes, 1_000_000_000, uint64(block.timestamp));
        }
        vm.assertEq(requests.eventCount(), 3);
        vm.assertEq(requests.eventOf(3).targetReduction, 30_000);
    }

    function test_IntervalsAndIssueTimes() public {
        uint64 now_ = uint64(block.timestamp);
        vm.startPrank(engine);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadInterval.selector, now_, 1 hours));
        forecasting.reportForecast(REGION, now_, 1 hours, 1, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadInterval.selector, slot + 1, 1 hours));
        forecasting.reportForecast(REGION, slot + 1, 1 hours, 1, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadInterval.selector, slot, 0));
        forecasting.reportForecast(REGION, slot, 0, 1, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadInterval.selector, slot, 6 hours + 1));
        forecasting.reportForecast(REGION, slot, 6 hours + 1, 1, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadIssueTime.selector, now_ + 1, 0));
        forecasting.reportForecast(REGION, slot, 1 hours, 1, now_ + 1);
        forecasting.reportForecast(REGION, slot, 1 hours, 1, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.BadIssueTime.selector, now_, now_));
        forecasting.reportForecast(REGION, slot, 1 hours, 2, now_);
        vm.expectRevert(abi.encodeWithSelector(LoadForecasting.NoRegion.selector, bytes32("elsewhere")));
        forecasting.reportForecast("elsewhere", slot, 1 hours, 2, now_);
        vm.stopPrank();
    }

    function test_RegionsFit() public {
        vm.startPrank(operator);
        LoadForecasting.Region memory next = region();
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(0, next);
        next.thresholdW = 0;
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(REGION, next);
        next = region();
        next.maxTarget = 0;
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(REGION, next);
        next = region();
        next.stress = 10_001;
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(REGION, next);
        next = region();
        next.coldBelow = 25_001;
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(REGION, next);
        next = region();
        next.feedMaxAge = 0;
        vm.expectRevert(LoadForecasting.BadRegion.selector);
        forecasting.configureRegion(REGION, next);
        (next.weatherFeed, next.gridFeed) = (IAggregatorV3(address(0)), IAggregatorV3(address(0)));
        forecasting.configureRegion(REGION, next);
        vm.stopPrank();
        vm.assertEq(address(forecasting.regionOf(REGION).weatherFeed), address(0));
    }

    function test_OnlyTheirRoles() public {
        address[3] memory others = [stranger, utility, guardian];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refused =
                abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(refused);
            forecasting.configureRegion(REGION, region());
            vm.expectRevert(refused);
            forecasting.reportForecast(REGION, slot, 1 hours, 1, uint64(block.timestamp));
            vm.stopPrank();
        }
        vm.startPrank(engine);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, engine));
        forecasting.configureRegion(REGION, region());
        vm.stopPrank();
    }
}

/// @notice An engine that reports whatever it likes, and time that passes.
contract ForecastHandler is Test {
    LoadForecasting internal immutable FORECASTING;
    address internal immutable ENGINE;

    constructor(LoadForecasting forecasting, address engine) {
        (FORECASTING, ENGINE) = (forecasting, engine);
    }

    function report(uint8 ahead, uint64 duration, uint64 power, uint8 age) external {
        uint64 start = uint64(block.timestamp / 15 minutes + bound(ahead, 0, 100)) * 15 minutes;
        vm.prank(ENGINE);
        FORECASTING.reportForecast(
            "NL-N", start, uint64(bound(duration, 1, 5 hours)), uint64(bound(power, 90_000, 200_000)), uint64(block.timestamp) - age
        );
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 12 hours));
    }
}

contract LoadForecastingInvariants is ForecastCommunity {
    ForecastHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new ForecastHandler(forecasting, engine);
        targetContract(address(handler));
    }

    /// @dev Whatever the engine reports, each request is what the operator allowed, announced in time, and its interval
    /// points back to it.
    function invariant_RequestsAreWhatTheOperatorAllowed() public view {
        for (uint256 id = 1; id <= requests.eventCount(); ++id) {
            IReductionRequest.ReductionEvent memory asked = requests.eventOf(id);
            vm.assertEq(asked.requester, address(forecasting));
            vm.assertEq(asked.incentiveRate, 200_000);
            vm.assertLe(asked.targetReduction, 30_000);
            vm.assertGt(asked.targetReduction, 0);
            LoadForecasting.Forecast memory why = forecasting.forecastOf(REGION, asked.startTime);
            vm.assertEq(why.eventId, id);
        }
    }
}
