"""Test that related pictures are listed without notifications until a member turns one into a case."""

import json
from datetime import date

import pytest

from registry.cases import decisions, queue, queue_state
from registry.cases.decisions import DecisionChoice, DecisionRequest, confirm_case, dismiss_case, undo_decision
from registry.cases.queue import CaseFilter, CaseState, GroupOrder
from registry.cases.work_search import count_by_filter, count_cases_by_work
from registry.members import accounts
from registry.models import Bundle, Capture, Case, Event, EventKind, Flood, Match, Owner, Work
from registry.parties.parties import list_parties
from tests.assets.line_drawings import draw_scene
from tests.assets.rows import owner, register
from tests.assets.textured import encoded
from tests.registry.cases.test_queue_state import crawl_pictures
from workers.tasks.sync_runner import SyncRunner

WORK, REDRAWN = encoded(draw_scene(1)), encoded(draw_scene(1, as_outline=True))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    register(inline.services, studio, WORK)
    accounts.set_option(studio, "derived", enabled=True, by="ann")
    return studio


def list_related(rights_holder: Owner) -> list[str]:
    return [row.case.party for row in queue.list_in_groups(rights_holder, CaseFilter(CaseState.RELATED), 0, 50)]


def list_opened_sites() -> list[str]:
    return list(Event.objects.filter(kind=EventKind.CASE_OPENED).values_list("about__party", flat=True))


@pytest.mark.long
def test_related_pictures_are_not_captured_sealed_or_mailed(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    inline.run_until_idle()
    case = Case.objects.get()
    assert (case.decision, case.is_pending, case.is_related, case.shown is not None) == ("open", False, True, True)
    assert (list_related(studio), queue.count_pending_cases(studio), queue.count_related_cases(studio)) == (
        ["shop.example"],
        0,
        1,
    )
    assert list(queue.filter_cases(studio, CaseFilter(CaseState.LOOK_ALIKES))) == []
    assert list_opened_sites() == []
    assert not Capture.objects.exists()
    assert not Bundle.objects.exists()


@pytest.mark.long
def test_returning_a_related_picture_to_the_queue_makes_it_a_case(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    decisions.return_to_queue(Case.objects.get(), by="ann")
    case = Case.objects.get()
    assert (case.is_pending, case.is_related, list_opened_sites()) == (True, False, ["shop.example"])
    assert case.events.get(kind="taken-out").said == [["made-a-case", {}]]
    crawl_pictures(inline, studio, REDRAWN)  # seen once more
    assert Case.objects.get().is_pending
    assert list_opened_sites() == ["shop.example"]
    confirm_case(inline.services, case, by="ann", reason="After my work.")
    assert Capture.objects.filter(case=case).exists()


@pytest.mark.long
def test_dismissing_related_picture_hides_similar_pictures_and_undo_restores_them(
    inline: SyncRunner, studio: Owner
) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    crawl_pictures(inline, studio, REDRAWN, host="other.example")
    case = Case.objects.get(party="shop.example")
    dismiss_case(case, by="ann", reason="")
    assert list_related(studio) == []
    assert [row.party for row in queue.filter_cases(studio, CaseFilter(CaseState.LOOK_ALIKES))] == ["other.example"]
    undo_decision(case, by="ann")
    assert sorted(list_related(studio)) == ["other.example", "shop.example"]
    assert queue.count_pending_cases(studio) == 0
    assert list_opened_sites() == []


def test_confirming_a_related_picture_reports_it_as_a_case_first(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    (outcome,) = decisions.decide_cases(
        inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "ann", "It is mine.")
    )
    assert outcome.is_applied
    kinds = Event.objects.filter(owner=studio).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.CASE_OPENED, EventKind.CASE_DECIDED]
    assert not Case.objects.get().is_related


@pytest.mark.long
def test_copy_found_on_the_same_site_turns_related_picture_into_case(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    crawl_pictures(inline, studio, WORK)
    case = Case.objects.get()
    assert (case.is_pending, case.is_related, list_opened_sites()) == (True, False, ["shop.example"])
    assert case.shown is not None
    assert case.shown.match.decision == "certain"


@pytest.mark.long
def test_decided_cases_are_not_reopened_for_related_pictures(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, WORK)
    dismiss_case(Case.objects.get(), by="ann", reason="A quotation.", copies=True)
    crawl_pictures(inline, studio, REDRAWN)
    assert (Case.objects.get().is_pending, queue.count_pending_cases(studio), list_related(studio)) == (False, 0, [])


@pytest.mark.long
def test_licence_for_copies_covers_related_pictures(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, WORK)
    licence = studio.licences.create(number=1, licensee="Harbour Prints", valid_from=date(2020, 1, 1))
    decisions.license_use(Case.objects.get(), licence, by="ann", reason="")
    crawl_pictures(inline, studio, REDRAWN)
    case = Case.objects.get()
    assert (case.decision, case.is_pending, case.is_related) == ("licensed", False, False)


@pytest.mark.long
def test_licence_does_not_decide_related_pictures(inline: SyncRunner, studio: Owner) -> None:
    studio.licences.create(number=1, licensee="Harbour Prints", domain="shop.example", valid_from=date(2020, 1, 1))
    crawl_pictures(inline, studio, REDRAWN)
    inline.run_until_idle()
    case = Case.objects.get()
    assert (case.decision, case.is_related, case.is_pending) == ("open", True, False)
    assert case.case_sightings.get().licence is not None
    assert not Event.objects.exists()


def test_works_and_sites_count_only_cases(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    work = Work.objects.get()
    assert (count_cases_by_work([work]), count_by_filter(studio)["seen"], list(list_parties(studio))) == ({}, 0, [])
    decisions.return_to_queue(Case.objects.get(), by="ann")
    assert (count_cases_by_work([work]), count_by_filter(studio)["seen"]) == ({work.pk: 1}, 1)
    assert [row["party"] for row in list_parties(studio)] == ["shop.example"]


@pytest.mark.long
def test_related_pictures_are_sorted_by_odds(inline: SyncRunner, studio: Owner) -> None:
    odds = {"low.example": 4.0, "high.example": 60.0, "higher.example": 61.0, "unknown.example": None}
    for site, related in odds.items():
        crawl_pictures(inline, studio, encoded(draw_scene(1, as_outline=True), "JPEG", 70 + len(site)), host=site)
        case = Case.objects.get(party=site)
        Match.objects.filter(case_sightings__case=case).update(related=related)
        queue_state.update_case(case.pk)
    assert list_related(studio) == ["higher.example", "high.example", "low.example", "unknown.example"]
    newest = queue.list_in_groups(studio, CaseFilter(CaseState.RELATED, sort=GroupOrder.NEWEST), 0, 50)
    assert newest[0].case.party == "unknown.example"
    for case in Case.objects.filter(party__startswith="high"):
        decisions.return_to_queue(case, by="ann")
    (first, second) = queue.list_in_groups(studio, CaseFilter(), 0, 50)
    assert (first.case.party, second.case.party) == ("higher.example", "high.example")
    assert queue.find_next_case_number(first.case) == second.case.number


@pytest.mark.long
def test_flood_limit_does_not_count_related_pictures(inline: SyncRunner, studio: Owner) -> None:
    work = Work.objects.get()
    for place in range(3):
        crawl_pictures(inline, studio, REDRAWN, host=f"site-{place}.example")
    assert not work.found_days.exists()
    assert not Flood.objects.exists()
    crawl_pictures(inline, studio, WORK, host="site-0.example")  # on a site without a decision
    assert work.found_days.get().sites == 1


def test_odds_and_measurements_are_stored_with_match(inline: SyncRunner, studio: Owner) -> None:
    crawl_pictures(inline, studio, REDRAWN)
    row = Match.objects.get()
    assert (row.related, row.exposure, row.figures) == (None, None, {})
    verification = row.verification
    Match.objects.update(related=8.99, exposure=-0.5, figures={"cosine": 0.25, "drift": None})
    row.refresh_from_db()
    assert (row.verification.related, row.verification.exposure) == (8.99, -0.5)
    assert row.verification.figures == {"cosine": 0.25, "drift": None}
    rebuilt_match = Match.from_verification(row.registered_id, row.found_id, row.verification)
    assert json.loads(json.dumps(rebuilt_match.figures)) == {"cosine": 0.25, "drift": None}
    assert verification.figures == {}
