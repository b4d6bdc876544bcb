// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Roles} from "../../src/access/Roles.sol";
import {CommunityParameters} from "../../src/governance/CommunityParameters.sol";
import {UtilityVerification} from "../../src/registry/UtilityVerification.sol";
import {IReductionRequest} from "../../src/response/IReductionRequest.sol";
import {ReductionRequest} from "../../src/response/ReductionRequest.sol";
import {GridCommunity} from "../grid/GridManagement.t.sol";
import {Initial} from "../governance/Initial.sol";
import {ConsumerCommunity} from "../registry/ConsumerRegistration.t.sol";

/// @notice A community with a verified utility, registered consumers and the contract that requests go through, with the
/// rights that `quietgrid chain deploy` gives.
abstract contract ResponseCommunity is ConsumerCommunity, GridCommunity {
    UtilityVerification internal utilities;
    CommunityParameters internal parameters;
    ReductionRequest internal requests;
    uint256[] internal homeKeys;
    address[] internal homes;
    uint64 internal start;

    function setUp() public virtual override(ConsumerCommunity, GridCommunity) {
        super.setUp();
        utilities = new UtilityVerification(address(manager));
        allow(address(utilities), UtilityVerification.verify.selector, Roles.REGULATOR);
        allow(address(utilities), UtilityVerification.suspend.selector, Roles.REGULATOR);
        parameters = new CommunityParameters(address(manager), Initial.values());
        requests = new ReductionRequest(address(manager), utilities, consumers, grid, parameters, limits());
        manager.grantRole(Roles.CONTRACT, address(requests), 0);
        allow(address(requests), IReductionRequest.createEvent.selector, Roles.CONTRACT);
        allow(address(requests), ReductionRequest.createEmergencyEvent.selector, Roles.CONTRACT);
        allow(address(requests), ReductionRequest.approve.selector, Roles.OPERATOR);
        allow(address(requests), ReductionRequest.cancel.selector, Roles.OPERATOR);
        allow(address(requests), ReductionRequest.recordOutcome.selector, Roles.ENGINE);
        allow(address(requests), ReductionRequest.setLimits.selector, Roles.GOVERNANCE);
        verified(utility);
        for (uint256 i = 0; i < 4; ++i) {
            (address home, uint256 key) = makeAddrAndKey(string(abi.encodePacked("home", bytes1(uint8(48 + i)))));
            homes.push(home);
            homeKeys.push(key);
            register(entry(home));
        }
        start = uint64(block.timestamp) + 2 hours;
    }

    function limits() internal pure returns (ReductionRequest.Limits memory) {
        return ReductionRequest.Limits({
            minNotice: 10 minutes,
            maxNotice: 7 days,
            maxDuration: 4 hours,
            eventsPerDay: 3,
            maxTarget: 2_000_000,
            maxIncentiveRate: 500_000
        });
    }

    function verified(address who) internal {
        bytes32[] memory regions = new bytes32[](1);
        regions[0] = REGION;
        vm.prank(who);
        utilities.applyForVerification(keccak256("licence"));
        vm.prank(regulator);
        utilities.verify(who, keccak256("licence"), regions, uint64(block.timestamp) + 365 days);
    }

    function create() internal returns (uint256) {
        vm.prank(utility);
        return requests.createEvent(REGION, start, 1 hours, 20_000, 250_000);
    }

    function token(uint256 i) internal view returns (uint256) {
        return consumers.tokenOf(homes[i]);
    }

    function assertState(uint256 id, IReductionRequest.State state) internal view {
        vm.assertEq(uint256(requests.stateOf(id)), uint256(state));
    }
}
