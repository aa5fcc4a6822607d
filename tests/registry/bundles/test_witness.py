"""Test timestamp requests from rows: pauses for silent services, and no duplicate or loss after a death."""

from datetime import timedelta

import pytest

from evidence.anchors.rfc3161.kind import Rfc3161Config
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from registry.bundles.witness import LISTS_FOR, ask_witnesses, complete_stamps
from registry.db import steps
from registry.log import witnesses
from registry.log.log import submit
from registry.log.proofs import receipt_of
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, Bundle, Case, Owner, WitnessState, Work
from registry.services.anchors import anchor_of
from tests.assets.moody import MoodyAnchor, moody
from tests.assets.rows import asked_for, owner
from workers.tasks.sync_runner import SyncRunner

__all__ = ["moody"]


def test_a_silent_witness_is_asked_with_growing_pauses_and_all_that_waits_waits_together(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    moody.mood = ServiceMissingError("Nobody is there.")
    rows = asked_for(b"1", b"2", b"3")
    pauses = []
    for _ in range(9):
        WitnessState.objects.update(ask_after=None)
        AnchorReceipt.objects.update(not_before=None)
        ask_witnesses(inline.services, rows)
        state = WitnessState.objects.get()
        assert state.ask_after is not None
        last, *others = AnchorReceipt.objects.order_by("-not_before")
        assert {(row.not_before, row.error) for row in others} == {(state.ask_after, "Nobody is there.")}
        assert last.not_before is not None
        assert last.not_before > state.ask_after  # after a request, the others come first
        pauses.append(round((state.ask_after - now()) / timedelta(minutes=1)))
    assert moody.asked == 9
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    later = asked_for(b"4")
    ask_witnesses(inline.services, later)
    assert moody.asked == 9
    assert AnchorReceipt.objects.get(pk=later[0]).not_before == state.ask_after


def test_a_source_of_blocks_that_is_away_keeps_no_digest_from_the_calendars(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    [old] = asked_for(b"old")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = ServiceMissingError("The Bitcoin node doesn't answer.")
    ask_witnesses(inline.services, [old])
    [new] = asked_for(b"new")
    ask_witnesses(inline.services, [new])
    assert AnchorReceipt.objects.get(pk=new).state == "done"
    [shown] = witnesses.health().values()
    assert shown.silent_since is not None
    assert shown.answered_at is not None
    assert shown.error == "The Bitcoin node doesn't answer."


def test_what_is_new_goes_first_and_a_receipt_that_always_fails_keeps_no_other_waiting(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    old, young = asked_for(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = ServiceMissingError("The node refused it.")
    rows = [old, young, *asked_for(b"new")]
    ask_witnesses(inline.services, rows)
    assert moody.seen == [Digest.of(b"new"), Digest.of(b"old")]
    WitnessState.objects.update(ask_after=now())
    waiting = AnchorReceipt.objects.exclude(state="done")
    first = waiting.order_by("not_before").values_list("not_before", flat=True)[0]
    for row in waiting:
        assert row.not_before is not None
        assert first is not None
        row.not_before -= first - now()
        row.save()
    assert steps.due_ids(AnchorReceipt, inline.services.stale_after, 9) == [young]
    AnchorReceipt.objects.filter(pk=old).update(not_before=now())
    ask_witnesses(inline.services, rows)
    assert moody.seen[2:] == [Digest.of(b"young"), Digest.of(b"old")]


@pytest.mark.parametrize("broken", [OverflowError("int too large"), RecursionError(), StopIteration()])
def test_an_answer_that_nobody_expected_puts_that_receipt_off_alone(
    inline: SyncRunner, moody: MoodyAnchor, broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    old, young = asked_for(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = broken
    ask_witnesses(inline.services, [old, young])
    assert moody.seen == [Digest.of(b"old"), Digest.of(b"young")]
    assert AnchorReceipt.objects.get(pk=old).error.endswith(f"{type(broken).__name__}.")
    assert "moody" in caplog.text


def test_a_receipt_over_which_workers_die_is_claimed_alone_and_never_given_up(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    deadly, other = asked_for(b"deadly", b"other")
    AnchorReceipt.objects.filter(pk=deadly).update(attempts=7)
    ask_witnesses(inline.services, [deadly, other])
    assert moody.seen == [Digest.of(b"other")]
    ask_witnesses(inline.services, [deadly, other])
    assert moody.seen == [Digest.of(b"other"), Digest.of(b"deadly")]


def test_a_receipt_for_which_nothing_comes_is_asked_for_less_often_up_to_once_a_day(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    def pause(age: timedelta) -> timedelta:
        Bundle.objects.update(sealed_at=now() - age)
        AnchorReceipt.objects.update(not_before=None)
        ask_witnesses(inline.services, [pk])
        until = AnchorReceipt.objects.get(pk=pk).not_before
        assert until is not None
        return timedelta(seconds=round((until - now()).total_seconds()))

    [pk] = asked_for(b"pending")
    AnchorReceipt.objects.update(proof=b"pending", bundle=sealed_bundle(b"pending"))
    hours = [pause(timedelta(hours=age)) / timedelta(hours=1) for age in (0, 1, 5, 100, 10_000)]
    assert hours == [1 / 6, 1 / 6, 0.5, 10, 24]
    moody.hard[Digest.of(b"pending")] = IntegrityError("The reply is about something else.")
    hours = [pause(timedelta(hours=age)) / timedelta(hours=1) for age in (0, 100)]
    assert hours == [1 / 12, 10]
    moody.hard.clear()
    moody.growth = b"something new"
    assert pause(timedelta(hours=100)) == timedelta(minutes=10)
    moody.growth = b""
    assert pause(timedelta(hours=100)) == timedelta(minutes=10)
    AnchorReceipt.objects.update(grown_at=now() - timedelta(hours=5))
    assert pause(timedelta(hours=100)) == timedelta(minutes=30)


def test_a_task_ends_before_sealing_has_to_wait_for_long(
    inline: SyncRunner, moody: MoodyAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.bundles.witness.TASK_SECONDS", -1.0)
    rows = asked_for(b"1", b"2")
    ask_witnesses(inline.services, rows)
    assert moody.asked == 0
    assert steps.due_ids(AnchorReceipt, inline.services.stale_after, 9) == rows


def test_a_witness_that_cannot_be_used_stops_neither_the_log_nor_the_others(
    inline: SyncRunner, moody: MoodyAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Rfc3161Config(kind="rfc3161", name="broken", urls=("http://127.0.0.1:9",))
    monkeypatch.setattr("registry.log.anchors._Anchors.of", lambda *_: (anchor_of(given, (), "tests"), moody))
    submit(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    signed = sign_checkpoint(inline.services)
    assert signed is not None
    ask_witnesses(inline.services, list(signed.receipts.values_list("pk", flat=True)))
    told = {row.witness: (row.state, row.error) for row in signed.receipts.all()}
    assert told["moody"] == ("done", "")
    assert told["broken"][0] == "todo"
    assert "broken" in told["broken"][1]


def test_who_was_overtaken_writes_nothing(inline: SyncRunner, moody: MoodyAnchor) -> None:
    [pk] = asked_for(b"1")

    def overtaken(digest: Digest) -> Receipt:
        AnchorReceipt.objects.filter(pk=pk).update(state="done", claimed_at=now(), proof=b"of the other")
        return Receipt("rfc3161", "moody", False, ReceiptState.PENDING, b"late")  # noqa: FBT003 - a field

    moody.submit = overtaken  # type: ignore[method-assign]
    ask_witnesses(inline.services, [pk])
    row = AnchorReceipt.objects.get(pk=pk)
    assert (row.state, bytes(row.proof or b"")) == ("done", b"of the other")


@pytest.mark.parametrize("outcome", ["answer", "silence", "error"])
def test_who_was_overtaken_leaves_the_claims_of_its_successor_alone(
    inline: SyncRunner, moody: MoodyAnchor, outcome: str
) -> None:
    first, second = asked_for(b"1", b"2")
    taken = now() + timedelta(seconds=1)

    def overtaken(digest: Digest) -> Receipt:
        AnchorReceipt.objects.update(claimed_at=taken)
        moody.seen.append(digest)
        if outcome != "answer":
            raise ServiceMissingError("Nobody.") if outcome == "silence" else IntegrityError("Wrong.")
        return Receipt("rfc3161", "moody", False, ReceiptState.COMPLETE, b"late", (), now())  # noqa: FBT003 - a field

    moody.submit = overtaken  # type: ignore[method-assign]
    ask_witnesses(inline.services, [first, second])
    assert len(moody.seen) == 1
    assert set(AnchorReceipt.objects.values_list("state", "claimed_at", "proof")) == {("doing", taken, None)}


def test_a_receipt_is_never_given_up(inline: SyncRunner, moody: MoodyAnchor) -> None:
    [pk] = asked_for(b"1")
    AnchorReceipt.objects.filter(pk=pk).update(state="doing", attempts=9, claimed_at=now() - timedelta(days=1))
    ask_witnesses(inline.services, [pk])
    assert AnchorReceipt.objects.get(pk=pk).state == "done"


def test_what_lacks_beside_a_young_stamp_is_asked_for_and_old_stamps_are_left_alone(
    inline: SyncRunner, moody: MoodyAnchor
) -> None:
    young, old, broken = asked_for(b"1", b"2", b"3")
    ask_witnesses(inline.services, [young, old, broken])
    AnchorReceipt.objects.filter(pk=old).update(grown_at=now() - 2 * LISTS_FOR)
    moody.lists, moody.hard = {"crl-1.pem": b"a list"}, {Digest.of(b"3"): IntegrityError("It can't be read.")}
    assert [complete_stamps(inline.services), complete_stamps(inline.services)] == [1, 0]
    rows = AnchorReceipt.objects.in_bulk()
    assert [dict(receipt_of(rows[pk]).material) for pk in (young, old, broken)] == [moody.lists, {}, {}]
    assert rows[young].state == "done"


def sealed_bundle(seal: bytes, number: int = 1) -> Bundle:
    studio = Owner.objects.filter(slug="studio").first() or owner("studio")
    work, _ = Work.objects.get_or_create(owner=studio, number=1, defaults={"title": "A work", "registered_at": now()})
    case = Case.objects.create(owner=studio, work=work, number=number, party=f"{number}.example", opened_at=now())
    return Bundle.objects.create(case=case, number=1, seal_digest=Digest.of(seal), sealed_at=now())
