"""Test which other works of the same owner a case's image shows."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from exhibit.types import Decision
from registry.cases.other_works import OtherWork, find_other_works
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, Work
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


def encode_at_quality(quality: int) -> bytes:
    """Return the first photograph, encoded at this quality."""
    return encode_jpeg(Image.open(io.BytesIO(photograph(1))), quality)


def register_twice(runner: SyncRunner) -> Owner:
    """Register an image twice for one owner and once for another, and crawl a copy of it."""
    studio, other_owner = owner("studio"), owner("others")
    register(runner.services, studio, photograph(1), "The harbour")
    register(runner.services, studio, encode_at_quality(70), "The harbour, again")
    register(runner.services, studio, photograph(2), "Another picture")
    register(runner.services, other_owner, encode_at_quality(80), "Somebody else's")
    match_pictures(
        runner.services, record_sightings(runner.services, *claim_new_slice(studio), [recompress(photograph(1))])
    )
    return studio


@pytest.mark.long
def test_other_works_of_owner_in_same_picture_are_listed(inline: SyncRunner) -> None:
    studio = register_twice(inline)
    first, second = studio.cases.order_by("number")
    works_by_case = find_other_works([first, second])
    assert {
        case.work.title: [(work.title, work.decision) for work in works_by_case[case.pk]] for case in (first, second)
    } == {
        "The harbour": [("The harbour, again", Decision.CERTAIN)],
        "The harbour, again": [("The harbour", Decision.CERTAIN)],
    }


@pytest.mark.long
def test_related_and_removed_works_are_omitted(inline: SyncRunner) -> None:
    studio = register_twice(inline)
    case = studio.cases.get(work__title="The harbour")
    match = Match.objects.get(registered__work_pictures__work__title="The harbour, again")
    second_work = Work.objects.get(title="The harbour, again")
    for decision, expected in (
        ("review", [Decision.REVIEW]),
        ("related", []),
        ("none", []),
        ("certain", ["certain"]),
    ):
        Match.objects.filter(pk=match.pk).update(decision=decision)
        assert [work.decision for work in find_other_works([case])[case.pk]] == expected, decision
    match.pk, match.pipeline, match.decision = None, "later", "related"  # a newer version grades the same pair lower
    match.save(force_insert=True)
    assert find_other_works([case])[case.pk] == []
    match.delete()
    assert find_other_works([case])[case.pk] == [
        OtherWork(second_work.number, "The harbour, again", second_work.source_name, Decision.CERTAIN)
    ]
    Work.objects.filter(pk=second_work.pk).update(removed_at=timezone.now())
    assert find_other_works([case])[case.pk] == []


@pytest.mark.long
def test_other_works_of_many_cases_need_one_query(inline: SyncRunner) -> None:
    register_twice(inline)
    cases = list(Case.objects.all())
    assert len(cases) > 1
    with CaptureQueriesContext(connection) as queries:
        find_other_works(cases)
    assert len(queries) == 1
