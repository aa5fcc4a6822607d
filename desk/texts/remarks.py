"""Why a match is left to a person, for those who read a page or a terminal."""

from collections.abc import Iterable

from django.utils.translation import get_language, ngettext

from evidence.documents.phrases import load_phrases
from workers.evidence.documents import DOCUMENT_LANGUAGES


def remarks_of(reasons: Iterable[str]) -> list[str]:
    """What a person should know of a match that isn't certain, as documents say it; an unknown reason as it is."""
    phrases = load_phrases(DOCUMENT_LANGUAGES.get(get_language() or "", "en"))
    known = {reason: phrases.word("remark", reason) for reason in reasons}
    end = "." if phrases.language == "en" else "。"
    return [reason if text == reason else f"{text[0].upper()}{text[1:]}{end}" for reason, text in known.items()]


def further_in_words(number: int) -> str:
    """That the work is in the picture so many times more; empty when it isn't."""
    if not number:
        return ""
    words = ngettext("The work is in the picture once more.", "The work is in the picture %(n)d times more.", number)
    return words % {"n": number}
