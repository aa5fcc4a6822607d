"""Test timestamp requests from rows: pauses for silent services, and no duplicate or loss after a death."""

from desk.schemas.log import TimestampService
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from exhibit.errors import IntegrityError, ServiceMissingError
from registry.bundles.witness import ask_witnesses
from registry.bundles.witnessed import Witnessed, witnessed
from registry.log import witnesses
from registry.log.witnesses import Question
from registry.models import AnchorReceipt, WitnessState
from tests.assets.moody import MoodyAnchor, moody
from tests.assets.rows import asked_for
from workers.tasks.sync_runner import SyncRunner

__all__ = ["moody"]


def test_a_witness_that_comes_back_gives_everything_that_it_owes(inline: SyncRunner, moody: MoodyAnchor) -> None:
    moody.mood = ServiceMissingError("Nobody is there.")
    rows = asked_for(b"1", b"2", b"3")
    ask_witnesses(inline.services, rows)
    [silent] = witnesses.health().values()
    assert (silent.owed, silent.error, silent.answered_at) == (3, "Nobody is there.", None)
    assert silent.silent_since is not None
    moody.mood = None
    WitnessState.objects.update(ask_after=now())
    AnchorReceipt.objects.update(not_before=None)
    ask_witnesses(inline.services, rows)
    [well] = witnesses.health().values()
    assert (well.owed, well.error, well.silent_since) == (0, "", None)
    assert well.answered_at is not None
    assert set(AnchorReceipt.objects.values_list("state", "error", "qualified")) == {("done", "", "2026-11-01")}


def test_a_witness_that_answers_wrongly_isnt_silent(inline: SyncRunner, moody: MoodyAnchor) -> None:
    moody.mood = IntegrityError("The reply is about something else.")
    ask_witnesses(inline.services, asked_for(b"1", b"2"))
    assert moody.asked == 2
    assert not WitnessState.objects.exclude(silent_since=None).exists()
    assert set(AnchorReceipt.objects.values_list("error", flat=True)) == {"The reply is about something else."}
    [shown] = witnesses.health().values()
    assert (shown.error, shown.answered_at, shown.ask_after) == ("The reply is about something else.", None, None)
    moody.mood = None
    ask_witnesses(inline.services, asked_for(b"3"))
    [shown] = witnesses.health().values()
    assert shown.error == ""


def test_each_witness_counts_once_and_only_when_it_has_answered_in_full() -> None:
    def told(name: str, state: str, subject: str = "checkpoint") -> WitnessFacts:
        return WitnessFacts("rfc3161", name, False, state, subject, None)  # noqa: FBT003 - a field

    told_by = (told("a", "complete"), told("a", "complete", "manifest"), told("b", "pending"), told("c", "asked"))
    assert witnessed(told_by, 1) == Witnessed(1, 3, 1)
    assert witnessed(told_by, 1).enough
    assert not witnessed(told_by, 2).enough
    assert not witnessed((), 1).enough


def test_health_says_how_each_witness_has_answered(inline: SyncRunner) -> None:
    witnesses.note_answer("rfc3161", "well", Question.SUBMIT)
    witnesses.note_silence("evm", "ill", Question.UPGRADE, "The node doesn't answer.")
    asked_for(b"1", b"2", witness="ill", kind="evm")
    [ill, well] = [
        TimestampService.from_row(one, kind=kind, name=name, development=False, configured=False)
        for (kind, name), one in witnesses.health().items()
    ]
    assert (ill.name, ill.pending_receipts, ill.error) == ("ill", 2, "The node doesn't answer.")
    assert (well.pending_receipts, well.failing_since) == (0, None)
    assert well.last_response_at is not None
