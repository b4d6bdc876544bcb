"""The simulated grid of the demo, in a process of its own: it knows the truth and publishes measurements only."""

from quietgrid.lab.plant.controls import Controls
from quietgrid.lab.plant.frequency import Frequency, simulated_frequency
from quietgrid.lab.plant.run import Plant, PlantParts, run
from quietgrid.lab.plant.sensors import Fault, FaultKind, Noise, Sensors, read_faults, sensors_of, write_faults
from quietgrid.lab.plant.truth import TrueGrid, Truth

__all__ = [
    "Controls", "Fault", "FaultKind", "Frequency", "Noise", "Plant", "PlantParts", "Sensors", "TrueGrid", "Truth",
    "read_faults", "run", "sensors_of", "simulated_frequency", "write_faults",
]  # fmt: skip
