"""MDMS, the Meter Data Management System: the only place where a total or a bill's number comes to light.

Runs at: the platform
Sees: totals of at least 15 homes, each home's band sums of a billing period, counts of what is missing
Never sees: a reading, a load curve of a home, a key
In: BlindSums from pes, Sums from keyholder
Out: Total, Fact, Question, Alarm, Publication
"""

from quietgrid.mdms.asking import bills_question, event_question, halves_question, totals_questions
from quietgrid.mdms.opening import Answer, LiarError, open_sealed, open_sums
from quietgrid.mdms.recording import facts_of, total_of

__all__ = [
    "Answer", "LiarError", "bills_question", "event_question", "facts_of", "halves_question", "open_sealed",
    "open_sums", "total_of", "totals_questions",
]  # fmt: skip
