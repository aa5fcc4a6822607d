"""Test a court document as one ZIP, with its enclosures and the bundles that were sealed at signing."""

import io
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from evidence.verify.packages import find_bundles, verify_location
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.deposits import make_deposit
from registry.models import Notice
from registry.notices import notices
from registry.notices.filing_zip import build_packet, get_packet_name
from registry.notices.signing import PDF_NAME, load_file
from tests.assets.fonts import needs_chinese
from tests.assets.notice_drafts import SENDER, answer_open_points, create_draft, create_filing, sign_notice
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

FILING_FIELDS = {
    "addressee_name": "某区人民法院",
    "respondent_name": "某某公司",
    "respondent_address": "某路一号",
    "relief": "停止侵害。",
    "deposits": "1",
}


def read_packet(inline: SyncRunner, row: Notice) -> bytes:
    return b"".join(build_packet(inline.services, notices.get_notice(row.owner, row.number))[0])


@pytest.mark.long
@needs_chinese
def test_filing_zip_contains_the_document_its_enclosures_and_bundles(inline: SyncRunner) -> None:
    bundle = create_sealed_bundle(inline)
    case = bundle.case
    make_deposit(inline.services, case.work, by="ann")
    row = notices.create_draft(case.owner, (case.number,), "court", "zh-Hans", by="ann")
    notices.save_fields(row, SENDER | FILING_FIELDS, SENDER | FILING_FIELDS)
    with pytest.raises(NotFoundError):
        read_packet(inline, row)  # not signed
    row = sign_notice(inline, notices.get_notice(case.owner, row.number))
    case.bundles.create(number=2, seal_digest=Digest.from_bytes(b"later"), sealed_at=now() + timedelta(minutes=1))
    data, seals = read_packet(inline, row), build_packet(inline.services, row)[1]
    assert seals == [str(bundle.seal_digest)]
    assert get_packet_name(row) == "studio-court-packet-1.zip"
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "studio-notice-1-deposit-record-1.pdf", "studio-notice-1.pdf", "studio-notice-1.txt",
            "studio-case-1-bundle-1.zip",
        ]  # fmt: skip
        out, pdf = io.BytesIO(), load_file(inline.services, row, PDF_NAME)
        write_bundle_zip(inline.services, bundle, out)
        assert archive.read("studio-case-1-bundle-1.zip") == out.getvalue()
        assert pdf is not None
        assert archive.read("studio-notice-1.pdf") == pdf[0]
    assert read_packet(inline, row) == data
    pieces = list(build_packet(inline.services, row)[0])
    assert len(pieces) > len(row.files) + 1  # the ZIP is streamed in parts
    signed_notice = sign_notice(inline, create_draft(case.owner, "dsa", "en", case.number))
    with pytest.raises(NotFoundError):
        read_packet(inline, signed_notice)  # the opposing party receives no original files


@pytest.mark.long
def test_verifier_checks_each_bundle_of_a_filing_zip(inline: SyncRunner, tmp_path: Path) -> None:
    studio = owner("studio")
    seals = [create_sealed_bundle(inline, studio, seed).seal_digest for seed in (1, 2)]
    answer_open_points(studio, "It isn't.")
    row = sign_notice(inline, create_filing(studio))
    (tmp_path / "packet.zip").write_bytes(read_packet(inline, row))
    verdicts = [verify_location(Verifier(), place) for place in find_bundles(tmp_path / "packet.zip")]
    assert [(verdict.bundle, verdict.seal, verdict.failures) for verdict in verdicts] == [
        (f"packet.zip/studio-case-{number}-bundle-1.zip", seal, ()) for number, seal in enumerate(seals, 1)
    ]
