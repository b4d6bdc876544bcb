"""Everything that is kept: SQLite (default) or PostgreSQL, SQLAlchemy Core, one file per stage. SQL lives only here.

Four kinds of database, each in a file of its own, because each belongs to another body:

    open_platform(url, clock)   PlatformStore    segments log jobs registry answers billing people postings
    open_keyholder(url, clock)  KeyholderStore   members votes ledger
    open_fleet(url, clock)      FleetStore       meters
    open_vault(url, clock)      VaultStore       household

`url` is an SQLAlchemy address (``sqlite:////path/file.db``, ``postgresql+psycopg://...``) or the path of an SQLite
file, created with mode 0600. Opening runs the migrations.

    with store.begin() as tx:   # the one writer; commits (fsync) on leaving, rolls back on an exception
        tx.segments.write(...)
        tx.log.append("ops", "bill.issue", "home 7", {"period": 3})
    with store.read() as tx:    # a snapshot, any number at once
        tx.segments.read(...)

Transactions do not nest. Methods take and return plain values and NumPy columns; no SQLAlchemy object leaves this room.
*Put* methods are idempotent by primary key: the same body again is a no-op, another body raises `ConflictError`.
Lookups of one thing raise `NotFoundError`. pids and homes are unsigned 64-bit. `slot` is an absolute slot; `day` a UTC
day; `at` Unix seconds from the clock given at opening. `signed` is an encoded `Signed` envelope, `hash` its 32 bytes.

Platform
    tx.segments (segments.py): ciphertexts by position; `row` = a meter's place in enrolment order
        add_batch(receipt: bytes, root: bytes, size: int) -> int
        write(batch: int, parts: Sequence[Part]) -> None
        read(cut: Cut, n_rows, version: int16 [n_rows, slots] | None = None) -> Cells(ciphertext u64, version i16; -1 absent)
        presence(cut: Cut, n_rows) -> int16 [n_rows, slots], latest version, -1 absent
        accepted(cut: Cut, n_rows) -> float64 [n_rows, slots], first accepted at, inf absent
        heads(day, resolution, row_first=0, row_end=None) -> list[HeadRow]
        frames(row, day) -> list[StoredFrame]
        days() -> list[tuple[int, int]]   (day, resolution) held        erase(row) -> int
        receipt(batch) -> tuple[bytes, float]
        Cut(day, register, resolution)
        Part(day, resolution, registers, version, first, rows i64 [n], seqs u64 [n], macs u8 [n,16], index i64 [n], words u64 [n, regs, count])
    tx.log (log.py): append(actor, action, subject, detail: dict) -> LogEntry; head() -> (seq, hash); verify() -> (seq, hash);
        entries(after=0, limit=100, action="", subject="") -> list[LogEntry]   newest last; latest(limit) newest first
    tx.jobs (jobs.py): put(key, kind, due, payload: dict) -> bool; lease(worker, seconds, kind="", limit=1) -> list[Job];
        renew(key, worker, seconds); done(key, worker, result: dict); retry(key, worker, due, error: str); get(key) -> Job;
        counts() -> dict[str, int]; failed(limit) -> list[Job]
    tx.registry (registry.py):
        put_party(Party, joined: int); move_out(home, left: int); party(home) -> PartyRow; parties(left=False) -> list[PartyRow]
        set_tariff(home, tariff)
        add_meter(MeterRow without row) -> int (row); meter(pid) -> MeterRow; meters() -> Meters (columns by row)
        meters_of(home) -> list[MeterRow]; retire_meter(pid, day); put_ack(pid, keyholder, signed) -> int (acks now); acks(pid)
        put_members(epoch, revision, hash, signed); members(epoch, revision=None) -> bytes; all_members() -> list[bytes]
        put_endorsement(members_hash, keyholder, signed); endorsements(members_hash) -> dict[int, bytes]
        put_tariff(name, version, valid_from: int day, body: dict); tariff(name, day) -> TariffRow; tariffs() -> list[TariffRow]
        put_book(epoch, leaf, first, end, hash, signed); books(first=None) -> list[bytes]; book(leaf, slot) -> bytes
        put_prices(feed, resolution, first, values i64 [t], hash, signed); prices(feed, Window) -> (i64 [t], bool [t])
        price_messages(feed="") -> list[bytes]
        put_key(pid, k_mac); keys() -> (pids u64 [n], k_mac uint8 [n, 32]); drop_key(pid)
    tx.documents (documents.py; also in keyholder, fleet and vault stores): anything small with a name
        put(kind, key, body: bytes) -> bool (new); replace(kind, key, body); get(kind, key) -> bytes; find(kind, key) -> bytes | None;
        all(kind) -> dict[str, bytes]; drop(kind, key)
    tx.answers (answers.py):
        put_close(CloseRow); close(hash) -> CloseRow; closes(leaf, first, end) -> list[CloseRow]; last_close(leaf) -> int (end slot)
        put_vote(subject, keyholder, signed); votes(subject) -> dict[int, bytes]
        put_question(QuestionRow); question(hash) -> QuestionRow; unanswered(kind="") -> list[QuestionRow]
        put_sums(question, keyholder, signed); sums(question) -> dict[int, bytes]
        put_answer(question, status, body, digests: list[bytes]); answer(question) -> AnswerRow; confirm(question, status)
        provisional() -> list[bytes]
        put_total(Total, question); total(node, Quantity, Window) -> Total; nodes() -> list[str]
        put_facts(Sequence[Fact], question); facts(home=None, first=None, end=None) -> list[Fact]
        put_late(LateCells columns); late(leaf, first, end, open_only=True) -> LateCells; enter_late(LateCells, close hash)
    tx.billing (billing.py): put(Sequence[BillRow]); bill(home, first, end, version=None) -> BillRow;
        bills(home=None, first=None, status="") -> list[BillRow]; set_status(keys, status, by); periods() -> list[(first, end)]
    tx.people (people.py):
        add_account(Account); account(id) -> Account; account_named(name) -> Account; accounts() -> list[Account]
        set_password(id, password_hash); disable(id)
        add_link(token_hash, account, expires); use_link(token_hash) -> account id (once)
        add_session(token_hash, account, expires); session(token_hash) -> Account; end_session(token_hash)
        add_api_key(key_hash, account, name, scopes, expires); api_key(key_hash) -> (Account, scopes); revoke_api_key(key_hash)
        api_keys(account) -> list[ApiKey]; sweep() -> int
    tx.postings (postings.py): post(Sequence[PostingRow]) -> int new; balance(account) -> int; statement(account, after, limit)

Keyholder
    tx.members (keyholder.py):
        put_enrolment(pid, home, hash, signed, ack) -> int (row, order of enrolment); enrolment(pid) -> EnrolmentRow
        enrolments() -> list[EnrolmentRow]; rows(pids u64 [n]) -> int64 [n]; forget(pid)   erasure
        put_members(epoch, revision, hash, signed); members(epoch, revision=None) -> bytes; members_by_hash(hash) -> bytes
        all_members() -> list[bytes]; put_endorsement(members_hash, keyholder, signed); endorsements(members_hash)
        put_book(epoch, leaf, first, end, hash, signed); book(leaf, slot) -> bytes; books() -> list[bytes]
        put_prices(...) and prices(...) as in the platform's registry
        put_consent(home, subject, recipient, expires, hash, signed); consents(subject) -> list[ConsentRow]; revoke_consent(...)
        block_leaf(leaf, reason); clear_leaf(leaf, signed); blocked() -> dict[int, str]
        put_omission(home, pids u64 [m], slots i64 [m]) -> int new; omissions(home, first, end) -> int
    tx.votes (votes.py): what this keyholder has bound itself to; everything here is final
        put_close(CloseRow); close(hash) -> CloseRow; closes(leaf, first, end) -> list[CloseRow]
        vote_close(leaf, first, end, subject, signed)      one row per (leaf, slot); another subject on any slot: ConflictError
        vote_late(leaf, first, vector, pids u64 [m], slots i64 [m], subject, signed)   one row per cell and vector
        vote_batch(leaf, first, kind, subject, signed)     one batch per leaf and period and kind
        voted(subject) -> bytes | None                     own signed vote
        voted_slots(leaf, first, end) -> list[bytes | None]   subject hash of each slot
        late_cells(leaf, first, vector) -> (pids u64, slots i64); batch(leaf, first, kind) -> bytes | None
        put_peer_vote(keyholder, subject, signed); peer_votes(subject) -> dict[int, bytes]
        put_release(question, subjects, sums_signed) ; release(question) -> bytes | None
        put_fault(leaf, first, end, first_signed, second_signed); faults() -> list[FaultRow]
    tx.ledger (ledger.py): hash chain h_n = SHA-256("qg1 ledger" | h_n-1 | SHA-256(salt | body))
        append(kind, home | None, salt, body) -> LedgerEntry; append_many(list) -> list[LedgerEntry]; head() -> (seq, hash)
        verify() -> (seq, hash); entries(after=0, limit=1000, home=None, kind="") -> list[LedgerEntry]
        erase_home(home) -> int   drops body, salt and key; the chain still verifies
        put_key(home, key); key(home) -> bytes; drop_key(home)
        put_peer_head(keyholder, seq, hash); peer_head(keyholder) -> (seq, hash)
        put_peer_entries(keyholder, first_seq, entries: list[bytes]); peer_entries(keyholder, after) -> list[bytes]

Fleet (simulated or real meters of one process)
    tx.meters (meter.py):
        add(pids u64 [n], state: list[bytes]); pids() -> u64 [n]; state(pids) -> list[bytes]; set_state(pids, list[bytes])
        marks(pids) -> Marks(seq u64 [n], high_water i64 [n, 3])
        commit(Sealed columns: pids, seqs, registers, first, end, version, frames) -> None   SingleUseError if a mark would go back
        outbox(limit=None) -> list[(pid, seq, frame)] not yet receipted, oldest first
        receipted(signed, accepted_at, [(pid, seq, index)]) -> None
        frames(pid, day) -> list[FrameRow]   with receipt (signed, index); receipt_frames(receipt) -> list[hash]
        corrections(day_from, slots...) none: the meter decides; prune(before_day) -> int
        put_day(pid, day, signed); day(pid, day) -> bytes

Vault (one database per household process; a demo's process may hold many homes)
    tx.household (household.py):
        add_home(home, seed: bytes, settings: dict); home(home) -> HomeRow; homes() -> list[int]; set_settings(home, dict)
        put_roots(home, pid, d0, roots: bytes 96); roots(home) -> list[RootRow]; erase(home) -> None
        put_consent(home, subject, recipient, expires, signed); consents(home) -> list[ConsentRow]
        put_receipt_head(pid, hash, accepted_at, size); receipt_head(pid)
        put_seen(home, keyholder, seq, hash)   newest ledger head this household has checked; seen(home, keyholder)
"""
