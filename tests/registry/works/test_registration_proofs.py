"""Test that the proofs of a work's registration accumulate, and that their files explain the verification."""

import re
from hashlib import sha256

import pytest

from evidence.formats.codec import parse_json
from exhibit.digests import Digest
from registry.models import LogCheckpoint, Work
from registry.works.registration_proofs import get_registration, make_proof_files
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return register(inline.services, owner("studio"), photograph(1)).work


def test_proof_files_include_entry_and_checkpoint(inline: SyncRunner, work: Work) -> None:
    registration = get_registration(work)
    assert registration is not None
    assert (registration.entry, registration.checkpoint) == (None, None)
    files = make_proof_files(inline.services, work)
    assert sorted(files) == ["READ-ME.txt", "checkpoint", "entry.json", "inclusion.json"]
    logged = get_registration(work)
    assert logged is not None
    assert (logged.entry, logged.checkpoint) == (0, LogCheckpoint.objects.get())
    opening = parse_json(files["entry.json"], label="entry.json")["opening"]
    assert opening["picture"] == sha256(photograph(1)).hexdigest()
    assert make_proof_files(inline.services, work) == files


def test_every_file_named_in_the_readme_exists(inline: SyncRunner, work: Work) -> None:
    make_proof_files(inline.services, work)
    checkpoint = LogCheckpoint.objects.get()
    for kind in ("rfc3161", "opentimestamps", "evm"):
        checkpoint.receipts.all().delete()
        checkpoint.receipts.create(kind=kind, service="A", digest=Digest.from_bytes(b"checkpoint"), proof=b"proof")
        files = make_proof_files(inline.services, work)
        file_names = set(re.findall(r"[\w-]+\.(?:tsr|ots|json)", files["READ-ME.txt"].decode()))
        assert file_names == set(files) - {"READ-ME.txt", "checkpoint"}, kind
