"""Tariffs to bills and their proofs, from band sums alone.

Runs at: platform
Sees: opened band sums per home and period, counts of cells, published prices, names and addresses on invoices
Never sees: a reading, a load curve, a key, a mask
In: Fact from mdms, Tariff from registry, Signal, DayRecord from meter
Out: Bill, Posting, Book
"""

from quietgrid.billing.bill import Bill, BilledFact, Line, LineKind, VatLine
from quietgrid.billing.bills import BillTable, price
from quietgrid.billing.books import book_for_leaf
from quietgrid.billing.defaults import default_tariffs
from quietgrid.billing.postings import balances, postings
from quietgrid.billing.proof import BillProof, open_records, prove, verify
from quietgrid.billing.real_time import FeedPrices, feed_prices
from quietgrid.billing.true_up import true_up, true_ups
from quietgrid.billing.usage import Usage, split_late, usage_of, usage_of_bill

__all__ = [
    "Bill", "BillProof", "BillTable", "BilledFact", "FeedPrices", "Line", "LineKind", "Usage", "VatLine", "balances",
    "book_for_leaf", "default_tariffs", "feed_prices", "open_records", "postings", "price", "prove", "split_late",
    "true_up", "true_ups", "usage_of", "usage_of_bill", "verify",
]  # fmt: skip
