"""What a text states of a licence, a credit or a permission. It is the party's own word: found there, and no more."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path

from crawler.reading.found import plain

MAX_STATED, MAX_HITS = 5, 200  # statements of a text; hits of a pattern
AROUND = 150  # characters that are shown beside a statement


class What(StrEnum):
    """What is stated."""

    CREATIVE_COMMONS = "creative-commons"
    PUBLIC_DOMAIN = "public-domain"
    LICENCE = "licence"
    PERMISSION = "permission"
    RESELLER = "reseller"


@dataclass(frozen=True, slots=True)
class Stated:
    """One statement on a page."""

    what: What
    name: str  # ``BY-SA 4.0``, of a reseller its name; else empty
    words: str  # with those around it, as plain text
    near: bool  # beside the picture, rather than somewhere on the page


@dataclass(frozen=True, slots=True)
class PageStatements:
    """What was read of a page once, to be kept."""

    statements: tuple[Stated, ...] = ()
    words: str = ""  # all letters and digits of a page that states something, to look for names in them
    addresses: tuple[str, ...] = ()  # mail addresses, as written in lower case: links first, then those among the words


@cache
def resellers() -> dict[str, str]:
    """Who is known to pass licences on: names by domain."""
    return dict(tomllib.loads(Path(__file__).with_name("resellers.toml").read_text(encoding="utf-8"))["resellers"])


_TAGS = re.compile(r"^[^<>]*>|<[^<>]*>|<[^<>]*$")
_PATTERNS = {
    What.CREATIVE_COMMONS: r"creativecommons\.org/licenses/(by(?:-(?:nc|nd|sa)){0,2})\b(?:/(\d\.\d))?"
    r"|\b(?-i:CC[\s-]{0,2}(BY(?:[\s-](?:NC|ND|SA)){0,2}))\b(?:[\s-]{1,3}(\d\.\d))?",
    What.PUBLIC_DOMAIN: r"creativecommons\.org/publicdomain/|\bCC[\s-]?0\b|\bpublic domain\b|公有领域|公共领域",
    What.LICENCE: r"""\brel\s{0,9}=\s{0,9}["']?[^"'<>]{0,40}\blicense\b|"(?:license|acquireLicensePage)"\s{0,9}:"""
    r"|\bCreative Commons\b|知识共享",
    What.PERMISSION: r"\b(?:with|by) (?:kind )?permission\b|\bused under licen[cs]e\b|\blicen[cs]ed (?:from|by)\b"
    r"|\bmit freundlicher Genehmigung\b|经[^<>\s]{0,8}授权|已获授权|授权使用",
    What.RESELLER: rf"(?<![a-z])({'|'.join(map(re.escape, resellers().values()))})(?![a-z])",
}
_READ = {what: re.compile(pattern, re.IGNORECASE) for what, pattern in _PATTERNS.items()}


def stated_in(text: str, is_near: Callable[[int], bool | None] = lambda _at: True) -> list[Stated]:
    """What a text states, what is beside the picture first.

    ``is_near`` says whether a place in the text is about the picture, and ``None`` where it is about another one.
    """
    found: dict[tuple[What, str], Stated] = {}
    for what, pattern in _READ.items():
        hits = ((hit, is_near(hit.start())) for hit in islice(pattern.finditer(text), MAX_HITS))
        for hit, near in ((hit, near) for hit, near in hits if near is not None):
            name = re.sub(r"(?<=\w)\s(?=[A-Z])", "-", " ".join(filter(None, hit.groups())).upper())
            if what is What.RESELLER:
                name = next(known for known in resellers().values() if known.upper() == hit[1].upper())
            known = found.get((what, name))
            if known is None or (near and not known.near):
                found[what, name] = Stated(what, name, _around(text, hit), near)
    if any(what is What.CREATIVE_COMMONS for what, _name in found):
        found.pop((What.LICENCE, ""), None)  # the same, said less exactly
    return sorted(found.values(), key=lambda stated: not stated.near)[:MAX_STATED]


def without_tags(text: str) -> str:
    """The words of a piece of markup."""
    return _TAGS.sub(" ", text)


def _around(text: str, hit: re.Match[str]) -> str:
    window = text[max(0, hit.start() - AROUND) : hit.end() + AROUND]
    words, exact = plain(without_tags(window), 2 * AROUND), plain(hit[0], AROUND)
    return words if exact in words else f"{exact} · {words}".rstrip(" ·")


def squashed(text: str) -> str:
    """A text as names are looked for in it: letters and digits alone, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
