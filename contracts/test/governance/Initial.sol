// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice First values of the community's parameters, as the platform has them by default.
library Initial {
    function values() internal pure returns (int64[] memory all) {
        all = new int64[](7);
        all[0] = 15; // homes
        all[1] = 100; // days
        all[2] = 6_000; // thousandths of epsilon
        all[3] = 0; // micro-units a kWh
        all[4] = 1_000_000;
        all[5] = 1 days;
        all[6] = 1_000_000; // Wh
    }
}
