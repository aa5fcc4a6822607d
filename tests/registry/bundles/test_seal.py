"""Test what is sealed of a case, from its rows."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from desk.cli import case as cases
from desk.cli.common.frame import Desk
from evidence.bundle.bag import checkpoint_digest
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles import seal
from registry.bundles.bundles import sealed_case, sealed_facts
from registry.bundles.facts import Gathered, gather
from registry.bundles.models import OPENED_AGAIN
from registry.bundles.seal import _stamp_directly
from registry.cases.decisions import confirm, reopen
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, Bundle, Case
from tests.assets.moody import MoodyAnchor, moody
from tests.assets.sealed import asked_bundle
from tests.registry.bundles.test_witness import sealed_bundle
from workers.tasks.sync_runner import SyncRunner

__all__ = ["moody"]


@pytest.mark.long
def test_a_case_that_is_opened_again_while_it_is_sealed_is_not_sealed_as_confirmed(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = asked_bundle(inline)

    def reopened(*args: object, **named: object) -> Gathered:
        gathered = gather(*args, **named)  # type: ignore[arg-type]
        reopen(Case.objects.get(), by="Ann", reason="A mistake.")
        confirm(inline.services, Case.objects.get(), by="Bob", reason="No mistake.")
        return gathered

    monkeypatch.setattr(seal, "gather", reopened)
    seal.seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    assert (bundle.state, bundle.seal_digest, bundle.error) == ("failed", None, OPENED_AGAIN)
    assert bundle.case.bundles.count() == 2


@pytest.mark.long
def test_who_waits_for_a_case_that_was_opened_again_and_confirmed_waits_for_its_newest_bundle(
    inline: SyncRunner,
) -> None:
    first = asked_bundle(inline)
    reopen(first.case, by="Ann", reason="A mistake.")
    seal.seal_bundles(inline.services, [first.pk])
    first.refresh_from_db()
    assert (first.state, first.error) == ("failed", OPENED_AGAIN)
    desk = Desk(inline.services.config)
    desk.__dict__["services"] = inline.services
    ran = CliRunner().invoke(cases.case_command, ["confirm", "1", "--wait"], obj=desk)
    second = first.case.bundles.get(number=2)
    assert second.seal_digest is not None
    assert ran.exit_code == 0, ran.output


@pytest.mark.long
def test_the_sheet_names_the_witnesses_of_the_checkpoint_over_the_crawl(inline: SyncRunner) -> None:
    bundle = asked_bundle(inline)
    sequence_log(inline.services)
    checkpoint = sign_checkpoint(inline.services)
    assert checkpoint is not None
    row = {"kind": "rfc3161", "witness": "Authority", "digest": checkpoint_digest(checkpoint.note)}
    AnchorReceipt.objects.create(**row, checkpoint=checkpoint, state="done", time=checkpoint.made_at)
    seal.seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    case = sealed_case(inline.services, bundle)
    [witness] = sealed_facts(inline.services, case).witnesses
    assert (witness.name, witness.state, witness.subject) == ("Authority", "complete", "checkpoint")
    sheet = next(file for file in case.manifest.files if file.role == "exhibit-sheet")
    pages = PdfReader(BytesIO(inline.services.blobs.get(sheet.sha256))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert "Authority" in text


def test_so_many_bundles_a_day_are_stamped_directly_as_is_set(inline: SyncRunner, moody: MoodyAnchor) -> None:
    limited = SyncRunner(replace(inline.services.config, direct_stamps_a_day=2)).services
    for number in range(4):
        digest = Digest.of(bytes([number]))
        bundle = sealed_bundle(bytes([number]), number + 1)
        _stamp_directly(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle__isnull=False).count() == 2
    Bundle.objects.update(sealed_at=now() - timedelta(days=2))
    _stamp_directly(limited, bundle, digest)
    assert AnchorReceipt.objects.filter(bundle=bundle).count() == 1
