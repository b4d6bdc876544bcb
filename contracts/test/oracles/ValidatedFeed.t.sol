// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Roles} from "../../src/access/Roles.sol";
import {GridOracle} from "../../src/oracles/GridOracle.sol";
import {IAggregatorV3} from "../../src/oracles/IAggregatorV3.sol";
import {Median} from "../../src/oracles/Median.sol";
import {PriceOracle} from "../../src/oracles/PriceOracle.sol";
import {ValidatedFeed} from "../../src/oracles/ValidatedFeed.sol";
import {WeatherOracle} from "../../src/oracles/WeatherOracle.sol";
import {Community} from "../Community.sol";
import {Test} from "../Test.sol";

/// @notice Somebody else's feed, as a test sets it.
contract ForeignFeed is IAggregatorV3 {
    uint8 public immutable decimals;
    int256 public answer;
    uint256 public updatedAt;
    bool public broken;

    constructor(uint8 digits) {
        decimals = digits;
    }

    function set(int256 answer_, uint256 updatedAt_, bool broken_) external {
        (answer, updatedAt, broken) = (answer_, updatedAt_, broken_);
    }

    function description() external pure returns (string memory) {
        return "foreign";
    }

    function version() external pure returns (uint256) {
        return 4;
    }

    function getRoundData(uint80) external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, answer, updatedAt, updatedAt, 1);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        require(!broken, "broken");
        return (1, answer, updatedAt, updatedAt, 1);
    }
}

/// @notice A price feed with three reporters whose keys the test has.
abstract contract FeedCommunity is Community {
    PriceOracle internal feed;
    uint256[] internal keys;
    address[] internal signers;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < 5; ++i) {
            (address signer, uint256 key) = makeAddrAndKey(string(abi.encodePacked("reporter", bytes1(uint8(48 + i)))));
            keys.push(key);
            signers.push(signer);
        }
        feed = new PriceOracle(ValidatedFeed.Setup(address(manager), first(3), config()));
        allow(address(feed), ValidatedFeed.setReporters.selector, Roles.GOVERNANCE);
        allow(address(feed), ValidatedFeed.setConfig.selector, Roles.GOVERNANCE);
        allow(address(feed), ValidatedFeed.setForeign.selector, Roles.GOVERNANCE);
    }

    /// @dev An hour; 2 of 3, all for a jump; 2 % apart and 20 % from the last, no less than 1,000 and 20,000.
    function config() internal pure returns (ValidatedFeed.Config memory) {
        return ValidatedFeed.Config(1 hours, 2, 3, 200, 2_000, 1_000, 20_000);
    }

    function first(uint256 n) internal view returns (address[] memory list) {
        list = new address[](n);
        for (uint256 i = 0; i < n; ++i) {
            list[i] = signers[i];
        }
    }

    function report(uint256 who, uint80 round, int256 answer, uint64 at)
        internal
        view
        returns (ValidatedFeed.Report memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], feed.reportDigest(round, answer, at));
        return ValidatedFeed.Report(answer, at, abi.encodePacked(r, s, v));
    }

    function reports(uint80 round, int256 a, int256 b) internal view returns (ValidatedFeed.Report[] memory list) {
        list = new ValidatedFeed.Report[](2);
        list[0] = report(0, round, a, uint64(block.timestamp));
        list[1] = report(1, round, b, uint64(block.timestamp));
    }

    function reports(uint80 round, int256 a, int256 b, int256 c)
        internal
        view
        returns (ValidatedFeed.Report[] memory list)
    {
        list = new ValidatedFeed.Report[](3);
        list[0] = report(0, round, a, uint64(block.timestamp));
        list[1] = report(1, round, b, uint64(block.timestamp));
        list[2] = report(2, round, c, uint64(block.timestamp));
    }

    function latest() internal view returns (int256 value) {
        (, value,,,) = feed.latestRoundData();
    }
}

contract ValidatedFeedTest is FeedCommunity {
    function test_TwoOfThreeThatAgreeMakeAnAnswer() public {
        feed.submit(1, reports(1, 100_000, 100_400));
        (uint80 id, int256 value, uint256 started, uint256 updated, uint80 answeredIn) = feed.latestRoundData();
        vm.assertEq(id, 1);
        vm.assertEq(value, 100_200);
        vm.assertEq(started, block.timestamp);
        vm.assertEq(updated, block.timestamp);
        vm.assertEq(answeredIn, 1);
        (int256 fresh,) = feed.freshAnswer();
        vm.assertEq(fresh, 100_200);
        vm.assertEq(uint256(feed.decimals()), 6);
        vm.assertEq(feed.description(), "energy price / kWh");
        vm.assertEq(feed.version(), 1);
    }

    function test_OneIsNoQuorum() public {
        ValidatedFeed.Report[] memory one = new ValidatedFeed.Report[](1);
        one[0] = report(0, 1, 100_000, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NoAgreement.selector, 1, 2));
        feed.submit(1, one);
    }

    /// @dev One lies and one is silent: the round does not come about, and the last answer ages.
    function testFuzz_ALiarBesideASilentOneOnlyStopsTheRound(int256 lie) public {
        feed.submit(1, reports(1, 100_000, 100_000, 100_000));
        lie = int256(bound(uint256(lie), 0, 20_000_000)) - 10_000_000;
        vm.assume(Median.distance(lie, 100_000) > 4_200);
        ValidatedFeed.Report[] memory two = reports(2, lie, 100_000);
        vm.expectPartialRevert(ValidatedFeed.NoAgreement.selector);
        feed.submit(2, two);
        vm.assertEq(latest(), 100_000);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.assertTrue(feed.isStale());
        vm.expectPartialRevert(ValidatedFeed.Stale.selector);
        feed.freshAnswer();
    }

    function testFuzz_ALiarOfThreeIsMarkedAndMovesNothing(int256 lie) public {
        lie = int256(bound(uint256(lie), 0, 20_000_000)) - 10_000_000;
        vm.assume(Median.distance(lie, 100_000) > 3_000);
        feed.submit(1, reports(1, 100_000, 100_200, lie));
        vm.assertEq(latest(), 100_100);
        ValidatedFeed.Record memory record = feed.recordOf(signers[2]);
        vm.assertEq(record.outliers, 1);
        vm.assertEq(record.accepted, 0);
        vm.assertGt(record.furthest, 2_000);
        vm.assertEq(feed.recordOf(signers[0]).accepted, 1);
        vm.assertEq(feed.recordOf(signers[0]).outliers, 0);
    }

    /// @dev Whatever three reporters say, an accepted answer lies between two of them that are near each other.
    function testFuzz_AnAnswerIsBetweenTwoThatAgree(int256 a, int256 b, int256 c) public {
        a = int256(bound(uint256(a), 0, 40_000)) + 80_000;
        b = int256(bound(uint256(b), 0, 40_000)) + 80_000;
        c = int256(bound(uint256(c), 0, 40_000)) + 80_000;
        try feed.submit(1, reports(1, a, b, c)) {
            int256 got = latest();
            uint256 near = 0;
            if (Median.distance(a, got) <= 4_800) ++near;
            if (Median.distance(b, got) <= 4_800) ++near;
            if (Median.distance(c, got) <= 4_800) ++near;
            vm.assertGe(near, 2);
        } catch {
            vm.assertEq(feed.latestRound(), 0);
        }
    }

    function test_AJumpNeedsTheLargerQuorum() public {
        feed.submit(1, reports(1, 100_000, 100_000));
        ValidatedFeed.Report[] memory two = reports(2, 200_000, 200_000);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.BeyondDeviation.selector, 200_000, 100_000, 2, 3));
        feed.submit(2, two);
        feed.submit(2, reports(2, 200_000, 200_000, 201_000));
        vm.assertEq(latest(), 200_000);
        vm.assertEq(feed.latestRound(), 2);
    }

    function test_SmallNumbersHaveASmallestBound() public {
        feed.submit(1, reports(1, 10, -10));
        vm.assertEq(latest(), 0);
        feed.submit(2, reports(2, 20_000, 20_000));
        vm.assertEq(latest(), 20_000);
    }

    function test_TheSameRoundAgainChangesNothing() public {
        ValidatedFeed.Report[] memory two = reports(1, 100_000, 100_400);
        feed.submit(1, two);
        feed.submit(1, two);
        vm.assertEq(feed.recordOf(signers[0]).accepted, 1);
        ValidatedFeed.Report[] memory others = reports(1, 100_000, 100_600);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.WrongRound.selector, 1, 2));
        feed.submit(1, others);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.WrongRound.selector, 3, 2));
        feed.submit(3, others);
    }

    function test_RoundZeroIsNone() public {
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NoRound.selector, 0));
        feed.latestRoundData();
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NoRound.selector, 0));
        feed.freshAnswer();
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NoRound.selector, 7));
        feed.getRoundData(7);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.WrongRound.selector, 0, 1));
        feed.submit(0, new ValidatedFeed.Report[](0));
        vm.assertTrue(feed.isStale());
    }

    function test_AReporterCountsOnce() public {
        ValidatedFeed.Report[] memory list = reports(1, 100_000, 100_000);
        list[1] = report(0, 1, 100_001, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.ReportedTwice.selector, signers[0]));
        feed.submit(1, list);
    }

    function test_OnlyReportersCount() public {
        ValidatedFeed.Report[] memory list = reports(1, 100_000, 100_000);
        list[1] = report(4, 1, 100_000, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NotReporter.selector, signers[4]));
        feed.submit(1, list);
    }

    function test_ASignatureIsForOneRoundOneFeedAndOneChain() public {
        feed.submit(1, reports(1, 100_000, 100_000));
        ValidatedFeed.Report[] memory list = reports(1, 100_000, 100_000);
        vm.expectPartialRevert(ValidatedFeed.NotReporter.selector);
        feed.submit(2, list);
        list = reports(1, 100_000, 100_000);
        PriceOracle other = new PriceOracle(ValidatedFeed.Setup(address(manager), first(3), config()));
        vm.expectPartialRevert(ValidatedFeed.NotReporter.selector);
        other.submit(1, list);
        list = reports(2, 100_000, 100_000);
        vm.chainId(999);
        vm.expectPartialRevert(ValidatedFeed.NotReporter.selector);
        feed.submit(2, list);
    }

    function testFuzz_ObservationsAreFreshAndGoOn(uint64 at) public {
        feed.submit(1, reports(1, 100_000, 100_000));
        uint256 start = block.timestamp;
        vm.warp(start + 30 minutes);
        bool timely = at >= start && at <= block.timestamp + 5 minutes;
        ValidatedFeed.Report[] memory list = reports(2, 100_000, 100_000);
        list[0] = report(0, 2, 100_000, at);
        if (!timely) vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.BadTime.selector, signers[0], at));
        feed.submit(2, list);
        if (timely) {
            (,,, uint256 updated,) = feed.latestRoundData();
            vm.assertEq(updated, at < block.timestamp ? at : block.timestamp);
        }
    }

    function test_AnOldObservationIsRefused() public {
        ValidatedFeed.Report[] memory list = reports(1, 100_000, 100_000);
        vm.warp(block.timestamp + 1 hours + 1);
        vm.expectPartialRevert(ValidatedFeed.BadTime.selector);
        feed.submit(1, list);
    }

    function test_AnswersHaveARange() public {
        ValidatedFeed.Report[] memory list = reports(1, 10_000_001, 10_000_000);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.OutOfRange.selector, signers[0], 10_000_001));
        feed.submit(1, list);
        list = reports(1, -10_000_000, -10_000_000);
        feed.submit(1, list);
        vm.assertEq(latest(), -10_000_000);
    }

    function test_ReportersAreRotated() public {
        feed.submit(1, reports(1, 100_000, 100_000));
        address[] memory next = first(3);
        next[0] = signers[3];
        feed.setReporters(next);
        ValidatedFeed.Report[] memory list = reports(2, 100_000, 100_000);
        vm.expectRevert(abi.encodeWithSelector(ValidatedFeed.NotReporter.selector, signers[0]));
        feed.submit(2, list);
        list[0] = report(3, 2, 100_000, uint64(block.timestamp));
        feed.submit(2, list);
        vm.assertEq(feed.reporterList()[0], signers[3]);
        next[1] = signers[3];
        vm.expectRevert(ValidatedFeed.BadReporters.selector);
        feed.setReporters(next);
        vm.expectRevert(ValidatedFeed.BadReporters.selector);
        feed.setReporters(new address[](3));
        vm.expectRevert(ValidatedFeed.BadReporters.selector);
        feed.setReporters(new address[](33));
    }

    function testFuzz_AQuorumIsMoreThanHalf(uint8 quorum, uint8 large) public {
        ValidatedFeed.Config memory next = config();
        (next.quorum, next.largeQuorum) = (uint8(bound(quorum, 0, 5)), uint8(bound(large, 0, 5)));
        bool fits = next.quorum >= 2 && next.quorum <= next.largeQuorum && next.largeQuorum <= 3;
        if (!fits) vm.expectRevert(ValidatedFeed.BadConfig.selector);
        feed.setConfig(next);
    }

    function test_MoreReportersNeedALargerQuorumFirst() public {
        vm.expectRevert(ValidatedFeed.BadConfig.selector);
        feed.setReporters(first(4));
        ValidatedFeed.Config memory next = config();
        next.quorum = 3;
        feed.setConfig(next);
        feed.setReporters(first(5));
        vm.assertEq(feed.reporterList().length, 5);
        vm.expectRevert(ValidatedFeed.BadConfig.selector);
        feed.setReporters(first(2));
        next.heartbeat = 0;
        vm.expectRevert(ValidatedFeed.BadConfig.selector);
        feed.setConfig(next);
    }

    function withForeign(uint8 digits) internal returns (ForeignFeed foreign) {
        ValidatedFeed.Config memory next = config();
        next.quorum = 3;
        feed.setConfig(next);
        foreign = new ForeignFeed(digits);
        feed.setForeign(foreign);
    }

    function testFuzz_AForeignFeedCountsAsOneWithItsDigitsConverted(uint8 digits) public {
        digits = uint8(bound(digits, 0, 18));
        ForeignFeed foreign = withForeign(digits);
        foreign.set(int256(2 * 10 ** uint256(digits)), block.timestamp, false);
        feed.submit(1, reports(1, 2_000_000, 2_000_100));
        vm.assertEq(latest(), 2_000_000);
        vm.assertEq(feed.recordOf(address(foreign)).accepted, 1);
    }

    function test_AForeignFeedThatFailsIsSilent() public {
        ForeignFeed foreign = withForeign(8);
        foreign.set(10_000_000, block.timestamp, true);
        ValidatedFeed.Report[] memory two = reports(1, 100_000, 100_000);
        bytes memory tooFew = abi.encodeWithSelector(ValidatedFeed.NoAgreement.selector, 2, 3);
        vm.expectRevert(tooFew);
        feed.submit(1, two);
        foreign.set(10_000_000, block.timestamp - 1 hours - 1, false);
        vm.expectRevert(tooFew);
        feed.submit(1, two);
        foreign.set(type(int256).max, block.timestamp, false);
        vm.expectRevert(tooFew);
        feed.submit(1, two);
        foreign.set(10_000_000, type(uint256).max, false);
        vm.expectRevert(tooFew);
        feed.submit(1, two);
        foreign.set(10_000_000, block.timestamp, false);
        feed.submit(1, two);
        vm.assertEq(latest(), 100_000);
        feed.setForeign(IAggregatorV3(address(0)));
        vm.assertEq(address(feed.foreign()), address(0));
    }

    function test_AForeignFeedThatLiesIsMarked() public {
        ForeignFeed foreign = withForeign(6);
        foreign.set(9_000_000, block.timestamp, false);
        feed.submit(1, reports(1, 100_000, 100_000, 100_000));
        vm.assertEq(latest(), 100_000);
        vm.assertEq(feed.recordOf(address(foreign)).outliers, 1);
    }

    function test_OnlyGovernanceChangesAFeed() public {
        address[3] memory others = [stranger, operator, engine];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refused =
                abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(refused);
            feed.setReporters(new address[](0));
            vm.expectRevert(refused);
            feed.setConfig(config());
            vm.expectRevert(refused);
            feed.setForeign(IAggregatorV3(address(0)));
            vm.stopPrank();
        }
    }

    function test_TheHeirsSayWhatTheyAre() public {
        ValidatedFeed.Setup memory setup = ValidatedFeed.Setup(address(manager), first(3), config());
        WeatherOracle temperature = new WeatherOracle(setup, WeatherOracle.Quantity.Temperature);
        WeatherOracle sun = new WeatherOracle(setup, WeatherOracle.Quantity.Irradiance);
        WeatherOracle wind = new WeatherOracle(setup, WeatherOracle.Quantity.WindSpeed);
        GridOracle frequency = new GridOracle(setup, GridOracle.Quantity.Frequency);
        GridOracle load = new GridOracle(setup, GridOracle.Quantity.Load);
        vm.assertEq(temperature.description(), "temperature / degrees Celsius");
        vm.assertEq(temperature.LOWEST(), -90_000);
        vm.assertEq(temperature.HIGHEST(), 60_000);
        vm.assertEq(sun.LOWEST(), 0);
        vm.assertEq(sun.HIGHEST(), 1_600_000);
        vm.assertEq(wind.HIGHEST(), 120_000);
        vm.assertEq(uint256(wind.decimals()), 3);
        vm.assertEq(frequency.description(), "grid frequency / Hz");
        vm.assertEq(uint256(frequency.decimals()), 3);
        vm.assertEq(frequency.LOWEST(), 45_000);
        vm.assertEq(load.description(), "grid load / W");
        vm.assertEq(uint256(load.decimals()), 0);
        vm.assertEq(load.LOWEST(), -1e12);
    }
}

/// @notice Rounds with any number of reports, one reporter lying by any amount, at any time.
contract FeedHandler is Test {
    PriceOracle internal immutable FEED;
    uint256[] internal keys;
    uint256 public rounds;
    uint256 public sources;
    int256 public honest = 100_000;

    constructor(PriceOracle feed, uint256[] memory keys_) {
        FEED = feed;
        keys = keys_;
    }

    /// @dev The first reporter says anything at all; the others say the truth or nothing.
    function submit(int256 lie, uint8 present, int16 drift) external {
        int256 truth = honest + drift;
        lie = int256(bound(uint256(lie), 0, 20_000_000)) - 10_000_000;
        uint80 round = FEED.latestRound() + 1;
        uint256 mask = bound(present, 1, 7);
        uint256 count = (mask & 1) + ((mask >> 1) & 1) + ((mask >> 2) & 1);
        ValidatedFeed.Report[] memory list = new ValidatedFeed.Report[](count);
        uint256 n = 0;
        for (uint256 i = 0; i < 3; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            int256 said = i == 0 ? lie : truth;
            (uint8 v, bytes32 r, bytes32 s) =
                vm.sign(keys[i], FEED.reportDigest(round, said, uint64(block.timestamp)));
            list[n++] = ValidatedFeed.Report(said, uint64(block.timestamp), abi.encodePacked(r, s, v));
        }
        FEED.submit(round, list);
        honest = truth;
        ++rounds;
        sources += count;
    }

    function pass(uint16 time) external {
        vm.warp(block.timestamp + bound(time, 1, 50 minutes));
    }
}

contract ValidatedFeedInvariants is FeedCommunity {
    FeedHandler internal handler;

    function setUp() public override {
        super.setUp();
        uint256[] memory three = new uint256[](3);
        (three[0], three[1], three[2]) = (keys[0], keys[1], keys[2]);
        handler = new FeedHandler(feed, three);
        targetContract(address(handler));
    }

    /// @dev One liar never moves the answer from the truth by more than the spread of both sides.
    function invariant_TheAnswerIsNearTheTruth() public view {
        vm.assertEq(feed.latestRound(), handler.rounds());
        if (handler.rounds() == 0) return;
        int256 truth = handler.honest();
        uint256 most = 2 * Median.bound(truth, 200, 1_000) * 102 / 100 + 2;
        vm.assertLe(Median.distance(latest(), truth), most);
    }

    /// @dev Each report of an accepted round is counted once, as accepted or as an outlier; the honest have no outlier
    /// unless the liar stood between them.
    function invariant_EveryReportIsCountedOnce() public view {
        uint256 counted = 0;
        for (uint256 i = 0; i < 3; ++i) {
            ValidatedFeed.Record memory record = feed.recordOf(signers[i]);
            counted += uint256(record.accepted) + record.outliers;
        }
        vm.assertEq(counted, handler.sources());
        vm.assertEq(feed.recordOf(signers[1]).outliers, 0);
        vm.assertEq(feed.recordOf(signers[2]).outliers, 0);
    }
}
