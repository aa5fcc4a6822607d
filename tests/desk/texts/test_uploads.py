"""Why files can't be registered, and what to do about it."""

from desk.texts.uploads import WHAT_TO_DO, WHY, result, what_to_do, why
from registry.models import UploadFile


def test_each_reason_comes_with_what_helps() -> None:
    assert WHY.keys() == WHAT_TO_DO.keys()
    broken = UploadFile(state="done", outcome="refused", reason="truncated")
    assert (result(broken), why(broken)) == ("not registered", "The file breaks off: a part of the picture is missing.")
    assert what_to_do(broken).startswith("Copy it again")
    newer = UploadFile(state="done", outcome="refused", reason="newer", error="It is odd.")
    assert (why(newer), what_to_do(newer)) == ("It is odd.", "Ask the operator.")


def test_what_waits_succeeded_or_was_given_up_is_said() -> None:
    assert (result(UploadFile()), why(UploadFile()), what_to_do(UploadFile())) == ("waits", "", "")
    assert result(UploadFile(state="done", outcome="known")) == "was registered before"
    given_up = UploadFile(state="failed", error="The worker died.")
    assert (result(given_up), why(given_up)) == (
        "not registered",
        "Registering it was tried several times and never ended.",
    )
