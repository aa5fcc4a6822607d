"""The phrase catalogues.

Every sentence of the documents, in one folder of TOML files per language with the same keys.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exhibit.errors import WrongUseError

FOLDER = Path(__file__).parent
SPOKEN = "spoken."
"""Group of sentences that rows and sealed facts have in English; values are named placeholders."""
_NAME = re.compile(r"\{(\w+)\}")
STANDING = ("permission", "exceptions", "respondent", "title", "scripts", "elsewhere", "damages")
"""What the software never checks, in the words of the catalogues, so that facts and documents use the same."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language."""

    language: str  # ``en`` or ``zh-Hans``
    sentences: dict[str, str]  # by key, such as ``label.case``, with placeholders in braces

    def say(self, key: str, **values: object) -> str:
        """Return the sentence with its placeholders filled; raises ``KeyError`` for an unknown key or placeholder."""
        return self.sentences[key].format_map(values)

    def first(self, name: str, *groups: str) -> str:
        """Return the sentence of this name in the first group that has it; raises ``KeyError`` if none has."""
        key = next((key for group in groups if (key := f"{group}.{name}") in self.sentences), f"{groups[-1]}.{name}")
        return self.sentences[key]

    def word(self, group: str, name: str) -> str:
        """Return the sentence ``group.name``, or the name itself if the catalogue does not have it."""
        return self.sentences.get(f"{group}.{name}", name)

    def translate(self, text: str) -> str:
        """Translate English sentences that the software wrote into this language; sealed text itself stays unchanged.

        The text may consist of several sentences; parts that match no phrase, such as a person's own words, stay
        unchanged.
        """
        sentences: list[str] = []
        rest = text
        while rest:
            fits = [(match, key) for pattern, key in _patterns(self.language) if (match := pattern.match(rest))]
            if not fits:
                return " ".join((*sentences, rest)) if sentences else text
            match, key = max(fits, key=lambda fit: (fit[0].end(), -sum(map(len, fit[0].groups()))))
            sentences.append(
                self.say(key, **{name: self.translate(value) for name, value in match.groupdict().items()})
            )
            rest = rest[match.end() :].lstrip()
        return "".join(sentences)


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/common.toml")))


@cache
def load_phrases(language: str) -> Phrases:
    """Return the catalogue of a language; raises ``WrongUseError`` if there is none."""
    if language not in languages():
        hint = f"Choose one of: {', '.join(languages())}."
        raise WrongUseError(f"Documents can't be made in the language {language!r}.", hint=hint)
    sentences: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.toml")):
        groups = tomllib.loads(path.read_text(encoding="utf-8"))
        sentences |= {f"{group}.{key}": text for group, keys in groups.items() for key, text in keys.items()}
    return Phrases(language, sentences)


def standing_unchecked(language: str) -> tuple[str, ...]:
    """Return the sentences on what is never checked; raises ``WrongUseError`` for an unknown language."""
    return tuple(load_phrases(language).say(f"unchecked.{key}") for key in STANDING)


def own_unchecked(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences on what was not checked that are in no catalogue: an operator's own words."""
    standing = {sentence for language in languages() for sentence in standing_unchecked(language)}
    return tuple(sentence for sentence in sentences if sentence not in standing)


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    keys = [key for key in load_phrases(language).sentences if key.startswith(SPOKEN)]
    return tuple((re.compile(_pattern(key.removeprefix(SPOKEN)), re.DOTALL), key) for key in keys)


def _pattern(phrase: str) -> str:
    """Convert a phrase to a regular expression.

    A value ends at the first occurrence of the text that follows it; the phrase ends at the end of a word. Groups are
    atomic: if the first occurrence does not fit, no later one would.
    """
    first, *rest = _NAME.split(phrase)
    values = [f"(?P<{name}>.+?)" + re.escape(after) for name, after in zip(rest[::2], rest[1::2], strict=True)]
    *values, last = [re.escape(first), *values]
    return "".join(f"(?>{part})" for part in (*values, last + r"(?=\s|$)"))
