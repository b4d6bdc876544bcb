"""Tap changers under load: dead band, delay, steps an interval and a day, line-drop compensation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.network import Flags, Floats, Network, Rows


@dataclass(frozen=True)
class TapControl:
    """How a tap changer is moved.

    Args:
        target: Relative voltage it holds. half_band: it rests while the signal is within target ± this. delay_s: how
            long the signal must have been outside. rate: steps an interval at most. a_day: steps a day at most.
        by_range: True: the signal is the middle of the highest and the lowest (estimated) bus voltage behind the
            transformer; False: the voltage of its busbar. drop_r, drop_x: line-drop compensation: relative voltage a
            cable's resistance and reactance lose at the transformer's rated power (0: none; busbar signal only).

    Source: IEC 60214-2; a regulated distribution transformer has 5 to 9 positions of 1.5 to 2.5 %.
    """

    target: float = 1.0
    half_band: float = 0.015
    delay_s: int = 60
    rate: int = 1
    a_day: int = 24
    by_range: bool = False
    drop_r: float = 0.0
    drop_x: float = 0.0

    def fits(self, network: Network) -> None:
        """Raises `InputError` if the dead band is narrower than a step, so that the changer would hunt."""
        sizes = network.transformers.tap_size[network.transformers.on_load]
        if len(sizes) and 2 * self.half_band < sizes.max() * 1.1:
            raise InputError("the dead band is narrower than a step of the tap changer", where=network.name,
                             fix="widen the band to 1.1 steps or more")  # fmt: skip

    def outside(self, signal: Floats) -> Flags:
        """Where the signal is outside the dead band."""
        return np.asarray(np.abs(np.nan_to_num(signal - self.target)) > self.half_band, np.bool_)


def move(control: TapControl, network: Network, signal: Floats, taps: Rows, waited_s: Floats, moved: Rows) -> Rows:
    """Taps one step on, where the signal asks for it.

    Args:
        signal: [t, k], relative voltage each changer watches. taps: [t, k], now. waited_s: [t, k], how long the signal
            has been outside the dead band. moved: [t, k], steps taken today.

    Returns:
        [t, k]: new positions, within each changer's range; only changers under load move.
    """
    tf = network.transformers
    error = np.nan_to_num(signal - control.target)
    asked = control.outside(signal) & (waited_s >= control.delay_s) & (moved < control.a_day) & tf.on_load
    # More turns at the high-voltage side lower what comes out; at the low-voltage side they raise it.
    up = np.where(tf.tap_at_to, -1, 1) * np.sign(error).astype(np.int32)
    low, high = np.minimum(tf.tap_min, tf.tap_max), np.maximum(tf.tap_min, tf.tap_max)
    return np.clip(taps + np.where(asked, up, 0), low, high).astype(np.int32)


def compensated(control: TapControl, network: Network, voltage: Floats, w: Floats, var: Floats) -> Floats:
    """[t, k]: the busbar's voltage less what the cable behind it is set to lose.

    Args:
        voltage: [t, k], at the low-voltage side. w, var: [t, k], through the transformer into the grid (negative back).
    """
    rated = network.transformers.rated_va
    return voltage - (control.drop_r * w + control.drop_x * var) / rated


def middle(voltage: Floats, below: Rows, transformers: int) -> Floats:
    """[t, k]: halfway between the highest and the lowest known voltage behind each transformer; NaN if none is known.

    Args:
        voltage: [t, n]. below: [n], from `behind`. transformers: k.
    """
    found = np.full((len(voltage), transformers), np.nan)
    for row in range(transformers):
        part = voltage[:, below == row]
        known = np.isfinite(part)
        rows = known.any(axis=1)
        top = np.where(known, part, -np.inf).max(axis=1, initial=-np.inf)
        bottom = np.where(known, part, np.inf).min(axis=1, initial=np.inf)
        found[rows, row] = (top[rows] + bottom[rows]) / 2
    return found


def behind(network: Network) -> Rows:
    """int32 [nodes]: the transformer each node hangs behind (its low-voltage side), -1 if none."""
    found = np.full(len(network.nodes.names), -1, np.int32)
    lines = network.lines
    closed = lines.from_closed & lines.to_closed
    beside: dict[int, list[int]] = {}
    for a, b in zip(lines.from_node[closed].tolist(), lines.to_node[closed].tolist(), strict=True):
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    for row, first in enumerate(network.transformers.to_node.tolist()):
        waiting = [first]
        while waiting:
            node = waiting.pop()
            if found[node] < 0:
                found[node] = row
                waiting += beside.get(node, [])
    return found
