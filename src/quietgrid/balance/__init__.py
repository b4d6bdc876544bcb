"""The grid seen from totals: state, limits, voltage, frequency, storage and load schedules.

Runs at: platform
Sees: totals of groups, measurements at heads and busbars, yearly means, limits of assets that agreed, ciphertexts
Never sees: a reading, a load curve of a home, a key
In: Total from mdms
Out: Signal
"""
