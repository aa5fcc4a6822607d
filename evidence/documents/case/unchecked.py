"""Sentences on unchecked facts of a case, including quoted sentences of the installation."""

from evidence.documents.phrases import list_operator_sentences
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import CaseFacts

MAX_OWN_SENTENCES = 20
"""Maximum number of the installation's own sentences in a document; the attached data has them all."""


def list_own_unchecked_sentences(facts: CaseFacts, wording: Wording) -> tuple[str, ...]:
    """Return the sentences on unchecked facts of this case, for a document in one language."""
    sentences = list_operator_sentences(facts.not_checked)
    quoted_sentences = [wording.quote_text(sentence) for sentence in sentences[:MAX_OWN_SENTENCES]]
    omission_note = (
        [wording.render("document.listed_of", shown=MAX_OWN_SENTENCES, all=len(sentences))]
        if len(sentences) > MAX_OWN_SENTENCES
        else []
    )
    return (*quoted_sentences, *omission_note)
