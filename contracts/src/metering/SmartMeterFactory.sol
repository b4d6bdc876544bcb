// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {SmartMeter} from "./SmartMeter.sol";

/// @title SmartMeterFactory
/// @notice Makes public meters and knows their addresses.
contract SmartMeterFactory is AccessManaged {
    /// @notice What every meter is a minimal proxy of.
    address public immutable IMPLEMENTATION;

    mapping(bytes32 meterId => bytes32 content) private _contents;
    bytes32[] private _ids;

    /// @notice A public meter has an address.
    event MeterCreated(bytes32 indexed meterId, address indexed meter, address reporter, SmartMeter.Limits limits);
    /// @notice Another account reports for a meter; zero if it is retired.
    event MeterReporterChanged(bytes32 indexed meterId, address indexed meter, address indexed reporter);

    /// @notice Names and reporters are not zero.
    error EmptyValue();
    /// @notice There is a meter with this name, and it was made otherwise.
    error MeterExists(bytes32 meterId);
    /// @notice There is no meter with this name.
    error NoSuchMeter(bytes32 meterId);

    constructor(address authority) AccessManaged(authority) {
        IMPLEMENTATION = address(new SmartMeter());
    }

    /// @notice Make a meter; the same again gives the same and changes nothing.
    /// @dev Role: OPERATOR
    /// @param meterId A public name, for instance of a feeder. Never a home's meter.
    /// @param reporter Who submits its readings.
    /// @param limits What its readings must keep to.
    /// @return meter Its address, which `meterOf` foretells.
    function createMeter(bytes32 meterId, address reporter, SmartMeter.Limits calldata limits)
        external
        restricted
        returns (address meter)
    {
        if (meterId == 0 || reporter == address(0)) revert EmptyValue();
        bytes32 content = keccak256(abi.encode(reporter, limits));
        meter = meterOf(meterId);
        if (_contents[meterId] == content) return meter;
        if (_contents[meterId] != 0) revert MeterExists(meterId);
        _contents[meterId] = content;
        _ids.push(meterId);
        emit MeterCreated(meterId, meter, reporter, limits);
        Clones.cloneDeterministic(IMPLEMENTATION, meterId);
        SmartMeter(meter).setUp(meterId, reporter, limits);
    }

    /// @notice Let another account report for a meter.
    /// @dev Role: OPERATOR
    /// @param meterId The meter.
    /// @param reporter Zero retires it; its readings stay.
    function changeReporter(bytes32 meterId, address reporter) external restricted {
        if (_contents[meterId] == 0) revert NoSuchMeter(meterId);
        address meter = meterOf(meterId);
        emit MeterReporterChanged(meterId, meter, reporter);
        SmartMeter(meter).setReporter(reporter);
    }

    /// @notice The address of a meter, whether it is made yet or not.
    function meterOf(bytes32 meterId) public view returns (address) {
        return Clones.predictDeterministicAddress(IMPLEMENTATION, meterId);
    }

    /// @notice Whether a meter is made.
    function exists(bytes32 meterId) external view returns (bool) {
        return _contents[meterId] != 0;
    }

    /// @notice How many meters there are.
    function count() external view returns (uint256) {
        return _ids.length;
    }

    /// @notice Names of meters in the order they were made.
    /// @param from First to give, from 0.
    /// @param most How many at most.
    function meterIds(uint256 from, uint256 most) external view returns (bytes32[] memory ids) {
        uint256 all = _ids.length;
        uint256 left = from < all ? all - from : 0;
        ids = new bytes32[](left < most ? left : most);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = _ids[from + i];
        }
    }
}
