"""Statements about licences, credits and permissions in a text. They are the site's own claims and are not verified."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path

from crawler.reading.document import normalise_text

MAX_STATEMENTS, MAX_HITS = 5, 200  # statements per text; matches per pattern
CONTEXT_CHARS = 150  # characters shown on each side of a statement


class StatementKind(StrEnum):
    """Kind of statement."""

    CREATIVE_COMMONS = "creative-commons"
    PUBLIC_DOMAIN = "public-domain"
    LICENCE = "licence"
    PERMISSION = "permission"
    RESELLER = "reseller"


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """One statement on a page."""

    what: StatementKind
    name: str  # such as ``BY-SA 4.0``, or the name of a reseller; else empty
    words: str  # plain text with its context
    near: bool  # whether it is beside the image, rather than elsewhere on the page


@dataclass(frozen=True, slots=True)
class PageStatements:
    """Statements of a page, read once and stored."""

    statements: tuple[RightsStatement, ...] = ()
    words: str = ""  # all letters and digits of a page with statements, to search for names
    addresses: tuple[str, ...] = ()  # email addresses in lower case: links first, then those in the text


@cache
def load_resellers() -> dict[str, str]:
    """Return the known licence resellers: names by domain."""
    return dict(tomllib.loads(Path(__file__).with_name("resellers.toml").read_text(encoding="utf-8"))["resellers"])


_TAGS = re.compile(r"^[^<>]*>|<[^<>]*>|<[^<>]*$")
_PATTERNS = {
    StatementKind.CREATIVE_COMMONS: r"creativecommons\.org/licenses/(by(?:-(?:nc|nd|sa)){0,2})\b(?:/(\d\.\d))?"
    r"|\b(?-i:CC[\s-]{0,2}(BY(?:[\s-](?:NC|ND|SA)){0,2}))\b(?:[\s-]{1,3}(\d\.\d))?",
    StatementKind.PUBLIC_DOMAIN: r"creativecommons\.org/publicdomain/|\bCC[\s-]?0\b|\bpublic domain\b"
    r"|公有领域|公共领域",
    StatementKind.LICENCE: r"""\brel\s{0,9}=\s{0,9}["']?[^"'<>]{0,40}\blicense\b"""
    r"""|"(?:license|acquireLicensePage)"\s{0,9}:"""
    r"|\bCreative Commons\b|知识共享",
    StatementKind.PERMISSION: r"\b(?:with|by) (?:kind )?permission\b|\bused under licen[cs]e\b"
    r"|\blicen[cs]ed (?:from|by)\b"
    r"|\bmit freundlicher Genehmigung\b|经[^<>\s]{0,8}授权|已获授权|授权使用",
    StatementKind.RESELLER: rf"(?<![a-z])({'|'.join(map(re.escape, load_resellers().values()))})(?![a-z])",
}
_COMPILED_PATTERNS = {what: re.compile(pattern, re.IGNORECASE) for what, pattern in _PATTERNS.items()}


def find_statements(text: str, is_near: Callable[[int], bool | None] = lambda _at: True) -> list[RightsStatement]:
    """Return the statements of a text, those beside the image first.

    Args:
        text: Text or markup to search.
        is_near: Returns True if a position in the text is about the image, ``None`` if it is about another one.
    """
    statements: dict[tuple[StatementKind, str], RightsStatement] = {}
    for kind, pattern in _COMPILED_PATTERNS.items():
        hits = ((hit, is_near(hit.start())) for hit in islice(pattern.finditer(text), MAX_HITS))
        for hit, is_beside in ((hit, is_beside) for hit, is_beside in hits if is_beside is not None):
            name = re.sub(r"(?<=\w)\s(?=[A-Z])", "-", " ".join(filter(None, hit.groups())).upper())
            if kind is StatementKind.RESELLER:
                name = next(reseller for reseller in load_resellers().values() if reseller.upper() == hit[1].upper())
            known = statements.get((kind, name))
            if known is None or (is_beside and not known.near):
                statements[kind, name] = RightsStatement(kind, name, _quote_context(text, hit), is_beside)
    if any(kind is StatementKind.CREATIVE_COMMONS for kind, _name in statements):
        statements.pop((StatementKind.LICENCE, ""), None)  # the same statement, less exact
    return sorted(statements.values(), key=lambda statement: not statement.near)[:MAX_STATEMENTS]


def remove_tags(text: str) -> str:
    """Return the text of a piece of markup without its tags."""
    return _TAGS.sub(" ", text)


def _quote_context(text: str, hit: re.Match[str]) -> str:
    window = text[max(0, hit.start() - CONTEXT_CHARS) : hit.end() + CONTEXT_CHARS]
    context, quotation = normalise_text(remove_tags(window), 2 * CONTEXT_CHARS), normalise_text(hit[0], CONTEXT_CHARS)
    return context if quotation in context else f"{quotation} · {context}".rstrip(" ·")


def squash_text(text: str) -> str:
    """Reduce a text to case-folded letters and digits, to search for names."""
    return "".join(filter(str.isalnum, text.casefold()))
