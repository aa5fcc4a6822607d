"""Test changes of licences, works and watches, and their effect on cases."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry import scoped
from registry.cases.decisions import license_use
from registry.cases.jobs import ledger as look_at_ledger
from registry.cases.ledger import load_effects
from registry.matches.match import match_pictures
from registry.models import Case, IndexChange, LedgerChange, LogSubmission, Owner
from registry.works.licences import NewLicence, add_licences, end_licence, list_pending_changes
from registry.works.registration import remove_work
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)


def review_ledger(inline: SyncRunner, rights_holder: Owner) -> Mapping[str, list[int]]:
    """Run the review step, and return the effect of the last licence change on cases."""
    look_at_ledger(inline.services, list_pending_changes(rights_holder))
    last = LedgerChange.objects.filter(owner=rights_holder).latest("pk")
    assert last.state == "done"
    return load_effects([last]).get(last.pk, {})


def make_case(inline: SyncRunner, rights_holder: Owner, host: str, name: str, seed: int = 1) -> Case:
    crawl_slice, epoch = claim_new_slice(rights_holder, name)
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(seed))], host=host),
    )
    return Case.objects.latest("pk")


def test_removed_work_is_unindexed_unless_other_owner_has_it(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    first, second = (register(inline.services, rights_holder, photograph(1)).work for rights_holder in (studio, agency))
    remove_work(first, by="Ann")
    assert list(scoped.list_owner_works(studio)) == []
    assert not IndexChange.objects.filter(operation="remove").exists()
    remove_work(second, by="Ann")
    remove_work(second, by="Ann")
    removed = IndexChange.objects.filter(operation="remove")
    assert removed.count() == IndexChange.objects.filter(operation="add", collection="works").count()
    assert LogSubmission.objects.filter(type="registration").count() == 4
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))]))
    assert not Case.objects.exists()


@pytest.mark.long
def test_removed_work_can_be_registered_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    remove_work(register(inline.services, studio, photograph(1)).work, by="Ann")
    second_registration = register(inline.services, studio, photograph(1))
    assert (second_registration.is_new, second_registration.work.number) == (True, 2)
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))]))
    assert Case.objects.get().work == second_registration.work


def test_each_ledger_change_reports_only_the_effect_of_its_licences(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    case = make_case(inline, studio, "shop.example", "a")
    add_licences(studio, [NewLicence("Elsewhere", domain="other.example")])
    add_licences(studio, [NewLicence("A", domain="shop.example")])
    look_at_ledger(inline.services, list_pending_changes(studio))
    elsewhere, own_change = LedgerChange.objects.order_by("pk")
    assert load_effects([elsewhere, own_change]) == {own_change.pk: {"licensed": [case.number]}}


@pytest.mark.long
def test_interrupted_ledger_review_resumes_without_duplicate_reports(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    cases = [make_case(inline, studio, f"{name}.example", name) for name in ("a", "b", "c")]
    add_licences(studio, [NewLicence("A", url_pattern="*.example/page*")])
    (waiting_change,) = list_pending_changes(studio)
    LedgerChange.objects.filter(pk=waiting_change).update(looked_until=cases[0].pk)
    assert review_ledger(inline, studio) == {"licensed": [2, 3]}
    assert [case.decision for case in Case.objects.order_by("pk")] == ["open", "licensed", "licensed"]


@pytest.mark.long
def test_ledger_review_interrupted_before_saving_progress_reports_no_duplicates(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    (licence,), _ = add_licences(studio, [NewLicence("A", domain="other.example")])
    case = make_case(inline, studio, "shop.example", "a")
    license_use(case, licence, by="Ann", reason="")
    review_ledger(inline, studio)
    end_licence(licence, now().date() - DAY, by="Ann", reason="Over")
    assert review_ledger(inline, studio) == {"stayed": [case.number]}
    LedgerChange.objects.filter(kind="ended").update(state="queued", looked_until=0)
    assert review_ledger(inline, studio) == {"stayed": [case.number]}
    assert case.events.filter(kind="ledger").count() == 1
