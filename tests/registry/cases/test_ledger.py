"""Test changes of licences, works and watches, and their effect on cases."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry import scoped
from registry.cases.decisions import license_use
from registry.cases.jobs import ledger as look_at_ledger
from registry.cases.ledger import effects_of
from registry.matches.match import match_pictures
from registry.models import Case, IndexChange, LedgerChange, LogSubmission, Owner
from registry.works.licences import NewLicence, end_licence, keep_licences, waiting_changes
from registry.works.registration import remove_work
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)


def looked_at(inline: SyncRunner, of: Owner) -> Mapping[str, list[int]]:
    """Run the step, and return the effect of the last licence change on cases."""
    look_at_ledger(inline.services, waiting_changes(of))
    last = LedgerChange.objects.filter(owner=of).latest("pk")
    assert last.state == "done"
    return effects_of([last]).get(last.pk, {})


def case_at(inline: SyncRunner, of: Owner, host: str, name: str, seed: int = 1) -> Case:
    planned, epoch = claimed_slice(of, name)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(seed))], host=host))
    return Case.objects.latest("pk")


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


@pytest.mark.long
def test_a_work_that_was_removed_can_be_registered_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    remove_work(register(inline.services, studio, photograph(1)).work, by="Ann")
    again = register(inline.services, studio, photograph(1))
    assert (again.new, again.work.number) == (True, 2)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))]))
    assert Case.objects.get().work == again.work


def test_each_change_tells_what_its_own_licences_did(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    case = case_at(inline, studio, "shop.example", "a")
    keep_licences(studio, [NewLicence("Elsewhere", domain="other.example")])
    keep_licences(studio, [NewLicence("A", domain="shop.example")])
    look_at_ledger(inline.services, waiting_changes(studio))
    elsewhere, here = LedgerChange.objects.order_by("pk")
    assert effects_of([elsewhere, here]) == {here.pk: {"licensed": [case.number]}}


@pytest.mark.long
def test_a_look_that_died_is_gone_on_with_and_tells_nothing_twice(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    cases = [case_at(inline, studio, f"{name}.example", name) for name in ("a", "b", "c")]
    keep_licences(studio, [NewLicence("A", url_pattern="*.example/page*")])
    (waiting,) = waiting_changes(studio)
    LedgerChange.objects.filter(pk=waiting).update(looked_until=cases[0].pk)
    assert looked_at(inline, studio) == {"licensed": [2, 3]}
    assert [case.decision for case in Case.objects.order_by("pk")] == ["open", "licensed", "licensed"]


@pytest.mark.long
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
