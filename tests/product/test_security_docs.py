"""Test that every statement of ``tools/reference/asvs.toml`` names existing tests, chapter by chapter."""

import re

from tests import CHECKOUT
from tools.reference import asvs

PAGE = asvs.page()
NOT_APPLICABLE = {10, 17}


def test_every_referenced_test_exists() -> None:
    test_paths = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert len(test_paths) >= 50
    assert [path for path in sorted(test_paths) if not (CHECKOUT / path).is_file()] == []


def test_every_asvs_chapter_has_a_status_for_each_group() -> None:
    chapters = re.split(r"^## V(\d+) ", PAGE, flags=re.MULTILINE)[1:]
    chapter_texts = {int(number): text for number, text in zip(chapters[::2], chapters[1::2], strict=True)}
    assert list(chapter_texts) == list(range(1, 18))
    for number, text in chapter_texts.items():
        rows = [line for line in text.splitlines() if line.startswith(f"| {number}.")]
        assert bool(rows) != (number in NOT_APPLICABLE), number
        for row in rows:
            _, groups, state, reference, _ = row.split("|")
            assert re.match(r" (holds|gap|not applicable|the operator's)", state), row
            assert "holds" not in state or "holds by" in state or "`tests/" in reference, row
            assert ("gap" in state) == ("*Gap" in reference) or number == 7, row
            assert groups.strip(), row
