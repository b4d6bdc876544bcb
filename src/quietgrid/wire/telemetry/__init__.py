"""How the grid's own instruments are heard and told: signed batches (HTTP, MQTT) and Modbus registers.

None of it is about one home: what may be sent is listed, and the list holds heads of groups, busbars and the system.
"""

from quietgrid.wire.telemetry.batch import (
    MOST_ROWS,
    SetPointRow,
    SetPoints,
    TelemetryBatch,
    TelemetryRow,
    batch_of,
    measurements_of,
    set_points_of,
    set_points_row,
)
from quietgrid.wire.telemetry.config import BrokerAt, DeviceAt, Gateway, TelemetryConfig, read_config
from quietgrid.wire.telemetry.modbus import Heard, ModbusDevice
from quietgrid.wire.telemetry.registers import Register, RegisterMap, read_map

__all__ = [
    "MOST_ROWS", "BrokerAt", "DeviceAt", "Gateway", "Heard", "ModbusDevice", "Register", "RegisterMap", "SetPointRow",
    "SetPoints", "TelemetryBatch", "TelemetryConfig", "TelemetryRow", "batch_of", "measurements_of", "read_config",
    "read_map", "set_points_of", "set_points_row",
]  # fmt: skip
