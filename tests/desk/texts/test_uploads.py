"""Test the reasons why files cannot be registered, and the suggested steps."""

from desk.texts.uploads import (
    FIX_SENTENCES,
    OUTCOME_LABELS,
    PROBLEM_SENTENCES,
    describe_fix,
    describe_problem,
    describe_result,
)
from registry.models import UploadFile

Outcome = UploadFile.Outcome


def test_each_upload_error_has_a_hint() -> None:
    assert PROBLEM_SENTENCES.keys() == FIX_SENTENCES.keys()
    broken = UploadFile(state="done", outcome="refused", reason="truncated")
    assert (describe_result(broken), describe_problem(broken)) == (
        str(OUTCOME_LABELS[Outcome.REFUSED]),
        str(PROBLEM_SENTENCES["truncated"]),
    )
    assert describe_fix(broken) == str(FIX_SENTENCES["truncated"])
    newer = UploadFile(state="done", outcome="refused", reason="newer", error="It is odd.")
    assert (describe_problem(newer), bool(describe_fix(newer))) == ("It is odd.", True)


def test_waiting_successful_and_failed_uploads_are_described() -> None:
    assert describe_result(UploadFile()) not in {str(outcome) for outcome in OUTCOME_LABELS.values()}
    assert (describe_problem(UploadFile()), describe_fix(UploadFile())) == ("", "")
    assert describe_result(UploadFile(state="done", outcome="known")) == str(OUTCOME_LABELS[Outcome.KNOWN])
    given_up = UploadFile(state="failed", error="The worker died.")
    assert (describe_result(given_up), describe_problem(given_up)) == (
        str(OUTCOME_LABELS[Outcome.REFUSED]),
        str(PROBLEM_SENTENCES["given-up"]),
    )
