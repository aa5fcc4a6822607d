"""Inputs of documents and drawings besides facts and pictures: the same inputs give the same output."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

import typst
from PIL import features

from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import LANGUAGES, MadeWithFacts
from exhibit.digests import Digest

LIBRARIES = ("typst", "pillow", "numpy", "opencv-python-headless", "segno")
KINDS = frozenset({".py", ".typ", ".toml", ".json"})
READ_BY_THEM = ("facts/field_origins.py", "facts/shipped.py", "formats/pdf_content.py")  # besides their own sources
SAMPLE = "Ab9 雪国の冬 국어 ضوء אור प्रकाश আলো ஒளி แสง ☃ ♞ ∮ 𝔸 😀"
"""Characters of each script, for which different fonts may be chosen."""


@cache
def made_with(time_zone: str) -> MadeWithFacts:
    """Return the time zone, the versions of libraries, and one digest of Exhibit's document sources and fonts."""
    versions = (*((name, version(name)) for name in LIBRARIES), ("jpeg", str(features.version("jpg"))))
    return MadeWithFacts(time_zone, versions, _documents())


@cache
def _documents() -> Digest:
    """Return the digest of the sources, and of a sample set in the fonts of each language."""
    folder, whole = Path(__file__).parent, hashlib.sha256()
    for path in sorted([*folder.rglob("*"), *(folder.parent / name for name in READ_BY_THEM)]):
        if path.suffix in KINDS:
            whole.update(f"{path.relative_to(folder.parent).as_posix()}\n".encode() + path.read_bytes())
    fonts = installed_fonts()
    for language in filter(fonts.can_set, LANGUAGES):
        fonts_json = json.dumps(fonts.for_language(language)["text"], ensure_ascii=False)
        source = f"#set text(font: json(bytes({json.dumps(fonts_json, ensure_ascii=False)})))\n{SAMPLE}"
        whole.update(typst.compile(source.encode(), font_paths=fonts.handle, format="pdf", timestamp=0))
    return Digest(whole.digest())
