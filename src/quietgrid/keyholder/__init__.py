"""Keyholder: adds up masks behind the privacy gate, and writes down everything it let open.

Runs at: one of three separate bodies: household association, grid operator's privacy office, regulator
Sees: two of a meter's three mask keys, closes, questions, opened answers, the peers' votes
Never sees: readings, the third key, ciphertexts (but in suite 2 the one that decrypts sees them)
In: Enrol from meter, Members from registry, Close from pes, Question from mdms, Alarm from mdms, Consent from household
Out: Vote, Sums, Ledger, Release
"""

from quietgrid.keyholder.decrypting import Decryption
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.service import Keyholder

__all__ = ["Decryption", "Keyholder", "Parts"]
