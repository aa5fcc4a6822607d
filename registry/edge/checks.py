"""Whether what contributors say is true: which results are checked, and what comes of checks.

Of each delivery some results are drawn once it is complete, so nobody can know which; they are fetched and measured
here as if nobody had. The bounds that follow are in docs/edge.md.
"""

import math
from collections.abc import Sequence
from random import Random, SystemRandom

from exhibit.sentences import Sentence
from registry.edge.contributors import throw_out
from registry.models import UNFINISHED, Contributor

NEW, NEW_SHARE = 20, 10
"""Until so many were checked, so many of a hundred results are checked at least."""
SUSPECT_SHARE = 50
"""The same while more checks were wrong than right since."""
MAX_SUSPICION = 8
"""So many wrong checks without as many right ones throw a contributor out."""
CHANCE = SystemRandom()
MAX_OPEN = 4
"""Checks under way with which a contributor gets more to do; one that is new or suspected waits for all of its own."""
FALSE = Sentence("The same bytes measure otherwise than it says.")
DIFFER = Sentence("Far too often other pictures came than it says.")


def draw(contributor: Contributor, results: Sequence[int], share: int, chance: Random = CHANCE) -> list[int]:
    """Draw those of a delivery's results that are checked: at least one, and so many of a hundred."""
    least = SUSPECT_SHARE if contributor.suspicion else NEW_SHARE if contributor.checked < NEW else share
    count = math.ceil(len(results) * max(share, least) / 100)
    return chance.sample(results, count)


def may_go_on(contributor: Contributor) -> bool:
    """Whether a contributor gets more to do, or has to wait until its results are checked."""
    proven = contributor.checked >= NEW and not contributor.suspicion
    return contributor.results.filter(drawn=True, state__in=UNFINISHED).count() < (MAX_OPEN if proven else 1)


def judge(contributor: Contributor, *, right: int = 0, wrong: int = 0, false: bool = False) -> bool:
    """Count checks of a contributor that this transaction holds; says whether it was thrown out for them."""
    contributor.checked += right + wrong
    contributor.wrong += wrong
    contributor.suspicion = max(0, contributor.suspicion + wrong - right)
    contributor.save(update_fields=["checked", "wrong", "suspicion"])
    guilty = false or contributor.suspicion >= MAX_SUSPICION
    if guilty:
        throw_out(contributor, by="", reason=FALSE if false else DIFFER, drop=True)
    return guilty
