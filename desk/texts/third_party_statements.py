"""Third-party statements of when a picture was at a URL, worded as in documents, in the reader's language."""

from collections.abc import Sequence

from django.utils.translation import get_language

from evidence.documents.case.sections import list_third_party_lines
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import ThirdPartyStatementFacts


def describe_statements(facts: Sequence[ThirdPartyStatementFacts]) -> list[tuple[str, str]]:
    """Return each distinct statement as (sentence, URL where it can be checked). The URL may be empty."""
    return list_third_party_lines(facts, _load_wording())


def get_unverified_note() -> str:
    """Return a note that names the sources of these statements and says that they were not verified."""
    return _load_wording().render("elsewhere.unchecked")


def _load_wording() -> Wording:
    return Wording(load_phrases("zh-Hans" if (get_language() or "").startswith("zh") else "en"))
