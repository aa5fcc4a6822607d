"""The catalogues: every sentence of the documents, one folder of TOML files a language, all with the same keys."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exhibit.errors import WrongUseError

FOLDER = Path(__file__).parent
STANDING = ("permission", "exceptions", "respondent", "title", "scripts", "elsewhere", "damages")
"""What the software never checks, in the words of the catalogues, so that facts and documents say it alike."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language."""

    language: str  # ``en`` or ``zh-Hans``
    sentences: dict[str, str]  # by key, such as ``label.case``, with placeholders in braces

    def say(self, key: str, **values: object) -> str:
        """The sentence with its placeholders filled; raises ``KeyError`` for an unknown key or placeholder."""
        return self.sentences[key].format_map(values)

    def first(self, name: str, *groups: str) -> str:
        """The sentence of this name in the first of these groups that has one; raises ``KeyError`` without any."""
        key = next((key for group in groups if (key := f"{group}.{name}") in self.sentences), f"{groups[-1]}.{name}")
        return self.sentences[key]

    def word(self, group: str, name: str) -> str:
        """The sentence ``group.name``, or the name itself when the catalogue doesn't know it."""
        return self.sentences.get(f"{group}.{name}", name)


def languages() -> tuple[str, ...]:
    """The languages that have a catalogue."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/common.toml")))


@cache
def load_phrases(language: str) -> Phrases:
    """The catalogue of a language; ``WrongUseError`` when there is none."""
    if language not in languages():
        hint = f"Choose one of: {', '.join(languages())}."
        raise WrongUseError(f"Documents can't be made in the language {language!r}.", hint=hint)
    sentences: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.toml")):
        groups = tomllib.loads(path.read_text(encoding="utf-8"))
        sentences |= {f"{group}.{key}": text for group, keys in groups.items() for key, text in keys.items()}
    return Phrases(language, sentences)


def standing_unchecked(language: str) -> tuple[str, ...]:
    """The sentences on what no case and no report checks; raises ``WrongUseError`` for an unknown language."""
    return tuple(load_phrases(language).say(f"unchecked.{key}") for key in STANDING)


def own_unchecked(sentences: Sequence[str]) -> tuple[str, ...]:
    """Those of a case's sentences that aren't standing ones, in whichever language they were written."""
    standing = {sentence for language in languages() for sentence in standing_unchecked(language)}
    return tuple(sentence for sentence in sentences if sentence not in standing)
