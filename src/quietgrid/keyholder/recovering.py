"""Key recovery by two keyholders: a household that lost its keys gets new ones taken over, and its last days back.

An operator's order makes this keyholder sign an approval. The keyholders show each other what they signed. A keyholder
takes a new key over once two stand for the same request and the same old key: itself and a peer while the approvals
count, or two takeovers of others. From then on the old key is a stranger's, the home's ledger says who approved, and
the new key may fetch what is released: this keyholder's ledger key of the home and, if its own operator approved, the
day keys it retains of the home's meters. Released keys are sealed at every request and kept nowhere (PROTOCOL C, K8).

This is the one way past the gate, and two keyholders could always do it (PROTOCOL A, "Claim"); here it is written
down. Source: issue "key recovery by two keyholders", docs/decisions 0019. Does not give: anything against two operators
who approve the wrong person, but that the home's and everybody's ledger says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.errors import ConflictError, InputError, NotFoundError, QuietgridError
from quietgrid.keyholder import ledger
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.model.interval import DAY_S
from quietgrid.wire.messages import LedgerNote
from quietgrid.wire.recovery import (
    MAX_DAYS,
    NEEDED,
    RecoveryApproval,
    Release,
    ReleasedKeys,
    ReleasedMeter,
    Statement,
    Takeover,
    open_request,
    read_statement,
)

_SAID, _IN_FORCE, _GIVES = "recovery", "household key", "recovery gives"
"""Documents: statements by home, name, keyholder and request; own takeover in force by home; own approval behind it."""


class Recoveries:
    """The recoveries one keyholder takes part in. The caller holds its writing lock for what changes something."""

    def __init__(self, parts: Parts, memory: Memory) -> None:
        self._parts, self._memory = parts, memory
        self._said: dict[str, Statement] = {}
        with parts.store.read() as tx:
            for key, data in tx.documents.all(_SAID).items():
                self._said[key] = read_statement(parts.card, unpack_signed(data))
            for data in tx.documents.all(_IN_FORCE).values():
                request = read_statement(parts.card, unpack_signed(data)).request
                memory.household_pk[request.home] = request.household_pk

    # -- what is said ----------------------------------------------------------------------------------------------

    def approve(self, signed: Signed, days: float) -> Signed:
        """Its operator has seen the person: sign an approval, and take the key over if a peer has approved as well.

        Asking again gives the same approval while it counts.

        Raises:
            VerificationError: not a request of this community. NotFoundError: no such home, or it was erased.
            ConflictError: the home has this key already, or an approval for other keys still counts.
        """
        parts = self._parts
        request = open_request(signed, parts.card.community)
        home, digest, now = request.home, signed.hash(), parts.clock.now()
        current = self._memory.household_pk.get(home)
        if current is None or home in self._memory.known.erased:
            raise NotFoundError("no such home is enrolled here", where=f"home {home}", fix="check its number")
        if not 0 < days <= MAX_DAYS:
            raise InputError("an approval cannot last so long", where="days", fix=f"give up to {MAX_DAYS:g} days")
        if current == request.household_pk:
            return self._give(home, digest)
        for said in self._of(home):
            if said.keyholder == parts.index and said.replaces == current and (said.expires or 0) > now:
                if said.digest == digest:
                    return said.signed
                raise ConflictError(
                    "this keyholder has approved other keys for the home", where=f"home {home}",
                    fix="wait until that approval is over",
                )  # fmt: skip
        approval = RecoveryApproval(parts.index, pack_signed(signed), current, now + days * DAY_S)
        made = parts.identity.sign(approval)
        self._keep(made)
        self._settle(home)
        return made

    def _give(self, home: int, digest: bytes) -> Signed:
        """Approved after the takeover: this keyholder's day keys are released too."""
        with self._parts.store.read() as tx:
            said = unpack_signed(tx.documents.get(_IN_FORCE, str(home)))
        if read_statement(self._parts.card, said).digest != digest:
            raise ConflictError("the home has this key already", where=f"home {home}", fix="nothing is to be done")
        with self._parts.store.begin() as tx:
            if tx.documents.find(_GIVES, str(home)) != digest:
                ledger.append(tx, [(home, self._note([self._parts.index], digest))])
                tx.documents.replace(_GIVES, str(home), digest)
        return said

    def statements(self) -> list[Signed]:
        """Everything that may still matter to a peer: takeovers, and approvals that count."""
        return [said.signed for said in tuple(self._said.values()) if self._counts(said)]

    def mark(self) -> bytes:
        """What the statements hash to: equal marks, nothing to tell."""
        return sha256(b"".join(sorted(signed.hash() for signed in self.statements()))).digest()

    @property
    def pending(self) -> bool:
        """Whether an approval of this keyholder waits for a second one."""
        own = [said for said in tuple(self._said.values()) if said.keyholder == self._parts.index]
        return any(not said.final and self._counts(said) for said in own)

    def take(self, statements: Sequence[Signed]) -> None:
        """What a peer knows. Each is checked by itself; what does not hold, or is about nobody here, is left out."""
        homes = set()
        for signed in statements:
            try:
                said = read_statement(self._parts.card, signed)
            except QuietgridError:
                continue
            if said.request.home in self._memory.household_pk and self._counts(said):
                self._keep(signed)
                homes.add(said.request.home)
        for home in sorted(homes):
            self._settle(home)

    def _counts(self, said: Statement) -> bool:
        if said.expires is None:
            return True
        current = self._memory.household_pk.get(said.request.home)
        return said.replaces == current and said.expires > self._parts.clock.now()

    def _of(self, home: int) -> list[Statement]:
        return [said for said in tuple(self._said.values()) if said.request.home == home]

    def _keep(self, signed: Signed) -> None:
        said = read_statement(self._parts.card, signed)
        key = f"{said.request.home}/{signed.name}/{said.keyholder}/{said.digest.hex()}"
        known = self._said.get(key)
        if known is not None and (said.final or (known.expires or 0) >= (said.expires or 0)):
            return
        with self._parts.store.begin() as tx:
            tx.documents.replace(_SAID, key, pack_signed(signed))
        self._said[key] = said

    # -- taking over -----------------------------------------------------------------------------------------------

    def _settle(self, home: int) -> None:
        """Take over what follows the home's key, as long as something does; no request twice."""
        done: set[bytes] = set()
        while home not in self._memory.known.erased:
            current = self._memory.household_pk[home]
            found = [said for said in self._of(home) if said.replaces == current and said.digest not in done]
            step = next((said for said in found if self._stands(found, said.digest)), None)
            if step is None:
                return
            self._replace(step, self._stands(found, step.digest))
            done.add(step.digest)

    def _stands(self, found: Sequence[Statement], digest: bytes) -> list[int]:
        """Who stands for a request, if they are enough: takeovers; with an approval of our own, approvals as well."""
        now, same = self._parts.clock.now(), [said for said in found if said.digest == digest]
        firm = {said.keyholder for said in same if said.final}
        live = {said.keyholder for said in same if said.expires is not None and said.expires > now}
        stands = firm | live if self._parts.index in live else firm
        needed = NEEDED if self._parts.rules.on("recovery") else 1
        return sorted(stands) if len(stands) >= needed else []

    def _replace(self, step: Statement, stands: list[int]) -> None:
        """One commit: takeover, ledger, the old key's consents. Nothing is told before it."""
        parts, home = self._parts, step.request.home
        now = parts.clock.now()
        signed = parts.identity.sign(Takeover(parts.index, step.packed, step.replaces, stands, now))
        approved = any(
            said.keyholder == parts.index and said.digest == step.digest and (said.expires or 0) > now
            for said in self._of(home)
        )
        note = self._note(stands, step.digest)
        key = f"{home}/{signed.name}/{parts.index}/{step.digest.hex()}"
        with parts.store.begin() as tx:
            ledger.append(tx, [(None, note), (home, note)])
            tx.documents.replace(_SAID, key, pack_signed(signed))
            tx.documents.replace(_IN_FORCE, str(home), pack_signed(signed))
            if approved:
                tx.documents.replace(_GIVES, str(home), step.digest)
            tx.members.revoke_consents(home)
        self._said[key] = read_statement(parts.card, signed)
        self._memory.household_pk[home] = step.request.household_pk

    def _note(self, stands: Sequence[int], digest: bytes) -> LedgerNote:
        who = " and ".join(f"keyholder {index}" for index in stands)
        return LedgerNote(
            "recovered", "", 0, 0, self._parts.card.resolution, "", [], [], [], who, "a lost household key",
            "recovery", digest, [], self._parts.clock.now(),
        )  # fmt: skip

    # -- what is released ------------------------------------------------------------------------------------------

    def release(self, home: int) -> Signed:
        """The home's keys here, sealed to its new household; who asks was checked against the new key.

        Raises:
            NotFoundError: no key of this home was replaced.
        """
        parts = self._parts
        with parts.store.read() as tx:
            data = tx.documents.find(_IN_FORCE, str(home))
            gives = tx.documents.find(_GIVES, str(home))
            if data is None:
                raise NotFoundError("no key of this home was replaced here", where=f"home {home}", fix="ask for it")
            ledger_key = tx.ledger.key(home)
        said = read_statement(parts.card, unpack_signed(data))
        meters = self._meters(home, said.request.household_pk) if gives == said.digest else []
        keys = ReleasedKeys(parts.card.community, home, parts.index, ledger_key, meters)
        info = seal_info(ReleasedKeys.NAME, parts.card.community, home, said.request.household_pk)
        proof = [pack_signed(one.signed) for one in self._of(home) if one.final]
        sealed = seal(keys.body(), said.request.household_kem, info)
        return parts.identity.sign(Release(parts.index, home, said.digest, proof, sealed))

    def _meters(self, home: int, public: bytes) -> list[ReleasedMeter]:
        """Day keys of the meters that were adopted with an older key of the home; nothing of later ones."""
        parts = self._parts
        enrols = [e for _, e, _ in self._memory.enrolments.values() if e.home == home and e.household_pk != public]
        with parts.store.read() as tx:
            rows = tx.members.rows(np.array([e.pid for e in enrols], np.uint64))
        enrols = [e for e, row in zip(enrols, rows.tolist(), strict=True) if row >= 0]
        rows = rows[rows >= 0]
        parts.keys.advance(int(parts.clock.now()) // DAY_S)
        held: list[list[tuple[int, bytes]]] = [[] for _ in enrols]
        for day in parts.keys.days:
            keys = parts.keys.day_keys(day)[:, rows]
            for at in np.flatnonzero(keys.any(axis=(0, 2))).tolist():
                held[at].append((day, keys[:, at].tobytes()))
        return [
            ReleasedMeter(e.pid, e.d0, e.registers, e.meter_pk, [day for day, _ in some], b"".join(k for _, k in some))
            for e, some in zip(enrols, held, strict=True)
        ]
