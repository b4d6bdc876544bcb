"""Wiring: settings, the platform's stages put together, child processes, the loop that drives an interval."""
