"""The licence ledger as it grows, and works and watches as their owners arrange them."""

from datetime import timedelta

import pytest

from exhibit.errors import WrongUseError
from registry import owned, watching
from registry.licences import NewLicence, keep_licences
from registry.matching import search_ledger
from registry.models import Case, IndexChange, LogSubmission
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.inline import Inline
from workers.steps.match import match_pictures
from workers.steps.register import remove_work

DAY = timedelta(days=1)


def test_a_licence_that_comes_later_covers_the_open_cases(inline: Inline) -> None:
    studio = owner("studio")
    work = register(inline.house, studio, photograph(1)).work
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(photograph(1))]))
    elsewhere = NewLicence("B", domain="other.example")
    keep_licences(
        studio, [elsewhere, NewLicence("C", (register(inline.house, studio, photograph(2)).work,), "shop.example")]
    )
    assert search_ledger(studio) == []
    assert Case.objects.get().decision == "open"
    (granted,), new = keep_licences(studio, [NewLicence("A", (work,), "shop.example")])
    assert (granted.number, new) == (3, 1)
    assert [case.reason for case in search_ledger(studio)] == ["Covered by licence 3."]
    assert Case.objects.get().decision == "licensed"
    assert search_ledger(studio) == []


def test_the_same_licence_is_kept_once_and_another_beside_it(inline: Inline) -> None:
    studio, agency = owner("studio"), owner("agency")
    work = register(inline.house, studio, photograph(1)).work
    one = NewLicence("A", (work,), "shop.example", reason="Order 7")
    assert keep_licences(studio, [one, one])[1] == 1
    again, new = keep_licences(studio, [one, NewLicence("A", (), "shop.example", reason="Order 7")])
    assert ([row.number for row in again], new) == ([1, 2], 1)
    assert keep_licences(agency, [NewLicence("A", (), "shop.example")])[0][0].number == 1


def test_a_removed_work_is_searched_no_more_unless_another_owner_has_it(inline: Inline) -> None:
    studio, agency = owner("studio"), owner("agency")
    first, second = (register(inline.house, of, photograph(1)).work for of in (studio, agency))
    remove_work(first, by="Ann")
    assert list(owned.works(studio)) == []
    assert not IndexChange.objects.filter(operation="remove").exists()
    remove_work(second, by="Ann")
    remove_work(second, by="Ann")
    removed = IndexChange.objects.filter(operation="remove")
    assert removed.count() == IndexChange.objects.filter(operation="add", collection="works").count()
    assert LogSubmission.objects.filter(type="registration").count() == 4
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(photograph(1))]))
    assert not Case.objects.exists()


def test_a_work_that_was_removed_can_be_registered_again(inline: Inline) -> None:
    studio = owner("studio")
    remove_work(register(inline.house, studio, photograph(1)).work, by="Ann")
    again = register(inline.house, studio, photograph(1))
    assert (again.new, again.work.number) == (True, 2)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(photograph(1))]))
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
    assert [watch.name for watch in owned.watches(studio)] == ["shop"]


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
