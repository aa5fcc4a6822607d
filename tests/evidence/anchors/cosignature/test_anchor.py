"""Test that an independent witness cosigns checkpoints, and that conflicts and wrong responses are reported."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.anchors.cosignature.anchor import LogWitnessAnchor
from evidence.anchors.cosignature.kind import TrustedWitness, verify
from evidence.formats.errors import SupersededError, UntrustedIssuerError
from evidence.log.append_only import Log
from evidence.log.notes import format_cosigner_key
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.error_counts import log_of
from tests.assets.local_witness import NAME, LocalWitness, running_witness
from tests.assets.partners import new_signer

SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


class LogCheckpoints:
    """A log and its signed checkpoints (port ``OwnLog``)."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.notes: dict[Digest, str] = {}

    def grow(self, count: int) -> Digest:
        self.log.append([Entry(EntryType.SLICE, now(), bytes([number % 256]) * 32) for number in range(count)])
        note = self.log.sign_checkpoint().note
        self.notes[Digest.from_bytes(note.encode())] = note
        return Digest.from_bytes(note.encode())

    def note(self, digest: Digest) -> str:
        if digest not in self.notes:
            raise NotFoundError("There is no such head.")
        return self.notes[digest]

    def size(self) -> int:
        return self.log.count_entries()

    def consistency(self, old: int, new: int) -> list[bytes]:
        return self.log.prove_consistency(old, new)


def create_anchor(witness: LocalWitness, heads: LogCheckpoints, vkey: str = "") -> LogWitnessAnchor:
    return LogWitnessAnchor("w", witness.url, vkey or witness.vkey, heads, development=True, session=SESSION)


@pytest.fixture
def own_checkpoints(tmp_path: Path) -> LogCheckpoints:
    return LogCheckpoints(log_of(tmp_path))


@pytest.fixture
def witness(own_checkpoints: LogCheckpoints) -> Iterator[LocalWitness]:
    with running_witness() as running:
        running.add_log(own_checkpoints.log.get_verifier_key())
        yield running


def test_cosigned_checkpoint_extends_previous_cosigned_checkpoint(
    witness: LocalWitness, own_checkpoints: LogCheckpoints
) -> None:
    anchor, times = create_anchor(witness, own_checkpoints), []
    for count in (3, 1, 5, 300):
        digest = own_checkpoints.grow(count)
        receipt = anchor.submit(digest)
        assert receipt.time == anchor.verify(digest, receipt)
        times.append(len(witness.requests))
    assert times == [1, 2, 3, 4]  # a running process sends one request per checkpoint
    create_anchor(witness, own_checkpoints).submit(own_checkpoints.grow(2))
    assert len(witness.requests) == 6  # a new process first queries the size


def test_superseded_checkpoint_is_not_retried(witness: LocalWitness, own_checkpoints: LogCheckpoints) -> None:
    early, late = own_checkpoints.grow(2), own_checkpoints.grow(2)
    anchor = create_anchor(witness, own_checkpoints)
    anchor.submit(late)
    with pytest.raises(SupersededError):
        anchor.submit(early)
    assert anchor.submit(late).time is not None  # resubmitting gives the same result


def test_larger_or_different_log_history_of_the_witness_is_reported(
    witness: LocalWitness, own_checkpoints: LogCheckpoints, tmp_path: Path
) -> None:
    digest = own_checkpoints.grow(4)
    witness.checkpoints[own_checkpoints.log.origin] = (9, b"\x01" * 32)
    with pytest.raises(IntegrityError, match=r"\b9\b.*\b4\b"):
        create_anchor(witness, own_checkpoints).submit(digest)
    witness.checkpoints[own_checkpoints.log.origin] = (3, b"\x01" * 32)
    with pytest.raises(IntegrityError, match=r"refused the request with status 422\.$"):
        create_anchor(witness, own_checkpoints).submit(digest)
    witness.logs.clear()
    with pytest.raises(IntegrityError, match=r"refused the request with status 404\.$"):
        create_anchor(witness, own_checkpoints).submit(digest)
    witness.answer = (503, b"")
    with pytest.raises(ServiceMissingError, match=r"refused the request with status 503\.$"):
        create_anchor(witness, own_checkpoints).submit(digest)


def test_rate_limited_log_witness_is_unavailable(witness: LocalWitness, own_checkpoints: LogCheckpoints) -> None:
    digest, witness.answer = own_checkpoints.grow(4), (429, b"")
    with pytest.raises(ServiceMissingError, match=r"refused the request with status 429\.$"):
        create_anchor(witness, own_checkpoints).submit(digest)


@pytest.mark.parametrize(
    ("sizes", "raised"),
    [((1, 2), None), ((1, 5), SupersededError), ((1, 2, 3, 1), ServiceMissingError)],
)
def test_concurrent_submissions_of_checkpoints_to_the_witness_are_handled(
    witness: LocalWitness, own_checkpoints: LogCheckpoints, sizes: tuple[int, ...], raised: type[Exception] | None
) -> None:
    digest = own_checkpoints.grow(4)
    own_checkpoints.grow(2)
    witness.between = [(size, own_checkpoints.log.compute_root(size)) for size in sizes]
    if raised is None:
        assert create_anchor(witness, own_checkpoints).submit(digest).time is not None
    else:
        with pytest.raises(raised):
            create_anchor(witness, own_checkpoints).submit(digest)
    witness.answer = (409, b"4\n")  # another checkpoint of the same size: not a race
    with pytest.raises(IntegrityError, match=r"refused the request with status 409\.$"):
        create_anchor(witness, own_checkpoints).submit(digest)


def test_invalid_cosignature_is_rejected(witness: LocalWitness, own_checkpoints: LogCheckpoints) -> None:
    digest = own_checkpoints.grow(4)
    other = format_cosigner_key(NAME, new_signer().public_key)
    for vkey, answer in ((other, None), ("", b""), ("", b"\xff"), ("", f"— {NAME} AAAAAAAA\n".encode())):
        witness.answer = None if answer is None else (200, answer)
        witness.checkpoints.clear()
        with pytest.raises(IntegrityError):
            create_anchor(witness, own_checkpoints, vkey).submit(digest)
    witness.answer, witness.time = None, int(now().timestamp()) + 7200
    with pytest.raises(IntegrityError, match="ahead"):
        create_anchor(witness, own_checkpoints).submit(digest)


def test_cosignature_by_other_key_of_same_name_is_ignored(
    witness: LocalWitness, own_checkpoints: LogCheckpoints
) -> None:
    digest = own_checkpoints.grow(4)
    line = create_anchor(witness, own_checkpoints).submit(digest).proof.splitlines(keepends=True)[-1]
    other = b" ".join([*line.split()[:2], base64.b64encode(bytes(76))]) + b"\n"
    witness.answer = (200, other + line)
    assert create_anchor(witness, own_checkpoints).submit(digest).proof.endswith(line)


def test_cosignature_verifies_offline_with_pinned_key(witness: LocalWitness, own_checkpoints: LogCheckpoints) -> None:
    digest = own_checkpoints.grow(4)
    proof = create_anchor(witness, own_checkpoints).submit(digest).proof
    pinned = TrustedWitness("Friend", witness.vkey, development=True, label="trial")
    block = verify(digest, proof, {}, [pinned], "checkpoint")
    assert (block.trust_entry, block.label, block.time.timestamp()) == ("Friend", "trial", witness.time)
    assert {"Friend", "4", "2025-10-09"} <= set(block.sentence.split())
    with pytest.raises(UntrustedIssuerError):
        verify(digest, proof, {}, [], "checkpoint")
    with pytest.raises(IntegrityError, match="The cosignature is for a different checkpoint"):
        verify(own_checkpoints.grow(1), proof, {}, [pinned], "checkpoint")
    for place in range(0, len(proof), 7):
        flipped = proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]
        with pytest.raises(IntegrityError):
            verify(digest, flipped, {}, [pinned], "checkpoint")
