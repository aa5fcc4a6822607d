"""Test the reasons why files cannot be registered, and the suggested steps."""

from desk.texts.uploads import OUTCOMES, WHAT_TO_DO, WHY, result, what_to_do, why
from registry.models import UploadFile

Outcome = UploadFile.Outcome


def test_each_reason_comes_with_what_helps() -> None:
    assert WHY.keys() == WHAT_TO_DO.keys()
    broken = UploadFile(state="done", outcome="refused", reason="truncated")
    assert (result(broken), why(broken)) == (str(OUTCOMES[Outcome.REFUSED]), str(WHY["truncated"]))
    assert what_to_do(broken) == str(WHAT_TO_DO["truncated"])
    newer = UploadFile(state="done", outcome="refused", reason="newer", error="It is odd.")
    assert (why(newer), bool(what_to_do(newer))) == ("It is odd.", True)


def test_what_waits_succeeded_or_was_given_up_is_said() -> None:
    assert result(UploadFile()) not in {str(one) for one in OUTCOMES.values()}
    assert (why(UploadFile()), what_to_do(UploadFile())) == ("", "")
    assert result(UploadFile(state="done", outcome="known")) == str(OUTCOMES[Outcome.KNOWN])
    given_up = UploadFile(state="failed", error="The worker died.")
    assert (result(given_up), why(given_up)) == (str(OUTCOMES[Outcome.REFUSED]), str(WHY["given-up"]))
