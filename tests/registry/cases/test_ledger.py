"""The licence ledger as it grows, and works and watches as their owners arrange them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.accounts import scoped
from registry.cases import licence_trial
from registry.cases.history import in_english
from registry.cases.ledger import effects_of
from registry.cases.licence_trial import try_licences
from registry.crawls import watching
from registry.models import Case, IndexChange, LedgerChange, LogSubmission, Owner, Sighting
from registry.works.licences import NewLicence, change_licence, checked, end_licence, keep_licences, waiting_changes
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.cases.decisions import confirm, license_use
from workers.steps.cases.ledger import look_at_ledger
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works.registration import remove_work

DAY = timedelta(days=1)


def looked_at(inline: SyncRunner, of: Owner) -> Mapping[str, list[int]]:
    """What the last change of the ledger did to cases, once its step has run."""
    look_at_ledger(inline.services, waiting_changes(of))
    last = LedgerChange.objects.filter(owner=of).latest("pk")
    assert last.state == "done"
    return effects_of([last]).get(last.pk, {})


def case_at(inline: SyncRunner, of: Owner, host: str, name: str, seed: int = 1) -> Case:
    planned, epoch = claimed_slice(of, name)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(seed))], host=host))
    return Case.objects.latest("pk")


def test_a_licence_that_comes_later_covers_the_open_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))]))
    elsewhere = NewLicence("B", domain="other.example")
    keep_licences(
        studio, [elsewhere, NewLicence("C", (register(inline.services, studio, photograph(2)).work,), "shop.example")]
    )
    assert looked_at(inline, studio) == {}
    assert Case.objects.get().decision == "open"
    (granted,), new = keep_licences(studio, [NewLicence("A", (work,), "shop.example")])
    assert (granted.number, new) == (3, 1)
    assert looked_at(inline, studio) == {"licensed": [1]}
    assert (Case.objects.get().decision, Case.objects.get().reason) == ("licensed", "Covered by licence 3.")
    assert waiting_changes(studio) == []


def test_the_same_licence_is_kept_once_and_another_beside_it(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    work = register(inline.services, studio, photograph(1)).work
    one = NewLicence("A", (work,), "shop.example", reason="Order 7")
    assert keep_licences(studio, [one, one])[1] == 1
    again, new = keep_licences(studio, [one, NewLicence("A", (), "shop.example", reason="Order 7")])
    assert ([row.number for row in again], new) == ([1, 2], 1)
    assert keep_licences(agency, [NewLicence("A", (), "shop.example")])[0][0].number == 1


def test_a_removed_work_is_searched_no_more_unless_another_owner_has_it(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    first, second = (register(inline.services, of, photograph(1)).work for of in (studio, agency))
    remove_work(first, by="Ann")
    assert list(scoped.works(studio)) == []
    assert not IndexChange.objects.filter(operation="remove").exists()
    remove_work(second, by="Ann")
    remove_work(second, by="Ann")
    removed = IndexChange.objects.filter(operation="remove")
    assert removed.count() == IndexChange.objects.filter(operation="add", collection="works").count()
    assert LogSubmission.objects.filter(type="registration").count() == 4
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))]))
    assert not Case.objects.exists()


def test_a_work_that_was_removed_can_be_registered_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    remove_work(register(inline.services, studio, photograph(1)).work, by="Ann")
    again = register(inline.services, studio, photograph(1))
    assert (again.new, again.work.number) == (True, 2)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))]))
    assert Case.objects.get().work == again.work


def test_watches_have_names_sources_and_periods_that_make_sense(db: None) -> None:
    studio = owner("studio")
    site = ("site", "https://shop.example/")

    def add(name: str, *sources: tuple[str, str], every: timedelta = DAY) -> None:
        watching.add_watch(studio, name, sources, every=every, budget={}, politeness={})

    add("shop", site)
    for name, sources, every in (
        ("shop", (site,), DAY),
        ("7", (site,), DAY),
        ("", (site,), DAY),
        ("none", (), DAY),
        ("mixed", (site, ("folder", "/pictures")), DAY),
        ("often", (site,), timedelta(seconds=30)),
        ("never", (site,), 4000 * DAY),
    ):
        with pytest.raises(WrongUseError):
            add(name, *sources, every=every)
    assert [watch.name for watch in scoped.watches(studio)] == ["shop"]


def test_a_watch_starts_by_hand_once_and_not_while_it_is_paused(db: None) -> None:
    studio = owner("studio")
    source = [("site", "https://shop.example/")]
    watch = watching.add_watch(studio, "shop", source, every=DAY, budget={}, politeness={})
    crawl = watching.start_now(watch)
    assert watching.start_now(watch) == crawl
    watching.pause(watch)
    watch.refresh_from_db()
    with pytest.raises(WrongUseError, match="is paused"):
        watching.start_now(watch)
    watching.resume(watch)
    watch.refresh_from_db()
    assert watching.start_now(watch) == crawl


def test_a_trial_says_what_would_become_of_which_case_and_changes_nothing(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    wide, narrow, other = (
        case_at(inline, studio, host, name)
        for host, name in (("a.shop.example", "a"), ("print.example", "b"), ("elsewhere.example", "c"))
    )
    confirm(inline.services, narrow, by="Ann", reason="")
    before = LogSubmission.objects.count()
    trial = try_licences(studio, [NewLicence("A", domain="shop.example"), NewLicence("B", url_pattern="*print*")])
    assert trial.counts == {"reopened": 0, "licensed": 1, "decided": 1, "partly": 0}
    assert trial.effects == {wide.number: "licensed", narrow.number: "decided"}
    assert try_licences(studio, [NewLicence("A", domain="shop.example", valid_until=now().date() - DAY)]).effects == {}
    assert LogSubmission.objects.count() == before
    many = [NewLicence(f"L {n}", domain="elsewhere.example") for n in range(30)]
    assert try_licences(studio, many).effects == {other.number: "licensed"}


def test_a_trial_in_pieces_says_what_one_in_one_go_says(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    for name in ("a", "b", "c"):
        case_at(inline, studio, f"{name}.example", name)
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="a.example")])
    looked_at(inline, studio)
    new = checked(NewLicence("A", url_pattern="*c.example/*"))
    whole = try_licences(studio, [new], instead_of=licence)
    assert whole.counts == {"reopened": 1, "licensed": 1, "decided": 0, "partly": 0}
    assert whole.effects == {1: "reopened", 3: "licensed"}
    monkeypatch.setattr(licence_trial, "CASES_AT_ONCE", 1)
    pieces, found = 0, licence_trial.NOTHING
    while found.after is not None:
        found = try_licences(studio, [new], instead_of=licence, so_far=found, seconds=0)
        pieces += 1
    assert (found, pieces) == (whole, 4)


def test_a_licence_that_ends_keeps_what_it_covered_and_no_more(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="shop.example")])
    covered = case_at(inline, studio, "shop.example", "a")
    given = case_at(inline, studio, "given.example", "b")
    license_use(given, licence, by="Ann", reason="")
    looked_at(inline, studio)
    end_licence(licence, now().date(), by="Ann", reason="Terminated")
    assert looked_at(inline, studio) == {"stayed": [given.number]}
    covered.refresh_from_db()
    assert covered.decision == "licensed"
    Sighting.objects.update(last_seen=now() + 2 * DAY)
    licence.refresh_from_db()
    end_licence(licence, now().date() - DAY, by="Ann", reason="Earlier")
    assert looked_at(inline, studio) == {"reopened": [covered.number], "stayed": [given.number]}
    covered.refresh_from_db()
    given.refresh_from_db()
    assert (covered.decision, covered.reason) == ("open", "Licence 1 was ended. Earlier")
    assert given.decision == "licensed"
    told = [in_english(one.said, one.sentence) for one in given.events.filter(kind="ledger")]
    assert "Licence 1 was ended. The decision stays as a person made it. Earlier" in told
    licence.refresh_from_db()
    with pytest.raises(WrongUseError, match="already"):
        end_licence(licence, now().date(), by="Ann", reason="Again")


def test_a_changed_licence_lets_go_of_some_cases_and_takes_others(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="shop.example")])
    first, second = case_at(inline, studio, "shop.example", "a"), case_at(inline, studio, "print.example", "b")
    looked_at(inline, studio)
    new = checked(NewLicence("A", domain="https://Print.example/about"))
    trial = try_licences(studio, [new], instead_of=licence)
    assert trial.effects == {first.number: "reopened", second.number: "licensed"}
    assert change_licence(licence, new, by="Ann", reason="Wrong shop") is not None
    assert looked_at(inline, studio) == {"licensed": [second.number], "reopened": [first.number]}
    assert change_licence(licence, new, by="Ann", reason="") is None


def test_each_change_tells_what_its_own_licences_did(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    case = case_at(inline, studio, "shop.example", "a")
    keep_licences(studio, [NewLicence("Elsewhere", domain="other.example")])
    keep_licences(studio, [NewLicence("A", domain="shop.example")])
    look_at_ledger(inline.services, waiting_changes(studio))
    elsewhere, here = LedgerChange.objects.order_by("pk")
    assert effects_of([elsewhere, here]) == {here.pk: {"licensed": [case.number]}}


def test_a_look_that_died_is_gone_on_with_and_tells_nothing_twice(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    cases = [case_at(inline, studio, f"{name}.example", name) for name in ("a", "b", "c")]
    keep_licences(studio, [NewLicence("A", url_pattern="*.example/page*")])
    (waiting,) = waiting_changes(studio)
    LedgerChange.objects.filter(pk=waiting).update(looked_until=cases[0].pk)
    assert looked_at(inline, studio) == {"licensed": [2, 3]}
    assert [case.decision for case in Case.objects.order_by("pk")] == ["open", "licensed", "licensed"]


def test_a_look_that_died_before_it_noted_how_far_it_was_tells_nothing_twice(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="other.example")])
    case = case_at(inline, studio, "shop.example", "a")
    license_use(case, licence, by="Ann", reason="")
    looked_at(inline, studio)
    end_licence(licence, now().date() - DAY, by="Ann", reason="Over")
    assert looked_at(inline, studio) == {"stayed": [case.number]}
    LedgerChange.objects.filter(kind="ended").update(state="todo", looked_until=0)
    assert looked_at(inline, studio) == {"stayed": [case.number]}
    assert case.events.filter(kind="ledger").count() == 1


def test_a_use_that_a_person_licensed_is_asked_about_again_after_the_licence_has_ended(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = keep_licences(studio, [NewLicence("A", domain="other.example")])
    case = case_at(inline, studio, "shop.example", "a")
    license_use(case, licence, by="Ann", reason="")
    case_at(inline, studio, "shop.example", "b")
    case.refresh_from_db()
    assert (case.decision, case.case_sightings.filter(licence=licence).count()) == ("licensed", 2)
    end_licence(licence, now().date() - DAY, by="Ann", reason="Over")
    case_at(inline, studio, "shop.example", "c")
    case.refresh_from_db()
    assert (case.decision, case.decided_by) == ("open", "licence ledger")


@pytest.mark.parametrize("host", ["127.0.0.4", "*.shop.example", "https://www.shop.example/page", "münchen.example"])
def test_a_licence_names_a_host_as_people_write_it(host: str) -> None:
    assert checked(NewLicence("A", domain=host)).domain in {
        "127.0.0.4",
        "shop.example",
        "www.shop.example",
        "xn--mnchen-3ya.example",
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"licensee": " "}, "no licensee"),
        ({"domain": ""}, "no place"),
        ({"domain": "", "url_pattern": "https://*"}, "no place"),
        ({"domain": "not a domain"}, "isn't a domain"),
        ({"domain": "com"}, "isn't a domain"),
        ({"domain": "", "url_pattern": "*a*", "account": "a"}, "platform"),
        ({"territories": ("Germany",)}, "isn't a country"),
        ({"valid_from": date(2026, 2, 1), "valid_until": date(2026, 1, 1)}, "before it begins"),
    ],
)
def test_a_licence_that_cannot_be_meant_is_refused(words: dict[str, Any], problem: str) -> None:
    with pytest.raises(WrongUseError, match=problem):
        checked(NewLicence(**{"licensee": "A", "domain": "shop.example"} | words))
