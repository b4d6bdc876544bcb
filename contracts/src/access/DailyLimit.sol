// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title DailyLimit
/// @notice How much a hot key may do in one day (UTC); one storage slot.
library DailyLimit {
    /// @notice The limit and what of it is used.
    struct Limit {
        uint112 limit;
        uint112 used;
        uint32 day;
    }

    /// @notice More than is left of today's limit.
    error DailyLimitReached(uint256 asked, uint256 left);
    /// @notice A limit does not fit in 112 bits.
    error LimitTooHigh(uint256 limit);

    /// @notice Set the limit of every day from now on; what is used today stays used.
    function set(Limit storage self, uint256 limit) internal {
        if (limit > type(uint112).max) revert LimitTooHigh(limit);
        self.limit = uint112(limit);
    }

    /// @notice Use some of today's limit, or revert.
    function spend(Limit storage self, uint256 amount) internal {
        Limit memory was = self;
        uint256 free = _free(was);
        if (amount > free) revert DailyLimitReached(amount, free);
        uint32 today = _today();
        uint256 used = was.day == today ? was.used : 0;
        (self.limit, self.used, self.day) = (was.limit, uint112(used + amount), today);
    }

    /// @notice What is left of today's limit.
    function left(Limit storage self) internal view returns (uint256) {
        return _free(self);
    }

    function _free(Limit memory self) private view returns (uint256) {
        uint256 used = self.day == _today() ? self.used : 0;
        return self.limit > used ? self.limit - used : 0;
    }

    function _today() private view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }
}
