"""Test what follows from all checks: the outcome, the sentence, and the most severe of several."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evidence.verdict.result import (
    CONTAINER_CHANGED,
    Check,
    State,
    Time,
    Verdict,
    failed,
    most_severe,
    not_checked,
    passed,
    require,
    worst,
)
from exhibit.digests import Digest
from exhibit.errors import ExitCode, IntegrityError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHECKS = (
    *(passed(name, "") for name in ("manifest", "files", "facts", "signature", "entry", "inclusion", "order")),
    passed("key", "", "Ann"),
    passed("checkpoint", "", "the log"),
    passed("consistency", ""),
    Check("time", State.PASSED, "", NOON, by="an authority"),
)
WHOLE = Verdict("b.zip", Digest.of(b""), "2026-11-20", CHECKS)


def test_the_result_of_a_complete_bundle_names_its_earliest_timestamp_service() -> None:
    assert WHOLE.outcome is ExitCode.DONE
    assert WHOLE.sentence == (
        "Complete: no check failed, and the whole bundle existed no later than 2026-11-20 12:00:00 UTC "
        "according to an authority."
    )
    require(WHOLE)
    plain = WHOLE.to_plain()
    assert (plain["outcome"], plain["exit_code"], plain["seal"]) == ("complete", 0, Digest.of(b"").hex)
    assert plain["existed_no_later_than"] == "2026-11-20T12:00:00.000000Z"
    assert plain["checks"][-1] == {
        "name": "time",
        "state": "passed",
        "sentence": "",
        "time": "2026-11-20T12:00:00.000000Z",
        "by": "an authority",
    }


def test_one_failure_is_shown_first_and_more_are_counted() -> None:
    wrong = replace(WHOLE, checks=(*CHECKS, *(failed(f"file:{number}", "Other bytes.") for number in range(7))))
    assert wrong.outcome is ExitCode.CHECK_FAILED
    assert wrong.sentence == "Failed: file:0, file:1, file:2, file:3, file:4 and 2 more."
    with pytest.raises(IntegrityError, match="file:0: Other bytes"):
        require(wrong)


def test_a_missing_check_makes_the_result_incomplete_where_it_is_required() -> None:
    unmatched = replace(WHOLE, checks=(*CHECKS, not_checked("registration", "")))
    assert unmatched.outcome is ExitCode.INCOMPLETE
    assert unmatched.sentence == "Incomplete: no check failed; not proven: match."
    unasked = replace(unmatched, asked=())
    assert unasked.outcome is ExitCode.DONE
    assert "Not proven, and not required: match." in unasked.sentence


def test_notes_stand_behind_the_result() -> None:
    with_notes = replace(
        WHOLE,
        checks=(
            *CHECKS,
            passed("container", f"{CONTAINER_CHANGED}: packed anew."),
            Check("anchor:a", State.PASSED, "", NOON, "for trials"),
        ),
        withheld=("data/a", "data/b"),
        times=(Time("sealed", NOON, "operator's clock"),),
    )
    for words in (
        "Earlier times are based on the log and the operator's clock only",
        "2 sealed files are withheld from this copy.",
        "Container changed, evidence intact.",
        "It is based on development services, which have no legal weight: for trials.",
    ):
        assert words in with_notes.sentence, words
    assert with_notes.times[0].words == "sealed 2026-11-20 12:00:00 UTC by the operator's clock"


def test_the_most_severe_of_several_results_counts() -> None:
    done, incomplete, wrong = ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.CHECK_FAILED
    assert most_severe([done, incomplete]) is incomplete
    assert most_severe([incomplete, ExitCode.WRONG_USE, done]) is ExitCode.WRONG_USE
    assert most_severe([ExitCode.WRONG_USE, wrong]) is wrong
    assert most_severe([]) is done
    assert worst([State.PASSED, State.NOT_CHECKED]) is State.NOT_CHECKED
    assert worst([State.FAILED, State.NOT_CHECKED]) is State.FAILED
    assert worst([]) is State.NOT_CHECKED
