"""Test that backups of earlier releases and of this version are restored completely."""

import lzma
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from registry.bundles.bundles import write_bundle_zip
from registry.configuration import load_config
from registry.log.history import CheckpointRelation, compare_with_files
from registry.log.replay import replay
from registry.models import Bundle, Case, KnownCopy, Licence, Membership, Notice, Watch, Work
from registry.services.services import Services
from tests import CHECKOUT
from tests.assets.command_line import CommandLine
from tests.assets.processes import wait_until
from tests.assets.stack import connected_to
from tests.assets.upgrade_backup import bundle_of
from workers.servers.embedded import EmbeddedServers
from workers.servers.keeper import are_servers_supervised

BACKUPS = CHECKOUT / "tests" / "assets" / "upgrades"
RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in BACKUPS.glob("*.tar.xz"))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["this version", *RELEASES])
def test_backups_of_all_releases_are_restored_completely(
    version: str, open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    archive, tar = BACKUPS / f"{version}.tar.xz", open_folder / "backup.tar"
    if not archive.exists():
        archive = open_folder / "made.tar.xz"
        subprocess.run([sys.executable, "-m", "tests.assets.upgrade_backup", archive], cwd=CHECKOUT, check=True)
    tar.write_bytes(lzma.decompress(archive.read_bytes()))
    cli = CommandLine(open_folder / "data", {"EXHIBIT_CAPTURE_BROWSER": "none", "EXHIBIT_LANGUAGES": "en"})
    cli.run("restore", tar)
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_servers_supervised(config))
    with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
        services = Services(config)
        assert list(Work.objects.order_by("pk").values_list("title", flat=True)) == ["Work first", "Work second"]
        assert list(Case.objects.order_by("pk").values_list("decision", flat=True)) == ["confirmed", "dismissed"]
        for model in (Licence, Membership, Notice, KnownCopy, Watch):
            assert model._default_manager.exists(), model.__name__
        out = BytesIO()
        write_bundle_zip(services, Bundle.objects.get(), out)
        assembled, handed_out = open_folder / "assembled.zip", open_folder / "handed-out.zip"
        assembled.write_bytes(out.getvalue())
        handed_out.write_bytes(lzma.decompress(bundle_of(archive).read_bytes()))
        for bundle in (assembled, handed_out):
            checks = {item.name: item.state for item in Verifier().verify(bundle).checks}
            assert State.FAILED not in checks.values()
            assert checks["tools"] is State.PASSED
        assert {item.outcome for item in compare_with_files(services, [handed_out])} == {CheckpointRelation.CONTINUED}
        assert ["log's checkpoint file is missing" in item for item in replay(services).problems] == [True]
        connections["default"].close()


def test_every_tagged_version_has_a_stored_backup() -> None:
    try:
        result = subprocess.run(
            ["git", "tag", "--list", "v*"], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this checkout has no history")
    versions = {tag.removeprefix("v") for tag in result.stdout.split()}
    assert versions <= set(RELEASES)
