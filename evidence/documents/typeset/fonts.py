"""Fonts of documents: those inside typst for Latin, Greek and Cyrillic, and the machine's for other scripts.

The list is explicit and in a fixed order, so that a machine always gives the same bytes, and English documents look the
same on every machine.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typst

from exhibit.errors import ServiceMissingError
from exhibit.sentences import Sentence

_FAMILIES = tomllib.loads(Path(__file__).with_name("fonts.toml").read_text("utf-8"))
TEXT, MONO = str(_FAMILIES["text"]), str(_FAMILIES["mono"])
CHINESE, OTHER_SCRIPTS = tuple(_FAMILIES["chinese"]), tuple(_FAMILIES["other_scripts"])
_NO_CHINESE = Sentence("The document cannot be generated in Chinese because no font with Chinese characters was found.")
_INSTALL = Sentence(
    "Install a font, for example with `apt-get install fonts-noto-cjk`, or request the English document."
)


@dataclass(frozen=True, slots=True)
class FontSet:
    """The available fonts."""

    families: frozenset[str]  # names of all families, typst's own and the machine's
    handle: typst.Fonts

    @property
    def chinese(self) -> tuple[str, ...]:
        """Available families with simplified Chinese, best first."""
        return tuple(name for name in CHINESE if name in self.families)

    def can_set(self, language: str) -> bool:
        """Return True if the fonts that the language needs are available."""
        return bool(self.chinese) or not language.startswith("zh")

    def for_language(self, language: str) -> dict[str, list[Any]]:
        """Return font lists ``text`` and ``mono`` for typst.

        Raises ``ServiceMissingError`` for Chinese without a font.
        """
        if not self.can_set(language):
            raise ServiceMissingError(_NO_CHINESE, hint=_INSTALL, retry=False)
        rest = [*self.chinese, *(name for name in OTHER_SCRIPTS if name in self.families)]
        if not language.startswith("zh"):
            return {"text": [TEXT, *rest], "mono": [MONO, *rest]}
        return {"text": [{"name": TEXT, "covers": "latin-in-cjk"}, *rest, TEXT], "mono": [MONO, *rest]}


@cache
def installed_fonts() -> FontSet:
    """Return typst's own fonts and the machine's, searched once per process."""
    handle = typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)
    return FontSet(frozenset(handle.families()), handle)
