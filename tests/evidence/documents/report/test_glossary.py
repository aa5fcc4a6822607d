"""A report ends with what its words and figures mean."""

from evidence.documents.phrases import languages, load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.glossary import glossary_section
from evidence.documents.typeset.blocks import Rows


def test_a_report_ends_with_what_its_words_mean(report: str) -> None:
    _, title, rest = report.partition("Words and figures in this document")
    assert title
    assert "Nobody looked. It doesn't mean that there is nothing." in rest.replace("\u2019", "'")


def test_every_term_has_a_meaning_of_its_own_in_each_language() -> None:
    for language in languages():
        section = glossary_section(Wording(load_phrases(language)), 2)
        [rows] = section.blocks
        assert isinstance(rows, Rows)
        assert len({row.label for row in rows.rows}) == len({row.lines for row in rows.rows}) == len(rows.rows)
        assert all(len(line.text) > len(row.label) for row in rows.rows for line in row.lines), language
