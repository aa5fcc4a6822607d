"""Test members' decisions about cases: in bulk, by two users at once, undo, and disputes."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from desk.cli import case as terminal
from desk.cli.common.context import CommandContext
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from registry.bundles import jobs
from registry.cases import decisions
from registry.cases.decisions import DecisionChoice, DecisionRequest
from registry.matches.match import match_pictures
from registry.models import Bundle, Capture, LogSubmission, Owner
from tests.assets.module_scene import inline, stage
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with three cases."""
    new_owner, data = owner("studio"), photograph(1)
    register(stage.services, new_owner, data)
    for host in ("a.example", "b.example", "c.example"):
        crawl_slice, epoch = claim_new_slice(new_owner, host)
        match_pictures(
            stage.services, record_sightings(stage.services, crawl_slice, epoch, [recompress(data)], host=host)
        )


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


def list_decisions(rights_holder: Owner) -> list[tuple[str, str]]:
    return list(rights_holder.cases.order_by("number").values_list("decision", "decided_by"))


def test_cases_are_confirmed_and_undone_in_bulk(inline: SyncRunner, studio: Owner) -> None:
    results = decisions.decide_cases(
        inline.services, studio, [1, 2, 3], DecisionRequest(DecisionChoice.CONFIRM, "Ann", "No permission.")
    )
    assert all(result.is_applied for result in results)
    assert {case.reason for case in studio.cases.all()} == {"No permission."}
    jobs.capture(inline.services, list(Capture.objects.values_list("pk", flat=True)))
    assert Capture.objects.filter(state="done").count() == 3
    still = now() + decisions.UNDO_PERIOD / 2
    assert Bundle.objects.filter(state="queued", not_before__gt=still).count() == 3  # captures do not shorten the delay
    undone = decisions.decide_cases(inline.services, studio, [1, 2, 3], DecisionRequest(DecisionChoice.UNDO, "Ann"))
    assert all(result.is_applied for result in undone)
    assert [decision for decision, _ in list_decisions(studio)] == ["open"] * 3


def test_repeated_decision_is_reported_and_changes_nothing(inline: SyncRunner, studio: Owner) -> None:
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "Ann"))
    results = decisions.decide_cases(
        inline.services, studio, [1, 2], DecisionRequest(DecisionChoice.DISMISS, "Ben", "Not ours.")
    )
    assert [(result.is_applied, result.case.decided_by) for result in results] == [(False, "Ann"), (True, "Ben")]
    same = decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "Ben"))
    assert [(result.is_applied, result.case.decided_by) for result in same] == [(False, "Ann")]
    assert not decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.UNDO, "Ben"))[
        0
    ].is_applied
    assert list_decisions(studio)[0] == ("confirmed", "Ann")


def test_invalid_bulk_decision_changes_nothing(inline: SyncRunner, studio: Owner) -> None:
    with pytest.raises(NotFoundError):
        decisions.decide_cases(inline.services, studio, [1, 99], DecisionRequest(DecisionChoice.CONFIRM, "Ann"))
    with pytest.raises(InvalidRequestError):
        decisions.decide_cases(inline.services, studio, range(1, 300), DecisionRequest(DecisionChoice.CONFIRM, "Ann"))
    with pytest.raises(InvalidRequestError):
        decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.LICENSE, "Ann"))
    assert [decision for decision, _ in list_decisions(studio)] == ["open"] * 3


def test_dispute_is_stored_with_reason_until_settled(inline: SyncRunner, studio: Owner) -> None:
    case = studio.cases.get(number=1)
    with pytest.raises(ConflictError):
        decisions.dispute_decision(case, by="Ben", reason="It is ours.")
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "Ann"))
    with pytest.raises(InvalidRequestError):
        decisions.dispute_decision(case, by="Ben", reason="")
    decisions.dispute_decision(case, by="Ben", reason="It is ours.")
    assert studio.cases.filter(disputed_at__isnull=False, decision="dismissed").count() == 1
    decisions.uphold_decision(case, by="Ann", reason="I asked the photographer.")
    assert not studio.cases.filter(disputed_at__isnull=False).exists()
    events = [(event.kind, event.actor, event.sentence) for event in case.events.all()[:2]]
    assert events == [("settled", "Ann", "I asked the photographer."), ("disputed", "Ben", "It is ours.")]


def test_new_decision_ends_a_dispute(inline: SyncRunner, studio: Owner) -> None:
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "Ann"))
    decisions.dispute_decision(studio.cases.get(number=1), by="Ben", reason="It is ours.")
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.REOPEN, "Ann", "He is right."))
    assert studio.cases.get(number=1).disputed_at is None


def test_note_is_logged_without_author(inline: SyncRunner, studio: Owner) -> None:
    before = LogSubmission.objects.filter(type=EntryType.CASE).count()
    decisions.add_note(studio.cases.get(number=1), by="Ann", text="Ask the gallery first.")
    entries = LogSubmission.objects.filter(type=EntryType.CASE).order_by("pk")
    assert entries.count() == before + 1
    last = entries.last()
    assert last is not None
    assert "Ann" not in str(last.opening.content)


@pytest.fixture
def run_in_terminal(inline: SyncRunner) -> Callable[..., Result]:
    """A function that runs the confirm command as Ann."""
    desk = CommandContext(inline.services.config)
    desk.__dict__["services"] = inline.services
    return lambda *words: CliRunner().invoke(terminal.case_command, ["confirm", *words, "--by", "Ann"], obj=desk)


def test_case_confirmed_by_command_can_be_undone_by_its_author(
    inline: SyncRunner, studio: Owner, run_in_terminal: Callable[..., Result]
) -> None:
    assert run_in_terminal("2", "1").exit_code == 0
    assert Bundle.objects.filter(not_before__gt=now()).count() == 2
    decisions.decide_cases(inline.services, studio, [3], DecisionRequest(DecisionChoice.DISMISS, "Ben"))
    undone = decisions.decide_cases(inline.services, studio, [3, 1], DecisionRequest(DecisionChoice.UNDO, "Ann"))
    assert [result.is_applied for result in undone] == [False, True]
    assert list_decisions(studio) == [("open", "Ann"), ("confirmed", "Ann"), ("dismissed", "Ben")]


def test_confirm_command_reports_outcome_of_each_case(
    inline: SyncRunner, studio: Owner, run_in_terminal: Callable[..., Result]
) -> None:
    decisions.decide_cases(inline.services, studio, [1, 2], DecisionRequest(DecisionChoice.DISMISS, "Ben"))
    ran = run_in_terminal("1", "2", "3")
    assert isinstance(ran.exception, ConflictError)
    assert ("3" in ran.stdout, "Case 2" in ran.stderr, "Case 1" in str(ran.exception)) == (True, True, True)
    again = run_in_terminal("3")
    assert (again.exit_code, again.stdout, "3" in again.stderr) == (0, "", True)
    assert list_decisions(studio) == [("dismissed", "Ben"), ("dismissed", "Ben"), ("confirmed", "Ann")]


def test_case_with_new_sightings_can_be_decided_by_command(
    inline: SyncRunner, studio: Owner, run_in_terminal: Callable[..., Result]
) -> None:
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "Ben"))
    studio.cases.filter(number=1).update(is_pending=True)
    assert run_in_terminal("1").exit_code == 0
    [_confirmed, grown, *_earlier] = studio.cases.get(number=1).events.all()
    assert [name for name, _ in grown.said] == ["open", "grown"]
