"""Test that several installations' counts give one bound, counting each photograph once, also for outsiders."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.accuracy.counts import (
    SAME_PICTURE_DISTANCE,
    CountedPicture,
    Counts,
    JoinedCounts,
    Source,
    join_counts,
    read_signed_statement,
    sign_statement,
)
from evidence.log.append_only import Log
from exhibit.comparison.calibration import Bound
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Decision
from indexer.picture.spaces import PIPELINE
from tests import CHECKOUT
from tests.assets.error_counts import DAY, counted_picture, counts, log_of


def source(pictures: Sequence[CountedPicture], name: str = "a", *, listed: bool = True) -> Source:
    pictures_counts = counts(pictures, listed=listed)
    return Source(Digest.of(name.encode() + pictures_counts.to_json()), f"{name}+00000000+key", pictures_counts)


def several(*sources: Sequence[CountedPicture]) -> JoinedCounts:
    return join_counts([source(pictures, str(number)) for number, pictures in enumerate(sources)], DAY)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return log_of(tmp_path)


def test_photographs_of_several_add_up_to_one_bound() -> None:
    joined = several([counted_picture(n) for n in range(300)], [counted_picture(n) for n in range(300, 700)])
    assert joined.bounds[Decision.CERTAIN] == Bound(700, 0)
    assert joined.bounds[Decision.CERTAIN].per_million == 4271
    assert all(not each.stated.pictures for each in joined.sources)


def test_the_same_bytes_count_once_and_as_failed_when_they_failed_anywhere() -> None:
    first = [counted_picture(1), counted_picture(2), counted_picture(3, Decision.REVIEW)]
    second = [counted_picture(2, Decision.CERTAIN), counted_picture(3, Decision.REVIEW), counted_picture(4)]
    for joined in (several(first, second), several(second, first)):
        assert joined.bounds == {Decision.CERTAIN: Bound(4, 1), Decision.REVIEW: Bound(4, 1)}


def test_another_file_of_one_photograph_counts_once_and_what_is_farther_is_another_photograph() -> None:
    saved = [
        counted_picture(1, bits=SAME_PICTURE_DISTANCE, saved=" again"),
        counted_picture(2, bits=SAME_PICTURE_DISTANCE + 1, saved=" other"),
    ]
    assert several([counted_picture(1), counted_picture(2)], saved).bounds[Decision.CERTAIN].photographs == 3


def test_no_failure_is_lost_because_another_photograph_looks_alike() -> None:
    failed = [counted_picture(1, Decision.REVIEW), counted_picture(2)]
    alike = [counted_picture(1, Decision.REVIEW, bits=4, saved=" next"), counted_picture(5)]
    assert several(failed, alike).bounds[Decision.REVIEW] == Bound(4, 2)


def test_photographs_of_one_source_are_its_own_claim_to_be_different() -> None:
    assert (
        several([counted_picture(1), counted_picture(1, bits=4, saved=" b")]).bounds[Decision.CERTAIN].photographs == 2
    )


def test_the_order_in_which_files_are_named_makes_no_difference() -> None:
    sources = [source([counted_picture(n) for n in range(first, first + 9)], str(first)) for first in (0, 5, 10)]
    assert join_counts(sources, DAY) == join_counts(sources[::-1], DAY)


def test_counts_without_a_list_are_named_and_not_added() -> None:
    joined = join_counts(
        [source([counted_picture(1)]), source([counted_picture(2), counted_picture(3)], "b", listed=False)], DAY
    )
    assert joined.bounds[Decision.CERTAIN].photographs == 1
    assert sorted((each.stated.photographs, each.counted) for each in joined.sources) == [(1, 1), (2, 0)]


def test_without_the_largest_all_files_of_its_key_are_left_out() -> None:
    large = [source([counted_picture(n) for n in range(start, start + 9)], "a") for start in (0, 20)]
    joined = join_counts([*large, source([counted_picture(50, Decision.CERTAIN), counted_picture(51)], "b")], DAY)
    assert joined.without_largest.bounds[Decision.CERTAIN] == Bound(2, 1)
    alone = several([counted_picture(1)]).without_largest
    assert alone.bounds[Decision.CERTAIN].per_million == 1_000_000


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([source([counted_picture(1)]), source([counted_picture(1)])], "the same counts"),
        ([source([counted_picture(1)], listed=False)], "No photographs are left"),
        ([], "No photographs are left"),
        (
            [
                source([counted_picture(1)]),
                Source(Digest.of(b"x"), "k", replace(counts([counted_picture(2)]), pipeline="tests")),
            ],
            f"{PIPELINE} with descriptor@1 and tests with descriptor@1",
        ),
    ],
)
def test_what_can_not_be_joined_is_said_with_a_hint(sources: list[Source], expected: str) -> None:
    with pytest.raises(WrongUseError, match=expected) as caught:
        join_counts(sources, DAY)
    assert caught.value.hint


def test_a_signed_file_is_read_as_it_was_written_and_with_its_key(log: Log) -> None:
    counted_pictures = counts([counted_picture(1, Decision.REVIEW), counted_picture(2)])
    assert read_signed_statement(Counts, sign_statement(log, counted_pictures), what="counts.json") == (
        counted_pictures,
        log.vkey(),
    )


def test_whoever_changes_a_file_is_found_out(log: Log) -> None:
    data = sign_statement(log, counts([counted_picture(1), counted_picture(2)]))
    for old, new in ((b'"made":"2026-11-22"', b'"made":"2026-11-23"'), (b'"signature":"', b'"signature":"00')):
        with pytest.raises(IntegrityError, match="is invalid") as caught:
            read_signed_statement(Counts, data.replace(old, new), what="counts.json")
        assert "Request the original file from the sender" in caught.value.hint


def test_a_list_that_gives_other_counts_is_refused_even_signed(log: Log) -> None:
    counted_pictures = counts([counted_picture(1), counted_picture(2)])
    object.__setattr__(counted_pictures, "photographs", 3)
    with pytest.raises(WrongUseError, match="the list of photographs gives different counts"):
        read_signed_statement(Counts, sign_statement(log, counted_pictures), what="counts.json")


def test_a_joined_file_in_which_more_failed_than_count_is_refused_even_signed(log: Log) -> None:
    joined = several([counted_picture(1)])
    object.__setattr__(joined.sources[0], "review", 2)
    with pytest.raises(WrongUseError, match="more failures than photographs") as caught:
        read_signed_statement(JoinedCounts, sign_statement(log, joined), what="joined.json")
    assert "exhibit calibrate --join" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"{}", b'{"key":"x","signature":"","statement":{}}', b"\xff", b"[" * 99])
def test_another_file_is_refused_with_the_one_that_is_wanted(data: bytes) -> None:
    with pytest.raises(WrongUseError, match=r"counts\.json|public key") as caught:
        read_signed_statement(Counts, data, what="counts.json")
    assert caught.value.hint


def test_a_joined_file_is_no_counts(log: Log) -> None:
    data = sign_statement(log, several([counted_picture(1)]))
    with pytest.raises(WrongUseError, match="counts"):
        read_signed_statement(Counts, data, what="joined.json")


def run_lines_of_the_page(number: int, file: Path) -> list[str]:
    page = (CHECKOUT / "docs" / "reference" / "verify-by-hand.md").read_text("utf-8")
    section = page.partition("## The joined bound")[2]
    lines = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[number]
    script = file.with_name("script.py")
    script.write_text(lines, "utf-8")
    command = [sys.executable, "-I", str(script), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(("certain", "review"), [(0, 0), (0, 31), (1, 400), (5, 900)])
def test_the_lines_of_the_page_give_the_same_bounds(certain: int, review: int, log: Log, tmp_path: Path) -> None:
    kinds = {Decision.CERTAIN: certain, Decision.REVIEW: review}
    pictures = [counted_picture(n, *(kind for kind, failed in kinds.items() if n < failed)) for n in range(900)]
    joined = several(pictures[:500], pictures[500:])
    (tmp_path / "joined.json").write_bytes(sign_statement(log, joined))
    printed = [line.split() for line in run_lines_of_the_page(0, tmp_path / "joined.json")]
    assert printed == [
        [kind, "900", str(bound.failed), str(bound.per_million), str(bound.per_million_at_any_time)]
        for kind, bound in joined.bounds.items()
    ]


def test_the_lines_of_the_page_check_the_signature(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "joined.json"
    path.write_bytes(sign_statement(log, several([counted_picture(1)])))
    assert run_lines_of_the_page(1, path) == [f"signed by log.tests.example {log.vkey()}"]
    changed = json.loads(path.read_bytes())
    changed["statement"]["sources"][0]["counted"] = 2
    path.write_text(json.dumps(changed))
    with pytest.raises(subprocess.CalledProcessError):
        run_lines_of_the_page(1, path)
