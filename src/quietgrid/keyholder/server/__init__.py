"""A keyholder as a process: HTTP for the platform, for its two peers and for households.

Paths and bodies are in `wire.keyholder_http`. What comes in is signed by who made it and checked by the keyholder; the
server only keeps order: sizes, times, rates. It never logs a body. Does not give: secrecy on the way (between machines
put TLS in front; on one machine it is loopback).
"""

from quietgrid.keyholder.server.process import Seat, create_app, listen, order_carry_on, order_recovery, serve

__all__ = ["Seat", "create_app", "listen", "order_carry_on", "order_recovery", "serve"]
