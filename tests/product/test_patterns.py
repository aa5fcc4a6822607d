"""Test that every regular expression takes at most a microsecond per character of any text, in linear time."""

import pytest

from tests.assets.patterns import patterns, slow

MOST = 1.0
"""Microseconds of processor time per character."""
OWN = {
    "crawler.searches.mapping": "the addresses of image searches: files that an operator puts down",
}
"""Modules with patterns for texts of the product or the operator, and a description of these texts."""
MADE_LATER = {
    "crawler.reading.page_layout": "the end of a picture's name, 100 characters at most",
    "crawler.reading.policy": "the name of the crawler, looked for in a line of robots.txt",
    "desk.cli.api": "addresses of the API, on the command line",
    "desk.doors": "addresses of the site, written in that module",
    "evidence.documents.phrases": "phrases of the documents",
    "evidence.formats.records": "an address, looked for in a page",
    "evidence.standalone.verify": "forms that the module writes",
    "exhibit.config.values": "settings of the operator",
    "exhibit.config.written": "the settings file",
    "indexer.vectors.milvus_index": "names of the product's own collections",
    "registry.notices.wording": "a letter's wording, of its owner",
}
"""Modules that create a pattern when needed, and its purpose."""


def test_every_pattern_is_written_down_where_the_test_finds_it() -> None:
    found, made_later = patterns()
    assert len(found) > 200
    assert {words.partition(":")[0] for words in made_later} == MADE_LATER.keys()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_text_makes_a_pattern_slow() -> None:
    found, _made_later = patterns()
    tried = [used for used in found if used.where.partition(":")[0] not in OWN]
    told = {f"{used.where} {used.pattern.pattern[:80]}": slow(used, MOST) for used in tried}
    assert {where: text for where, text in told.items() if text} == {}
