"""Asking witnesses from rows: who is silent is left in peace for a while, and nothing is doubled or lost by a death."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from desk.cli.anchors import _told
from evidence.anchors.evm_account import EvmAccount
from evidence.anchors.evm_proofs import verify_proof
from evidence.development.authority import running_authority
from evidence.development.chain import Chain, running_chain
from evidence.facts import WitnessFacts
from exhibit.clock import now
from exhibit.config import AnchorConfig, Config, load_config
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from registry import steps, witnesses
from registry.log import submit
from registry.models import AnchorReceipt, Bundle, Case, Owner, WitnessState, Work
from registry.witnesses import Question
from tests.assets.evm_chain import EvmChain, deployed, running_evm_chain
from tests.flow.rows import owner
from workers.inline import Inline
from workers.steps.log import sequence_log, sign_checkpoint
from workers.steps.seal import _stamp_directly
from workers.steps.witness import ask_witnesses, receipt_of
from workers.wiring import House
from workers.witnessed import Witnessed, witnessed
from workers.witnesses import anchor_of, evm_anchor, session_for

KEY = b"\x07" * 32
KILLS = int(os.environ.get("KILL_ROUNDS", "6"))


class MoodyAnchor:
    """A witness that answers when it likes."""

    kind, development, qualified, patience = "rfc3161", False, "2026-11-01", timedelta(minutes=10)

    def __init__(self, name: str = "moody") -> None:
        self.name = name
        self.asked = 0
        self.mood: Exception | None = None
        self.seen: list[Digest] = []
        self.growth = b""
        self.hard: dict[Digest, Exception] = {}

    def submit(self, digest: Digest) -> Receipt:
        self.asked += 1
        self.seen.append(digest)
        if self.mood is not None:
            raise self.mood
        return Receipt(self.kind, self.name, False, ReceiptState.COMPLETE, digest.raw, (), now())  # noqa: FBT003 - a field

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        self.seen.append(digest)
        if digest in self.hard:
            raise self.hard[digest]
        return replace(receipt, proof=receipt.proof + self.growth)


@pytest.fixture
def moody(inline: Inline) -> MoodyAnchor:
    anchor = MoodyAnchor()
    inline.house.__dict__["anchors"] = (anchor,)
    return anchor


def asked_for(*digests: bytes, witness: str = "moody", kind: str = "rfc3161") -> list[int]:
    rows = [AnchorReceipt(kind=kind, witness=witness, digest=Digest.of(digest)) for digest in digests]
    return [row.pk for row in AnchorReceipt.objects.bulk_create(rows)]


def test_a_silent_witness_is_asked_with_growing_pauses_and_all_that_waits_waits_together(
    inline: Inline, moody: MoodyAnchor
) -> None:
    moody.mood = ServiceMissingError("Nobody is there.")
    rows = asked_for(b"1", b"2", b"3")
    pauses = []
    for _ in range(9):
        WitnessState.objects.update(ask_after=None)
        AnchorReceipt.objects.update(not_before=None)
        ask_witnesses(inline.house, rows)
        state = WitnessState.objects.get()
        assert state.ask_after is not None
        last, *others = AnchorReceipt.objects.order_by("-not_before")
        assert {(row.not_before, row.error) for row in others} == {(state.ask_after, "Nobody is there.")}
        assert last.not_before is not None
        assert last.not_before > state.ask_after  # the one that was asked lets the others go first
        pauses.append(round((state.ask_after - now()) / timedelta(minutes=1)))
    assert moody.asked == 9
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    later = asked_for(b"4")
    ask_witnesses(inline.house, later)
    assert moody.asked == 9
    assert AnchorReceipt.objects.get(pk=later[0]).not_before == state.ask_after


def test_a_witness_that_comes_back_gives_everything_that_it_owes(inline: Inline, moody: MoodyAnchor) -> None:
    moody.mood = ServiceMissingError("Nobody is there.")
    rows = asked_for(b"1", b"2", b"3")
    ask_witnesses(inline.house, rows)
    [silent] = witnesses.health().values()
    assert (silent.owed, silent.error, silent.answered_at) == (3, "Nobody is there.", None)
    assert silent.silent_since is not None
    moody.mood = None
    WitnessState.objects.update(ask_after=now())
    AnchorReceipt.objects.update(not_before=None)
    ask_witnesses(inline.house, rows)
    [well] = witnesses.health().values()
    assert (well.owed, well.error, well.silent_since) == (0, "", None)
    assert well.answered_at is not None
    assert set(AnchorReceipt.objects.values_list("state", "error", "qualified")) == {("done", "", "2026-11-01")}


def test_a_witness_that_answers_wrongly_isnt_silent(inline: Inline, moody: MoodyAnchor) -> None:
    moody.mood = IntegrityError("The reply is about something else.")
    ask_witnesses(inline.house, asked_for(b"1", b"2"))
    assert moody.asked == 2
    assert not WitnessState.objects.exclude(silent_since=None).exists()
    assert set(AnchorReceipt.objects.values_list("error", flat=True)) == {"The reply is about something else."}
    [shown] = witnesses.health().values()
    assert (shown.error, shown.answered_at, shown.ask_after) == ("The reply is about something else.", None, None)
    moody.mood = None
    ask_witnesses(inline.house, asked_for(b"3"))
    [shown] = witnesses.health().values()
    assert shown.error == ""


def test_a_source_of_blocks_that_is_away_keeps_no_digest_from_the_calendars(inline: Inline, moody: MoodyAnchor) -> None:
    [old] = asked_for(b"old")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = ServiceMissingError("The Bitcoin node doesn't answer.")
    ask_witnesses(inline.house, [old])
    [new] = asked_for(b"new")
    ask_witnesses(inline.house, [new])
    assert AnchorReceipt.objects.get(pk=new).state == "done"
    [shown] = witnesses.health().values()
    assert shown.silent_since is not None
    assert shown.answered_at is not None
    assert shown.error == "The Bitcoin node doesn't answer."


def test_what_is_new_goes_first_and_a_receipt_that_always_fails_keeps_no_other_waiting(
    inline: Inline, moody: MoodyAnchor
) -> None:
    old, young = asked_for(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = ServiceMissingError("The node refused it.")
    rows = [old, young, *asked_for(b"new")]
    ask_witnesses(inline.house, rows)
    assert moody.seen == [Digest.of(b"new"), Digest.of(b"old")]
    WitnessState.objects.update(ask_after=now())
    waiting = AnchorReceipt.objects.exclude(state="done")
    first = waiting.order_by("not_before").values_list("not_before", flat=True)[0]
    for row in waiting:
        assert row.not_before is not None
        assert first is not None
        row.not_before -= first - now()
        row.save()
    assert steps.due_ids(AnchorReceipt, inline.house.stale_after, 9) == [young]
    AnchorReceipt.objects.filter(pk=old).update(not_before=now())
    ask_witnesses(inline.house, rows)
    assert moody.seen[2:] == [Digest.of(b"young"), Digest.of(b"old")]


@pytest.mark.parametrize("broken", [OverflowError("int too large"), RecursionError(), StopIteration()])
def test_an_answer_that_nobody_expected_puts_that_receipt_off_alone(
    inline: Inline, moody: MoodyAnchor, broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    old, young = asked_for(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    moody.hard[Digest.of(b"old")] = broken
    ask_witnesses(inline.house, [old, young])
    assert moody.seen == [Digest.of(b"old"), Digest.of(b"young")]
    assert AnchorReceipt.objects.get(pk=old).error == f"Asking broke off: {type(broken).__name__}."
    assert "moody" in caplog.text


def test_a_receipt_over_which_workers_die_is_claimed_alone_and_never_given_up(
    inline: Inline, moody: MoodyAnchor
) -> None:
    deadly, other = asked_for(b"deadly", b"other")
    AnchorReceipt.objects.filter(pk=deadly).update(attempts=7)
    ask_witnesses(inline.house, [deadly, other])
    assert moody.seen == [Digest.of(b"other")]
    ask_witnesses(inline.house, [deadly, other])
    assert moody.seen == [Digest.of(b"other"), Digest.of(b"deadly")]


def test_a_receipt_for_which_nothing_comes_is_asked_for_less_often_up_to_once_a_day(
    inline: Inline, moody: MoodyAnchor
) -> None:
    def pause(age: timedelta) -> timedelta:
        Bundle.objects.update(sealed_at=now() - age)
        AnchorReceipt.objects.update(not_before=None)
        ask_witnesses(inline.house, [pk])
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
    inline: Inline, moody: MoodyAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.steps.witness.TASK_SECONDS", -1.0)
    rows = asked_for(b"1", b"2")
    ask_witnesses(inline.house, rows)
    assert moody.asked == 0
    assert steps.due_ids(AnchorReceipt, inline.house.stale_after, 9) == rows


def test_a_witness_that_cannot_be_used_stops_neither_the_log_nor_the_others(inline: Inline, moody: MoodyAnchor) -> None:
    given = AnchorConfig(kind="rfc3161", name="broken", urls=("http://127.0.0.1:9",))
    inline.house.__dict__["anchors"] = (anchor_of(given, (), "tests"), moody)
    submit(EntryType.CASE, {"number": 1})
    sequence_log(inline.house)
    signed = sign_checkpoint(inline.house)
    assert signed is not None
    ask_witnesses(inline.house, list(signed.receipts.values_list("pk", flat=True)))
    told = {row.witness: (row.state, row.error) for row in signed.receipts.all()}
    assert told["moody"] == ("done", "")
    assert told["broken"] == ("todo", "The timestamp authority broken has no root certificate.")


def test_who_was_overtaken_writes_nothing(inline: Inline, moody: MoodyAnchor) -> None:
    [pk] = asked_for(b"1")

    def overtaken(digest: Digest) -> Receipt:
        AnchorReceipt.objects.filter(pk=pk).update(state="done", claimed_at=now(), proof=b"of the other")
        return Receipt("rfc3161", "moody", False, ReceiptState.PENDING, b"late")  # noqa: FBT003 - a field

    moody.submit = overtaken  # type: ignore[method-assign]
    ask_witnesses(inline.house, [pk])
    row = AnchorReceipt.objects.get(pk=pk)
    assert (row.state, bytes(row.proof or b"")) == ("done", b"of the other")


@pytest.mark.parametrize("outcome", ["answer", "silence", "error"])
def test_who_was_overtaken_leaves_the_claims_of_its_successor_alone(
    inline: Inline, moody: MoodyAnchor, outcome: str
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
    ask_witnesses(inline.house, [first, second])
    assert len(moody.seen) == 1
    assert set(AnchorReceipt.objects.values_list("state", "claimed_at", "proof")) == {("doing", taken, None)}


def test_a_receipt_is_never_given_up(inline: Inline, moody: MoodyAnchor) -> None:
    [pk] = asked_for(b"1")
    AnchorReceipt.objects.filter(pk=pk).update(state="doing", attempts=9, claimed_at=now() - timedelta(days=1))
    ask_witnesses(inline.house, [pk])
    assert AnchorReceipt.objects.get(pk=pk).state == "done"


def test_each_witness_counts_once_and_only_when_it_has_answered_in_full() -> None:
    def told(name: str, state: str, subject: str = "checkpoint") -> WitnessFacts:
        return WitnessFacts("rfc3161", name, False, state, subject, None)  # noqa: FBT003 - a field

    told_by = (told("a", "complete"), told("a", "complete", "manifest"), told("b", "pending"), told("c", "asked"))
    assert witnessed(told_by, 1) == Witnessed(1, 3, 1)
    assert witnessed(told_by, 1).enough
    assert not witnessed(told_by, 2).enough
    assert not witnessed((), 1).enough


@contextmanager
def three_witnesses(folder: Path) -> Iterator[tuple[Config, Chain, EvmChain]]:
    """A configuration with an authority, a calendar and a chain that run for the block."""
    account = EvmAccount(KEY)
    ledger = EvmChain([account.address])
    with ExitStack() as stack:
        authority = stack.enter_context(running_authority(folder / "authority"))
        chain = stack.enter_context(running_chain(folder / "chain"))
        url = stack.enter_context(running_evm_chain(ledger))
        (folder / "root.pem").write_bytes(authority.root_pem)
        (folder / "key").write_text(KEY.hex())
        (folder / "key").chmod(0o600)

        def settings(contract: str) -> str:
            tables = {
                "authority": {"kind": "rfc3161", "urls": authority.url, "roots": "root.pem"},
                "calendar": {"kind": "opentimestamps", "urls": chain.url, "bitcoin_source": chain.url},
                "ledger": {
                    "kind": "evm",
                    "urls": url,
                    "key_file": "key",
                    **({"contract": contract} if contract else {}),
                },
            }
            lines = []
            for name, table in tables.items():
                lines += ["[[anchors]]", f'name = "{name}"', "development = true"]
                lines += [f'{key} = "{value}"' for key, value in table.items()]
            return "\n".join([*lines, f"chain_id = {ledger.chain_id}", "confirmations = 1", ""])

        def loaded(contract: str) -> Config:
            (folder / "exhibit.toml").write_text(settings(contract))
            return load_config({"EXHIBIT_DATA": str(folder)})

        config = loaded("")
        maker = evm_anchor(config.anchors[2], session_for(config.anchors[2], (), "tests"))
        yield loaded("0x" + deployed(ledger, maker).hex()), chain, ledger


def own_database() -> str:
    values = connection.settings_dict
    return f"postgresql://{values['USER']}@/{values['NAME']}?host={values['HOST']}&port={values['PORT'] or 5432}"


@pytest.mark.django_db(transaction=True)
def test_death_at_any_moment_of_stamp_and_upgrade_doubles_and_loses_nothing(open_folder: Path) -> None:
    chance = random.Random(20261120)
    digests = [bytes([number]) for number in range(4)]
    with three_witnesses(open_folder) as (config, chain, ledger):
        for one in config.anchors:
            asked_for(*digests, witness=one.name, kind=one.kind)
        environ = {**os.environ, "DATABASE_URL": own_database()}
        command = [sys.executable, "-m", "tests.assets.witness_worker", str(open_folder)]
        killed = 0
        for _ in range(KILLS):
            with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "begins\n"
                time.sleep(chance.uniform(0, 0.4))  # the moment of the death is what is left to chance
                process.send_signal(signal.SIGKILL)
            killed += process.returncode == -signal.SIGKILL
            chain.mine()
            ledger.mine()
            AnchorReceipt.objects.filter(state="doing").update(claimed_at=now() - timedelta(hours=1))
            AnchorReceipt.objects.update(not_before=None)
        house = House(config)
        for _ in range(40):
            waiting = list(AnchorReceipt.objects.exclude(state="done").values_list("pk", flat=True))
            if not waiting:
                break
            ask_witnesses(house, waiting)
            chain.mine()
            ledger.mine()
            AnchorReceipt.objects.update(not_before=None)
            WitnessState.objects.update(ask_after=None)
        anchors = {anchor.name: anchor for anchor in house.anchors}
        rows = list(AnchorReceipt.objects.all())
        assert killed == KILLS
        assert [row.state for row in rows] == ["done"] * 3 * len(digests)
        assert all(anchors[row.witness].verify(row.digest, receipt_of(row)) == row.time for row in rows)
        blocks = [verify_proof(bytes(row.proof or b""), row.digest) for row in rows if row.kind == "evm"]
        assert len(blocks) == len(digests)
        sent = ledger.chain.get_vm().state.get_nonce(EvmAccount(KEY).address)
        assert sent == 1 + len(digests)  # the contract's own, and one for each digest


def sealed_bundle(seal: bytes, number: int = 1) -> Bundle:
    studio = Owner.objects.filter(slug="studio").first() or owner("studio")
    work, _ = Work.objects.get_or_create(owner=studio, number=1, defaults={"title": "A work", "registered_at": now()})
    case = Case.objects.create(owner=studio, work=work, number=number, party=f"{number}.example", opened_at=now())
    return Bundle.objects.create(case=case, number=1, seal_digest=Digest.of(seal), sealed_at=now())


def test_so_many_bundles_a_day_are_stamped_directly_as_is_set(inline: Inline, moody: MoodyAnchor) -> None:
    limited = Inline(replace(inline.house.config, direct_stamps_a_day=2)).house
    limited.__dict__["anchors"] = (moody,)
    for number in range(4):
        digest = Digest.of(bytes([number]))
        bundle = sealed_bundle(bytes([number]), number + 1)
        _stamp_directly(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle__isnull=False).count() == 2
    Bundle.objects.update(sealed_at=now() - timedelta(days=2))
    _stamp_directly(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle=bundle).count() == 1


def test_the_command_says_how_each_witness_has_answered(inline: Inline) -> None:
    witnesses.note_answer("rfc3161", "well", Question.SUBMIT)
    witnesses.note_silence("evm", "ill", Question.UPGRADE, "The node doesn't answer.")
    asked_for(b"1", b"2", witness="ill", kind="evm")
    [ill, well] = [_told(key, None, one) for key, one in witnesses.health().items()]
    assert (ill["name"], ill["owed"], ill["error"], ill["configured"]) == ("ill", 2, "The node doesn't answer.", False)
    assert (well["owed"], well["silent_since"]) == (0, None)
    assert well["answered_at"] is not None
