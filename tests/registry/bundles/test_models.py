"""Test that sealed or timestamped rows are protected from deletion, and that a link has one target."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import AnchorReceipt, Bundle, DownloadLink, Package, Report
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_link_has_exactly_one_target(db: None) -> None:
    studio = owner("studio")
    report = Report.objects.create(owner=studio, number=1)
    package = Package.objects.create(owner=studio, number=1, recipient="court", requested_by="Ann")
    for number, leads in enumerate(({}, {"report": report, "package": package})):
        with pytest.raises(IntegrityError, match="download_link_to_one_thing"), transaction.atomic():
            DownloadLink.objects.create(
                owner=studio, number=number, token_digest=Digest.from_bytes(b"a"), expires_at=now(), **leads
            )
    DownloadLink.objects.create(
        owner=studio, number=1, token_digest=Digest.from_bytes(b"a"), expires_at=now(), report=report
    )
    with pytest.raises(ProtectedError), transaction.atomic():
        report.delete()


def test_sealed_bundle_protects_case_and_seals_are_unique(inline: SyncRunner) -> None:
    case = create_case(inline.services, owner("studio"))
    seal = Digest.from_bytes(b"seal")
    bundle = Bundle.objects.create(case=case, number=1, seal_digest=seal)
    with pytest.raises(IntegrityError), transaction.atomic():
        Bundle.objects.create(case=case, number=2, seal_digest=seal)
    Bundle.objects.create(case=case, number=2)
    AnchorReceipt.objects.create(kind="evm", service="w", digest=seal, bundle=bundle)
    with pytest.raises(IntegrityError, match="anchor_receipt_identity"), transaction.atomic():
        AnchorReceipt.objects.create(kind="evm", service="w", digest=seal)
    for row in (bundle, case):
        with pytest.raises(ProtectedError), transaction.atomic():
            row.delete()
