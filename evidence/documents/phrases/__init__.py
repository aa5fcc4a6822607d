"""The phrase catalogues.

Every sentence of the documents, in one folder of TOML files per language with the same keys.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exhibit.errors import InvalidRequestError

CATALOGUE_FOLDER = Path(__file__).parent
STORED_SENTENCES_PREFIX = "spoken."
"""Prefix of sentences that the database and sealed facts store in English; values are named placeholders."""
_NAME = re.compile(r"\{(\w+)\}")
NEVER_CHECKED_KEYS = ("permission", "exceptions", "respondent", "title", "scripts", "elsewhere", "damages")
"""Keys of the sentences on aspects that the software never checks, shared by facts and documents."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language."""

    language: str  # ``en`` or ``zh-Hans``
    sentences: dict[str, str]  # by key, such as ``label.case``, with placeholders in braces

    def render(self, key: str, **values: object) -> str:
        """Return the sentence with its placeholders filled; raises ``KeyError`` for an unknown key or placeholder."""
        return self.sentences[key].format_map(values)

    def find_first(self, name: str, *groups: str) -> str:
        """Return the sentence with this name from the first group that contains it.

        Raises:
            KeyError: No group contains it.
        """
        key = next((key for group in groups if (key := f"{group}.{name}") in self.sentences), f"{groups[-1]}.{name}")
        return self.sentences[key]

    def get_label(self, group: str, name: str) -> str:
        """Return the sentence ``group.name``, or the name itself if the catalogue does not contain that sentence."""
        return self.sentences.get(f"{group}.{name}", name)

    def translate(self, text: str) -> str:
        """Translate generated English sentences into this language. Sealed text itself is not changed.

        The text may consist of several sentences. Parts that match no phrase, such as text written by a user, stay
        unchanged.
        """
        sentences: list[str] = []
        rest = text
        while rest:
            candidates = [
                (match, key) for pattern, key in _compile_patterns(self.language) if (match := pattern.match(rest))
            ]
            if not candidates:
                return " ".join((*sentences, rest)) if sentences else text
            match, key = max(candidates, key=lambda fit: (fit[0].end(), -sum(map(len, fit[0].groups()))))
            sentences.append(
                self.render(key, **{name: self.translate(value) for name, value in match.groupdict().items()})
            )
            rest = rest[match.end() :].lstrip()
        return "".join(sentences)


def list_languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(path.parent.name for path in CATALOGUE_FOLDER.glob("*/common.toml")))


@cache
def load_phrases(language: str) -> Phrases:
    """Return the catalogue of a language; raises ``InvalidRequestError`` if there is none."""
    if language not in list_languages():
        hint = f"Choose one of: {', '.join(list_languages())}."
        raise InvalidRequestError(f"Documents cannot be generated in the language {language!r}.", hint=hint)
    sentences: dict[str, str] = {}
    for path in sorted((CATALOGUE_FOLDER / language).glob("*.toml")):
        groups = tomllib.loads(path.read_text(encoding="utf-8"))
        sentences |= {f"{group}.{key}": text for group, keys in groups.items() for key, text in keys.items()}
    return Phrases(language, sentences)


def list_never_checked_sentences(language: str) -> tuple[str, ...]:
    """Return the sentences on aspects that are never checked.

    Raises ``InvalidRequestError`` for an unknown language.
    """
    return tuple(load_phrases(language).render(f"unchecked.{key}") for key in NEVER_CHECKED_KEYS)


def list_operator_sentences(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences that the operator wrote: those that are in no catalogue."""
    never_checked = {sentence for language in list_languages() for sentence in list_never_checked_sentences(language)}
    return tuple(sentence for sentence in sentences if sentence not in never_checked)


@cache
def _compile_patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    keys = [key for key in load_phrases(language).sentences if key.startswith(STORED_SENTENCES_PREFIX)]
    return tuple(
        (re.compile(_build_pattern(key.removeprefix(STORED_SENTENCES_PREFIX)), re.DOTALL), key) for key in keys
    )


def _build_pattern(phrase: str) -> str:
    """Convert a phrase to a regular expression.

    A value ends at the first occurrence of the text that follows it, and the phrase ends at the end of a word. Groups
    are atomic: if the first occurrence does not match, no later occurrence would.
    """
    first, *rest = _NAME.split(phrase)
    values = [f"(?P<{name}>.+?)" + re.escape(after) for name, after in zip(rest[::2], rest[1::2], strict=True)]
    *values, last = [re.escape(first), *values]
    return "".join(f"(?>{part})" for part in (*values, last + r"(?=\s|$)"))
