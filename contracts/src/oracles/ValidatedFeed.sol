// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAggregatorV3} from "./IAggregatorV3.sol";
import {Median} from "./Median.sol";

/// @title ValidatedFeed
/// @notice A number from the world outside: the median of signed reports on which enough registered reporters agree.
/// @dev A round is accepted when at least `quorum` reports lie within the spread around the median of all that came.
/// Reports outside are outliers: they are counted against their reporter and do not move the answer. An answer further
/// from the last than the deviation bound needs the larger quorum. Since a quorum is more than half of all sources, no
/// two quorums are without a common member, and one reporter of three that lies beside one that is silent can stop a round
/// but not move its answer by more than the spread.
abstract contract ValidatedFeed is AccessManaged, EIP712, IAggregatorV3 {
    /// @notice When answers count.
    /// @param heartbeat Seconds after which an observation is too old.
    /// @param quorum How many sources must agree; more than half of them.
    /// @param largeQuorum How many must agree on an answer beyond the deviation bound.
    /// @param spread How far a report may be from the median, in ten-thousandths of it.
    /// @param deviation How far an answer may be from the last, in ten-thousandths of that.
    /// @param smallestSpread The spread is never less than this, in the unit of the answers.
    /// @param smallestDeviation The deviation bound is never less than this, in the unit of the answers.
    struct Config {
        uint32 heartbeat;
        uint8 quorum;
        uint8 largeQuorum;
        uint16 spread;
        uint16 deviation;
        uint128 smallestSpread;
        uint128 smallestDeviation;
    }

    /// @notice What a feed starts with.
    struct Setup {
        address authority;
        address[] reporters;
        Config config;
    }

    /// @notice One reporter's observation, signed.
    /// @param answer In the feed's unit.
    /// @param observedAt Unix seconds.
    /// @param signature EIP-712 over `Report(uint80 roundId,int256 answer,uint64 observedAt)`, 65 bytes.
    struct Report {
        int256 answer;
        uint64 observedAt;
        bytes signature;
    }

    /// @notice How a source has done.
    /// @param accepted Reports that agreed.
    /// @param outliers Reports that did not.
    /// @param furthest The largest distance from a median, in the unit of the answers.
    struct Record {
        uint32 accepted;
        uint32 outliers;
        uint192 furthest;
    }

    struct Round {
        int192 answer;
        uint64 observedAt;
    }

    /// @dev The reports of a round as they are read.
    struct Batch {
        int256[] answers;
        uint64[] times;
        address[] sources;
        uint256 count;
    }

    /// @notice The type that reporters sign.
    bytes32 public constant REPORT_TYPEHASH = keccak256("Report(uint80 roundId,int256 answer,uint64 observedAt)");
    /// @notice The most reporters.
    uint256 public constant MOST_REPORTERS = 32;
    /// @notice How far an observation may be ahead of the chain's clock.
    uint256 public constant CLOCK_TOLERANCE = 5 minutes;

    /// @notice No answer is below.
    int256 public immutable LOWEST;
    /// @notice No answer is above.
    int256 public immutable HIGHEST;

    /// @notice When answers count.
    Config public config;
    /// @notice The latest round, zero before the first.
    uint80 public latestRound;
    /// @notice A feed of somebody else that counts as one source; zero for none.
    IAggregatorV3 public foreign;
    uint8 private _foreignDecimals;
    bytes32 private _latestContent;
    address[] private _reporters;
    mapping(address reporter => uint256 place) private _places;
    mapping(uint80 roundId => Round round) private _rounds;
    mapping(address source => Record record) private _records;

    /// @notice A round has an answer. Named as other feeds' indexers expect.
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    /// @notice A round was accepted from so many sources that agreed.
    event RoundAccepted(uint80 indexed roundId, int256 answer, uint64 observedAt, uint256 agreeing, uint256 reports);
    /// @notice A source was far off.
    event OutlierMarked(uint80 indexed roundId, address indexed source, int256 answer, int256 median, uint256 off);
    /// @notice These report from now on, and no others.
    event ReportersChanged(address[] reporters);
    /// @notice Another rule for when answers count.
    event ConfigChanged(Config config);
    /// @notice Another feed counts as one source; zero for none.
    event ForeignChanged(address indexed foreign);

    /// @notice There is no such round.
    error NoRound(uint80 roundId);
    /// @notice The next round is another one.
    error WrongRound(uint80 given, uint80 next);
    /// @notice The signer is not a reporter.
    error NotReporter(address signer);
    /// @notice A reporter has one report a round.
    error ReportedTwice(address reporter);
    /// @notice An observation is too old, from the future, or older than the last answer.
    error BadTime(address reporter, uint64 observedAt);
    /// @notice No answer can be that.
    error OutOfRange(address reporter, int256 answer);
    /// @notice Too few sources agree.
    error NoAgreement(uint256 agreeing, uint256 quorum);
    /// @notice An answer that far from the last needs more sources that agree.
    error BeyondDeviation(int256 answer, int256 last, uint256 agreeing, uint256 largeQuorum);
    /// @notice The last answer is too old.
    error Stale(uint64 observedAt, uint32 heartbeat);
    /// @notice The numbers of a rule do not fit each other or the number of sources.
    error BadConfig();
    /// @notice A list with a zero, a repetition, or too many.
    error BadReporters();

    constructor(Setup memory setup, int256 lowest, int256 highest)
        AccessManaged(setup.authority)
        EIP712("Quietgrid feed", "1")
    {
        LOWEST = lowest;
        HIGHEST = highest;
        config = setup.config;
        _setReporters(setup.reporters);
        _requireFits();
        emit ConfigChanged(setup.config);
    }

    /// @notice Bring a round's reports. Anybody may: what counts are the signatures.
    /// @dev The accepted round again with the same reports changes nothing, so that a retry is harmless.
    /// @param roundId The next round.
    /// @param reports One a reporter, in any order.
    function submit(uint80 roundId, Report[] calldata reports) external {
        bytes32 content = keccak256(abi.encode(reports));
        if (roundId == latestRound && roundId != 0 && content == _latestContent) return;
        if (roundId != latestRound + 1) revert WrongRound(roundId, latestRound + 1);
        Batch memory batch = _read(roundId, reports);
        _readForeign(batch);
        (int256 answer, uint64 observedAt, uint256 agreeing) = _judge(roundId, batch);
        _requireNear(answer, agreeing);
        latestRound = roundId;
        _latestContent = content;
        _rounds[roundId] = Round(int192(answer), observedAt);
        emit AnswerUpdated(answer, roundId, observedAt);
        emit RoundAccepted(roundId, answer, observedAt, agreeing, batch.count);
    }

    /// @notice Replace the reporters.
    /// @dev Role: GOVERNANCE
    /// @param reporters All that report from now on.
    function setReporters(address[] calldata reporters) external restricted {
        _setReporters(reporters);
        _requireFits();
    }

    /// @notice Change when answers count.
    /// @dev Role: GOVERNANCE
    /// @param next The new rule.
    function setConfig(Config calldata next) external restricted {
        config = next;
        _requireFits();
        emit ConfigChanged(next);
    }

    /// @notice Take somebody else's feed as one source, or none.
    /// @dev Role: GOVERNANCE
    /// @param next A feed in AggregatorV3's shape of the same quantity, with any number of digits; zero for none.
    function setForeign(IAggregatorV3 next) external restricted {
        foreign = next;
        uint8 digits = address(next) == address(0) ? 0 : next.decimals();
        if (digits > 36) revert BadConfig();
        _foreignDecimals = digits;
        _requireFits();
        emit ForeignChanged(address(next));
    }

    /// @notice The latest answer, refused if it is too old.
    /// @return answer In the feed's unit.
    /// @return observedAt The oldest of the observations that agreed.
    function freshAnswer() external view returns (int256 answer, uint64 observedAt) {
        Round memory round = _round(latestRound);
        if (isStale()) revert Stale(round.observedAt, config.heartbeat);
        return (round.answer, round.observedAt);
    }

    /// @notice Whether there is no answer, or only one that is too old.
    function isStale() public view returns (bool) {
        return block.timestamp > uint256(_rounds[latestRound].observedAt) + config.heartbeat;
    }

    /// @inheritdoc IAggregatorV3
    function getRoundData(uint80 roundId) external view returns (uint80, int256, uint256, uint256, uint80) {
        return _data(roundId);
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return _data(latestRound);
    }

    /// @inheritdoc IAggregatorV3
    function version() external pure returns (uint256) {
        return 1;
    }

    /// @inheritdoc IAggregatorV3
    function decimals() public view virtual returns (uint8);

    /// @notice Who reports.
    function reporterList() external view returns (address[] memory) {
        return _reporters;
    }

    /// @notice How a source has done since the feed began.
    function recordOf(address source) external view returns (Record memory) {
        return _records[source];
    }

    /// @notice What a reporter signs.
    function reportDigest(uint80 roundId, int256 answer, uint64 observedAt) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, roundId, answer, observedAt)));
    }

    function _read(uint80 roundId, Report[] calldata reports) private view returns (Batch memory batch) {
        if (reports.length > MOST_REPORTERS) revert BadReporters();
        batch.answers = new int256[](reports.length + 1);
        batch.times = new uint64[](reports.length + 1);
        batch.sources = new address[](reports.length + 1);
        uint64 last = _rounds[latestRound].observedAt;
        uint256 seen = 0;
        for (uint256 i = 0; i < reports.length; ++i) {
            Report calldata report = reports[i];
            address signer = ECDSA.recover(reportDigest(roundId, report.answer, report.observedAt), report.signature);
            uint256 place = _places[signer];
            if (place == 0) revert NotReporter(signer);
            if (seen & (1 << place) != 0) revert ReportedTwice(signer);
            seen |= 1 << place;
            if (!_isTimely(report.observedAt, last)) revert BadTime(signer, report.observedAt);
            if (report.answer < LOWEST || report.answer > HIGHEST) revert OutOfRange(signer, report.answer);
            _add(batch, signer, report.answer, report.observedAt);
        }
    }

    /// @dev A foreign feed that fails, is too old or out of range is a silent source, not an error.
    function _readForeign(Batch memory batch) private view {
        if (address(foreign) == address(0)) return;
        (bool ok, bytes memory data) = address(foreign).staticcall(abi.encodeCall(IAggregatorV3.latestRoundData, ()));
        if (!ok || data.length < 160) return;
        (, int256 answer,, uint256 updatedAt,) = abi.decode(data, (uint256, int256, uint256, uint256, uint256));
        if (answer < type(int128).min || answer > type(int128).max || updatedAt > type(uint64).max) return;
        int256 scaled = _scaled(answer);
        if (!_isTimely(uint64(updatedAt), _rounds[latestRound].observedAt)) return;
        if (scaled < LOWEST || scaled > HIGHEST) return;
        _add(batch, address(foreign), scaled, uint64(updatedAt));
    }

    /// @dev Who agrees, what they agree on, and a mark for who does not.
    function _judge(uint80 roundId, Batch memory batch)
        private
        returns (int256 answer, uint64 observedAt, uint256 agreeing)
    {
        if (batch.count < config.quorum) revert NoAgreement(batch.count, config.quorum);
        int256 median = Median.middle(_first(batch.answers, batch.count));
        uint256 most = Median.bound(median, config.spread, config.smallestSpread);
        int256[] memory agreed = new int256[](batch.count);
        observedAt = type(uint64).max;
        for (uint256 i = 0; i < batch.count; ++i) {
            uint256 off = Median.distance(batch.answers[i], median);
            Record storage record = _records[batch.sources[i]];
            if (off > record.furthest) record.furthest = SafeCast.toUint192(off);
            if (off > most) {
                ++record.outliers;
                emit OutlierMarked(roundId, batch.sources[i], batch.answers[i], median, off);
                continue;
            }
            ++record.accepted;
            agreed[agreeing++] = batch.answers[i];
            if (batch.times[i] < observedAt) observedAt = batch.times[i];
        }
        if (agreeing < config.quorum) revert NoAgreement(agreeing, config.quorum);
        answer = Median.middle(_first(agreed, agreeing));
    }

    function _requireNear(int256 answer, uint256 agreeing) private view {
        if (latestRound == 0 || agreeing >= config.largeQuorum) return;
        int256 last = _rounds[latestRound].answer;
        if (Median.distance(answer, last) > Median.bound(last, config.deviation, config.smallestDeviation)) {
            revert BeyondDeviation(answer, last, agreeing, config.largeQuorum);
        }
    }

    function _isTimely(uint64 observedAt, uint64 last) private view returns (bool) {
        return observedAt >= last && observedAt <= block.timestamp + CLOCK_TOLERANCE
            && uint256(observedAt) + config.heartbeat >= block.timestamp;
    }

    function _scaled(int256 answer) private view returns (int256) {
        uint8 ours = decimals();
        if (_foreignDecimals > ours) return answer / int256(10 ** uint256(_foreignDecimals - ours));
        return answer * int256(10 ** uint256(ours - _foreignDecimals));
    }

    function _setReporters(address[] memory next) private {
        if (next.length > MOST_REPORTERS) revert BadReporters();
        for (uint256 i = 0; i < _reporters.length; ++i) {
            delete _places[_reporters[i]];
        }
        for (uint256 i = 0; i < next.length; ++i) {
            if (next[i] == address(0) || _places[next[i]] != 0) revert BadReporters();
            _places[next[i]] = i + 1;
        }
        _reporters = next;
        emit ReportersChanged(next);
    }

    /// @dev A quorum is more than half of the sources, so that no two quorums are without a common member.
    function _requireFits() private view {
        uint256 sources = _reporters.length + (address(foreign) == address(0) ? 0 : 1);
        Config memory rule = config;
        bool fits = rule.heartbeat != 0 && rule.quorum >= 2 && uint256(rule.quorum) * 2 > sources
            && rule.largeQuorum >= rule.quorum && rule.largeQuorum <= sources && rule.spread <= 10_000
            && rule.deviation <= 10_000;
        if (!fits) revert BadConfig();
    }

    function _data(uint80 roundId) private view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _round(roundId);
        return (roundId, round.answer, round.observedAt, round.observedAt, roundId);
    }

    function _round(uint80 roundId) private view returns (Round memory round) {
        round = _rounds[roundId];
        if (round.observedAt == 0) revert NoRound(roundId);
    }

    function _add(Batch memory batch, address source, int256 answer, uint64 observedAt) private pure {
        uint256 place = batch.count++;
        batch.answers[place] = answer;
        batch.times[place] = observedAt;
        batch.sources[place] = source;
    }

    /// @dev A copy of the first few, since the median sorts in place.
    function _first(int256[] memory values, uint256 count) private pure returns (int256[] memory copy) {
        copy = new int256[](count);
        for (uint256 i = 0; i < count; ++i) {
            copy[i] = values[i];
        }
    }
}
