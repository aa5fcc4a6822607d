"""Sentences that rows and sealed facts hold in English, said in a document's language.

What is sealed stays as it was written. A document in another language recognises such a sentence by the keys of its
catalogue's group ``spoken``, which have a name wherever a value stands. Several may follow each other; what no phrase
fits, such as a person's own words, stays as it is.
"""

import re
from functools import cache

from evidence.documents.phrases import Phrases, load_phrases

_GROUP = "spoken."
_NAME = re.compile(r"\{(\w+)\}")


def told(text: str, phrases: Phrases) -> str:
    """The sentences of a text in the language of the phrases."""
    found: list[str] = []
    left = text
    while left:
        fits = [(match, key) for pattern, key in _patterns(phrases.language) if (match := pattern.match(left))]
        if not fits:
            return " ".join((*found, left)) if found else text
        match, key = max(fits, key=lambda fit: (fit[0].end(), -sum(map(len, fit[0].groups()))))
        found.append(phrases.say(key, **{name: told(value, phrases) for name, value in match.groupdict().items()}))
        left = left[match.end() :].lstrip()
    return "".join(found)


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    keys = [key for key in load_phrases(language).sentences if key.startswith(_GROUP)]
    return tuple((re.compile(_pattern(key.removeprefix(_GROUP)), re.DOTALL), key) for key in keys)


def _pattern(phrase: str) -> str:
    """A phrase as an expression: a value ends where what follows it stands first; a word ends the phrase.

    Nothing is tried again: where that place doesn't fit, no later one would.
    """
    first, *rest = _NAME.split(phrase)
    values = [f"(?P<{name}>.+?)" + re.escape(after) for name, after in zip(rest[::2], rest[1::2], strict=True)]
    *values, last = [re.escape(first), *values]
    return "".join(f"(?>{part})" for part in (*values, last + r"(?=\s|$)"))
