"""Test that an owner's rows are only reachable through that owner."""

from collections.abc import Callable

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry import scoped
from registry.models import Case, Owner, PictureReport
from tests.assets.rows import found_case, owner
from tests.assets.sealed import sealed_bundle
from workers.tasks.sync_runner import SyncRunner

ASKED: list[Callable[[Owner], object]] = [
    lambda of: scoped.work(of, 1),
    lambda of: scoped.watch(of, "watch-1"),
    lambda of: scoped.watch(of, "1"),
    lambda of: scoped.watch_numbered(of, 1),
    lambda of: scoped.crawl(of, 1, 1),
    lambda of: scoped.case(of, 1),
    lambda of: scoped.bundle(of, 1),
    lambda of: scoped.bundle(of, 1, 1),
    lambda of: scoped.licence(of, 1),
    lambda of: scoped.report(of, 1),
]


@pytest.mark.long
def test_what_one_owner_has_another_has_not(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    bundle = sealed_bundle(inline, studio)
    studio.licences.create(number=1, licensee="A shop")
    studio.reports.create(number=1)
    picture = bundle.case.work.pictures.get()
    assert scoped.picture(studio, picture.digest) == picture
    for ask in ASKED:
        assert ask(studio)
        with pytest.raises(NotFoundError):
            ask(agency)
    with pytest.raises(NotFoundError):
        scoped.picture(agency, picture.digest)
    for listed in (scoped.works, scoped.watches, scoped.crawls, scoped.cases, scoped.licences, scoped.reports):
        assert (len(listed(studio)), len(listed(agency))) == (1, 0)


def test_a_watch_has_found_its_owners_cases_and_no_others(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    found_case(inline.services, studio)
    [watch] = scoped.watches(studio)
    assert scoped.found_by([watch]) == {watch.pk: (1, 1)}
    Case.objects.update(waits=False, decision="cleared")
    assert scoped.found_by([watch]) == {watch.pk: (1, 0)}
    Case.objects.update(owner=agency)
    assert scoped.found_by([watch]) == {}


def test_what_was_removed_is_not_there_any_more(inline: SyncRunner) -> None:
    studio = owner("studio")
    found_case(inline.services, studio)
    studio.reports.create(number=1, removed_at=now())
    studio.works.update(removed_at=now())
    studio.watches.update(removed_at=now())
    for ask in (lambda: scoped.work(studio, 1), lambda: scoped.watch(studio, "1"), lambda: scoped.report(studio, 1)):
        with pytest.raises(NotFoundError):
            ask()
    assert scoped.case(studio, 1)


def test_a_picture_that_was_reported_or_purged_is_shown_to_no_member(inline: SyncRunner) -> None:
    studio = owner("studio")
    case: Case = found_case(inline.services, studio)
    found = case.case_sightings.get().match.found
    assert scoped.may_see_picture(studio, found)
    who = {"reported_by": "Ann", "reason": "x", "reported_at": now()}
    PictureReport.objects.create(owner=studio, picture=found, case=case, **who)
    assert not scoped.may_see_picture(studio, found)
    assert scoped.reported(studio) == [found.digest]
    assert scoped.reported(studio, since=now()) == []
    found.bytes_state = "purged"
    found.save()
    assert scoped.hidden_among(studio, [found]) == {found.pk}
    assert scoped.reported(studio) == []
