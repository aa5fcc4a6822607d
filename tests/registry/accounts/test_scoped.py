"""Test that an owner's rows are only reachable through that owner."""

from collections.abc import Callable

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry import scoped
from registry.models import Case, Owner, PictureReport
from tests.assets.rows import create_case, owner
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

OWNER_QUERIES: list[Callable[[Owner], object]] = [
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
    bundle = create_sealed_bundle(inline, studio)
    studio.licences.create(number=1, licensee="A shop")
    studio.reports.create(number=1)
    picture = bundle.case.work.pictures.get()
    assert scoped.picture(studio, picture.digest) == picture
    for ask in OWNER_QUERIES:
        assert ask(studio)
        with pytest.raises(NotFoundError):
            ask(agency)
    with pytest.raises(NotFoundError):
        scoped.picture(agency, picture.digest)
    for list_rows in (scoped.works, scoped.watches, scoped.crawls, scoped.cases, scoped.licences, scoped.reports):
        assert (len(list_rows(studio)), len(list_rows(agency))) == (1, 0)


def test_a_watch_has_found_its_owners_cases_and_no_others(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    create_case(inline.services, studio)
    [watch] = scoped.watches(studio)
    assert scoped.count_by_watch([watch]) == {watch.pk: (1, 1)}
    Case.objects.update(waits=False, decision="cleared")
    assert scoped.count_by_watch([watch]) == {watch.pk: (1, 0)}
    Case.objects.update(owner=agency)
    assert scoped.count_by_watch([watch]) == {}


def test_what_was_removed_is_not_there_any_more(inline: SyncRunner) -> None:
    studio = owner("studio")
    create_case(inline.services, studio)
    studio.reports.create(number=1, removed_at=now())
    studio.works.update(removed_at=now())
    studio.watches.update(removed_at=now())
    for ask in (lambda: scoped.work(studio, 1), lambda: scoped.watch(studio, "1"), lambda: scoped.report(studio, 1)):
        with pytest.raises(NotFoundError):
            ask()
    assert scoped.case(studio, 1)


def test_a_picture_that_was_reported_or_purged_is_shown_to_no_member(inline: SyncRunner) -> None:
    studio = owner("studio")
    case: Case = create_case(inline.services, studio)
    picture = case.case_sightings.get().match.found
    assert scoped.may_see_picture(studio, picture)
    report_fields = {"reported_by": "Ann", "reason": "x", "reported_at": now()}
    PictureReport.objects.create(owner=studio, picture=picture, case=case, **report_fields)
    assert not scoped.may_see_picture(studio, picture)
    assert scoped.list_reported(studio) == [picture.digest]
    assert scoped.list_reported(studio, since=now()) == []
    picture.bytes_state = "purged"
    picture.save()
    assert scoped.find_hidden(studio, [picture]) == {picture.pk}
    assert scoped.list_reported(studio) == []
