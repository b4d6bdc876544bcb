// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CommunityParameters} from "../../src/governance/CommunityParameters.sol";
import {ICommunityParameters} from "../../src/governance/ICommunityParameters.sol";

/// @dev An authority that lets everybody do everything: what is proved holds whoever decides.
contract Anarchy {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @notice What halmos proves of the parameters, for every value that anybody could try to set.
contract ParametersProofs {
    CommunityParameters internal parameters;

    function setUp() public {
        int64[] memory values = new int64[](7);
        (values[0], values[1], values[2], values[4]) = (15, 100, 6_000, 1_000_000);
        (values[5], values[6]) = (1 days, 1_000_000);
        parameters = new CommunityParameters(address(new Anarchy()), values);
    }

    function check_PrivacyFloor(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.PrivacyFloor, value);
    }

    function check_RetainDays(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.RetainDays, value);
    }

    function check_PublishBudgetMilli(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.PublishBudgetMilli, value);
    }

    function check_MarketPriceFloorMicroPerKwh(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.MarketPriceFloorMicroPerKwh, value);
    }

    function check_MarketPriceCapMicroPerKwh(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.MarketPriceCapMicroPerKwh, value);
    }

    function check_ChallengeWindowSeconds(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.ChallengeWindowSeconds, value);
    }

    function check_SecondApproverWh(int64 value) external {
        staysWithinTheBounds(ICommunityParameters.Parameter.SecondApproverWh, value);
    }

    /// @dev After any call, the value is within bounds and step, and privacy is not weaker. One proof for each parameter,
    /// because halmos does not follow a mapping's unknown key to what the constructor stored.
    function staysWithinTheBounds(ICommunityParameters.Parameter parameter, int64 value) internal {
        ICommunityParameters.Definition memory before = parameters.definitionOf(parameter);
        assert(before.lowest < before.highest && before.step > 0);
        parameters.set(parameter, value);
        assert(parameters.get(parameter) == value && value >= before.lowest && value <= before.highest);
        assert(value - before.value <= before.step && before.value - value <= before.step);
        if (before.direction == ICommunityParameters.Direction.UpOnly) assert(value >= before.value);
        if (before.direction == ICommunityParameters.Direction.DownOnly) assert(value <= before.value);
    }

    /// @dev A second step at the same moment is not taken, whatever it is.
    function check_AMomentHasOneStep(int64 first, int64 second) external {
        ICommunityParameters.Parameter floor = ICommunityParameters.Parameter.PrivacyFloor;
        parameters.set(floor, first);
        (bool taken,) = address(parameters).call(abi.encodeCall(CommunityParameters.set, (floor, second)));
        if (taken) assert(first == 15 || second == first);
        assert(parameters.get(floor) >= 15 && parameters.get(floor) <= 65);
    }
}
