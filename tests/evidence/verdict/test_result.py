"""Test the result of a verdict: its outcome, its sentence, and the most severe of several results."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evidence.verdict.result import (
    CONTAINER_CHANGED,
    Check,
    State,
    Time,
    Verdict,
    fail_check,
    find_most_severe,
    find_worst_state,
    pass_check,
    raise_first_failure,
    skip_check,
)
from exhibit.digests import Digest
from exhibit.errors import ExitCode, IntegrityError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHECKS = (
    *(pass_check(name, "") for name in ("manifest", "files", "facts", "signature", "entry", "inclusion", "order")),
    pass_check("key", "", "Ann"),
    pass_check("checkpoint", "", "the log"),
    pass_check("consistency", ""),
    Check("time", State.PASSED, "", NOON, by="an authority"),
)
COMPLETE_VERDICT = Verdict("b.zip", Digest.from_bytes(b""), "2026-11-20", CHECKS)


def test_complete_result_states_earliest_timestamp_service() -> None:
    assert COMPLETE_VERDICT.outcome is ExitCode.DONE
    assert COMPLETE_VERDICT.sentence == (
        "Complete: no check failed, and the whole bundle existed no later than 2026-11-20 12:00:00 UTC "
        "according to an authority."
    )
    raise_first_failure(COMPLETE_VERDICT)
    plain = COMPLETE_VERDICT.to_plain()
    assert (plain["outcome"], plain["exit_code"], plain["seal"]) == ("complete", 0, Digest.from_bytes(b"").hex)
    assert plain["existed_no_later_than"] == "2026-11-20T12:00:00.000000Z"
    assert plain["checks"][-1] == {
        "name": "time",
        "state": "passed",
        "sentence": "",
        "time": "2026-11-20T12:00:00.000000Z",
        "by": "an authority",
    }


def test_failures_are_listed_and_counted() -> None:
    wrong = replace(
        COMPLETE_VERDICT, checks=(*CHECKS, *(fail_check(f"file:{number}", "Other bytes.") for number in range(7)))
    )
    assert wrong.outcome is ExitCode.CHECK_FAILED
    assert wrong.sentence == "Failed: file:0, file:1, file:2, file:3, file:4 and 2 more."
    with pytest.raises(IntegrityError, match="file:0: Other bytes"):
        raise_first_failure(wrong)


def test_missing_required_check_makes_result_incomplete() -> None:
    unmatched = replace(COMPLETE_VERDICT, checks=(*CHECKS, skip_check("registration", "")))
    assert unmatched.outcome is ExitCode.INCOMPLETE
    assert unmatched.sentence == "Incomplete: no check failed; not proven: match."
    unasked = replace(unmatched, required_grades=())
    assert unasked.outcome is ExitCode.DONE
    assert "Not proven, and not required: match." in unasked.sentence


def test_notes_follow_the_result() -> None:
    with_notes = replace(
        COMPLETE_VERDICT,
        checks=(
            *CHECKS,
            pass_check("container", f"{CONTAINER_CHANGED}: packed again."),
            Check("anchor:a", State.PASSED, "", NOON, "for trials"),
        ),
        withheld=("data/a", "data/b"),
        times=(Time("sealed", NOON, "operator's clock"),),
    )
    for words in (
        "the log and the operator's clock",
        "2 sealed files are withheld from this copy.",
        "Container changed, evidence intact.",
        "This verdict is based on development services, which have no legal weight: for trials.",
    ):
        assert words in with_notes.sentence, words
    assert with_notes.times[0].description == "sealed 2026-11-20 12:00:00 UTC by the operator's clock"


def test_result_is_that_of_the_most_severe_check() -> None:
    done, incomplete, wrong = ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.CHECK_FAILED
    assert find_most_severe([done, incomplete]) is incomplete
    assert find_most_severe([incomplete, ExitCode.INVALID_REQUEST, done]) is ExitCode.INVALID_REQUEST
    assert find_most_severe([ExitCode.INVALID_REQUEST, wrong]) is wrong
    assert find_most_severe([]) is done
    assert find_worst_state([State.PASSED, State.NOT_CHECKED]) is State.NOT_CHECKED
    assert find_worst_state([State.FAILED, State.NOT_CHECKED]) is State.FAILED
    assert find_worst_state([]) is State.NOT_CHECKED
