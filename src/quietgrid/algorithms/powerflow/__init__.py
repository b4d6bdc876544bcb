"""Power flow on a `Network`: what voltages and currents follow from what units draw."""

from quietgrid.algorithms.powerflow.engine import Flow, Model, flow

__all__ = ["Flow", "Model", "flow"]
