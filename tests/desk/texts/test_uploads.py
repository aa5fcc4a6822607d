"""Test the reasons why files cannot be registered, and the suggested steps."""

from desk.texts.uploads import FIXES, OUTCOMES, PROBLEMS, describe_fix, describe_problem, describe_result
from registry.models import UploadFile

Outcome = UploadFile.Outcome


def test_each_upload_error_has_a_hint() -> None:
    assert PROBLEMS.keys() == FIXES.keys()
    broken = UploadFile(state="done", outcome="refused", reason="truncated")
    assert (describe_result(broken), describe_problem(broken)) == (
        str(OUTCOMES[Outcome.REFUSED]),
        str(PROBLEMS["truncated"]),
    )
    assert describe_fix(broken) == str(FIXES["truncated"])
    newer = UploadFile(state="done", outcome="refused", reason="newer", error="It is odd.")
    assert (describe_problem(newer), bool(describe_fix(newer))) == ("It is odd.", True)


def test_waiting_successful_and_failed_uploads_are_described() -> None:
    assert describe_result(UploadFile()) not in {str(outcome) for outcome in OUTCOMES.values()}
    assert (describe_problem(UploadFile()), describe_fix(UploadFile())) == ("", "")
    assert describe_result(UploadFile(state="done", outcome="known")) == str(OUTCOMES[Outcome.KNOWN])
    given_up = UploadFile(state="failed", error="The worker died.")
    assert (describe_result(given_up), describe_problem(given_up)) == (
        str(OUTCOMES[Outcome.REFUSED]),
        str(PROBLEMS["given-up"]),
    )
