// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {FHE, ebool, euint64, externalEuint64} from "@fhevm/solidity/lib/FHE.sol";
import {ZamaEthereumConfig} from "@fhevm/solidity/config/ZamaConfig.sol";

/// @title PrivateEnergyGridBalance
/// @notice Stations send their load of an interval encrypted; the contract adds the loads, compares the sum with a limit
/// that is encrypted too, and plans a storage within its capacity and power, without ever seeing a number.
/// @dev Nothing is decrypted here, and nothing is made decryptable for the public. Results are allowed to the operator,
/// who decrypts them outside, and only for intervals in which at least `floor` stations reported. A station's own load
/// is allowed to nobody, not even to the operator. All energies are Wh of one interval.
contract PrivateEnergyGridBalance is ZamaEthereumConfig {
    /// @notice The fewest stations behind any result.
    uint32 public constant LOWEST_FLOOR = 3;

    /// @notice Who registers stations, sets limits, and may decrypt the results.
    address public immutable operator;
    /// @notice Stations behind a result.
    uint32 public immutable floor;
    /// @notice What the storage holds when full.
    uint64 public immutable storageWh;
    /// @notice The most it takes or gives in an interval.
    uint64 public immutable storagePowerWh;

    /// @notice An interval's numbers, all of them encrypted. Either `excess` or `room` is zero.
    struct Interval {
        uint32 reports;
        bool scheduled;
        bool planned;
        euint64 total;
        ebool exceeded;
        euint64 excess;
        euint64 room;
        euint64 discharge;
        euint64 charge;
        euint64 afterStorage;
    }

    /// @notice The most a station's connection can carry in an interval; zero for who is no station.
    mapping(address station => uint64 capacityWh) public capacityOf;
    mapping(uint32 interval => Interval) private _intervals;
    mapping(uint32 interval => mapping(address station => bool)) private _reported;
    euint64 private _stored;
    uint32 private _lastPlanned;

    /// @notice A station may report from now on.
    event StationRegistered(address indexed station, uint64 capacityWh);
    /// @notice A station reported.
    event LoadSubmitted(uint32 indexed interval, address indexed station);
    /// @notice An interval was closed and compared with its limit.
    event EnergyScheduled(uint32 indexed interval, uint32 reports);
    /// @notice The storage's plan for an interval is made.
    event StoragePlanned(uint32 indexed interval);

    /// @notice Only the operator may.
    error NotOperator(address caller);
    /// @notice Not a registered station.
    error NotStation(address caller);
    /// @notice A station reports once an interval.
    error AlreadyReported(uint32 interval, address station);
    /// @notice The interval is closed.
    error AlreadyScheduled(uint32 interval);
    /// @notice Too few stations reported: a result could be one station's.
    error BelowFloor(uint32 interval, uint32 reports, uint32 floor);
    /// @notice The storage is planned after the interval was scheduled, once, and in the order of time.
    error NotInOrder(uint32 interval, uint32 lastPlanned);
    /// @notice A floor under 3, a storage without size, a station without capacity or registered before.
    error BadArgument();

    modifier onlyOperator() {
        if (msg.sender != operator) revert NotOperator(msg.sender);
        _;
    }

    /// @param operator_ Who may decrypt results; it must be able to sign (EIP-712).
    /// @param floor_ The fewest stations behind a result, at least 3.
    /// @param storageWh_ The storage's capacity.
    /// @param storagePowerWh_ The most it takes or gives in an interval.
    constructor(address operator_, uint32 floor_, uint64 storageWh_, uint64 storagePowerWh_) {
        if (operator_ == address(0) || floor_ < LOWEST_FLOOR || storageWh_ == 0 || storagePowerWh_ == 0) {
            revert BadArgument();
        }
        (operator, floor, storageWh, storagePowerWh) = (operator_, floor_, storageWh_, storagePowerWh_);
        _stored = FHE.asEuint64(0);
        _allowOperator(_stored);
    }

    /// @notice Register a station. Its capacity caps what it can report, so that one lie cannot turn the sum over.
    function registerStation(address station, uint64 capacityWh) external onlyOperator {
        if (capacityWh == 0 || capacityWh > type(uint40).max || station == operator || capacityOf[station] != 0) {
            revert BadArgument();
        }
        capacityOf[station] = capacityWh;
        emit StationRegistered(station, capacityWh);
    }

    /// @notice Report an interval's load, encrypted for this contract by the station itself.
    /// @param interval The interval's number.
    /// @param load The encrypted load, Wh; above the station's capacity it counts as the capacity.
    /// @param proof That the sender knows what it encrypted, for this contract.
    function submitLoad(uint32 interval, externalEuint64 load, bytes calldata proof) external {
        uint64 capacity = capacityOf[msg.sender];
        if (capacity == 0) revert NotStation(msg.sender);
        Interval storage at = _intervals[interval];
        if (at.scheduled) revert AlreadyScheduled(interval);
        if (_reported[interval][msg.sender]) revert AlreadyReported(interval, msg.sender);
        _reported[interval][msg.sender] = true;
        ++at.reports;
        euint64 capped = FHE.min(FHE.fromExternal(load, proof), capacity);
        at.total = at.reports == 1 ? capped : FHE.add(at.total, capped);
        FHE.allowThis(at.total);
        emit LoadSubmitted(interval, msg.sender);
    }

    /// @notice Close an interval and compare its total with a limit, both encrypted.
    /// @dev Gives the operator the total, whether the limit is exceeded, by how much, and how much room is left.
    /// @param interval The interval's number.
    /// @param limit What the grid can carry, Wh, encrypted by the operator.
    /// @param proof That the operator knows what it encrypted.
    function scheduleEnergy(uint32 interval, externalEuint64 limit, bytes calldata proof) external onlyOperator {
        Interval storage at = _intervals[interval];
        if (at.scheduled) revert AlreadyScheduled(interval);
        if (at.reports < floor) revert BelowFloor(interval, at.reports, floor);
        at.scheduled = true;
        euint64 most = FHE.fromExternal(limit, proof);
        euint64 covered = FHE.min(at.total, most);
        at.exceeded = FHE.gt(at.total, most);
        at.excess = FHE.sub(at.total, covered);
        at.room = FHE.sub(most, covered);
        FHE.allowThis(at.exceeded);
        FHE.allow(at.exceeded, operator);
        _allowOperator(at.total);
        _allowOperator(at.excess);
        _allowOperator(at.room);
        emit EnergyScheduled(interval, at.reports);
    }

    /// @notice Plan the storage for a scheduled interval: what exceeds the limit is taken from it, what is left below
    /// the limit goes into it, within what it holds, what it can take, and its power.
    /// @dev A storage without losses. Intervals are planned in their order; one can be left out, none done twice.
    function calculateStorage(uint32 interval) external onlyOperator {
        Interval storage at = _intervals[interval];
        if (!at.scheduled || at.planned || interval < _lastPlanned) revert NotInOrder(interval, _lastPlanned);
        at.planned = true;
        _lastPlanned = interval;
        euint64 free = FHE.sub(storageWh, _stored);
        at.discharge = FHE.min(FHE.min(at.excess, _stored), storagePowerWh);
        at.charge = FHE.min(FHE.min(at.room, free), storagePowerWh);
        at.afterStorage = FHE.sub(FHE.add(at.total, at.charge), at.discharge);
        _stored = FHE.sub(FHE.add(_stored, at.charge), at.discharge);
        _allowOperator(at.discharge);
        _allowOperator(at.charge);
        _allowOperator(at.afterStorage);
        _allowOperator(_stored);
        emit StoragePlanned(interval);
    }

    /// @notice An interval's handles. Knowing a handle is not knowing the number.
    function intervalOf(uint32 interval) external view returns (Interval memory) {
        return _intervals[interval];
    }

    /// @notice The handle of what is in the storage.
    function stored() external view returns (euint64) {
        return _stored;
    }

    /// @notice Whether a station has reported an interval.
    function hasReported(uint32 interval, address station) external view returns (bool) {
        return _reported[interval][station];
    }

    /// @dev To be decrypted, a value must be allowed to the reader and to the contract that vouches for it.
    function _allowOperator(euint64 value) private {
        FHE.allowThis(value);
        FHE.allow(value, operator);
    }
}
