import io
import json

import pytest

from demo.display import Display
from demo.edits import EDIT_NAMES
from demo.plan import CopyUse, OtherImage, Plan, Site, Trap
from demo.reading import CaseUse, CrawlRefusal, ReportedCase, parse_cases
from demo.run import DemoResult
from demo.table import format_summary
from demo.tally import Tally, compute_tally
from exhibit.errors import IntegrityError

BASE = "http://127.0.0.2:8001"
PAGE = f"{BASE}/shelf-1.html"


def build_use(work: str, name: str, edit: str = "grey") -> CopyUse:
    (known_edit,) = (item for item in EDIT_NAMES if item == edit)
    return CopyUse(work, known_edit, "prints", PAGE, f"{BASE}/pictures/{name}.jpg")


COPY, CROP, LICENSED = build_use("a.jpg", "copy"), build_use("b.jpg", "crop", "cropped"), build_use("c.jpg", "licensed")
FORBIDDEN = build_use("a.jpg", "members")
TRAP = Trap("private-address", "prints", PAGE, f"{BASE}/go/1.jpg", "http://10.0.0.1/")
PLAN = Plan(
    (Site("prints", "Prints", BASE, "site", f"{BASE}/"),),
    (COPY, CROP),
    (LICENSED,),
    (FORBIDDEN,),
    (OtherImage("like a", "prints", PAGE, f"{BASE}/pictures/like.jpg"),),
    (),
    (TRAP,),
    (),
)


def build_case(
    work: str, image_url: str, match: str = "certain", licence: int | None = None, state: str = "open"
) -> ReportedCase:
    return ReportedCase(1, work, "127.0.0.2", state, (CaseUse(PAGE, image_url, match, licence),), 0, 0)


def build_tally(*cases: ReportedCase, refusals: tuple[CrawlRefusal, ...] = ()) -> Tally:
    return compute_tally(PLAN, cases, refusals)


def test_copy_with_a_case_for_its_work_is_found_and_copy_without_is_missed() -> None:
    result = build_tally(build_case("a.jpg", COPY.image_url))
    assert result.planted_counts["grey"] == result.matched_counts["grey"] == 1
    assert (result.planted_counts["cropped"], result.matched_counts["cropped"]) == (1, 0)
    assert result.missed_uses == (CROP,)
    assert result.false_alarms == ()


def test_copy_matched_to_other_work_counts_as_missed_and_as_false_alarm() -> None:
    result = build_tally(build_case("b.jpg", COPY.image_url))
    assert COPY in result.missed_uses
    assert [alarm.image_url for alarm in result.false_alarms] == [COPY.image_url]


def test_copy_matched_as_licensed_is_not_found() -> None:
    assert COPY in build_tally(build_case("a.jpg", COPY.image_url, licence=3)).missed_uses


def test_match_for_review_is_found_and_counted_separately() -> None:
    result = build_tally(build_case("a.jpg", COPY.image_url, "review"))
    assert (result.matched_counts["grey"], result.review_count) == (1, 1)


def test_lookalike_is_a_false_alarm_when_certain_or_confirmed() -> None:
    url = PLAN.lookalike_images[0].image_url
    assert not build_tally(build_case("a.jpg", url, "review")).false_alarms
    assert build_tally(build_case("a.jpg", url, "certain")).false_alarms
    assert build_tally(build_case("a.jpg", url, "review", state="confirmed")).false_alarms


def test_licensed_use_is_counted_as_licensed_reported_or_not_found() -> None:
    spared = build_tally(build_case("c.jpg", LICENSED.image_url, licence=1))
    raised = build_tally(build_case("c.jpg", LICENSED.image_url))
    unnoticed = build_tally()
    assert [counts.spared_count for counts in (spared, raised, unnoticed)] == [1, 0, 0]
    assert [counts.raised_uses for counts in (spared, raised, unnoticed)] == [(), (LICENSED,), ()]
    assert [counts.unnoticed_uses for counts in (spared, raised, unnoticed)] == [(), (), (LICENSED,)]


def test_trap_url_without_recorded_refusal_is_reported() -> None:
    assert build_tally().unrefused_traps == (TRAP,)
    refused = build_tally(refusals=(CrawlRefusal(TRAP.image_url, "private-address"),))
    assert (refused.unrefused_traps, refused.refusal_counts) == ((), {"private-address": 1})


def test_summary_has_exactly_six_keys_and_failures_are_sentences() -> None:
    url = PLAN.lookalike_images[0].image_url
    result = DemoResult(
        build_tally(build_case("a.jpg", url)),
        {"1.zip": "failed"},
        (),
        (),
        ("GET /members/x.jpg",),
        {"start": 1.0},
        "",
        "",
    )
    plain = json.loads(format_summary(result))
    assert list(plain) == ["planted", "found", "false_alarms", "licensed_spared", "refused", "seconds"]
    assert list(plain["planted"]) == list(EDIT_NAMES)
    assert (plain["false_alarms"], len(result.failures)) == (1, 6)


def test_incomplete_response_is_refused_with_missing_field_name() -> None:
    with pytest.raises(IntegrityError):
        parse_cases(
            {"cases": [{"number": 1, "work": {"file": "a.jpg"}, "decision": "open", "uses": [], "bundles": []}]}
        )


def test_non_terminal_display_writes_plain_lines() -> None:
    out = io.StringIO()
    display = Display(2, out)
    with display.announce_stage("one", "Doing one thing"):
        display.show_progress(1, 5, "steps")
        display.print_finding("Something was found")
    assert out.getvalue().splitlines()[:2] == ["1/2  Doing one thing", "     Something was found"]
    assert "\r" not in out.getvalue()
    assert list(display.seconds) == ["one"]
