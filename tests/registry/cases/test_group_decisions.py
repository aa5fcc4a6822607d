"""Test decisions about groups of cases: made in limited steps, continued after a break, and undone."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import ConflictError
from registry import scoped
from registry.cases import decisions, group_decisions as step
from registry.cases.decisions import Choice, Wish
from registry.cases.queue import State, Sure, Wanted
from registry.matches.match import match_pictures
from registry.models import BulkEdit, Case, GroupDecision, LookAlike, Owner, WorkChange
from registry.services import portions
from registry.works import bulk, jobs as works_jobs
from registry.works.licences import NewLicence, keep_licences, waiting_changes
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.desk.web.cases.test_queue import cases_of
from tests.registry.cases.test_ledger import looked_at
from workers.tasks.sync_runner import SyncRunner

ANN, BEN = "ann@example.org", "ben@example.org"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """Two works, each found with two parties: cases 1 and 2 belong to the first work, or to the first party."""
    return cases_of(inline, 2, ("a.example", "b.example"))


def put_aside(inline: SyncRunner, of: Owner) -> GroupDecision:
    wanted = Wanted(State.ALL, sure=Sure.CERTAIN, party="a.example")
    return decisions.clear_group(inline.services, of, wanted, by=ANN, reason="Another photograph.")


def standing(of: Owner) -> dict[tuple[str, int], tuple[str, bool]]:
    rows = of.cases.values_list("party", "work__number", "decision", "waits")
    return {(party, work): (decision, waits) for party, work, decision, waits in rows}


@pytest.mark.long
def test_a_group_is_cleared_and_taught_in_pieces_and_taken_back(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "CASES_AT_ONCE", 1)
    monkeypatch.setattr(portions, "WORK_SECONDS", 0.0)
    group = put_aside(inline, studio)
    assert group.total == 2
    step.decide_groups(inline.services, [group.pk])
    assert sorted(standing(studio).values()) == [("cleared", False), *[("open", True)] * 3]  # continued later
    inline.run_until_idle()
    cleared, aside = ("cleared", False), ("open", False)  # the same pair elsewhere is among the look-alikes
    a, b = "a.example", "b.example"
    assert standing(studio) == {(a, 1): cleared, (a, 2): cleared, (b, 1): aside, (b, 2): aside}
    assert set(group.cases.values_list("decided_by", "reason")) == {(ANN, "Another photograph.")}
    assert LookAlike.objects.count() == 2
    group.refresh_from_db()
    assert group.state == "done"
    with pytest.raises(ConflictError):
        decisions.undo_group(inline.services, group, by=BEN)
    decisions.decide_each(inline.services, studio, [group.cases.get(work__number=1).number], Wish(Choice.REOPEN, BEN))
    decisions.decide_each(
        inline.services, studio, [studio.cases.get(party=a, work__number=1).number], Wish(Choice.COPIES, ANN)
    )
    decisions.undo_group(inline.services, group, by=ANN)
    inline.run_until_idle()
    waits = ("open", True)
    assert standing(studio) == {(a, 1): cleared, (a, 2): waits, (b, 1): waits, (b, 2): waits}
    with pytest.raises(ConflictError):
        decisions.undo_group(inline.services, group, by=ANN)


@pytest.mark.long
def test_only_what_waited_by_then_is_cleared_and_what_others_decide_meanwhile_stays(
    inline: SyncRunner, studio: Owner
) -> None:
    first, second = studio.cases.filter(party="a.example").order_by("number")
    Case.objects.filter(pk=second.pk).update(opened_at=now() + timedelta(hours=1))
    assert put_aside(inline, studio).total == 1
    inline.run_until_idle()
    assert [Case.objects.get(pk=one.pk).decision for one in (first, second)] == ["cleared", "open"]
    with pytest.raises(ConflictError):
        put_aside(inline, studio)
    Case.objects.filter(pk=second.pk).update(opened_at=now())
    late = put_aside(inline, studio)
    decisions.decide_each(inline.services, studio, [second.number], Wish(Choice.CONFIRM, BEN))
    inline.run_until_idle()
    assert Case.objects.get(pk=second.pk).decided_by == BEN
    assert late.cases.count() == 0


def test_a_group_is_taken_back_while_it_is_being_put_aside(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "CASES_AT_ONCE", 1)
    group = put_aside(inline, studio)
    seen: list[tuple[object, ...]] = []

    def undone_meanwhile(*told: object) -> None:
        decisions.decide_in_group(*told)  # type: ignore[arg-type]
        if not seen:
            decisions.undo_group(inline.services, group, by=ANN)
        seen.append(told)

    monkeypatch.setattr(step, "decide_in_group", undone_meanwhile)
    step.decide_groups(inline.services, [group.pk])
    assert len(seen) == 2  # one cleared, and opened again
    assert set(standing(studio).values()) == {("open", True)}
    group.refresh_from_db()
    assert group.state == "done"


@pytest.mark.long
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
    assert (Case.objects.get().decision, "3" in str(Case.objects.get().reason)) == ("licensed", True)
    assert waiting_changes(studio) == []


def test_one_that_takes_long_goes_on_in_another_message_and_changes_nothing_twice(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = owner("studio")
    for number in range(5):
        register(inline.services, studio, photograph(number))
    monkeypatch.setattr(bulk, "PORTION", 2)
    monkeypatch.setattr(portions, "WORK_SECONDS", 0.0)
    made = bulk.edit_many(inline.services, studio, scoped.works(studio), "author", "Ann", by="Ann")
    works_jobs.bulk(inline.services, [made.pk])
    row = BulkEdit.objects.get()
    assert (row.state, row.looked_at, row.changed) == ("todo", 2, 2)
    for _ in range(4):
        works_jobs.bulk(inline.services, [made.pk])
    row.refresh_from_db()
    assert (row.state, row.looked_at, row.changed) == ("done", 5, 5)
    assert WorkChange.objects.filter(bulk=row).count() == 5
