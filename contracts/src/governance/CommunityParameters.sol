// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ICommunityParameters} from "./ICommunityParameters.sol";

/// @title CommunityParameters
/// @notice The numbers a vote can change. The bounds, the direction and the length of a step are written into the code:
/// not even an executed vote lowers the privacy floor, or raises how long keys are kept.
/// @dev The platform follows `ParameterChanged` and runs with the new value.
contract CommunityParameters is ICommunityParameters, AccessManaged {
    /// @notice A number that was changed stays for this long, so that one proposal cannot take several steps.
    uint64 public constant PAUSE = 1 days;
    uint256 private constant COUNT = uint256(type(Parameter).max) + 1;

    mapping(Parameter parameter => Definition definition) private _definitions;

    /// @param authority The community's AccessManager.
    /// @param initial The first values, in the order of `Parameter`.
    constructor(address authority, int64[] memory initial) AccessManaged(authority) {
        if (initial.length != COUNT) revert WrongNumberOfValues(COUNT, initial.length);
        _define(Parameter.PrivacyFloor, initial, 15, 100_000, 50, Direction.UpOnly);
        _define(Parameter.RetainDays, initial, 35, 366, 60, Direction.DownOnly);
        _define(Parameter.PublishBudgetMilli, initial, 1, 100_000, 3_000, Direction.DownOnly);
        _define(Parameter.MarketPriceFloorMicroPerKwh, initial, -500_000, 500_000, 100_000, Direction.Either);
        _define(Parameter.MarketPriceCapMicroPerKwh, initial, 50_000, 10_000_000, 500_000, Direction.Either);
        _define(Parameter.ChallengeWindowSeconds, initial, 1 hours, 14 days, 2 days, Direction.Either);
        _define(Parameter.SecondApproverWh, initial, 10_000, 10_000_000_000, 10_000_000, Direction.Either);
        _checkPrices();
    }

    /// @notice Change a number. The same value again changes nothing.
    /// @dev Role: GOVERNANCE
    function set(Parameter parameter, int64 value) external restricted {
        Definition storage found = _definitions[parameter];
        int64 current = found.value;
        if (value == current) return;
        _checkBounds(parameter, value, found);
        if (found.direction == Direction.UpOnly ? value < current : found.direction == Direction.DownOnly && value > current)
        {
            revert WrongDirection(parameter, value, current);
        }
        if (value > current ? value - current > found.step : current - value > found.step) {
            revert StepTooLarge(parameter, value, current, found.step);
        }
        uint64 possibleFrom = found.changedAt + PAUSE;
        if (found.changedAt != 0 && block.timestamp < possibleFrom) {
            revert ChangedTooRecently(parameter, found.changedAt, possibleFrom);
        }
        found.value = value;
        found.changedAt = uint64(block.timestamp);
        _checkPrices();
        emit ParameterChanged(parameter, current, value);
    }

    /// @inheritdoc ICommunityParameters
    function get(Parameter parameter) external view returns (int64) {
        return _definitions[parameter].value;
    }

    /// @inheritdoc ICommunityParameters
    function definitionOf(Parameter parameter) external view returns (Definition memory) {
        return _definitions[parameter];
    }

    /// @inheritdoc ICommunityParameters
    function values() external view returns (int64[] memory all) {
        all = new int64[](COUNT);
        for (uint256 i = 0; i < COUNT; ++i) {
            all[i] = _definitions[Parameter(i)].value;
        }
    }

    function _define(
        Parameter parameter,
        int64[] memory initial,
        int64 lowest,
        int64 highest,
        int64 step,
        Direction direction
    ) private {
        int64 value = initial[uint256(parameter)];
        Definition storage made = _definitions[parameter];
        (made.value, made.lowest, made.highest, made.step, made.direction) = (value, lowest, highest, step, direction);
        _checkBounds(parameter, value, made);
        emit ParameterDefined(parameter, value, lowest, highest, step, direction);
    }

    function _checkBounds(Parameter parameter, int64 value, Definition storage bounds) private view {
        if (value < bounds.lowest || value > bounds.highest) {
            revert OutOfBounds(parameter, value, bounds.lowest, bounds.highest);
        }
    }

    function _checkPrices() private view {
        int64 lowest = _definitions[Parameter.MarketPriceFloorMicroPerKwh].value;
        int64 highest = _definitions[Parameter.MarketPriceCapMicroPerKwh].value;
        if (lowest >= highest) revert PricesCross(lowest, highest);
    }
}
