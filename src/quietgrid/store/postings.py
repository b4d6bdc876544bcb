"""Double entry: every posting has a debit and a credit, an id that makes posting it twice one, and never changes.

The only thing added later is the settlement batch that took it to the chain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.model.posting import Posting
from quietgrid.store.schema import INT, NUMBER, PLATFORM, TEXT, Tables, column, insert_new, key, put, table

_posting = table(
    "posting", PLATFORM, key("id", TEXT), column("at", NUMBER), column("debit", TEXT), column("credit", TEXT),
    column("amount_micro", INT), column("energy_wh", INT), column("code", TEXT), column("period", INT),
    sa.Index("posting_by_debit", "debit"), sa.Index("posting_by_credit", "credit"),
)  # fmt: skip
_settled = table(
    "posting_settled", PLATFORM, key("id", TEXT), column("batch", TEXT), sa.Index("settled_by_batch", "batch")
)


class Postings(Tables):
    """The ledger of who owes whom."""

    def post(self, batch: Sequence[Posting], period: int) -> int:
        """Post a batch; how many were new.

        Args:
            batch: Amounts >= 0. period: first slot of what it is for.

        Raises:
            ConflictError: an id is taken by another posting.
        """
        at = float(self._clock.now())
        rows = [
            {
                "id": p.id, "at": at, "debit": p.debit, "credit": p.credit, "amount_micro": p.amount_micro,
                "energy_wh": p.energy_wh, "code": p.code, "period": period,
            }
            for p in batch
        ]  # fmt: skip
        return put(self._c, _posting, rows, ignore=("at",)) if rows else 0

    def balances(self, prefix: str = "") -> dict[str, int]:
        """What each account owes (positive) or is owed, in millionths; sums to zero over all accounts."""
        sides = [
            sa.select(_posting.c.debit.label("account"), _posting.c.amount_micro.label("amount")),
            sa.select(_posting.c.credit.label("account"), (-_posting.c.amount_micro).label("amount")),
        ]
        both = sa.union_all(*sides).subquery()
        query = sa.select(both.c.account, sa.func.sum(both.c.amount)).group_by(both.c.account)
        if prefix:
            query = query.where(both.c.account.startswith(prefix, autoescape=True))
        return {str(account): int(amount) for account, amount in self._c.execute(query)}

    def unsettled(
        self, *, codes: Collection[str] = (), until: int | None = None, period: int | None = None
    ) -> list[Posting]:
        """Postings no batch has taken yet, by id; of some codes, of one period, of periods that begin before a slot."""
        taken = sa.select(_settled.c.id).where(_settled.c.id == _posting.c.id)
        query = sa.select(_posting).where(~taken.exists()).order_by(_posting.c.id)
        if codes:
            query = query.where(_posting.c.code.in_(list(codes)))
        if period is not None:
            query = query.where(_posting.c.period == period)
        if until is not None:
            query = query.where(_posting.c.period < until)
        return self._postings(query)

    def oldest_unsettled(self, *codes: str) -> int | None:
        """The first slot of the oldest period with postings of these codes that no batch has taken."""
        taken = sa.select(_settled.c.id).where(_settled.c.id == _posting.c.id)
        query = sa.select(sa.func.min(_posting.c.period)).where(_posting.c.code.in_(codes), ~taken.exists())
        found = self._c.execute(query).scalar()
        return None if found is None else int(found)

    def of_period(self, period: int, *codes: str) -> list[Posting]:
        """A period's postings of these codes that no batch has taken, by id."""
        return self.unsettled(codes=codes, period=period)

    def owed_to(self, account: str) -> dict[str, int]:
        """What each account was ever posted to owe one account, in millionths."""
        query = sa.select(_posting.c.debit, sa.func.sum(_posting.c.amount_micro)).where(_posting.c.credit == account)
        rows = self._c.execute(query.group_by(_posting.c.debit).order_by(_posting.c.debit))
        return {str(debit): int(amount) for debit, amount in rows}

    def batches(self) -> dict[str, list[Posting]]:
        """What each settlement batch took."""
        out: dict[str, list[Posting]] = {}
        for name in self._c.execute(sa.select(_settled.c.batch).distinct().order_by(_settled.c.batch)).scalars():
            out[str(name)] = self.of_batch(str(name))
        return out

    def settle(self, ids: Sequence[str], batch: str) -> None:
        """Say which batch took them.

        Raises:
            ConflictError: another batch has one of them.
        """
        rows = [{"id": one, "batch": batch} for one in ids]
        if insert_new(self._c, _settled, rows) == len(rows):
            return
        held = {row.id: row.batch for row in self._c.execute(sa.select(_settled).where(_settled.c.id.in_(list(ids))))}
        other = next((b for b in held.values() if b != batch), None)
        if other is not None:
            raise ConflictError("a posting is in another batch", where=other, fix="settle what is unsettled")

    def of_batch(self, batch: str) -> list[Posting]:
        """What a settlement batch took, by id."""
        query = sa.select(_posting).join(_settled, _settled.c.id == _posting.c.id).where(_settled.c.batch == batch)
        return self._postings(query.order_by(_posting.c.id))

    def of_account(self, account: str, limit: int = 1000) -> list[Posting]:
        """What an account owes or is owed, newest first."""
        mine = sa.or_(_posting.c.debit == account, _posting.c.credit == account)
        return self._postings(
            sa.select(_posting).where(mine).order_by(_posting.c.at.desc(), _posting.c.id).limit(limit)
        )

    def _postings(self, query: sa.Select[Any]) -> list[Posting]:
        return [Posting(r.id, r.debit, r.credit, r.amount_micro, r.energy_wh, r.code) for r in self._c.execute(query)]
