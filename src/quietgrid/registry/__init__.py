"""Registry: parties, meters, feeder sections and epochs; the registrar signs who is in which section.

Runs at: the registrar (a body other than the platform); the platform keeps a copy
Sees: names, addresses, certificates, connection capacities, tariffs
Never sees: readings, ciphertexts, keys of meters
In: Enrol from meter
Out: Members, Tariff
"""

from quietgrid.registry.cells import Cell, CellPlan, plan_cells
from quietgrid.registry.lists import Listed, cut_epoch, first_list, next_epoch, replace_meter

__all__ = ["Cell", "CellPlan", "Listed", "cut_epoch", "first_list", "next_epoch", "plan_cells", "replace_meter"]
