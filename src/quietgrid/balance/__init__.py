"""The grid seen from totals: state, limits, voltage, frequency, storage and load schedules.

Runs at: platform
Sees: totals of groups, measurements at feeder heads and busbars, yearly means, limits of assets that agreed to it, encrypted loads of stations that it cannot read
Never sees: a reading, a load curve of a home, a key
In: Total from mdms
Out: Signal
"""
