"""Test SIGKILL at random times of log and key operations: numbering, signing checkpoints, rotating keys and master key.

Processes work on one installation at full load, one after the other, and are killed; after each, the whole log is
replayed and every key is decrypted. ``KILL_ROUNDS`` and ``KILL_SEED`` are as in ``test_kill.py``.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from exhibit.entries import EntryType
from registry.configuration import load_config
from registry.keys.keys import KeyUse
from registry.keys.signing_keys import get_document_key, rotate_key, unlock_signer
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.master_key import change_master_key
from registry.models import DocumentKey, LogCheckpoint, LogOpening, LogSubmission, Owner, SealingKey
from registry.services.services import Services
from tests import CHECKOUT
from tests.assets.installed import install
from tests.assets.stack import connected_to
from workers.servers.embedded import EmbeddedServers

ROUNDS = int(os.environ.get("KILL_ROUNDS", "4"))
SEED = int(os.environ.get("KILL_SEED", "1"))
LONGEST = 0.6
"""Maximum seconds until a worker is killed."""
BUSY = """
import itertools, os
os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
import django
django.setup()
from django.db import transaction
from registry.configuration import load_config
from exhibit.entries import EntryType
from registry.keys.keys import KeyUse
from registry.log.log import submit_entry
from registry.models import Owner
from registry.keys.signing_keys import get_document_key, rotate_key, get_sealing_key
from registry.master_key import change_master_key
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.services.services import Services
services = Services(load_config())
owner, _ = Owner.objects.get_or_create(slug="studio", defaults={"name": "Studio"})
get_sealing_key(services, owner), get_document_key(services, owner)
print("busy", flush=True)
for number in itertools.count():
    for each in range(40):
        submit_entry(EntryType.CASE, {"number": number, "each": each}, owner)
    sequence_log(services)
    sign_checkpoint(services)
    rotate_key(services, owner, KeyUse.SEALING if number % 2 else KeyUse.DOCUMENTS, by="Ann", reason="a test")
    change_master_key(services, by="Ann", reason="a test")
"""


def run_and_kill(config: Config, after: float) -> None:
    """Run a process, and kill it ``after`` seconds after it has started."""
    environ = {**os.environ, "EXHIBIT_DATA": str(config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        time.sleep(after)  # the moment is what the test is about
        assert process.poll() is None
        process.kill()


def check_keys(services: Services) -> None:
    """Verify that every key can be decrypted, and that each owner has one of each kind in use."""
    for owner in Owner.objects.all():
        for key in SealingKey.objects.filter(owner=owner):
            assert unlock_signer(services, key).public_key == bytes(key.public_key)
        assert SealingKey.objects.filter(owner=owner, retired_at=None).count() == 1
        assert DocumentKey.objects.filter(owner=owner, retired_at=None).count() == 1
        get_document_key(services, owner)
    openings = LogOpening.objects.filter(submission__type=EntryType.KEY, content__what="created")
    assert openings.count() == SealingKey.objects.count() + DocumentKey.objects.count()


@pytest.mark.long
@pytest.mark.timeout(30 * ROUNDS + 120)
def test_log_is_complete_and_every_key_opens_after_crashes(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    random = Random(SEED)
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    install(config.data_dir)
    with EmbeddedServers(config), connected_to(config), django_db_blocker.unblock():
        for _ in range(ROUNDS):
            run_and_kill(config, random.uniform(0, LONGEST))
            services = Services(config)
            assert replay(services).problems == []
            check_keys(services)
        services = Services(config)
        sequence_log(services)
        sign_checkpoint(services)
        owner = Owner.objects.get()
        change_master_key(services, by="Ann", reason="the last")
        assert not (config.data_dir / "secrets" / "master_key.next").exists()
        rotate_key(services, owner, KeyUse.SEALING, by="Ann", reason="the last")
        sequence_log(services)
        sign_checkpoint(services)
        replayed = replay(services)
        assert (replayed.problems, replayed.waiting) == ([], 0)
        assert replayed.entries == LogSubmission.objects.count()
        assert LogCheckpoint.objects.count() > 1
        check_keys(services)
