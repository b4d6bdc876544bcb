"""What people decide: plans with a second person's approval, acknowledged alarms, the emergency stop of two.

Whoever made a plan cannot approve it; whoever asked for a stop cannot agree to it, nor end one alone. A stop takes
effect at once: set-points end, so devices go to their safe values, and markets halt. The chain is told afterwards.

Every decision has a reason and a line in the audit log.
"""

from __future__ import annotations

from dataclasses import replace

from quietgrid.balance import rules as decide
from quietgrid.balance.service import BREAKERS, Grid, breaker
from quietgrid.errors import ConflictError, InputError, UnavailableError
from quietgrid.model.grid import Alarm
from quietgrid.model.operation import BalancePlan, BreakerState, EmergencyStop, PlanState, Proposal, StopState
from quietgrid.store.stores import PlatformTx

LEAST, MOST = 3, 500
"""Characters of a reason."""


class Decisions:
    """Decisions about one grid. Who may decide is the caller's to check; that two people are two is checked here."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    # -- plans -----------------------------------------------------------------------------------------------------

    def propose(self, number: int, proposal: Proposal, by: str, why: str) -> BalancePlan:
        """Keep a plan that waits for approval.

        Args:
            number: of `next_plan`; the ids of its set-points and signals are named after it.

        Raises:
            ConflictError: somebody else made a plan meanwhile; plan again.
        """
        plan = BalancePlan(number, proposal, reason_of(why), by, self._grid.clock.now())
        with self._grid.store.begin() as tx:
            if tx.grid.next_plan() != number:
                raise ConflictError("another plan was made meanwhile", where=f"plan {number}", fix="plan again")
            tx.grid.add_plan(plan)
            tx.log.append(by, "grid.plan", f"plan {number}", {"why": plan.why})
        return plan

    def approve(self, number: int, by: str, why: str = "") -> BalancePlan:
        """Dispatch a plan: its set-points that have not ended are sent.

        Raises:
            ConflictError: whoever made it cannot approve it; it is not waiting, or over, or the grid is stopped.
            UnavailableError: a breaker is open.
        """
        grid, now = self._grid, self._grid.clock.now()
        with grid.store.begin() as tx:
            plan = tx.grid.plan(number)
            _waits(plan, by)
            window = plan.proposal.window
            if window.end * window.resolution <= now:
                raise ConflictError("its last interval is over", where=f"plan {number}", fix="make a new plan")
            refused = self._refused(tx, now)
            if not refused:
                done = replace(plan, state=PlanState.DISPATCHED, decided_by=by, decided_at=now, reason=why.strip())
                tx.grid.save_plan(done)
                points = [p for p in plan.proposal.set_points if p.end > now]
                tx.grid.put_set_points(points, number)
                tx.log.append(by, "grid.dispatch", f"plan {number}", {"set_points": len(points), "why": done.reason})
        if refused:  # after the transaction: that a breaker has turned stays
            raise UnavailableError(refused, where=f"plan {number}", fix="see `quietgrid grid status`")
        return done

    def cancel(self, number: int, by: str, why: str) -> BalancePlan:
        """Take a plan back: set-points that were sent end now. By anyone who may plan or approve.

        Raises:
            ConflictError: it was cancelled before, or nothing of it is left.
        """
        now, reason = self._grid.clock.now(), reason_of(why)
        with self._grid.store.begin() as tx:
            plan = tx.grid.plan(number)
            if plan.state not in (PlanState.PROPOSED, PlanState.DISPATCHED):
                raise ConflictError(f"this plan is {plan.state.value}", where=f"plan {number}", fix="nothing to cancel")
            done = replace(plan, state=PlanState.CANCELLED, decided_by=by, decided_at=now, reason=reason)
            tx.grid.save_plan(done)
            cut = tx.grid.cut_set_points(now, plan=number)
            tx.log.append(by, "grid.cancel", f"plan {number}", {"set_points": cut, "why": reason})
        return done

    def _refused(self, tx: PlatformTx, now: float) -> str:
        """Why nothing can be dispatched now; turns the dispatch breaker on the way."""
        stop = tx.grid.stop()
        if stop is not None and stop.state is StopState.STOPPED:
            raise ConflictError("the grid is stopped", where=f"stop {stop.number}", fix="two people end the stop first")
        before = breaker(tx, "dispatch")
        cause = decide.dispatch_cause(tx.grid.decisions_since(now - 3600.0), now, self._grid.rules)
        after = decide.turned(before, cause, now, self._grid.rules)
        if after != before:
            tx.grid.save_breaker(after)
        if after.state is not before.state:
            tx.log.append("grid", f"grid.breaker.{after.state.value}", after.name, {"why": after.why})
        for one in (after, breaker(tx, "data")):
            if one.state is BreakerState.OPEN:
                return f"{BREAKERS[one.name]}: {one.why}"
        return ""

    # -- alarms ----------------------------------------------------------------------------------------------------

    def acknowledge(self, name: str, by: str) -> Alarm:
        """Say that somebody has seen an alarm; who was first stays. It lasts until its cause is gone."""
        with self._grid.store.begin() as tx:
            before = tx.grid.alarm(name)
            alarm = tx.grid.see_alarm(name, by, self._grid.clock.now())
            if before.seen_at is None:
                tx.log.append(by, "grid.alarm.seen", f"{alarm.rule} {alarm.element}", {"alarm": name})
        return alarm

    # -- the emergency stop ----------------------------------------------------------------------------------------

    def ask_stop(self, by: str, why: str) -> EmergencyStop:
        """Ask for the stop of everything; it waits an hour for a second person.

        Raises:
            ConflictError: one is asked for, or holds.
        """
        reason = reason_of(why)
        with self._grid.store.begin() as tx:
            self._late(tx)
            stop = tx.grid.add_stop(by, reason, self._grid.clock.now())
            tx.log.append(by, "grid.stop.ask", f"stop {stop.number}", {"why": reason})
        return stop

    def agree_stop(self, by: str) -> EmergencyStop:
        """Agree to the stop somebody else asked for: set-points end, markets halt.

        Raises:
            ConflictError: the same person asked, or none is asked for.
        """
        now = self._grid.clock.now()
        with self._grid.store.begin() as tx:
            self._late(tx)
            stop = _in(tx, StopState.ASKED, "no stop is asked for")
            if stop.asked_by == by:
                raise _same_person(f"stop {stop.number}")
            stop = replace(stop, state=StopState.STOPPED, agreed_by=by, agreed_at=now)
            tx.grid.save_stop(stop)
            cut = tx.grid.cut_set_points(now)
            after = decide.turned(breaker(tx, "market"), "emergency stop", now, self._grid.rules)
            tx.grid.save_breaker(after)
            tx.log.append(by, "grid.stop", f"stop {stop.number}", {"why": stop.reason, "set_points": cut})
        return stop

    def withdraw_stop(self, by: str) -> EmergencyStop:
        """Take the own request for a stop back.

        Raises:
            ConflictError: somebody else asked, or none is asked for.
        """
        with self._grid.store.begin() as tx:
            stop = _in(tx, StopState.ASKED, "no stop is asked for")
            if stop.asked_by != by:
                raise ConflictError("somebody else asked for this stop", where=f"stop {stop.number}", fix="ask them")
            stop = replace(stop, state=StopState.WITHDRAWN, ended_at=self._grid.clock.now())
            tx.grid.save_stop(stop)
            tx.log.append(by, "grid.stop.withdraw", f"stop {stop.number}")
        return stop

    def end_stop(self, by: str, why: str) -> EmergencyStop:
        """Ask for the end of a stop, or agree to what another asked for: then everything may go on.

        Markets stay halted until their breaker has closed by itself, and until the chain's own stop is ended by a vote.

        Raises:
            ConflictError: the same person asked, or nothing is stopped.
        """
        now, reason = self._grid.clock.now(), reason_of(why)
        with self._grid.store.begin() as tx:
            stop = _in(tx, StopState.STOPPED, "nothing is stopped")
            if not stop.resume_by:
                stop = replace(stop, resume_by=by, resume_at=now, resume_reason=reason)
                tx.log.append(by, "grid.resume.ask", f"stop {stop.number}", {"why": reason})
            elif stop.resume_by == by:
                raise _same_person(f"stop {stop.number}")
            else:
                stop = replace(stop, state=StopState.ENDED, ended_by=by, ended_at=now)
                tx.log.append(by, "grid.resume", f"stop {stop.number}", {"why": reason})
            tx.grid.save_stop(stop)
        return stop

    def _late(self, tx: PlatformTx) -> None:
        stop, now = tx.grid.stop(), self._grid.clock.now()
        if stop is not None and stop.state is StopState.ASKED and now - stop.asked_at >= self._grid.rules.stop_s:
            tx.grid.save_stop(replace(stop, state=StopState.LAPSED, ended_at=now))


def reason_of(why: str) -> str:
    """A reason as it is kept.

    Raises:
        InputError: there is none, or it is a novel.
    """
    said = " ".join(why.split())
    if not LEAST <= len(said) <= MOST:
        raise InputError("a decision needs a reason", where="why", fix=f"say why in {LEAST} to {MOST} characters")
    return said


def _waits(plan: BalancePlan, by: str) -> None:
    if plan.state is not PlanState.PROPOSED:
        raise ConflictError(f"this plan is {plan.state.value}", where=f"plan {plan.number}", fix="make a new plan")
    if plan.made_by == by:
        raise _same_person(f"plan {plan.number}")


def _same_person(where: str) -> ConflictError:
    return ConflictError("this takes a second person", where=where, fix="have somebody else decide")


def _in(tx: PlatformTx, state: StopState, otherwise: str) -> EmergencyStop:
    stop = tx.grid.stop()
    if stop is None or stop.state is not state:
        raise ConflictError(otherwise, where="emergency stop", fix="see `quietgrid grid emergency`")
    return stop
