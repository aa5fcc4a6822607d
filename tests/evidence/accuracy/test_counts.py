"""Test joining the counts of several installations into one bound that outsiders can recompute."""

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
    CountsSource,
    FalseAlarmCounts,
    JointFalseAlarmCounts,
    join_counts,
    read_signed_statement,
    sign_statement,
)
from evidence.log.append_only import Log
from exhibit.comparison.calibration import FalseAlarmBound
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.types import Decision
from indexer.picture.spaces import PIPELINE
from tests import CHECKOUT
from tests.assets.error_counts import DAY, counted_picture, counts, log_of


def source(pictures: Sequence[CountedPicture], name: str = "a", *, listed: bool = True) -> CountsSource:
    pictures_counts = counts(pictures, listed=listed)
    return CountsSource(
        Digest.from_bytes(name.encode() + pictures_counts.to_json()), f"{name}+00000000+key", pictures_counts
    )


def join_sources(*sources: Sequence[CountedPicture]) -> JointFalseAlarmCounts:
    return join_counts([source(pictures, str(number)) for number, pictures in enumerate(sources)], DAY)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return log_of(tmp_path)


def test_photographs_of_all_sources_are_counted_in_one_bound() -> None:
    joined = join_sources([counted_picture(n) for n in range(300)], [counted_picture(n) for n in range(300, 700)])
    assert joined.bounds[Decision.CERTAIN] == FalseAlarmBound(700, 0)
    assert joined.bounds[Decision.CERTAIN].per_million == 4271
    assert all(not each.stated.pictures for each in joined.sources)


def test_photograph_in_two_sources_counts_once_with_its_worse_result() -> None:
    first = [counted_picture(1), counted_picture(2), counted_picture(3, Decision.REVIEW)]
    second = [counted_picture(2, Decision.CERTAIN), counted_picture(3, Decision.REVIEW), counted_picture(4)]
    for joined in (join_sources(first, second), join_sources(second, first)):
        assert joined.bounds == {Decision.CERTAIN: FalseAlarmBound(4, 1), Decision.REVIEW: FalseAlarmBound(4, 1)}


def test_near_duplicate_photographs_count_once() -> None:
    saved = [
        counted_picture(1, bits=SAME_PICTURE_DISTANCE, saved=" again"),
        counted_picture(2, bits=SAME_PICTURE_DISTANCE + 1, saved=" other"),
    ]
    assert join_sources([counted_picture(1), counted_picture(2)], saved).bounds[Decision.CERTAIN].photographs == 3


def test_failure_of_similar_photograph_is_counted() -> None:
    failed = [counted_picture(1, Decision.REVIEW), counted_picture(2)]
    alike = [counted_picture(1, Decision.REVIEW, bits=4, saved=" next"), counted_picture(5)]
    assert join_sources(failed, alike).bounds[Decision.REVIEW] == FalseAlarmBound(4, 2)


def test_photographs_of_single_source_are_not_deduplicated() -> None:
    assert (
        join_sources([counted_picture(1), counted_picture(1, bits=4, saved=" b")]).bounds[Decision.CERTAIN].photographs
        == 2
    )


def test_source_order_does_not_change_counts() -> None:
    sources = [source([counted_picture(n) for n in range(first, first + 9)], str(first)) for first in (0, 5, 10)]
    assert join_counts(sources, DAY) == join_counts(sources[::-1], DAY)


def test_counts_without_a_photograph_list_are_reported_but_not_added() -> None:
    joined = join_counts(
        [source([counted_picture(1)]), source([counted_picture(2), counted_picture(3)], "b", listed=False)], DAY
    )
    assert joined.bounds[Decision.CERTAIN].photographs == 1
    assert sorted((each.stated.photographs, each.counted) for each in joined.sources) == [(1, 1), (2, 0)]


def test_bound_without_largest_source_excludes_all_files_signed_by_its_key() -> None:
    large = [source([counted_picture(n) for n in range(start, start + 9)], "a") for start in (0, 20)]
    joined = join_counts([*large, source([counted_picture(50, Decision.CERTAIN), counted_picture(51)], "b")], DAY)
    assert joined.without_largest.bounds[Decision.CERTAIN] == FalseAlarmBound(2, 1)
    alone = join_sources([counted_picture(1)]).without_largest
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
                CountsSource(Digest.from_bytes(b"x"), "k", replace(counts([counted_picture(2)]), pipeline="tests")),
            ],
            f"{PIPELINE} with descriptor@1 and tests with descriptor@1",
        ),
    ],
)
def test_sources_that_cannot_be_joined_are_rejected_with_a_hint(sources: list[CountsSource], expected: str) -> None:
    with pytest.raises(InvalidRequestError, match=expected) as caught:
        join_counts(sources, DAY)
    assert caught.value.hint


def test_signed_file_round_trips_with_its_key(log: Log) -> None:
    counted_pictures = counts([counted_picture(1, Decision.REVIEW), counted_picture(2)])
    assert read_signed_statement(FalseAlarmCounts, sign_statement(log, counted_pictures), file_label="counts.json") == (
        counted_pictures,
        log.get_verifier_key(),
    )


def test_altered_file_is_detected(log: Log) -> None:
    data = sign_statement(log, counts([counted_picture(1), counted_picture(2)]))
    for old, new in ((b'"made":"2026-11-22"', b'"made":"2026-11-23"'), (b'"signature":"', b'"signature":"00')):
        with pytest.raises(IntegrityError, match="is invalid") as caught:
            read_signed_statement(FalseAlarmCounts, data.replace(old, new), file_label="counts.json")
        assert "Request the original file from the sender" in caught.value.hint


def test_photograph_list_that_contradicts_the_counts_is_rejected(log: Log) -> None:
    counted_pictures = counts([counted_picture(1), counted_picture(2)])
    object.__setattr__(counted_pictures, "photographs", 3)
    with pytest.raises(InvalidRequestError, match="the list of photographs gives different counts"):
        read_signed_statement(FalseAlarmCounts, sign_statement(log, counted_pictures), file_label="counts.json")


def test_more_failures_than_photographs_are_rejected(log: Log) -> None:
    joined = join_sources([counted_picture(1)])
    object.__setattr__(joined.sources[0], "review", 2)
    with pytest.raises(InvalidRequestError, match="more failures than photographs") as caught:
        read_signed_statement(JointFalseAlarmCounts, sign_statement(log, joined), file_label="joined.json")
    assert "exhibit calibrate --join" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"{}", b'{"key":"x","signature":"","statement":{}}', b"\xff", b"[" * 99])
def test_other_files_are_rejected_with_hint(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=r"counts\.json|public key") as caught:
        read_signed_statement(FalseAlarmCounts, data, file_label="counts.json")
    assert caught.value.hint


def test_joined_file_is_rejected_as_counts(log: Log) -> None:
    data = sign_statement(log, join_sources([counted_picture(1)]))
    with pytest.raises(InvalidRequestError, match="counts"):
        read_signed_statement(FalseAlarmCounts, data, file_label="joined.json")


def run_documented_commands(number: int, file: Path) -> list[str]:
    page = (CHECKOUT / "docs" / "reference" / "verify-by-hand.md").read_text("utf-8")
    section = page.partition("## The joined bound")[2]
    lines = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[number]
    script = file.with_name("script.py")
    script.write_text(lines, "utf-8")
    command = [sys.executable, "-I", str(script), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(("certain", "review"), [(0, 0), (0, 31), (1, 400), (5, 900)])
def test_documented_commands_give_same_bounds(certain: int, review: int, log: Log, tmp_path: Path) -> None:
    kinds = {Decision.CERTAIN: certain, Decision.REVIEW: review}
    pictures = [counted_picture(n, *(kind for kind, failed in kinds.items() if n < failed)) for n in range(900)]
    joined = join_sources(pictures[:500], pictures[500:])
    (tmp_path / "joined.json").write_bytes(sign_statement(log, joined))
    printed = [line.split() for line in run_documented_commands(0, tmp_path / "joined.json")]
    assert printed == [
        [kind, "900", str(bound.false_alarms), str(bound.per_million), str(bound.per_million_at_any_time)]
        for kind, bound in joined.bounds.items()
    ]


def test_documented_commands_check_signature(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "joined.json"
    path.write_bytes(sign_statement(log, join_sources([counted_picture(1)])))
    assert run_documented_commands(1, path) == [f"signed by log.tests.example {log.get_verifier_key()}"]
    changed = json.loads(path.read_bytes())
    changed["statement"]["sources"][0]["counted"] = 2
    path.write_text(json.dumps(changed))
    with pytest.raises(subprocess.CalledProcessError):
        run_documented_commands(1, path)
