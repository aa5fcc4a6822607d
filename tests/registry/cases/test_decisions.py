"""Test what members do with cases: in bulk, two users at once, undo, disputes."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from desk.cli import case as terminal
from desk.cli.common.frame import Desk
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from registry.bundles import jobs
from registry.cases import decisions
from registry.cases.decisions import Choice, Wish
from registry.matches.match import match_pictures
from registry.models import Bundle, Capture, LogSubmission, Owner
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with three cases."""
    made, data = owner("studio"), photograph(1)
    register(stage.services, made, data)
    for host in ("a.example", "b.example", "c.example"):
        planned, epoch = claimed_slice(made, host)
        match_pictures(stage.services, bring(stage.services, planned, epoch, [copy_of(data)], host=host))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


def decided(of: Owner) -> list[tuple[str, str]]:
    return list(of.cases.order_by("number").values_list("decision", "decided_by"))


def test_many_are_decided_at_once_and_undone_at_once(inline: SyncRunner, studio: Owner) -> None:
    made = decisions.decide_each(inline.services, studio, [1, 2, 3], Wish(Choice.CONFIRM, "Ann", "No permission."))
    assert all(one.done for one in made)
    assert {case.reason for case in studio.cases.all()} == {"No permission."}
    jobs.capture(inline.services, list(Capture.objects.values_list("pk", flat=True)))
    assert Capture.objects.filter(state="done").count() == 3
    still = now() + decisions.UNDO_FOR / 2
    assert Bundle.objects.filter(state="todo", not_before__gt=still).count() == 3  # a capture accelerates none of them
    undone = decisions.decide_each(inline.services, studio, [1, 2, 3], Wish(Choice.UNDO, "Ann"))
    assert all(one.done for one in undone)
    assert [decision for decision, _ in decided(studio)] == ["open"] * 3


def test_whoever_comes_second_is_told_and_changes_nothing(inline: SyncRunner, studio: Owner) -> None:
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "Ann"))
    made = decisions.decide_each(inline.services, studio, [1, 2], Wish(Choice.CLEAR, "Ben", "Not ours."))
    assert [(one.done, one.case.decided_by) for one in made] == [(False, "Ann"), (True, "Ben")]
    same = decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "Ben"))
    assert [(one.done, one.case.decided_by) for one in same] == [(False, "Ann")]
    assert not decisions.decide_each(inline.services, studio, [1], Wish(Choice.UNDO, "Ben"))[0].done
    assert decided(studio)[0] == ("confirmed", "Ann")


def test_nothing_is_decided_when_a_case_is_not_the_owners(inline: SyncRunner, studio: Owner) -> None:
    with pytest.raises(NotFoundError):
        decisions.decide_each(inline.services, studio, [1, 99], Wish(Choice.CONFIRM, "Ann"))
    with pytest.raises(WrongUseError):
        decisions.decide_each(inline.services, studio, range(1, 300), Wish(Choice.CONFIRM, "Ann"))
    with pytest.raises(WrongUseError):
        decisions.decide_each(inline.services, studio, [1], Wish(Choice.LICENSE, "Ann"))
    assert [decision for decision, _ in decided(studio)] == ["open"] * 3


def test_a_dispute_is_kept_with_its_reason_until_somebody_settles_it(inline: SyncRunner, studio: Owner) -> None:
    case = studio.cases.get(number=1)
    with pytest.raises(ConflictError):
        decisions.dispute(case, by="Ben", reason="It is ours.")
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "Ann"))
    with pytest.raises(WrongUseError):
        decisions.dispute(case, by="Ben", reason="")
    decisions.dispute(case, by="Ben", reason="It is ours.")
    assert studio.cases.filter(disputed_at__isnull=False, decision="cleared").count() == 1
    decisions.settle(case, by="Ann", reason="I asked the photographer.")
    assert not studio.cases.filter(disputed_at__isnull=False).exists()
    said = [(one.kind, one.actor, one.sentence) for one in case.events.all()[:2]]
    assert said == [("settled", "Ann", "I asked the photographer."), ("disputed", "Ben", "It is ours.")]


def test_deciding_anew_ends_a_dispute(inline: SyncRunner, studio: Owner) -> None:
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "Ann"))
    decisions.dispute(studio.cases.get(number=1), by="Ben", reason="It is ours.")
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.REOPEN, "Ann", "He is right."))
    assert studio.cases.get(number=1).disputed_at is None


def test_a_note_is_an_entry_of_the_log_and_names_nobody_there(inline: SyncRunner, studio: Owner) -> None:
    before = LogSubmission.objects.filter(type=EntryType.CASE).count()
    decisions.note(studio.cases.get(number=1), by="Ann", words="Ask the gallery first.")
    entries = LogSubmission.objects.filter(type=EntryType.CASE).order_by("pk")
    assert entries.count() == before + 1
    last = entries.last()
    assert last is not None
    assert "Ann" not in str(last.opening.content)


@pytest.fixture
def in_a_terminal(inline: SyncRunner) -> Callable[..., Result]:
    """A function that confirms cases with the command, as Ann."""
    desk = Desk(inline.services.config)
    desk.__dict__["services"] = inline.services
    return lambda *words: CliRunner().invoke(terminal.case_command, ["confirm", *words, "--by", "Ann"], obj=desk)


def test_a_slip_in_a_terminal_is_undone_by_whoever_made_it(
    inline: SyncRunner, studio: Owner, in_a_terminal: Callable[..., Result]
) -> None:
    assert in_a_terminal("2", "1").exit_code == 0
    assert Bundle.objects.filter(not_before__gt=now()).count() == 2
    decisions.decide_each(inline.services, studio, [3], Wish(Choice.CLEAR, "Ben"))
    undone = decisions.decide_each(inline.services, studio, [3, 1], Wish(Choice.UNDO, "Ann"))
    assert [one.done for one in undone] == [False, True]
    assert decided(studio) == [("open", "Ann"), ("confirmed", "Ann"), ("cleared", "Ben")]


def test_a_terminal_says_of_each_case_whether_it_was_confirmed(
    inline: SyncRunner, studio: Owner, in_a_terminal: Callable[..., Result]
) -> None:
    decisions.decide_each(inline.services, studio, [1, 2], Wish(Choice.CLEAR, "Ben"))
    ran = in_a_terminal("1", "2", "3")
    assert isinstance(ran.exception, ConflictError)
    assert ("3" in ran.stdout, "Case 2" in ran.stderr, "Case 1" in str(ran.exception)) == (True, True, True)
    again = in_a_terminal("3")
    assert (again.exit_code, again.stdout, "3" in again.stderr) == (0, "", True)
    assert decided(studio) == [("cleared", "Ben"), ("cleared", "Ben"), ("confirmed", "Ann")]


def test_a_case_that_has_grown_is_decided_in_a_terminal_as_on_the_site(
    inline: SyncRunner, studio: Owner, in_a_terminal: Callable[..., Result]
) -> None:
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "Ben"))
    studio.cases.filter(number=1).update(waits=True)
    assert in_a_terminal("1").exit_code == 0
    [_confirmed, grown, *_earlier] = studio.cases.get(number=1).events.all()
    assert [name for name, _ in grown.said] == ["open", "grown"]
