"""Sentences on what was not checked: conclusions from a case's facts, and the installation's own sentences, quoted."""

from evidence.documents.phrases import own_unchecked
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import CaseFacts

MAX_OWN = 20
"""Limit of the installation's own sentences in a document; the attached data has them all."""


def own_sentences(facts: CaseFacts, wording: Wording) -> tuple[str, ...]:
    """Return the sentences on what was not checked about this case in particular, for a document in one language."""
    own = own_unchecked(facts.not_checked)
    quoted = [wording.quoted(sentence) for sentence in own[:MAX_OWN]]
    omitted = [wording.say("document.listed_of", shown=MAX_OWN, all=len(own))] if len(own) > MAX_OWN else []
    return (*quoted, *omitted)
