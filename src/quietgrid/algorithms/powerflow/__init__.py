"""Power flow on a `Network`: what voltages and currents follow from what units draw, and the way back from totals."""

from quietgrid.algorithms.powerflow.engine import Flow, Model, flow
from quietgrid.algorithms.powerflow.estimation import Estimate, Estimator
from quietgrid.algorithms.powerflow.hosting import Bounds, Hosting, hosting_capacity
from quietgrid.algorithms.powerflow.losses import Losses, losses
from quietgrid.algorithms.powerflow.prior import Inputs, Sensor, Sigmas
from quietgrid.algorithms.powerflow.sensitivity import Sensitivity, group_loss_w, group_weights, sensitivity

__all__ = [
    "Bounds",
    "Estimate",
    "Estimator",
    "Flow",
    "Hosting",
    "Inputs",
    "Losses",
    "Model",
    "Sensitivity",
    "Sensor",
    "Sigmas",
    "flow",
    "group_loss_w",
    "group_weights",
    "hosting_capacity",
    "losses",
    "sensitivity",
]
