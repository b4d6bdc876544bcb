// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ICommunityParameters
/// @notice The numbers of the community that a vote can change, each within bounds that no vote can change.
interface ICommunityParameters {
    /// @notice What can be voted on. The order is part of the interface: new ones come last, in a new contract.
    enum Parameter {
        /// Homes behind any total. Can only be raised.
        PrivacyFloor,
        /// Days keyholders keep day keys. Can only be lowered.
        RetainDays,
        /// What published statistics may cost one home a calendar year, thousandths of epsilon. Can only be lowered.
        PublishBudgetMilli,
        /// Lowest price an order may name, micro-units a kWh; may be negative.
        MarketPriceFloorMicroPerKwh,
        /// Highest price an order may name, micro-units a kWh.
        MarketPriceCapMicroPerKwh,
        /// How long a settled batch can be challenged.
        ChallengeWindowSeconds,
        /// Reduction requests of this size and above need a second approver.
        SecondApproverWh
    }

    /// @notice Which way a vote may move a number.
    enum Direction {
        Either,
        UpOnly,
        DownOnly
    }

    /// @notice A number and the bounds it has for ever.
    struct Definition {
        int64 value;
        int64 lowest;
        int64 highest;
        int64 step;
        Direction direction;
        uint64 changedAt;
    }

    /// @notice A number has its first value.
    event ParameterDefined(
        Parameter indexed parameter, int64 value, int64 lowest, int64 highest, int64 step, Direction direction
    );
    /// @notice A vote changed a number.
    event ParameterChanged(Parameter indexed parameter, int64 oldValue, int64 newValue);

    /// @notice The first values are not one for each parameter, in their order.
    error WrongNumberOfValues(uint256 wanted, uint256 given);
    /// @notice Outside what is possible for ever.
    error OutOfBounds(Parameter parameter, int64 value, int64 lowest, int64 highest);
    /// @notice This number moves one way only.
    error WrongDirection(Parameter parameter, int64 value, int64 current);
    /// @notice Farther than one vote may move it.
    error StepTooLarge(Parameter parameter, int64 value, int64 current, int64 step);
    /// @notice It was changed less than a pause ago, so that one vote cannot take two steps.
    error ChangedTooRecently(Parameter parameter, uint64 changedAt, uint64 possibleFrom);
    /// @notice The lowest price must stay under the highest.
    error PricesCross(int64 lowest, int64 highest);

    /// @notice What a number is now.
    function get(Parameter parameter) external view returns (int64);

    /// @notice What a number is now, and its bounds.
    function definitionOf(Parameter parameter) external view returns (Definition memory);

    /// @notice All numbers, in the order of `Parameter`.
    function values() external view returns (int64[] memory);
}
