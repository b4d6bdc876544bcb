"""Households: open their own data, check bills and ledgers, give and withdraw consent, erase; own process and origin.

Runs at: home, or the household association on the home's behalf; its own web origin
Sees: open readings of its own home, its own roots and keys, its bills and claims, the privacy ledgers' entries about it
Never sees: another home's readings, keys, bills or claims; the keyholders' keys
In: Enrol from meter, DayRecord from meter, Bill from billing, Ledger from keyholder, Release from keyholder,
  OwnClaims from settlement, CommunityFigures from insight
Out: Adoption, Consent, Omission, ClaimAccount to settlement
"""

from quietgrid.household.checking import VectorCheck, Verdict
from quietgrid.household.ledger import Explained, explain
from quietgrid.household.opening import KeyLine, OwnSeries, open_series
from quietgrid.household.service import Home
from quietgrid.household.sharing import open_shared
from quietgrid.household.vault import Backup, MeterRoots, Vault

__all__ = [
    "Backup", "Explained", "Home", "KeyLine", "MeterRoots", "OwnSeries", "Vault", "VectorCheck", "Verdict",
    "explain", "open_series", "open_shared",
]  # fmt: skip
