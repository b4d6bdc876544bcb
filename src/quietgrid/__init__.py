"""Quietgrid runs a local energy community without anyone being able to see one household's readings."""

__version__ = "0.1.0"
