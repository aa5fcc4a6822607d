"""Software inputs of documents and drawings: the same inputs give the same output."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

import typst
from PIL import features

from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import LANGUAGES, RenderingEnvironmentFacts
from exhibit.digests import Digest

LIBRARIES = ("typst", "pillow", "numpy", "opencv-python-headless", "segno")
SOURCE_SUFFIXES = frozenset({".py", ".typ", ".toml", ".json"})
OTHER_SOURCES = ("facts/field_origins.py", "facts/shipped.py", "formats/pdf_content.py")
"""Modules outside this package that change what a document contains."""
SAMPLE_TEXT = "Ab9 雪国の冬 국어 ضوء אור प्रकाश আলো ஒளி แสง ☃ ♞ ∮ 𝔸 😀"
"""Characters of each script, for which different fonts may be chosen."""


@cache
def describe_environment(time_zone: str) -> RenderingEnvironmentFacts:
    """Describe the inputs: time zone, versions of libraries, and one digest of Exhibit's document sources and fonts."""
    versions = (*((name, version(name)) for name in LIBRARIES), ("jpeg", str(features.version("jpg"))))
    return RenderingEnvironmentFacts(time_zone, versions, _compute_sources_digest())


@cache
def _compute_sources_digest() -> Digest:
    """Compute the digest of the sources, and of a sample text in the fonts of each language."""
    folder, sources_hash = Path(__file__).parent, hashlib.sha256()
    for path in sorted([*folder.rglob("*"), *(folder.parent / name for name in OTHER_SOURCES)]):
        if path.suffix in SOURCE_SUFFIXES:
            sources_hash.update(f"{path.relative_to(folder.parent).as_posix()}\n".encode() + path.read_bytes())
    fonts = load_fonts()
    for language in filter(fonts.can_typeset, LANGUAGES):
        fonts_json = json.dumps(fonts.get_families(language)["text"], ensure_ascii=False)
        source = f"#set text(font: json(bytes({json.dumps(fonts_json, ensure_ascii=False)})))\n{SAMPLE_TEXT}"
        sources_hash.update(typst.compile(source.encode(), font_paths=fonts.handle, format="pdf", timestamp=0))
    return Digest(sources_hash.digest())
