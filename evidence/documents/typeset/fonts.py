"""Fonts of documents: fonts embedded in typst for Latin, Greek and Cyrillic, and installed fonts for other scripts.

The list is explicit and in a fixed order, so that the output on a machine is reproducible, and English documents look
the same on every machine.
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
TEXT_FAMILY, MONO_FAMILY = str(_FAMILIES["text"]), str(_FAMILIES["mono"])
CHINESE_FAMILIES, OTHER_FAMILIES = tuple(_FAMILIES["chinese"]), tuple(_FAMILIES["other_scripts"])
_NO_CHINESE_FONT = Sentence(
    "The document cannot be generated in Chinese because no font with Chinese characters was found."
)
_INSTALL_HINT = Sentence(
    "Install a font, for example with `apt-get install fonts-noto-cjk`, or request the English document."
)


@dataclass(frozen=True, slots=True)
class FontSet:
    """The available fonts."""

    families: frozenset[str]  # names of all families, embedded in typst or installed
    handle: typst.Fonts

    @property
    def chinese_families(self) -> tuple[str, ...]:
        """Available families with simplified Chinese, in order of preference."""
        return tuple(name for name in CHINESE_FAMILIES if name in self.families)

    def can_typeset(self, language: str) -> bool:
        """Return True if the fonts that the language needs are available."""
        return bool(self.chinese_families) or not language.startswith("zh")

    def get_families(self, language: str) -> dict[str, list[Any]]:
        """Return the font lists ``text`` and ``mono`` for typst.

        Raises:
            ServiceMissingError: The language is Chinese, and no font with Chinese characters is installed.
        """
        if not self.can_typeset(language):
            raise ServiceMissingError(_NO_CHINESE_FONT, hint=_INSTALL_HINT, retry=False)
        rest = [*self.chinese_families, *(name for name in OTHER_FAMILIES if name in self.families)]
        if not language.startswith("zh"):
            return {"text": [TEXT_FAMILY, *rest], "mono": [MONO_FAMILY, *rest]}
        return {
            "text": [{"name": TEXT_FAMILY, "covers": "latin-in-cjk"}, *rest, TEXT_FAMILY],
            "mono": [MONO_FAMILY, *rest],
        }


@cache
def load_fonts() -> FontSet:
    """Return the fonts embedded in typst and the installed fonts, searched once per process."""
    handle = typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)
    return FontSet(frozenset(handle.families()), handle)
