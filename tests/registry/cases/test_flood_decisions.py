"""Test members' decisions about a held work: process all once, or never, or undo that."""

import pytest

from exhibit.errors import ConflictError
from registry.cases import jobs as cases_jobs
from registry.cases.flood_decisions import Answer, answer_flood
from registry.models import Case, CaseSighting, Event, Flood, LookAlike, Owner, Picture, Work, WorkChange
from registry.services.services import leave_to_the_tick
from tests.assets.flooded import found_on_sites, stranger, with_floor
from tests.assets.rows import owner, photograph, register
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

SEEN, OPENED = 7, 3


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with a held work: three cases are open, four unrelated images wait."""
    made = owner("studio")
    register(with_floor(stage.services, OPENED), made, photograph(1))
    stage.run_until_idle()  # its search of past sightings has finished
    found_on_sites(stage.services, made, [stranger(number, photograph(1)) for number in range(SEEN)])


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return Work.objects.get()


def say(inline: SyncRunner, work: Work, answer: Answer) -> None:
    answer_flood(inline.services, work, answer, by="Ann", reason="I looked.")


def taken_up() -> tuple[int, int]:
    return Case.objects.count(), CaseSighting.objects.count()


@pytest.mark.long
def test_opening_takes_up_everything_once(inline: SyncRunner, work: Work) -> None:
    assert taken_up() == (OPENED, OPENED)
    say(inline, work, Answer.OPEN)
    inline.run_until_idle()
    assert taken_up() == (SEEN, SEEN)
    assert not Picture.objects.exclude(state="done").exists()
    Flood.objects.update(state="todo")  # as if the worker had died before the end
    Picture.objects.update(state="todo")
    inline.run_until_idle()
    assert taken_up() == (SEEN, SEEN)
    assert Event.objects.filter(kind="work.held").count() == 1
    change = WorkChange.objects.get()
    assert (change.kind, change.by, change.reason) == ("open", "Ann", "I looked.")


@pytest.mark.long
def test_what_was_opened_is_the_past_from_then_on(inline: SyncRunner, work: Work) -> None:
    say(inline, work, Answer.OPEN)
    found_on_sites(inline.services, work.owner, [stranger(20 + number, photograph(1)) for number in range(8)], "more")
    inline.run_until_idle()
    assert taken_up() == (SEEN + 8, SEEN + 8)
    found_on_sites(inline.services, work.owner, [stranger(40 + number, photograph(1)) for number in range(8)], "most")
    assert Flood.in_force().get().limit == 3 * SEEN
    assert Case.objects.count() == 3 * SEEN


@pytest.mark.long
def test_an_answer_that_nobody_was_told_of_is_found_by_the_tick(inline: SyncRunner, work: Work) -> None:
    inline.services.enqueue = leave_to_the_tick
    say(inline, work, Answer.OPEN)
    assert taken_up() == (OPENED, OPENED)
    runner = SyncRunner(inline.services.config)
    runner.run_until_idle()
    assert taken_up() == (SEEN, SEEN)


@pytest.mark.long
def test_what_is_dismissed_opens_no_case_then_or_later(inline: SyncRunner, work: Work) -> None:
    say(inline, work, Answer.DISMISS)
    assert LookAlike.objects.filter(owner=work.owner, case=None).count() == SEEN - OPENED
    again = [stranger(number, photograph(1)) for number in range(OPENED, SEEN)]
    found_on_sites(inline.services, work.owner, again, "elsewhere")
    found_on_sites(inline.services, work.owner, [stranger(20, photograph(1))], "new")  # the work stays held
    inline.run_until_idle()
    assert taken_up() == (OPENED, OPENED)
    assert Event.objects.filter(kind="work.held").count() == 1
    say(inline, work, Answer.OPEN)
    inline.run_until_idle()
    assert set(Case.objects.values_list("party", flat=True)) == {
        *(f"site-{n}.example" for n in range(3)),
        "new-0.example",
    }


@pytest.mark.long
def test_a_dismissal_is_taken_back(inline: SyncRunner, work: Work) -> None:
    say(inline, work, Answer.DISMISS)
    say(inline, work, Answer.UNDO)
    assert not LookAlike.objects.exists()
    say(inline, work, Answer.OPEN)
    inline.run_until_idle()
    assert taken_up() == (SEEN, SEEN)


def test_whoever_comes_second_is_told(inline: SyncRunner, work: Work) -> None:
    with pytest.raises(ConflictError):
        say(inline, work, Answer.UNDO)
    say(inline, work, Answer.DISMISS)
    with pytest.raises(ConflictError):
        say(inline, work, Answer.DISMISS)
    say(inline, work, Answer.OPEN)
    for answer in Answer:
        with pytest.raises(ConflictError):
            say(inline, work, answer)
    assert Owner.objects.get().works.get().changes.count() == 2


@pytest.mark.long
def test_a_step_that_is_not_due_takes_nothing_up(inline: SyncRunner, work: Work) -> None:
    cases_jobs.release(inline.services, [Flood.objects.get().pk])
    inline.run_until_idle()
    assert taken_up() == (OPENED, OPENED)
