"""Test that every regular expression takes at most a microsecond per character of any text, in linear time."""

import pytest

from tests.assets.regular_expressions import find_patterns, find_slow_text

MAX_COST = 1.0
"""Microseconds of processor time per character."""
OWN = {
    "crawler.searches.mapping": "the addresses of image searches: files that an operator puts down",
}
"""Modules with patterns for texts of the product or the operator, and a description of these texts."""
MADE_LATER = {
    "crawler.reading.page_layout": "the end of a picture's name, 100 characters at most",
    "crawler.reading.policy": "the name of the crawler, looked for in a line of robots.txt",
    "desk.cli.api": "addresses of the API, on the command line",
    "desk.access_classes": "addresses of the site, written in that module",
    "evidence.documents.phrases": "phrases of the documents",
    "evidence.formats.records": "an address, looked for in a page",
    "evidence.standalone.verify": "forms that the module writes",
    "exhibit.config.values": "settings of the operator",
    "exhibit.config.editable_settings": "the settings file",
    "indexer.vectors.milvus_index": "names of the product's own collections",
    "registry.notices.wording": "a letter's wording, of its owner",
}
"""Modules that create a pattern when needed, and its purpose."""


def test_every_regular_expression_is_a_literal() -> None:
    all_patterns, made_later = find_patterns()
    assert len(all_patterns) > 200
    assert {words.partition(":")[0] for words in made_later} == MADE_LATER.keys()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_regular_expression_runs_in_linear_time() -> None:
    all_patterns, _made_later = find_patterns()
    tested = [used for used in all_patterns if used.where.partition(":")[0] not in OWN]
    slow_texts = {f"{used.where} {used.pattern.pattern[:80]}": find_slow_text(used, MAX_COST) for used in tested}
    assert {where: text for where, text in slow_texts.items() if text} == {}
