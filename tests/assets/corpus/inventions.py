"""Changes of a sealed and timestamped bundle that a forger may try, by family, with the checks that detect each.

The forger holds the pinned keys of owner, log and authority: see :mod:`tests.assets.corpus.deceit`. A change that no
check detects is listed as well, with an empty list of checks; the benchmarks count those. A check marked with a
question mark runs only in the command.
"""

from tests.assets.corpus.invented_facts import OWNER, PICTURES, SIGHTINGS, WORKS
from tests.assets.corpus.invented_findings import DECISIONS, MATCHES, VISITS
from tests.assets.corpus.invented_proofs import BAGS, LOGGED, RECEIPTS, SIGNED, TRUSTED

FAMILIES = {
    "owner and party": OWNER,
    "the work as declared": WORKS,
    "pictures and drawings": PICTURES,
    "sightings and slices": SIGHTINGS,
    "matches": MATCHES,
    "visits and the sheet": VISITS,
    "what was said": DECISIONS,
    "the log": LOGGED,
    "receipts": RECEIPTS,
    "key, signature and manifest": SIGNED,
    "the bag": BAGS,
    "whom one trusts": TRUSTED,
}
