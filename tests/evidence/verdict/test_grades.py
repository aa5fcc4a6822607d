"""Test that each grade of a verdict needs all of its checks, and states who vouches for it."""

import pytest

from evidence.verdict.grades import GRADES, Grade, State, compute_grades
from evidence.verdict.result import Check, fail_check, pass_check, skip_check

PASSED_CHECKS = [
    *(pass_check(name, "") for name in ("manifest", "files", "facts", "signature", "entry", "inclusion", "order")),
    pass_check("key", "", "Ann"),
    pass_check("checkpoint", "", "the log"),
    pass_check("consistency", ""),
    pass_check("time", "", "an authority"),
]


def find_grade(name: str, checks: list[Check], required: tuple[str, ...] | None = None) -> Grade | None:
    return next((candidate for candidate in compute_grades(checks, required) if candidate.name == name), None)


def replace_check(name: str, to: Check | None) -> list[Check]:
    return [check for check in PASSED_CHECKS if check.name != name] + ([to] if to is not None else [])


def test_grade_passes_with_all_checks_and_names_the_source_of_trust() -> None:
    assert {result.name: (result.state, result.by) for result in compute_grades(PASSED_CHECKS, None)} == {
        "bytes": (State.PASSED, "digests, recomputed"),
        "owner": (State.PASSED, "the key of Ann on the trust list"),
        "log": (State.PASSED, "the key of the log on the trust list"),
        "time": (State.PASSED, "an authority"),
    }


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        (replace_check("key", None), State.NOT_CHECKED),
        (replace_check("key", skip_check("key", "")), State.NOT_CHECKED),
        (replace_check("key", fail_check("key", "")), State.FAILED),
        ([*PASSED_CHECKS, fail_check("countersignature:ab", "")], State.FAILED),
        ([*PASSED_CHECKS, skip_check("countersignature:ab", "")], State.PASSED),
        ([], State.NOT_CHECKED),
    ],
)
def test_single_missing_or_failed_check_decides_grade(checks: list[Check], state: State) -> None:
    result = find_grade("owner", checks)
    assert result is not None
    assert result.state is state
    assert bool(result.by) is (state is State.PASSED)


def test_grade_without_evidence_is_listed_only_if_the_trust_list_requires_it() -> None:
    assert find_grade("match", PASSED_CHECKS) is None
    required_grade = find_grade("match", PASSED_CHECKS, ("match",))
    assert required_grade is not None
    assert (required_grade.state, required_grade.required) == (State.NOT_CHECKED, True)
    assert [result.name for result in compute_grades(PASSED_CHECKS, ()) if result.required] == [
        "bytes",
        "owner",
        "log",
        "time",
    ]


def test_unconfirmed_decision_is_never_complete() -> None:
    undecided = find_grade("decision", [*PASSED_CHECKS, skip_check("confirmed", "")], ())
    assert undecided is not None
    assert (undecided.state, undecided.required) == (State.NOT_CHECKED, True)


def test_sheet_is_required_only_by_trust_list() -> None:
    with_sheet = [*PASSED_CHECKS, pass_check("sheet", "")]
    for required_names, required in ((None, False), ((), False), (("sheet",), True)):
        result = find_grade("sheet", with_sheet, required_names)
        assert result is not None
        assert result.required is required


def test_check_whose_name_only_starts_like_a_graded_check_gives_no_grade() -> None:
    assert set(GRADES) > {"capture"}
    assert find_grade("capture", [*PASSED_CHECKS, pass_check("slice", "")]) is None
    assert find_grade("capture", [*PASSED_CHECKS, pass_check("slice:01", "")]) is not None
