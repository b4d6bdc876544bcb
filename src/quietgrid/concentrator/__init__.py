"""The concentrator: collects sealed frames, checks and keeps them, and signs a receipt for what it has kept.

Runs at: the platform, or a data concentrator of its own beside the substation
Sees: which meter sent a frame, for which intervals, and when; ciphertexts
Never sees: a reading, a day key, a root
In: Frame from meter, Enrol from meter
Out: Receipt to meter, SealedReadings to pes, presence to mdms
"""

from quietgrid.concentrator.paillier import Collector
from quietgrid.concentrator.rules import Limits
from quietgrid.concentrator.service import Accepted, Concentrator

__all__ = ["Accepted", "Collector", "Concentrator", "Limits"]
