"""Third-party statements of when an image was at a URL, worded as in documents, in the reader's language."""

from collections.abc import Sequence

from django.utils.translation import get_language

from evidence.documents.case.sections import elsewhere_lines
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import ElsewhereFacts


def describe_statements(facts: Sequence[ElsewhereFacts]) -> list[tuple[str, str]]:
    """Return each distinct statement as a sentence, with the URL at which it can be checked, if any."""
    return elsewhere_lines(facts, _wording())


def unchecked_note() -> str:
    """State who made these statements and that nobody verified them."""
    return _wording().say("elsewhere.unchecked")


def _wording() -> Wording:
    return Wording(load_phrases("zh-Hans" if (get_language() or "").startswith("zh") else "en"))
