// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Compliance
/// @notice The arithmetic of requests: what to ask for and how far it was met.
library Compliance {
    /// @notice A target that was just met, in ten-thousandths.
    uint32 internal constant MET = 10_000;

    /// @notice Delivered of a target, in ten-thousandths, rounded down; the largest number if there is no room for it.
    /// @param target Wh, not zero.
    /// @param delivered Wh
    function share(uint64 target, uint64 delivered) internal pure returns (uint32) {
        uint256 permyriad = uint256(delivered) * MET / target;
        return permyriad > type(uint32).max ? type(uint32).max : uint32(permyriad);
    }

    /// @notice The energy by which a power is over a threshold for a time, rounded up and at most `most`.
    /// @param powerW W
    /// @param thresholdW W
    /// @param duration Seconds.
    /// @param most Wh
    function excess(uint64 powerW, uint64 thresholdW, uint64 duration, uint64 most) internal pure returns (uint64) {
        if (powerW <= thresholdW) return 0;
        uint256 wattHours = (uint256(powerW - thresholdW) * duration + 3599) / 3600;
        return wattHours > most ? most : uint64(wattHours);
    }

    /// @notice A value lowered by a share in ten-thousandths, rounded down.
    /// @param value Any.
    /// @param permyriad At most 10,000.
    function lowered(uint64 value, uint16 permyriad) internal pure returns (uint64) {
        return uint64(uint256(value) * (MET - permyriad) / MET);
    }

    /// @notice The power that heating or cooling adds, W, at most `type(uint64).max`.
    /// @param temperature Thousandths of a degree.
    /// @param coldBelow Below this, heating adds.
    /// @param hotAbove Above this, cooling adds.
    /// @param coldWattPerKelvin For each degree below.
    /// @param hotWattPerKelvin For each degree above.
    function weatherLoad(
        int32 temperature,
        int32 coldBelow,
        int32 hotAbove,
        uint64 coldWattPerKelvin,
        uint64 hotWattPerKelvin
    ) internal pure returns (uint64) {
        uint256 load = 0;
        if (temperature < coldBelow) {
            load += uint256(int256(coldBelow) - int256(temperature)) * coldWattPerKelvin / 1000;
        }
        if (temperature > hotAbove) {
            load += uint256(int256(temperature) - int256(hotAbove)) * hotWattPerKelvin / 1000;
        }
        return load > type(uint64).max ? type(uint64).max : uint64(load);
    }
}
