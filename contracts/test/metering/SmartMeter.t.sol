// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Roles} from "../../src/access/Roles.sol";
import {ISmartMeter} from "../../src/metering/ISmartMeter.sol";
import {SmartMeter} from "../../src/metering/SmartMeter.sol";
import {SmartMeterFactory} from "../../src/metering/SmartMeterFactory.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

abstract contract MeterCommunity is Community {
    SmartMeterFactory internal factory;
    SmartMeter internal meter;
    address internal reporter = makeAddr("reporter");
    bytes32 internal constant FEEDER = "feeder-1";
    uint64 internal constant SINCE = 19_990 days;

    function setUp() public virtual override {
        super.setUp();
        factory = new SmartMeterFactory(address(manager));
        allow(address(factory), SmartMeterFactory.createMeter.selector, Roles.OPERATOR);
        allow(address(factory), SmartMeterFactory.changeReporter.selector, Roles.OPERATOR);
        vm.prank(operator);
        meter = SmartMeter(factory.createMeter(FEEDER, reporter, limits()));
    }

    function limits() internal pure returns (SmartMeter.Limits memory) {
        return SmartMeter.Limits(SINCE, 250_000, 230_000);
    }
}

contract SmartMeterTest is MeterCommunity {
    function reading(uint256 timestamp, uint256 consumption, uint256 production)
        internal
        pure
        returns (ISmartMeter.MeterReading memory)
    {
        return ISmartMeter.MeterReading(timestamp, consumption, production, 50_010, 231_500);
    }

    function submit(ISmartMeter.MeterReading memory one) internal {
        vm.prank(reporter);
        meter.submitReading(one);
    }

    /// @dev The struct and the four signatures as the platform this comes from wrote them.
    function test_TheInterfaceIsTheOneAgreed() public view {
        bytes4 expected = bytes4(keccak256("submitReading((uint256,uint256,uint256,uint256,uint256))"))
            ^ bytes4(keccak256("getLatestReading()")) ^ bytes4(keccak256("getDailyProduction()"))
            ^ bytes4(keccak256("getDailyConsumption()"));
        vm.assertEq(bytes32(type(ISmartMeter).interfaceId), bytes32(expected));
        vm.assertTrue(meter.supportsInterface(expected));
        vm.assertTrue(meter.supportsInterface(type(IERC165).interfaceId));
        vm.assertFalse(meter.supportsInterface(0xffffffff));
    }

    function testFuzz_AReadingIsKept(uint64 elapsed, uint64 consumption, uint64 production) public {
        elapsed = uint64(bound(elapsed, 1, 10 days));
        uint256 most = meter.mostWattHours(250_000, elapsed);
        ISmartMeter.MeterReading memory one =
            reading(SINCE + elapsed, bound(consumption, 0, most), bound(production, 0, most));
        submit(one);
        ISmartMeter.MeterReading memory found = meter.getLatestReading();
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(one)));
        vm.assertEq(meter.getDailyConsumption(), one.consumption);
        vm.assertEq(meter.getDailyProduction(), one.production);
    }

    function test_DaysAreUtcAndAnIntervalBelongsToWhereItBegan() public {
        submit(reading(SINCE + 12 hours, 100, 10));
        submit(reading(SINCE + 1 days, 200, 20));
        vm.assertEq(meter.getDailyConsumption(), 300);
        submit(reading(SINCE + 1 days + 15 minutes, 7, 3));
        vm.assertEq(meter.getDailyConsumption(), 7);
        vm.assertEq(meter.getDailyProduction(), 3);
        vm.assertEq(meter.totalOf(19_990).consumption, 300);
        vm.assertEq(meter.totalOf(19_990).production, 30);
    }

    function test_TheLatestAgainChangesNothing() public {
        submit(reading(SINCE + 1 hours, 100, 10));
        submit(reading(SINCE + 1 hours, 100, 10));
        vm.assertEq(meter.getDailyConsumption(), 100);
        vm.prank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotLater.selector, SINCE + 1 hours, SINCE + 1 hours));
        meter.submitReading(reading(SINCE + 1 hours, 101, 10));
    }

    function testFuzz_TimeOnlyGoesOn(uint64 first, uint64 second) public {
        first = uint64(bound(first, 1, 10 days));
        second = uint64(bound(second, 0, first));
        submit(reading(SINCE + first, 0, 1));
        vm.prank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotLater.selector, SINCE + second, SINCE + first));
        meter.submitReading(reading(SINCE + second, 0, 0));
    }

    function test_BeforeTheBeginningAndFromTheFuture() public {
        vm.prank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotLater.selector, SINCE, SINCE));
        meter.submitReading(reading(SINCE, 0, 0));
        uint256 ahead = block.timestamp + 5 minutes + 1;
        vm.prank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.FromTheFuture.selector, ahead, block.timestamp));
        meter.submitReading(reading(ahead, 0, 0));
    }

    function testFuzz_MoreThanTheConnectionCarriesIsRefused(uint64 elapsed, uint256 over) public {
        elapsed = uint64(bound(elapsed, 1, 10 days));
        uint256 most = meter.mostWattHours(250_000, elapsed);
        over = bound(over, most + 1, type(uint256).max);
        vm.startPrank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.TooMuchEnergy.selector, over, most));
        meter.submitReading(reading(SINCE + elapsed, over, 0));
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.TooMuchEnergy.selector, over, most));
        meter.submitReading(reading(SINCE + elapsed, 0, over));
        vm.stopPrank();
    }

    function testFuzz_FrequencyAndVoltageArePlausibleOrNotMeasured(uint256 frequency, uint256 voltage) public {
        bool fits = (frequency == 0 || (frequency >= 45_000 && frequency <= 65_000))
            && (voltage == 0 || (voltage >= 115_000 && voltage <= 345_000));
        ISmartMeter.MeterReading memory one = ISmartMeter.MeterReading(SINCE + 1, 0, 0, frequency, voltage);
        if (!fits) vm.expectPartialRevert(SmartMeter.Implausible.selector);
        submit(one);
        one = ISmartMeter.MeterReading(SINCE + 2, 0, 0, bound(frequency, 45_000, 65_000), bound(voltage, 115_000, 345_000));
        submit(one);
        vm.assertEq(meter.getLatestReading().voltage, one.voltage);
    }

    function testFuzz_OnlyTheReporter(address caller) public {
        vm.assume(caller != reporter);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotReporter.selector, caller, reporter));
        meter.submitReading(reading(SINCE + 1, 0, 0));
    }

    function test_AReporterIsChangedAndAMeterRetired() public {
        vm.prank(operator);
        factory.changeReporter(FEEDER, stranger);
        vm.prank(reporter);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotReporter.selector, reporter, stranger));
        meter.submitReading(reading(SINCE + 1, 0, 0));
        vm.prank(stranger);
        meter.submitReading(reading(SINCE + 1, 0, 0));
        vm.prank(operator);
        factory.changeReporter(FEEDER, address(0));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotReporter.selector, stranger, address(0)));
        meter.submitReading(reading(SINCE + 2, 0, 0));
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(SmartMeterFactory.NoSuchMeter.selector, bytes32("feeder-9")));
        factory.changeReporter("feeder-9", stranger);
    }

    function test_AMeterIsSetUpOnceAndOnlyByItsFactory() public {
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotFactory.selector, address(this)));
        meter.setUp("x", address(this), limits());
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotFactory.selector, address(this)));
        meter.setReporter(address(this));
        vm.prank(address(factory));
        vm.expectRevert(SmartMeter.AlreadySetUp.selector);
        meter.setUp("x", address(this), limits());
        SmartMeter original = SmartMeter(factory.IMPLEMENTATION());
        vm.expectRevert(abi.encodeWithSelector(SmartMeter.NotFactory.selector, address(this)));
        original.setUp("x", address(this), limits());
    }

    function test_EachMeterHasItsOwnNumbers() public {
        vm.prank(operator);
        SmartMeter other = SmartMeter(factory.createMeter("feeder-2", reporter, limits()));
        submit(reading(SINCE + 1 hours, 100, 10));
        vm.assertEq(other.getDailyConsumption(), 0);
        vm.assertEq(other.meterId(), "feeder-2");
        vm.assertEq(meter.meterId(), FEEDER);
        vm.assertEq(factory.count(), 2);
        vm.assertEq(factory.meterIds(0, 9).length, 2);
        vm.assertEq(factory.meterIds(1, 9)[0], "feeder-2");
        vm.assertEq(factory.meterIds(5, 9).length, 0);
    }

    function test_TheSameMeterAgainIsTheSame() public {
        vm.startPrank(operator);
        vm.assertEq(factory.createMeter(FEEDER, reporter, limits()), address(meter));
        vm.assertEq(factory.meterOf(FEEDER), address(meter));
        vm.assertTrue(factory.exists(FEEDER));
        vm.assertEq(factory.count(), 1);
        vm.expectRevert(abi.encodeWithSelector(SmartMeterFactory.MeterExists.selector, FEEDER));
        factory.createMeter(FEEDER, stranger, limits());
        vm.expectRevert(SmartMeterFactory.EmptyValue.selector);
        factory.createMeter(0, reporter, limits());
        vm.expectRevert(SmartMeter.BadLimits.selector);
        factory.createMeter("feeder-3", reporter, SmartMeter.Limits(SINCE, 0, 230_000));
        vm.expectRevert(SmartMeter.BadLimits.selector);
        factory.createMeter("feeder-3", reporter, SmartMeter.Limits(SINCE, 1, 2_000_000_001));
        vm.stopPrank();
    }

    function test_OnlyTheOperatorMakesMeters() public {
        address[3] memory others = [stranger, engine, reporter];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refused =
                abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(refused);
            factory.createMeter("mine", reporter, limits());
            vm.expectRevert(refused);
            factory.changeReporter(FEEDER, others[i]);
            vm.stopPrank();
        }
    }

    /// @dev Never above 64 bits, never below what the power gives, less than one Wh above it.
    function mostWattHours(uint64 power, uint64 elapsed) internal view {
        uint256 most = meter.mostWattHours(power, elapsed);
        assert(most <= type(uint64).max);
        if (most < type(uint64).max) {
            assert(most * 3600 >= uint256(power) * elapsed);
            assert(most * 3600 < uint256(power) * elapsed + 3600);
        }
    }

    function testFuzz_MostWattHours(uint64 power, uint64 elapsed) public view {
        mostWattHours(power, elapsed);
    }
}

/// @notice Readings of any size, at any time, from the reporter and from others.
contract MeterHandler is Test {
    SmartMeter internal immutable METER;
    address internal immutable REPORTER;
    mapping(uint32 day => uint256) public consumed;
    mapping(uint32 day => uint256) public produced;
    uint32[] public touched;
    uint256 public energy;
    uint256 public latest;

    constructor(SmartMeter meter, address reporter) {
        (METER, REPORTER) = (meter, reporter);
    }

    function submit(uint32 step, uint64 consumption, uint64 production, bool outsider) external {
        uint256 time = METER.getLatestReading().timestamp;
        if (time == 0) time = 19_990 days;
        time += bound(step, 0, 6 hours);
        uint256 most = METER.mostWattHours(250_000, 6 hours);
        ISmartMeter.MeterReading memory one = ISmartMeter.MeterReading(
            time, bound(consumption, 0, most), bound(production, 0, most), 50_000, 230_000
        );
        vm.prank(outsider ? address(this) : REPORTER);
        METER.submitReading(one);
        if (time == latest) return;
        latest = time;
        uint32 day = METER.dayOf(uint64(time));
        consumed[day] += one.consumption;
        produced[day] += one.production;
        energy += one.consumption + one.production;
        touched.push(day);
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1, 12 hours));
    }

    function touches() external view returns (uint256) {
        return touched.length;
    }
}

contract SmartMeterInvariants is MeterCommunity {
    MeterHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new MeterHandler(meter, reporter);
        targetContract(address(handler));
    }

    function invariant_DaysAddUpAndNothingExceedsTheConnection() public view {
        uint256 n = handler.touches();
        uint256 total = 0;
        for (uint256 i = 0; i < n; ++i) {
            uint32 day = handler.touched(i);
            SmartMeter.Day memory found = meter.totalOf(day);
            vm.assertEq(found.consumption, handler.consumed(day));
            vm.assertEq(found.production, handler.produced(day));
            if (i == 0 || handler.touched(i - 1) != day) total += uint256(found.consumption) + found.production;
        }
        vm.assertEq(total, handler.energy());
        vm.assertEq(meter.getLatestReading().timestamp, handler.latest());
        if (n != 0) vm.assertLe(total, 2 * (meter.mostWattHours(250_000, uint64(handler.latest() - SINCE)) + n));
    }
}
