import io
import json

import pytest

from demo.display import Display
from demo.edits import EDITS
from demo.plan import Placed, Plan, Site, Trap, Use
from demo.reading import SeenCase, SeenRefusal, SeenUse, cases_of
from demo.run import Result
from demo.table import summary
from demo.tally import Tally, tally
from exhibit.errors import IntegrityError

BASE = "http://127.0.0.2:8001"
PAGE = f"{BASE}/shelf-1.html"


def build_use(work: str, name: str, edit: str = "grey") -> Use:
    (known_edit,) = (item for item in EDITS if item == edit)
    return Use(work, known_edit, "prints", PAGE, f"{BASE}/pictures/{name}.jpg")


COPY, CROP, LICENSED = build_use("a.jpg", "copy"), build_use("b.jpg", "crop", "cropped"), build_use("c.jpg", "licensed")
FORBIDDEN = build_use("a.jpg", "members")
TRAP = Trap("private-address", "prints", PAGE, f"{BASE}/go/1.jpg", "http://10.0.0.1/")
PLAN = Plan(
    (Site("prints", "Prints", BASE, "site", f"{BASE}/"),),
    (COPY, CROP),
    (LICENSED,),
    (FORBIDDEN,),
    (Placed("like a", "prints", PAGE, f"{BASE}/pictures/like.jpg"),),
    (),
    (TRAP,),
    (),
)


def build_case(
    work: str, image_url: str, match: str = "certain", licence: int | None = None, state: str = "open"
) -> SeenCase:
    return SeenCase(1, work, "127.0.0.2", state, (SeenUse(PAGE, image_url, match, licence),), 0, 0)


def build_tally(*cases: SeenCase, refusals: tuple[SeenRefusal, ...] = ()) -> Tally:
    return tally(PLAN, cases, refusals)


def test_copy_in_its_work_case_is_found_and_other_is_missed() -> None:
    result = build_tally(build_case("a.jpg", COPY.image_url))
    assert result.planted["grey"] == result.matched["grey"] == 1
    assert (result.planted["cropped"], result.matched["cropped"]) == (1, 0)
    assert result.missed_uses == (CROP,)
    assert result.false_alarms == ()


def test_copy_matched_to_other_work_is_missed_and_a_false_alarm() -> None:
    result = build_tally(build_case("b.jpg", COPY.image_url))
    assert COPY in result.missed_uses
    assert [alarm.image_url for alarm in result.false_alarms] == [COPY.image_url]


def test_copy_matched_as_licensed_is_not_found() -> None:
    assert COPY in build_tally(build_case("a.jpg", COPY.image_url, licence=3)).missed_uses


def test_match_for_review_is_found_and_counted_separately() -> None:
    result = build_tally(build_case("a.jpg", COPY.image_url, "review"))
    assert (result.matched["grey"], result.for_review) == (1, 1)


def test_lookalike_is_a_false_alarm_when_certain_or_confirmed() -> None:
    url = PLAN.lookalikes[0].image_url
    assert not build_tally(build_case("a.jpg", url, "review")).false_alarms
    assert build_tally(build_case("a.jpg", url, "certain")).false_alarms
    assert build_tally(build_case("a.jpg", url, "review", state="confirmed")).false_alarms


def test_licensed_use_is_spared_raised_or_unnoticed() -> None:
    spared = build_tally(build_case("c.jpg", LICENSED.image_url, licence=1))
    raised = build_tally(build_case("c.jpg", LICENSED.image_url))
    unnoticed = build_tally()
    assert [counts.licensed_spared for counts in (spared, raised, unnoticed)] == [1, 0, 0]
    assert [counts.licensed_raised for counts in (spared, raised, unnoticed)] == [(), (LICENSED,), ()]
    assert [counts.licensed_unnoticed for counts in (spared, raised, unnoticed)] == [(), (), (LICENSED,)]


def test_trap_without_recorded_refusal_is_reported() -> None:
    assert build_tally().not_refused == (TRAP,)
    refused = build_tally(refusals=(SeenRefusal(TRAP.image_url, "private-address"),))
    assert (refused.not_refused, refused.refused) == ((), {"private-address": 1})


def test_summary_has_exactly_six_keys_and_failures_are_sentences() -> None:
    url = PLAN.lookalikes[0].image_url
    result = Result(
        build_tally(build_case("a.jpg", url)),
        {"1.zip": "failed"},
        (),
        (),
        ("GET /members/x.jpg",),
        {"start": 1.0},
        "",
        "",
    )
    plain = json.loads(summary(result))
    assert list(plain) == ["planted", "found", "false_alarms", "licensed_spared", "refused", "seconds"]
    assert list(plain["planted"]) == list(EDITS)
    assert (plain["false_alarms"], len(result.failures)) == (1, 6)


def test_incomplete_response_is_refused_with_missing_field_name() -> None:
    with pytest.raises(IntegrityError):
        cases_of({"cases": [{"number": 1, "work": {"file": "a.jpg"}, "decision": "open", "uses": [], "bundles": []}]})


def test_non_terminal_display_writes_plain_lines() -> None:
    out = io.StringIO()
    display = Display(2, out)
    with display.stage("one", "Doing one thing"):
        display.progress(1, 5, "steps")
        display.note("Something was found")
    assert out.getvalue().splitlines()[:2] == ["1/2  Doing one thing", "     Something was found"]
    assert "\r" not in out.getvalue()
    assert list(display.seconds) == ["one"]
