"""Notes and disputes from the command line."""

import pytest
from click.testing import CliRunner, Result

from desk.cli import case as cases
from desk.cli.common.frame import Desk
from exhibit.errors import ConflictError, WrongUseError
from registry.models import Case
from tests.assets.rows import found_case, owner
from workers.cases import decisions
from workers.cases.decisions import Choice, Wish
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def case(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Case:
    desk = Desk(inline.services.config)
    desk.__dict__["services"] = inline.services
    monkeypatch.setitem(cases.case_command.context_settings, "obj", desk)
    return found_case(inline.services, owner("studio"))


def run(*words: str) -> Result:
    return CliRunner().invoke(cases.case_command, words)


def test_a_note_stands_in_the_history_with_who_wrote_it(case: Case) -> None:
    assert run("note", "1", "--words", "Ask the gallery first.", "--by", "Ann").exit_code == 0
    shown = run("show", "1")
    assert "Ask the gallery first." in shown.output
    assert (case.events.first().kind, case.events.first().actor) == ("note", "Ann")  # type: ignore[union-attr]
    assert isinstance(run("note", "1", "--words", " ").exception, WrongUseError)


def test_a_dispute_is_shown_until_it_is_settled(inline: SyncRunner, case: Case) -> None:
    assert isinstance(run("dispute", "1", "--reason", "It is ours.").exception, ConflictError)
    decisions.decide_each(inline.services, case.owner, [1], Wish(Choice.CLEAR, "Ann"))
    assert run("dispute", "1", "--reason", "It is ours.", "--by", "Ben").output == "Disputed: the decision of case 1.\n"
    assert "disputed" in run("show", "1").output
    assert run("settle", "1", "--reason", "I asked.").exit_code == 0
    case.refresh_from_db()
    assert (case.disputed_at, case.decision) == (None, "cleared")
