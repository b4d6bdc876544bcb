"""The entry point: finds the command's module, runs it, and turns errors into one line and an exit code.

Nothing heavy is imported before a command is known, so that `quietgrid --help` answers at once. A command module has an
`app` (cyclopts), or several by name, and nothing else that others use. To add one, write the module and its line in
`COMMANDS`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from quietgrid import __version__
from quietgrid.errors import InputError, QuietgridError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("quietgrid.cli.up", "Start the demo community and show where to look."),
    "status": ("quietgrid.cli.running:status", "Say what runs, and how far it is."),
    "stop": ("quietgrid.cli.running:stop", "End a running demo."),
    "reset": ("quietgrid.cli.running:reset", "Delete a demo's state folder."),
    "simulate": ("quietgrid.cli.simulate", "Run a community in this process and check every number."),
    "open": ("quietgrid.cli.own:opening", "Open your own readings with your own keys."),
    "bill": ("quietgrid.cli.own:billing", "Show your bill and check it against your own readings."),
    "device": ("quietgrid.cli.own:steering", "Your battery and roof: what the grid asks of them, and the switch."),
    "insight": ("quietgrid.cli.insight", "Where your home stands, and advice; what is published to compare with."),
    "publish": ("quietgrid.cli.publish", "Publish statistics of a month, with noise where homes are few; list them."),
    "export": ("quietgrid.cli.export", "Write what an auditor needs, in one file."),
    "platform": ("quietgrid.cli.processes:platform", "Run the platform's process."),
    "household": ("quietgrid.cli.omissions:household", "The households' process; recovery codes; what was left out."),
    "meter": ("quietgrid.cli.registry:meter", "Replace a home's meter."),
    "party": ("quietgrid.cli.registry:party", "List who lives here; queue a change of household."),
    "plant": ("quietgrid.cli.plant", "The demo's simulated grid: run it, its registers, faults on purpose."),
    "fleet": ("quietgrid.cli.processes:fleet", "Run the simulated meters' process."),
    "import": ("quietgrid.cli.imports", "Read other people's files of readings: lcl, umass, csv."),
    "members": ("quietgrid.cli.members", "Look at a member list before anyone is enrolled."),
    "keyholder": ("quietgrid.cli.keyholder", "Be one of the three keyholders: serve, init, rotate."),
    "audit": ("quietgrid.cli.audit", "Verify log, chain and bundle; find out which keyholder lied."),
    "verify": ("quietgrid.cli.verify", "Check a bill, an audit log, an answer or a whole bundle, offline."),
    "chain": ("quietgrid.cli.chain", "Deploy the contracts; see what waits for the chain and what they said."),
    "feed": ("quietgrid.cli.feed", "Prices, weather, grid load, carbon: what reporters agree on; be a reporter."),
    "vote": ("quietgrid.cli.vote", "Votes with GRID: list, propose, cast, queue, execute, give."),
    "asset": ("quietgrid.cli.asset", "Assets owned together: register, produce, maintain, permit, shares, revenue."),
    "reward": ("quietgrid.cli.reward", "What your bills owe you: see it, claim it from a fresh address."),
    "grid": ("quietgrid.cli.grid_app", "The grid: status, plans, alarms, emergency stop; import, check, draw."),
    "openadr": ("quietgrid.cli.openadr", "OpenADR clients: create, list and revoke credentials; status of the VTN."),
    "schedule": ("quietgrid.cli.schedule", "Plan a storage from a file of loads, in plain or on ciphertexts."),
    "program": ("quietgrid.cli.program", "Demand response: programs, utilities, the regions' rules."),
    "event": ("quietgrid.cli.event", "Demand response: events; start, approve, cancel, override."),
    "forecast": ("quietgrid.cli.forecast", "What groups will probably use in the coming hours."),
    "config": ("quietgrid.cli.config", "Show the settings and where each comes from."),
    "doctor": ("quietgrid.cli.doctor", "Look at this machine: what is there, what is missing, how to fix it."),
    "version": ("quietgrid.cli.version", "Say which version this is."),
}
"""Command -> (module or module:attribute, what it does in one line)."""
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run `quietgrid` with these arguments (those of the process unless given) and exit."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run one command; its exit code. Errors of ours become one line on stderr."""
    if not words or words[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(__version__)
        return 0
    try:
        return _call(words[0], words[1:])
    except QuietgridError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code


def overview() -> str:
    """What `quietgrid --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: quietgrid COMMAND [--json]",
            "",
            "Runs a local energy community without anyone being able to see one household's readings.",
            "",
            *lines,
            "",
            "`quietgrid COMMAND --help` says more. Settings: quietgrid.toml or QUIETGRID_*, `quietgrid config --show`.",
        ]
    )


def one_line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def _call(name: str, words: Sequence[str]) -> int:
    """Run the command `name` with its words; what it returns is the exit code."""
    if name not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, 1)
        fix = f"do you mean {near[0]}?" if near else "`quietgrid --help` lists them"
        raise InputError("there is no such command", where=name, fix=fix)
    module, _, attribute = COMMANDS[name][0].partition(":")
    app = getattr(import_module(module), attribute or "app")
    from cyclopts import CycloptsError

    try:
        done = app(words, print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        fix = f"see `quietgrid {name} --help`"
        raise InputError(one_line(str(error)).rstrip("."), where=f"quietgrid {name}", fix=fix) from error
    return done if isinstance(done, int) else 0
