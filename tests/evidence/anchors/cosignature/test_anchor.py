"""Test that an independent witness cosigns checkpoints, and that conflicts and wrong responses are reported."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.anchors.cosignature.anchor import WitnessAnchor
from evidence.anchors.cosignature.kind import TrustedWitness, verify
from evidence.formats.errors import SupersededError, UntrustedIssuerError
from evidence.log.append_only import Log
from evidence.log.notes import format_cosigner_key
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from tests.assets.error_counts import log_of
from tests.assets.local_witness import NAME, LocalWitness, running_witness
from tests.assets.partners import new_signer

SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


class LogCheckpoints:
    """A log and its signed checkpoints (port ``OwnLog``)."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.notes: dict[Digest, str] = {}

    def grow(self, count: int) -> Digest:
        self.log.append([Entry(EntryType.SLICE, now(), bytes([number % 256]) * 32) for number in range(count)])
        note = self.log.checkpoint().note
        self.notes[Digest.of(note.encode())] = note
        return Digest.of(note.encode())

    def note(self, digest: Digest) -> str:
        if digest not in self.notes:
            raise NotFoundError("There is no such head.")
        return self.notes[digest]

    def size(self) -> int:
        return self.log.size()

    def consistency(self, old: int, new: int) -> list[bytes]:
        return self.log.consistency(old, new)


def anchor_of(witness: LocalWitness, heads: LogCheckpoints, vkey: str = "") -> WitnessAnchor:
    return WitnessAnchor("w", witness.url, vkey or witness.vkey, heads, development=True, session=SESSION)


@pytest.fixture
def heads(tmp_path: Path) -> LogCheckpoints:
    return LogCheckpoints(log_of(tmp_path))


@pytest.fixture
def witness(heads: LogCheckpoints) -> Iterator[LocalWitness]:
    with running_witness() as running:
        running.add_log(heads.log.vkey())
        yield running


def test_each_checkpoint_continues_the_last_one_that_the_log_witness_has(
    witness: LocalWitness, heads: LogCheckpoints
) -> None:
    anchor, times = anchor_of(witness, heads), []
    for count in (3, 1, 5, 300):
        digest = heads.grow(count)
        receipt = anchor.submit(digest)
        assert receipt.time == anchor.verify(digest, receipt)
        times.append(len(witness.requests))
    assert times == [1, 2, 3, 4]  # a running process queries once
    anchor_of(witness, heads).submit(heads.grow(2))
    assert len(witness.requests) == 6  # a new process first queries the size


def test_no_more_attempts_for_a_checkpoint_that_a_later_one_covers(
    witness: LocalWitness, heads: LogCheckpoints
) -> None:
    early, late = heads.grow(2), heads.grow(2)
    anchor = anchor_of(witness, heads)
    anchor.submit(late)
    with pytest.raises(SupersededError):
        anchor.submit(early)
    assert anchor.submit(late).time is not None  # resubmitting gives the same result


def test_a_log_witness_with_a_larger_or_different_history_is_reported(
    witness: LocalWitness, heads: LogCheckpoints, tmp_path: Path
) -> None:
    digest = heads.grow(4)
    witness.checkpoints[heads.log.origin] = (9, b"\x01" * 32)
    with pytest.raises(IntegrityError, match=r"\b9\b.*\b4\b"):
        anchor_of(witness, heads).submit(digest)
    witness.checkpoints[heads.log.origin] = (3, b"\x01" * 32)
    with pytest.raises(IntegrityError, match=r"refused the request with status 422\.$"):
        anchor_of(witness, heads).submit(digest)
    witness.logs.clear()
    with pytest.raises(IntegrityError, match=r"refused the request with status 404\.$"):
        anchor_of(witness, heads).submit(digest)
    witness.answer = (503, b"")
    with pytest.raises(ServiceMissingError, match=r"refused the request with status 503\.$"):
        anchor_of(witness, heads).submit(digest)


def test_a_log_witness_that_refuses_too_many_requests_is_unavailable_for_a_while(
    witness: LocalWitness, heads: LogCheckpoints
) -> None:
    digest, witness.answer = heads.grow(4), (429, b"")
    with pytest.raises(ServiceMissingError, match=r"refused the request with status 429\.$"):
        anchor_of(witness, heads).submit(digest)


@pytest.mark.parametrize(
    ("sizes", "raised"),
    [((1, 2), None), ((1, 5), SupersededError), ((1, 2, 3, 1), ServiceMissingError)],
)
def test_checkpoints_submitted_by_others_in_between_cause_no_refusal(
    witness: LocalWitness, heads: LogCheckpoints, sizes: tuple[int, ...], raised: type[Exception] | None
) -> None:
    digest = heads.grow(4)
    heads.grow(2)
    witness.between = [(size, heads.log.root(size)) for size in sizes]
    if raised is None:
        assert anchor_of(witness, heads).submit(digest).time is not None
    else:
        with pytest.raises(raised):
            anchor_of(witness, heads).submit(digest)
    witness.answer = (409, b"4\n")  # another checkpoint of the same size: not a race
    with pytest.raises(IntegrityError, match=r"refused the request with status 409\.$"):
        anchor_of(witness, heads).submit(digest)


def test_an_answer_that_is_not_its_cosignature_is_no_receipt(witness: LocalWitness, heads: LogCheckpoints) -> None:
    digest = heads.grow(4)
    other = format_cosigner_key(NAME, new_signer().public_key)
    for vkey, answer in ((other, None), ("", b""), ("", b"\xff"), ("", f"— {NAME} AAAAAAAA\n".encode())):
        witness.answer = None if answer is None else (200, answer)
        witness.checkpoints.clear()
        with pytest.raises(IntegrityError):
            anchor_of(witness, heads, vkey).submit(digest)
    witness.answer, witness.time = None, int(now().timestamp()) + 7200
    with pytest.raises(IntegrityError, match="ahead"):
        anchor_of(witness, heads).submit(digest)


def test_a_line_by_another_key_of_its_name_stands_in_nobodys_way(witness: LocalWitness, heads: LogCheckpoints) -> None:
    digest = heads.grow(4)
    line = anchor_of(witness, heads).submit(digest).proof.splitlines(keepends=True)[-1]
    other = b" ".join([*line.split()[:2], base64.b64encode(bytes(76))]) + b"\n"
    witness.answer = (200, other + line)
    assert anchor_of(witness, heads).submit(digest).proof.endswith(line)


def test_it_is_checked_offline_by_the_pinned_key_alone(witness: LocalWitness, heads: LogCheckpoints) -> None:
    digest = heads.grow(4)
    proof = anchor_of(witness, heads).submit(digest).proof
    pinned = TrustedWitness("Friend", witness.vkey, development=True, label="trial")
    block = verify(digest, proof, {}, [pinned], "checkpoint")
    assert (block.by, block.label, block.time.timestamp()) == ("Friend", "trial", witness.time)
    assert {"Friend", "4", "2025-10-09"} <= set(block.sentence.split())
    with pytest.raises(UntrustedIssuerError):
        verify(digest, proof, {}, [], "checkpoint")
    with pytest.raises(IntegrityError, match="The cosignature is for a different checkpoint"):
        verify(heads.grow(1), proof, {}, [pinned], "checkpoint")
    for place in range(0, len(proof), 7):
        flipped = proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]
        with pytest.raises(IntegrityError):
            verify(digest, flipped, {}, [pinned], "checkpoint")
