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
    lambda rights_holder: scoped.get_work(rights_holder, 1),
    lambda rights_holder: scoped.get_watch(rights_holder, "watch-1"),
    lambda rights_holder: scoped.get_watch(rights_holder, "1"),
    lambda rights_holder: scoped.find_watch_by_number(rights_holder, 1),
    lambda rights_holder: scoped.get_crawl(rights_holder, 1, 1),
    lambda rights_holder: scoped.get_case(rights_holder, 1),
    lambda rights_holder: scoped.get_bundle(rights_holder, 1),
    lambda rights_holder: scoped.get_bundle(rights_holder, 1, 1),
    lambda rights_holder: scoped.get_licence(rights_holder, 1),
    lambda rights_holder: scoped.get_report(rights_holder, 1),
]


@pytest.mark.long
def test_scoped_queries_return_no_rows_of_other_owners(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    bundle = create_sealed_bundle(inline, studio)
    studio.licences.create(number=1, licensee="A shop")
    studio.reports.create(number=1)
    picture = bundle.case.work.pictures.get()
    assert scoped.get_picture(studio, picture.digest) == picture
    for ask in OWNER_QUERIES:
        assert ask(studio)
        with pytest.raises(NotFoundError):
            ask(agency)
    with pytest.raises(NotFoundError):
        scoped.get_picture(agency, picture.digest)
    for list_rows in (
        scoped.list_owner_works,
        scoped.list_watches,
        scoped.list_owner_crawls,
        scoped.list_owner_cases,
        scoped.list_licences,
        scoped.list_reports,
    ):
        assert (len(list_rows(studio)), len(list_rows(agency))) == (1, 0)


def test_watch_counts_only_cases_of_its_owner(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    create_case(inline.services, studio)
    [watch] = scoped.list_watches(studio)
    assert scoped.count_by_watch([watch]) == {watch.pk: (1, 1)}
    Case.objects.update(is_pending=False, decision="dismissed")
    assert scoped.count_by_watch([watch]) == {watch.pk: (1, 0)}
    Case.objects.update(owner=agency)
    assert scoped.count_by_watch([watch]) == {}


def test_removed_rows_are_not_found(inline: SyncRunner) -> None:
    studio = owner("studio")
    create_case(inline.services, studio)
    studio.reports.create(number=1, removed_at=now())
    studio.works.update(removed_at=now())
    studio.watches.update(removed_at=now())
    for ask in (
        lambda: scoped.get_work(studio, 1),
        lambda: scoped.get_watch(studio, "1"),
        lambda: scoped.get_report(studio, 1),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert scoped.get_case(studio, 1)


def test_reported_or_purged_picture_is_hidden(inline: SyncRunner) -> None:
    studio = owner("studio")
    case: Case = create_case(inline.services, studio)
    picture = case.case_sightings.get().match.found
    assert scoped.can_see_picture(studio, picture)
    report_fields = {"reported_by": "Ann", "reason": "x", "reported_at": now()}
    PictureReport.objects.create(owner=studio, picture=picture, case=case, **report_fields)
    assert not scoped.can_see_picture(studio, picture)
    assert scoped.list_reported_digests(studio) == [picture.digest]
    assert scoped.list_reported_digests(studio, since=now()) == []
    picture.bytes_state = "purged"
    picture.save()
    assert scoped.find_hidden_pictures(studio, [picture]) == {picture.pk}
    assert scoped.list_reported_digests(studio) == []
