"""What was not checked of a case: what follows from its facts, and what the installation wrote besides, quoted."""

from evidence.documents.phrases import own_unchecked
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import CaseFacts

MAX_OWN = 20
"""Sentences of the installation's own that a document shows; the attached data holds them all."""


def own_sentences(facts: CaseFacts, wording: Wording) -> tuple[str, ...]:
    """The sentences on what was not checked of this case alone, for a document in one language."""
    own = own_unchecked(facts.not_checked)
    quoted = [wording.quoted(sentence) for sentence in own[:MAX_OWN]]
    left = [wording.say("document.listed_of", shown=MAX_OWN, all=len(own))] if len(own) > MAX_OWN else []
    return (*quoted, *left)
