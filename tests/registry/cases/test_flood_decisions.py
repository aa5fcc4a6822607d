"""Test members' decisions about a work on hold: process all matches once, dismiss them, or undo the decision."""

import pytest

from exhibit.errors import ConflictError
from registry.cases import jobs as cases_jobs
from registry.cases.flood_decisions import FloodAction, decide_flood
from registry.models import Case, CaseSighting, Event, Flood, LookAlike, Owner, Picture, Work, WorkChange
from registry.services.services import skip_enqueue
from tests.assets.flood_pictures import find_on_sites, picture_with_mark, set_flood_floor
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

SEEN_COUNT, OPENED = 7, 3


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with a work on hold: three cases are open, four images are pending."""
    new_owner = owner("studio")
    register(set_flood_floor(stage.services, OPENED), new_owner, photograph(1))
    stage.run_until_idle()  # finishes the search of past sightings
    find_on_sites(stage.services, new_owner, [picture_with_mark(number, photograph(1)) for number in range(SEEN_COUNT)])


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return Work.objects.get()


def answer_question(inline: SyncRunner, work: Work, answer: FloodAction) -> None:
    decide_flood(inline.services, work, answer, by="Ann", reason="I looked.")


def count_cases_and_sightings() -> tuple[int, int]:
    return Case.objects.count(), CaseSighting.objects.count()


@pytest.mark.long
def test_deciding_to_open_cases_processes_all_matches_on_hold_once(inline: SyncRunner, work: Work) -> None:
    assert count_cases_and_sightings() == (OPENED, OPENED)
    answer_question(inline, work, FloodAction.OPEN)
    inline.run_until_idle()
    assert count_cases_and_sightings() == (SEEN_COUNT, SEEN_COUNT)
    assert not Picture.objects.exclude(state="done").exists()
    Flood.objects.update(state="queued")  # as if the worker had died before the end
    Picture.objects.update(state="queued")
    inline.run_until_idle()
    assert count_cases_and_sightings() == (SEEN_COUNT, SEEN_COUNT)
    assert Event.objects.filter(kind="work.held").count() == 1
    change = WorkChange.objects.get()
    assert (change.kind, change.by, change.reason) == ("open", "Ann", "I looked.")


@pytest.mark.long
def test_deciding_to_open_cases_raises_the_flood_limit_of_the_work(inline: SyncRunner, work: Work) -> None:
    answer_question(inline, work, FloodAction.OPEN)
    find_on_sites(
        inline.services, work.owner, [picture_with_mark(20 + number, photograph(1)) for number in range(8)], "more"
    )
    inline.run_until_idle()
    assert count_cases_and_sightings() == (SEEN_COUNT + 8, SEEN_COUNT + 8)
    find_on_sites(
        inline.services, work.owner, [picture_with_mark(40 + number, photograph(1)) for number in range(8)], "most"
    )
    assert Flood.list_active().get().limit == 3 * SEEN_COUNT
    assert Case.objects.count() == 3 * SEEN_COUNT


@pytest.mark.long
def test_unprocessed_flood_decision_is_processed_by_the_next_tick(inline: SyncRunner, work: Work) -> None:
    inline.services.enqueue = skip_enqueue
    answer_question(inline, work, FloodAction.OPEN)
    assert count_cases_and_sightings() == (OPENED, OPENED)
    runner = SyncRunner(inline.services.config)
    runner.run_until_idle()
    assert count_cases_and_sightings() == (SEEN_COUNT, SEEN_COUNT)


@pytest.mark.long
def test_matches_on_hold_open_no_case_when_dismissed(inline: SyncRunner, work: Work) -> None:
    answer_question(inline, work, FloodAction.DISMISS)
    assert LookAlike.objects.filter(owner=work.owner, case=None).count() == SEEN_COUNT - OPENED
    more_copies = [picture_with_mark(number, photograph(1)) for number in range(OPENED, SEEN_COUNT)]
    find_on_sites(inline.services, work.owner, more_copies, "elsewhere")
    find_on_sites(inline.services, work.owner, [picture_with_mark(20, photograph(1))], "new")  # the work stays on hold
    inline.run_until_idle()
    assert count_cases_and_sightings() == (OPENED, OPENED)
    assert Event.objects.filter(kind="work.held").count() == 1
    answer_question(inline, work, FloodAction.OPEN)
    inline.run_until_idle()
    assert set(Case.objects.values_list("party", flat=True)) == {
        *(f"site-{n}.example" for n in range(3)),
        "new-0.example",
    }


@pytest.mark.long
def test_dismissal_of_matches_on_hold_can_be_undone(inline: SyncRunner, work: Work) -> None:
    answer_question(inline, work, FloodAction.DISMISS)
    answer_question(inline, work, FloodAction.UNDO)
    assert not LookAlike.objects.exists()
    answer_question(inline, work, FloodAction.OPEN)
    inline.run_until_idle()
    assert count_cases_and_sightings() == (SEEN_COUNT, SEEN_COUNT)


def test_repeated_flood_decision_is_rejected(inline: SyncRunner, work: Work) -> None:
    with pytest.raises(ConflictError):
        answer_question(inline, work, FloodAction.UNDO)
    answer_question(inline, work, FloodAction.DISMISS)
    with pytest.raises(ConflictError):
        answer_question(inline, work, FloodAction.DISMISS)
    answer_question(inline, work, FloodAction.OPEN)
    for answer in FloodAction:
        with pytest.raises(ConflictError):
            answer_question(inline, work, answer)
    assert Owner.objects.get().works.get().changes.count() == 2


@pytest.mark.long
def test_undecided_work_on_hold_opens_no_case_when_its_job_runs(inline: SyncRunner, work: Work) -> None:
    cases_jobs.release(inline.services, [Flood.objects.get().pk])
    inline.run_until_idle()
    assert count_cases_and_sightings() == (OPENED, OPENED)
