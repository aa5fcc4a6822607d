"""Test that each grade of a verdict needs all of its checks, and states who vouches for it."""

import pytest

from evidence.verdict.grades import GRADES, Grade, State, grades_of
from evidence.verdict.result import Check, failed, not_checked, passed

WHOLE = [
    *(passed(name, "") for name in ("manifest", "files", "facts", "signature", "entry", "inclusion", "order")),
    passed("key", "", "Ann"),
    passed("checkpoint", "", "the log"),
    passed("consistency", ""),
    passed("time", "", "an authority"),
]


def grade(name: str, checks: list[Check], required: tuple[str, ...] | None = None) -> Grade | None:
    return next((candidate for candidate in grades_of(checks, required) if candidate.name == name), None)


def checks_with(name: str, to: Check | None) -> list[Check]:
    return [check for check in WHOLE if check.name != name] + ([to] if to is not None else [])


def test_a_grade_passes_with_all_of_its_checks_and_names_who_vouches() -> None:
    assert {result.name: (result.state, result.by) for result in grades_of(WHOLE, None)} == {
        "bytes": (State.PASSED, "digests, recomputed"),
        "owner": (State.PASSED, "the pinned key of Ann"),
        "log": (State.PASSED, "the pinned key of the log"),
        "time": (State.PASSED, "an authority"),
    }


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        (checks_with("key", None), State.NOT_CHECKED),
        (checks_with("key", not_checked("key", "")), State.NOT_CHECKED),
        (checks_with("key", failed("key", "")), State.FAILED),
        ([*WHOLE, failed("countersignature:ab", "")], State.FAILED),
        ([*WHOLE, not_checked("countersignature:ab", "")], State.PASSED),
        ([], State.NOT_CHECKED),
    ],
)
def test_one_check_that_lacks_or_fails_decides(checks: list[Check], state: State) -> None:
    result = grade("owner", checks)
    assert result is not None
    assert result.state is state
    assert bool(result.by) is (state is State.PASSED)


def test_a_grade_without_evidence_is_listed_only_where_it_is_required() -> None:
    assert grade("match", WHOLE) is None
    required_grade = grade("match", WHOLE, ("match",))
    assert required_grade is not None
    assert (required_grade.state, required_grade.required) == (State.NOT_CHECKED, True)
    assert [result.name for result in grades_of(WHOLE, ()) if result.required] == ["bytes", "owner", "log", "time"]


def test_an_unconfirmed_result_is_never_complete_whatever_is_required() -> None:
    undecided = grade("decision", [*WHOLE, not_checked("confirmed", "")], ())
    assert undecided is not None
    assert (undecided.state, undecided.required) == (State.NOT_CHECKED, True)


def test_the_sheet_counts_only_where_a_list_names_it() -> None:
    with_sheet = [*WHOLE, passed("sheet", "")]
    for required_names, required in ((None, False), ((), False), (("sheet",), True)):
        result = grade("sheet", with_sheet, required_names)
        assert result is not None
        assert result.required is required


def test_no_check_gives_a_grade_by_half_of_its_name() -> None:
    assert set(GRADES) > {"capture"}
    assert grade("capture", [*WHOLE, passed("slice", "")]) is None
    assert grade("capture", [*WHOLE, passed("slice:01", "")]) is not None
