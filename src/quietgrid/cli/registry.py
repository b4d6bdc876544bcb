"""`quietgrid meter`, `party` and `household`: what changes after the first day, and keys that must not be lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.cli.processes import household
from quietgrid.errors import ConflictError, InputError

if TYPE_CHECKING:
    from quietgrid.lab.changes import State

__all__ = ["household", "meter", "party"]
meter = command_app("meter", "Look after the meters of a demo.")
party = command_app("party", "Look after the parties of a demo.")


def _folder(state: Path | None) -> Path:
    from quietgrid.runtime.config import load

    return state or load().state


def _stopped(state: Path | None) -> State:
    """The demo of a state folder, which must not run: its meters have one writer."""
    from quietgrid.cli.running import alive
    from quietgrid.lab.changes import State

    folder = _folder(state)
    if alive(folder):
        raise ConflictError("the demo is running", where=str(folder), fix="`quietgrid stop`, then again, then `up`")
    return State(folder)


@meter.command
def replace(home: int, *, state: Path | None = None, as_json: Json = False) -> int:
    """Give a home a new meter, with keys of its own. The demo must be stopped; the next `up` goes on with it.

    The new meter measures from the next interval on. One bill spans both meters.

    Args:
        home: Number of the home.
        state: Folder of databases and keys.
    """
    opened = _stopped(state)
    done = opened.replace_meter(home)
    data = {"home": home, "old": done.old, "new": done.new, "first": _moment(opened, done.first)}
    emit(
        as_json, data,
        [f"home {home}: meter {done.old} is taken out, meter {done.new} measures from {data['first']} on",
         "the keyholders take its keys at the next `quietgrid up`"],
    )  # fmt: skip
    return 0


@party.command(name="list")
def list_parties(*, state: Path | None = None, as_json: Json = False) -> int:
    """List homes, their sections and meters, as the registrar's newest list has them.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.lab.changes import State, current_meters

    opened = State(_folder(state))
    members, evidence = opened.newest()[-1]
    parties = {p.home: p for p in opened.plan.parties}
    leaf_of = dict(zip(members.homes.tolist(), members.leaves.tolist(), strict=True))
    rows = [
        [home, parties[home].name, parties[home].kind.value, members.leaf_names[leaf_of[home]], parties[home].tariff]
        for home in sorted(current_meters(members, evidence))
    ]
    head = ["home", "name", "kind", "section", "tariff"]
    emit(as_json, {"parties": [dict(zip(head, row, strict=True)) for row in rows]}, table(head, rows))
    return 0


@party.command
def move(home: int, *, to: str, state: Path | None = None, as_json: Json = False) -> int:
    """Queue a change of household at a home. Who comes is a new home with a new vault and new keys.

    Homes join and leave a section at least five at a time, with a billing period, so that no difference of totals is
    about one home. Once five are queued, the next `quietgrid up` has the registrar sign them in for the first billing
    period that has no book yet: one to two months ahead.

    Args:
        home: Number of the home that is left.
        to: Name of those who come.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.changes import BATCH, State

    if not to.strip():
        raise InputError("who comes has no name", where="--to", fix="give one")
    opened = State(_folder(state))
    opened.queue_move(home, to.strip())
    batch = next(b for b in opened.batches() if any(m.home == home for m in b.moves))
    data = {
        "home": home, "to": to.strip(), "section": batch.section, "queued": len(batch.moves), "needed": BATCH,
        "from": _moment(opened, opened.next_start), "ready": batch.ready,
    }  # fmt: skip
    missing = BATCH - len(batch.moves)
    waits = "enough: stop and start the demo" if batch.ready else f"{missing} more are needed, until then it waits"
    emit(
        as_json, data,
        [f"queued: home {home} goes to {data['to']} with a billing period, on {data['from']} at the earliest",
         f"{batch.section}: {len(batch.moves)} of at least {BATCH} queued; {waits}"],
    )  # fmt: skip
    return 0


@household.command
def backup(
    home: int,
    *,
    out: Annotated[Path | None, Parameter(help="The file; home-HOME.backup unless told.")] = None,
    state: Path | None = None,
    as_json: Json = False,
) -> int:
    """Write a home's keys into a file under a fresh recovery code, which is printed once and kept nowhere.

    Args:
        home: Number of the home.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.recovery import save_backup

    path = out or Path(f"home-{home}.backup")
    code = save_backup(_folder(state) / "households" / str(home), path)
    emit(
        as_json, {"file": str(path), "code": code},
        [f"kept in {path}; it is of no use without the code", "", f"  {code}", "",
         "Write it down now: it is not kept anywhere. A meter that comes later needs a new backup."],
    )  # fmt: skip
    return 0


@household.command
def restore(file: Path, *, state: Path | None = None, as_json: Json = False) -> int:
    """Bring a home's vault back from its backup; the recovery code is read from standard input.

    Args:
        file: What `household backup` wrote.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.recovery import restore_backup

    if sys.stdin.isatty():
        print("recovery code: ", end="", file=sys.stderr, flush=True)
    vault = restore_backup(_folder(state) / "households", file, sys.stdin.readline())
    meters = len(vault.meters())
    emit(
        as_json,
        {"home": vault.home, "meters": meters},
        [f"home {vault.home} is back, with the keys of {meters} meters"],
    )
    return 0


@household.command
def recover(
    home: int,
    *,
    new: Annotated[bool, Parameter(negative="", help="Make new keys and the request; without it, finish.")] = False,
    out: Annotated[Path | None, Parameter(help="The request's file; home-HOME.request unless told.")] = None,
    state: Path | None = None,
    as_json: Json = False,
) -> int:
    """Get a home back in that lost its vault and its backup, with the approval of two keyholders.

    First with --new: it makes new keys and a file to carry to two keyholders, who compare the fingerprint with yours
    and approve (`quietgrid keyholder approve-recovery`). Then again without --new, while the community runs: it fetches
    the last days that the keyholders still have, and tells the platform. The meter has to be replaced afterwards.

    Args:
        home: Number of the home.
        state: Folder of databases and keys.
    """
    if new:
        return _ask(home, out or Path(f"home-{home}.request"), _folder(state), as_json)
    from quietgrid.lab.recovery import finish_recovery

    done = finish_recovery(_folder(state), home)
    found = done.recovered
    data = {
        "home": home, "keyholders": list(found.took_over), "released": list(found.released), "days": found.days,
        "waiting": {str(index): why for index, why in found.waiting.items()}, "sign_in": done.link,
    }  # fmt: skip
    text = [f"keyholder {index} knows the new key" for index in found.took_over]
    text += [f"keyholder {index}: {why}" for index, why in sorted(found.waiting.items())]
    if not done.link:
        emit(as_json, data, [*text, "two keyholders have to approve; then run this again"])
        return 7
    text += [f"{found.days} days open again; what was before them stays closed", f"sign in: {done.link}"]
    if not done.replaced:
        text += [
            f"now `quietgrid stop`, `quietgrid meter replace {home}`, `quietgrid up`: a meter with keys of your own",
            f"then make a backup: `quietgrid household backup {home}`",
        ]
    emit(as_json, data, text)
    return 0


def _ask(home: int, path: Path, folder: Path, as_json: bool) -> int:
    """Make the request of a home that lost its keys."""
    from quietgrid.lab.recovery import save_request
    from quietgrid.model.interval import SystemClock
    from quietgrid.wire.recovery import fingerprint

    signed = save_request(folder, home, path, SystemClock().now())
    code = fingerprint(signed.hash())
    emit(
        as_json, {"home": home, "file": str(path), "fingerprint": code},
        [f"kept in {path}; bring it to two of the three keyholders, and show who you are",
         "", f"  {code}", "", "Each of them must see the same letters before approving."],
    )  # fmt: skip
    return 0


def _moment(opened: State, slot: int) -> str:
    """Local start of an interval, as text."""
    from quietgrid.model.interval import Interval, zone

    return f"{Interval(slot, opened.card.resolution).start.astimezone(zone(opened.card.tz)):%Y-%m-%d %H:%M}"
