"""Sentences that rows and sealed facts hold in English, said in a document's language.

What is sealed stays as it was written. A document in another language recognises such a sentence by the English
catalogue's group ``spoken``, which has a name wherever a value stands, and says it by its own. Several may follow each
other; what no phrase fits, such as a person's own words, stays as it is.
"""

import re
from functools import cache

from evidence.documents.phrases import Phrases, load_phrases

ORIGINAL = "en"
_GROUP = "spoken."
_NAME = re.compile(r"\{(\w+)\}")


def told(text: str, phrases: Phrases) -> str:
    """The sentences of a text in the language of the phrases."""
    if phrases.language == ORIGINAL:
        return text
    found: list[str] = []
    left = text
    while left:
        fits = [(match, key) for pattern, key in _patterns() if (match := pattern.match(left)) is not None]
        if not fits:
            return " ".join((*found, left)) if found else text
        match, key = max(fits, key=lambda fit: (fit[0].end(), -sum(map(len, fit[0].groups()))))
        found.append(phrases.say(key, **{name: told(value, phrases) for name, value in match.groupdict().items()}))
        left = left[match.end() :].lstrip()
    return "".join(found)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    english = load_phrases(ORIGINAL).sentences
    keys = sorted(key for key in english if key.startswith(_GROUP))
    return tuple((re.compile(_pattern(english[key]), re.DOTALL), key) for key in keys)


def _pattern(phrase: str) -> str:
    """A phrase as an expression: a value ends where what follows it stands first; a word ends the phrase.

    Nothing is tried again: where that place doesn't fit, no later one would.
    """
    first, *rest = _NAME.split(phrase)
    values = [f"(?P<{name}>.+?)" + re.escape(after) for name, after in zip(rest[::2], rest[1::2], strict=True)]
    *values, last = [re.escape(first), *values]
    return "".join(f"(?>{part})" for part in (*values, last + r"(?=\s|$)"))
