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


def grade(name: str, checks: list[Check], asked: tuple[str, ...] | None = None) -> Grade | None:
    return next((one for one in grades_of(checks, asked) if one.name == name), None)


def changed(name: str, to: Check | None) -> list[Check]:
    return [one for one in WHOLE if one.name != name] + ([to] if to is not None else [])


def test_a_grade_passes_with_all_of_its_checks_and_names_who_vouches() -> None:
    assert {one.name: (one.state, one.by) for one in grades_of(WHOLE, None)} == {
        "bytes": (State.PASSED, "digests, recomputed"),
        "owner": (State.PASSED, "the pinned key of Ann"),
        "log": (State.PASSED, "the pinned key of the log"),
        "time": (State.PASSED, "an authority"),
    }


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        (changed("key", None), State.NOT_CHECKED),
        (changed("key", not_checked("key", "")), State.NOT_CHECKED),
        (changed("key", failed("key", "")), State.FAILED),
        ([*WHOLE, failed("countersignature:ab", "")], State.FAILED),
        ([*WHOLE, not_checked("countersignature:ab", "")], State.PASSED),
        ([], State.NOT_CHECKED),
    ],
)
def test_one_check_that_lacks_or_fails_decides(checks: list[Check], state: State) -> None:
    found = grade("owner", checks)
    assert found is not None
    assert found.state is state
    assert bool(found.by) is (state is State.PASSED)


def test_what_a_bundle_has_nothing_of_is_a_grade_only_where_it_is_asked_for() -> None:
    assert grade("match", WHOLE) is None
    asked = grade("match", WHOLE, ("match",))
    assert asked is not None
    assert (asked.state, asked.required) == (State.NOT_CHECKED, True)
    assert [one.name for one in grades_of(WHOLE, ()) if one.required] == ["bytes", "owner", "log", "time"]


def test_what_nobody_confirmed_is_never_complete_whatever_is_asked_for() -> None:
    undecided = grade("decision", [*WHOLE, not_checked("confirmed", "")], ())
    assert undecided is not None
    assert (undecided.state, undecided.required) == (State.NOT_CHECKED, True)


def test_the_sheet_counts_only_where_a_list_names_it() -> None:
    with_sheet = [*WHOLE, passed("sheet", "")]
    for asked, required in ((None, False), ((), False), (("sheet",), True)):
        found = grade("sheet", with_sheet, asked)
        assert found is not None
        assert found.required is required


def test_no_check_gives_a_grade_by_half_of_its_name() -> None:
    assert set(GRADES) > {"capture"}
    assert grade("capture", [*WHOLE, passed("slice", "")]) is None
    assert grade("capture", [*WHOLE, passed("slice:01", "")]) is not None
