"""What others state of when a picture was at a place, as documents say it, in the reader's language."""

from collections.abc import Sequence

from django.utils.translation import get_language

from evidence.documents.case.sections import elsewhere_lines
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.facts.case import ElsewhereFacts


def elsewhere_in_words(told: Sequence[ElsewhereFacts]) -> list[tuple[str, str]]:
    """Each statement in a sentence, once, with the address at which it can be looked up, if there is one."""
    return elsewhere_lines(told, _wording())


def unchecked_in_words() -> str:
    """Whose word that is, and what nobody checked of it."""
    return _wording().say("elsewhere.unchecked")


def _wording() -> Wording:
    return Wording(load_phrases("zh-Hans" if (get_language() or "").startswith("zh") else "en"))
