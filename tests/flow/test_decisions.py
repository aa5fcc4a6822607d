"""What members do with cases: many at once, two people at once, undone, disputed."""

import pytest

from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from registry.cases.history import in_english
from registry.models import Bundle, Capture, LogSubmission, Owner
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.cases import decisions
from workers.cases.decisions import Choice, Wish
from workers.pipeline.steps import STEPS
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner


def three_cases(inline: SyncRunner) -> Owner:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    for host in ("a.example", "b.example", "c.example"):
        planned, epoch = claimed_slice(studio, host)
        match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)], host=host))
    return studio


def decided(of: Owner) -> list[tuple[str, str]]:
    return list(of.cases.order_by("number").values_list("decision", "decided_by"))


def test_many_are_decided_at_once_and_undone_at_once(inline: SyncRunner) -> None:
    studio = three_cases(inline)
    made = decisions.decide_each(inline.services, studio, [1, 2, 3], Wish(Choice.CONFIRM, "Ann", "No permission."))
    assert all(one.done for one in made)
    assert {case.reason for case in studio.cases.all()} == {"No permission."}
    STEPS["capture"].work(inline.services, list(Capture.objects.values_list("pk", flat=True)))
    assert Capture.objects.filter(state="done").count() == 3
    still = now() + decisions.UNDO_FOR / 2
    assert Bundle.objects.filter(state="todo", not_before__gt=still).count() == 3  # a capture hurries none of them
    undone = decisions.undo_each(studio, [1, 2, 3], by="Ann")
    assert all(one.done for one in undone)
    assert [decision for decision, _ in decided(studio)] == ["open"] * 3


def test_whoever_comes_second_is_told_and_changes_nothing(inline: SyncRunner) -> None:
    studio = three_cases(inline)
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "Ann"))
    made = decisions.decide_each(inline.services, studio, [1, 2], Wish(Choice.CLEAR, "Ben", "Not ours."))
    assert [(one.done, one.case.decided_by) for one in made] == [(False, "Ann"), (True, "Ben")]
    same = decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "Ben"))
    assert [(one.done, one.case.decided_by) for one in same] == [(False, "Ann")]
    assert not decisions.undo_each(studio, [1], by="Ben")[0].done
    assert decided(studio)[0] == ("confirmed", "Ann")


def test_nothing_is_decided_when_a_case_is_not_the_owners(inline: SyncRunner) -> None:
    studio = three_cases(inline)
    with pytest.raises(NotFoundError):
        decisions.decide_each(inline.services, studio, [1, 99], Wish(Choice.CONFIRM, "Ann"))
    with pytest.raises(WrongUseError):
        decisions.decide_each(inline.services, studio, range(1, 300), Wish(Choice.CONFIRM, "Ann"))
    with pytest.raises(WrongUseError):
        decisions.decide_each(inline.services, studio, [1], Wish(Choice.LICENSE, "Ann"))
    assert [decision for decision, _ in decided(studio)] == ["open"] * 3


def test_a_dispute_is_kept_with_its_reason_until_somebody_settles_it(inline: SyncRunner) -> None:
    studio = three_cases(inline)
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
    said = [(one.kind, one.actor, in_english(one.said, one.sentence)) for one in case.events.all()[:2]]
    assert said == [
        ("settled", "Ann", "The decision stands. I asked the photographer."),
        ("disputed", "Ben", "Disputed. It is ours."),
    ]


def test_deciding_anew_ends_a_dispute(inline: SyncRunner) -> None:
    studio = three_cases(inline)
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "Ann"))
    decisions.dispute(studio.cases.get(number=1), by="Ben", reason="It is ours.")
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.REOPEN, "Ann", "He is right."))
    assert studio.cases.get(number=1).disputed_at is None


def test_a_note_is_an_entry_of_the_log_and_names_nobody_there(inline: SyncRunner) -> None:
    studio = three_cases(inline)
    before = LogSubmission.objects.filter(type=EntryType.CASE).count()
    decisions.note(studio.cases.get(number=1), by="Ann", words="Ask the gallery first.")
    entries = LogSubmission.objects.filter(type=EntryType.CASE).order_by("pk")
    assert entries.count() == before + 1
    last = entries.last()
    assert last is not None
    assert "Ann" not in str(last.opening.content)
