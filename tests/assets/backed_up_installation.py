"""An installation with a sealed case, and a backup of it."""

import io
import os
from functools import cache
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.clock import now
from exhibit.config.config import Config
from registry.bundles.bundles import write_bundle_zip
from registry.configuration import load_config
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Bundle, Case, Notice, NoticeMail, Work
from registry.services.services import Services
from tests.assets.command_line import CommandLine
from tests.assets.installed import install
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.stack import connected_to
from workers.database.backup import back_up, get_log_state
from workers.database.backup_format import BackupDescription
from workers.servers.embedded import EmbeddedServers
from workers.tasks.sync_runner import SyncRunner

MAPPING = 'name = "Market"\n'
SETTINGS = 'operator_name = "Studio"\nretention_days = 60\n'


def ignore_message(_: str) -> None:
    """Ignore progress messages."""


def summarize(services: Services) -> dict[str, object]:
    """Return a summary of an installation's data, to compare a restored installation with the original."""
    bundle = Bundle.objects.get()
    out = io.BytesIO()
    write_bundle_zip(services, bundle, out)
    return {
        "works": list(Work.objects.order_by("number").values_list("number", "title", "pictures__digest")),
        "cases": list(Case.objects.values_list("number", "party", "decision")),
        "seal": bundle.seal_digest,
        "bytes": sorted(digest.hex for digest in services.blobs),
        "log": get_log_state(services),
    }


class BackedUpInstallation:
    """An installation with a sealed case, and a backup of it in both forms."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config, self.cli = folder, config, CommandLine(folder / "data")
        (config.data_dir / "exhibit.toml").write_text(SETTINGS)
        (config.data_dir / "searches").mkdir()
        (config.data_dir / "searches" / "market.toml").write_text(MAPPING)
        pair_file = config.data_dir / "benchmark" / "files" / "ab" / "cd" / ("abcd" * 16)
        pair_file.parent.mkdir(parents=True)
        pair_file.write_bytes(b"of a pair")
        (config.data_dir / "benchmark" / "files" / "incoming").mkdir()
        (config.data_dir / "benchmark" / "files" / "incoming" / "1-ab").write_bytes(b"half of")
        inline = SyncRunner(config)
        self.services = inline.services
        create_sealed_bundle(inline, owner("studio"))
        sequence_log(self.services)
        sign_checkpoint(self.services)
        fields = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann", "created_at": now()}
        notice = Notice.objects.create(owner=Case.objects.get().owner, number=1, **fields)
        NoticeMail.objects.create(notice=notice, to="host@example.org", by="Ann", message_id="<1@example.org>")
        self.description = self.back_up("backup")
        self.back_up("all.tar")
        self.answers = summarize(self.services)

    def back_up(self, name: str | Path, *, keys: bool = True) -> BackupDescription:
        """Back up into a folder, by name beside the data folder or at any path."""
        return back_up(self.services, self.folder / name, keys=keys, report=ignore_message)


@pytest.fixture(scope="module")
def backed_up(django_db_blocker: DjangoDbBlocker) -> BackedUpInstallation:
    """The installation of this test process, created once. Its servers are not running."""
    with django_db_blocker.unblock():
        return _create_installation()


@cache
def _create_installation() -> BackedUpInstallation:
    """Create the installation in this test process's folder, which is deleted when the process ends."""
    folder = Path(os.environ["EXHIBIT_DATA"]) / "backed-up"
    folder.mkdir(mode=0o755)
    install(folder / "data")
    config = load_config({"EXHIBIT_DATA": str(folder / "data"), "EXHIBIT_CAPTURE_BROWSER": "none"})
    with EmbeddedServers(config), connected_to(config):
        return BackedUpInstallation(folder, config)
