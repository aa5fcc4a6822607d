"""Changes of a sealed and witnessed bundle that a deceiver may think of, by families, with the checks that name each.

Whoever made them holds the pinned keys of owner, log and authority: see :mod:`tests.assets.corpus.deceit`. A kind that
no check names stands here too, with nothing behind it; the benchmarks count those. A check with a question mark
is made by the command alone.
"""

from tests.assets.corpus.invented_facts import DECLARED, OWNER, PICTURES, SEEN
from tests.assets.corpus.invented_findings import MATCHES, SAID, VISITS
from tests.assets.corpus.invented_proofs import BAGS, LOGGED, RECEIPTS, SIGNED, TRUSTED

FAMILIES = {
    "owner and party": OWNER,
    "the work as declared": DECLARED,
    "pictures and drawings": PICTURES,
    "sightings and slices": SEEN,
    "matches": MATCHES,
    "visits and the sheet": VISITS,
    "what was said": SAID,
    "the log": LOGGED,
    "receipts": RECEIPTS,
    "key, signature and manifest": SIGNED,
    "the bag": BAGS,
    "whom one trusts": TRUSTED,
}
