"""Sentences that rows and errors carry, said in the reader's language.

Below the desk they are English. An error carries its template and values; rows keep the text alone, which is recognised
by the templates of the catalogue, each with a name wherever a value stands. Several may follow each other; what none of
them fits, such as a person's own words, is shown as it is.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import get_language, pgettext
from django.utils.translation.trans_real import translation

from exhibit.errors import ExhibitError
from exhibit.sentences import CONTEXT, Sentence
from registry.cases.history import joined

_NAME = re.compile(r"%\((\w+)\)s")
_FIRST = r"\S+?|[^.!?]+?"
_PIECE = re.compile(r"[a-z][^%]*[a-z]")
"""What stands only inside other sentences, as a value."""


def in_words(said: object) -> str:
    """A sentence, or an error with its hint, in the reader's language."""
    language = get_language() or "en"
    if language.startswith("en"):
        return str(said)
    text = said if isinstance(said, str) else str(said)
    parts = (said.message, said.hint) if isinstance(said, ExhibitError) else (text,)
    return joined(
        _filled(part.template, part.values) if isinstance(part, Sentence) else _recognised(part, language)
        for part in parts
    )


def _recognised(text: str, language: str) -> str:
    found = _found_in(text, language)
    return joined(template if values is None else _filled(template, dict(values)) for template, values in found)


def _filled(template: str, values: Mapping[str, object]) -> str:
    said = pgettext(CONTEXT, template)
    named = {name: value if isinstance(value, Sentence) else Sentence(str(value)) for name, value in values.items()}
    return said % {name: _filled(value.template, value.values) for name, value in named.items()} if values else said


@lru_cache(maxsize=4096)
def _found_in(text: str, language: str) -> tuple[tuple[str, tuple[tuple[str, str], ...] | None], ...]:
    """The templates that follow each other in a text, each with its values; the last may be what none of them fits."""
    found: list[tuple[str, tuple[tuple[str, str], ...] | None]] = []
    while text:
        fits = [(match, known) for pattern, known in _patterns(language) if (match := pattern.match(text)) is not None]
        if not fits:
            return (*found, (text, None))
        match, template = max(fits, key=lambda one: (one[0].end(), -len(one[0].groups())))
        found.append((template, tuple(match.groupdict().items())))
        text = text[match.end() :].lstrip()
    return tuple(found)


@lru_cache(maxsize=8)
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    keys = vars(translation(language))["_catalog"].keys()  # as Django's own view of a catalogue reads it
    said = (key.partition("\x04") for key in keys if isinstance(key, str))
    known = {template for context, _, template in said if context == CONTEXT and not _PIECE.fullmatch(template)}
    return tuple((re.compile(_pattern(template) + r"(?=\s|$)"), template) for template in sorted(known))


def _pattern(template: str) -> str:
    """A template as an expression: a value ends where what follows it begins, and a first one with its sentence."""
    first, *rest = _NAME.split(template)
    found = re.escape(first)
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        found += f"(?P<{name}>{'.+?' if found else _FIRST})" + re.escape(after)
    return found
