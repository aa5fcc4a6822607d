"""Test what else a case's image shows: works of the same owner, and of no other."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from exhibit.types import Decision
from registry.cases.also_shown import AlsoShown, also_shown
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, Work
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def other_file(quality: int) -> bytes:
    """Return the first photograph as another file."""
    return jpeg(Image.open(io.BytesIO(photograph(1))), quality)


def two_registrations(at: SyncRunner) -> Owner:
    """An image that an owner registered twice and another owner once, and a copy of it on a site."""
    studio, others = owner("studio"), owner("others")
    register(at.services, studio, photograph(1), "The harbour")
    register(at.services, studio, other_file(70), "The harbour, again")
    register(at.services, studio, photograph(2), "Another picture")
    register(at.services, others, other_file(80), "Somebody else's")
    match_pictures(at.services, bring(at.services, *claimed_slice(studio), [copy_of(photograph(1))]))
    return studio


@pytest.mark.long
def test_a_case_names_the_other_works_of_its_owner_that_its_picture_shows(inline: SyncRunner) -> None:
    studio = two_registrations(inline)
    first, second = studio.cases.order_by("number")
    told = also_shown([first, second])
    assert {case.work.title: [(one.title, one.decision) for one in told[case.pk]] for case in (first, second)} == {
        "The harbour": [("The harbour, again", Decision.CERTAIN)],
        "The harbour, again": [("The harbour", Decision.CERTAIN)],
    }


@pytest.mark.long
def test_neither_what_only_resembles_nor_what_is_removed_is_named(inline: SyncRunner) -> None:
    studio = two_registrations(inline)
    case = studio.cases.get(work__title="The harbour")
    match = Match.objects.get(registered__work_pictures__work__title="The harbour, again")
    again = Work.objects.get(title="The harbour, again")
    for decision, told in (("review", [Decision.REVIEW]), ("resembles", []), ("none", []), ("certain", ["certain"])):
        Match.objects.filter(pk=match.pk).update(decision=decision)
        assert [one.decision for one in also_shown([case])[case.pk]] == told, decision
    match.pk, match.pipeline, match.decision = None, "later", "resembles"  # a newer version grades the same pair lower
    match.save(force_insert=True)
    assert also_shown([case])[case.pk] == []
    match.delete()
    assert also_shown([case])[case.pk] == [
        AlsoShown(again.number, "The harbour, again", again.source_name, Decision.CERTAIN)
    ]
    Work.objects.filter(pk=again.pk).update(removed_at=timezone.now())
    assert also_shown([case])[case.pk] == []


@pytest.mark.long
def test_many_cases_are_answered_by_one_question(inline: SyncRunner) -> None:
    two_registrations(inline)
    cases = list(Case.objects.all())
    assert len(cases) > 1
    with CaptureQueriesContext(connection) as asked:
        also_shown(cases)
    assert len(asked) == 1
