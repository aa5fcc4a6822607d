"""Test that matches that only resemble a work wait unnoticed until a person turns one into a case."""

import json
from datetime import date

import pytest

from registry.cases import decisions, queue, triage
from registry.cases.decisions import Choice, Wish, clear, confirm, undo
from registry.cases.queue import Sort, State, Wanted
from registry.cases.work_search import case_counts, counts
from registry.members import people
from registry.models import Bundle, Capture, Case, Event, EventKind, Flood, Match, Owner, Work
from registry.parties.parties import parties
from tests.assets.redrawn import scene
from tests.assets.rows import owner, register
from tests.assets.textured import encoded
from tests.registry.cases.test_triage import see
from workers.tasks.sync_runner import SyncRunner

WORK, REDRAWN = encoded(scene(1)), encoded(scene(1, drawn=True))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    register(inline.services, studio, WORK)
    people.ask_for(studio, "derived", wanted=True, by="ann")
    return studio


def drawer(of: Owner) -> list[str]:
    return [row.case.party for row in queue.in_groups(of, Wanted(State.RESEMBLES), 0, 50)]


def told() -> list[str]:
    return list(Event.objects.filter(kind=EventKind.CASE_OPENED).values_list("about__party", flat=True))


@pytest.mark.long
def test_nothing_is_captured_sealed_mailed_or_asked_of_anybody(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    inline.run_until_idle()
    case = Case.objects.get()
    assert (case.decision, case.waits, case.resembles, case.shown is not None) == ("open", False, True, True)
    assert (drawer(studio), queue.left(studio), queue.resembling(studio)) == (["shop.example"], 0, 1)
    assert list(queue.chosen(studio, Wanted(State.LOOK_ALIKES))) == []
    assert told() == []
    assert not Capture.objects.exists()
    assert not Bundle.objects.exists()


@pytest.mark.long
def test_one_word_makes_it_a_case_that_stays_one(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    decisions.take_out(Case.objects.get(), by="ann")
    case = Case.objects.get()
    assert (case.waits, case.resembles, told()) == (True, False, ["shop.example"])
    assert case.events.get(kind="taken-out").said == [["made-a-case", {}]]
    see(inline, studio, REDRAWN)  # seen once more
    assert Case.objects.get().waits
    assert told() == ["shop.example"]
    confirm(inline.services, case, by="ann", reason="After my work.")
    assert Capture.objects.filter(case=case).exists()


@pytest.mark.long
def test_what_is_dismissed_is_learned_and_an_undo_puts_it_back(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    see(inline, studio, REDRAWN, host="other.example")
    case = Case.objects.get(party="shop.example")
    clear(case, by="ann", reason="")
    assert drawer(studio) == []
    assert [row.party for row in queue.chosen(studio, Wanted(State.LOOK_ALIKES))] == ["other.example"]
    undo(case, by="ann")
    assert sorted(drawer(studio)) == ["other.example", "shop.example"]
    assert queue.left(studio) == 0
    assert told() == []


def test_confirmed_out_of_the_drawer_it_is_told_as_a_case_first(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    (outcome,) = decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "ann", "It is mine."))
    assert outcome.done
    kinds = Event.objects.filter(owner=studio).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.CASE_OPENED, EventKind.CASE_DECIDED]
    assert not Case.objects.get().resembles


@pytest.mark.long
def test_a_copy_at_the_same_place_makes_it_a_case_by_itself(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    see(inline, studio, WORK)
    case = Case.objects.get()
    assert (case.waits, case.resembles, told()) == (True, False, ["shop.example"])
    assert case.shown is not None
    assert case.shown.match.decision == "certain"


@pytest.mark.long
def test_decided_cases_are_not_asked_about_again_for_what_only_resembles(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, WORK)
    clear(Case.objects.get(), by="ann", reason="A quotation.", copies=True)
    see(inline, studio, REDRAWN)
    assert (Case.objects.get().waits, queue.left(studio), drawer(studio)) == (False, 0, [])


@pytest.mark.long
def test_a_licence_for_the_copies_decides_whatever_resembles_beside_them(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, WORK)
    licence = studio.licences.create(number=1, licensee="Harbour Prints", valid_from=date(2020, 1, 1))
    decisions.license_use(Case.objects.get(), licence, by="ann", reason="")
    see(inline, studio, REDRAWN)
    case = Case.objects.get()
    assert (case.decision, case.waits, case.resembles) == ("licensed", False, False)


@pytest.mark.long
def test_the_ledger_decides_nothing_in_the_drawer(inline: SyncRunner, studio: Owner) -> None:
    studio.licences.create(number=1, licensee="Harbour Prints", domain="shop.example", valid_from=date(2020, 1, 1))
    see(inline, studio, REDRAWN)
    inline.run_until_idle()
    case = Case.objects.get()
    assert (case.decision, case.resembles, case.waits) == ("open", True, False)
    assert case.case_sightings.get().licence is not None
    assert not Event.objects.exists()


def test_works_and_parties_count_and_name_no_more_than_cases(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    work = Work.objects.get()
    assert (case_counts([work]), counts(studio)["seen"], list(parties(studio))) == ({}, 0, [])
    decisions.take_out(Case.objects.get(), by="ann")
    assert (case_counts([work]), counts(studio)["seen"]) == ({work.pk: 1}, 1)
    assert [row["party"] for row in parties(studio)] == ["shop.example"]


@pytest.mark.long
def test_the_drawer_is_ordered_by_the_odds_that_it_has_to_do_with_the_work(inline: SyncRunner, studio: Owner) -> None:
    odds = {"low.example": 4.0, "high.example": 60.0, "higher.example": 61.0, "unknown.example": None}
    for party, related in odds.items():
        see(inline, studio, encoded(scene(1, drawn=True), "JPEG", 70 + len(party)), host=party)
        case = Case.objects.get(party=party)
        Match.objects.filter(case_sightings__case=case).update(related=related)
        triage.look_again(case.pk)
    assert drawer(studio) == ["higher.example", "high.example", "low.example", "unknown.example"]
    newest = queue.in_groups(studio, Wanted(State.RESEMBLES, sort=Sort.NEWEST), 0, 50)
    assert newest[0].case.party == "unknown.example"
    for case in Case.objects.filter(party__startswith="high"):
        decisions.take_out(case, by="ann")
    (first, second) = queue.in_groups(studio, Wanted(), 0, 50)
    assert (first.case.party, second.case.party) == ("higher.example", "high.example")
    assert queue.following(first.case) == second.case.number


@pytest.mark.long
def test_the_fuse_does_not_count_what_only_resembles(inline: SyncRunner, studio: Owner) -> None:
    work = Work.objects.get()
    for place in range(3):
        see(inline, studio, REDRAWN, host=f"site-{place}.example")
    assert not work.found_days.exists()
    assert not Flood.objects.exists()
    see(inline, studio, WORK, host="site-0.example")  # where it was not decided before
    assert work.found_days.get().sites == 1


def test_odds_and_figures_are_kept_with_the_pair_as_they_were_measured(inline: SyncRunner, studio: Owner) -> None:
    see(inline, studio, REDRAWN)
    row = Match.objects.get()
    assert (row.related, row.exposure, row.figures) == (None, None, {})
    said = row.verification
    Match.objects.update(related=8.99, exposure=-0.5, figures={"cosine": 0.25, "drift": None})
    row.refresh_from_db()
    assert (row.verification.related, row.verification.exposure) == (8.99, -0.5)
    assert row.verification.figures == {"cosine": 0.25, "drift": None}
    again = Match.of(row.registered_id, row.found_id, row.verification)
    assert json.loads(json.dumps(again.figures)) == {"cosine": 0.25, "drift": None}
    assert said.figures == {}
