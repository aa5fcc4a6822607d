"""Test notes and disputes."""

import pytest

from exhibit.errors import ConflictError, InvalidRequestError
from registry.cases.decisions import (
    DecisionChoice,
    DecisionRequest,
    add_note,
    decide_cases,
    dispute_decision,
    uphold_decision,
)
from registry.models import Case
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def case(inline: SyncRunner) -> Case:
    return create_case(inline.services, owner("studio"))


def test_note_is_recorded_in_history_with_author(case: Case) -> None:
    add_note(case, by="Ann", text="Ask the gallery first.")
    event = case.events.get(kind="note")
    assert event.actor == "Ann"
    assert "Ask the gallery first." in str(event.said) + event.sentence
    with pytest.raises(InvalidRequestError):
        add_note(case, by="Ann", text=" ")


def test_dispute_remains_until_settled(inline: SyncRunner, case: Case) -> None:
    with pytest.raises(ConflictError):
        dispute_decision(case, by="Ben", reason="It is ours.")
    decide_cases(inline.services, case.owner, [1], DecisionRequest(DecisionChoice.DISMISS, "Ann"))
    case.refresh_from_db()
    dispute_decision(case, by="Ben", reason="It is ours.")
    assert Case.objects.exclude(disputed_at=None).exists()
    uphold_decision(Case.objects.get(), by="Ann", reason="I asked.")
    assert Case.objects.filter(disputed_at=None, decision="dismissed").exists()
