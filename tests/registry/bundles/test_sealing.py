"""Test which rows of a case are sealed."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from desk.cli import case as cases
from desk.cli.common.context import CommandContext
from evidence.bundle.bag import compute_checkpoint_digest
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles import sealing
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.facts import GatheredFacts, gather_facts
from registry.bundles.models import REOPENED_CASE
from registry.bundles.sealing import _request_direct_timestamps
from registry.cases.decisions import confirm_case, reopen_decided_case
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, Bundle, Case
from tests.assets.sealed_bundles import request_bundle
from tests.assets.unreliable_anchor import UnreliableAnchor, unreliable_anchor
from tests.registry.bundles.test_timestamp_requests import make_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

__all__ = ["unreliable_anchor"]


@pytest.mark.long
def test_case_reopened_during_sealing_is_not_sealed(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = request_bundle(inline)

    def reopen_meanwhile(*args: object, **kwargs: object) -> GatheredFacts:
        gathered = gather_facts(*args, **kwargs)  # type: ignore[arg-type]
        reopen_decided_case(Case.objects.get(), by="Ann", reason="A mistake.")
        confirm_case(inline.services, Case.objects.get(), by="Bob", reason="No mistake.")
        return gathered

    monkeypatch.setattr(sealing, "gather_facts", reopen_meanwhile)
    sealing.seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    assert (bundle.state, bundle.seal_digest, bundle.error) == ("failed", None, REOPENED_CASE)
    assert bundle.case.bundles.count() == 2


@pytest.mark.long
def test_confirm_command_with_wait_option_waits_for_the_newest_bundle(
    inline: SyncRunner,
) -> None:
    first = request_bundle(inline)
    reopen_decided_case(first.case, by="Ann", reason="A mistake.")
    sealing.seal_bundles(inline.services, [first.pk])
    first.refresh_from_db()
    assert (first.state, first.error) == ("failed", REOPENED_CASE)
    desk = CommandContext(inline.services.config)
    desk.__dict__["services"] = inline.services
    ran = CliRunner().invoke(cases.case_command, ["confirm", "1", "--wait"], obj=desk)
    second = first.case.bundles.get(number=2)
    assert second.seal_digest is not None
    assert ran.exit_code == 0, ran.output


@pytest.mark.long
def test_sheet_names_the_timestamp_services_of_the_crawl_checkpoint(inline: SyncRunner) -> None:
    bundle = request_bundle(inline)
    sequence_log(inline.services)
    checkpoint = sign_checkpoint(inline.services)
    assert checkpoint is not None
    row = {"kind": "rfc3161", "service": "Authority", "digest": compute_checkpoint_digest(checkpoint.note)}
    AnchorReceipt.objects.create(**row, checkpoint=checkpoint, state="done", time=checkpoint.made_at)
    sealing.seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    case = load_sealed_case(inline.services, bundle)
    [service] = load_sealed_facts(inline.services, case).timestamps
    assert (service.name, service.state, service.subject) == ("Authority", "complete", "checkpoint")
    sheet = next(file for file in case.manifest.files if file.role == "exhibit-sheet")
    pages = PdfReader(BytesIO(inline.services.blobs.get(sheet.sha256))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert "Authority" in text


def test_direct_timestamps_per_day_are_limited(inline: SyncRunner, unreliable_anchor: UnreliableAnchor) -> None:
    limited = SyncRunner(replace(inline.services.config, direct_stamps_a_day=2)).services
    for number in range(4):
        digest = Digest.from_bytes(bytes([number]))
        bundle = make_sealed_bundle(bytes([number]), number + 1)
        _request_direct_timestamps(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle__isnull=False).count() == 2
    Bundle.objects.update(sealed_at=now() - timedelta(days=2))
    _request_direct_timestamps(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle=bundle).count() == 1
