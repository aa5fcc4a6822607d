"""A case and a report for tests of documents: generated images, invented names, realistic measurements."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from evidence.documents.made_with import describe_environment
from evidence.documents.phrases import load_phrases
from evidence.documents.report.facts import (
    CrawlCoverage,
    RefusalCount,
    ReportCase,
    ReportFacts,
    ReportSummary,
)
from evidence.facts.case import (
    AttachmentFacts,
    CaptureFacts,
    CaseFacts,
    DecisionFacts,
    LicenceCheckFacts,
    MatchFacts,
    OfficialRegistration,
    OwnerFacts,
    PartyFacts,
    PictureFacts,
    SightingFacts,
    SoftwareFacts,
    ThirdPartyStatementFacts,
    TimestampFacts,
    Visibility,
    WorkFacts,
)
from evidence.log.proofs import LogProof, SightingRecord, SliceProof
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.types import Decision, SourceStatementKind, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SIZE = (900, 600)
TRANSFORM = ((0.0, 864 / 640, 0.0), (582 / 430, 0.0, 18.0), (0.0, 0.0, 1.0))
VERIFICATION = Verification(
    decision=Decision.CERTAIN,
    hamming=38,
    inliers=412,
    dense=0.9379,
    transform=TRANSFORM,
    mirrored=True,
    rotation=90,
    overlap_work=0.9421,
    overlap_picture=1.0,
    probability=None,
    pipeline="pipeline-1",
)


def landscape(seed: int) -> Image.Image:
    """Draw hills under a sky from a seed."""
    draw = np.random.default_rng(seed)
    width, height = SIZE
    rows = np.linspace(0, 1, height)[:, None, None]
    top, bottom = draw.integers(60, 190, 3), draw.integers(170, 250, 3)
    sky = (top * (1 - rows) + bottom * rows) * np.ones((height, width, 1))
    picture = Image.fromarray(sky.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    sun = int(draw.integers(150, 750)), int(draw.integers(60, 200))
    pen.ellipse((sun[0] - 45, sun[1] - 45, sun[0] + 45, sun[1] + 45), fill=(252, 226, 160))
    for layer in range(6):
        base = 240 + layer * 60
        phases = draw.uniform(0, 6.28, 4)
        scales = draw.uniform(0.5, 4, 4)
        across = np.linspace(0, 6.28, width)
        line = base + sum(38 / (index + 1) * np.sin(across * scales[index] + phases[index]) for index in range(4))
        shade = tuple(int(value) for value in draw.integers(20, 140, 3) // (1 + layer // 3))
        pen.polygon([(0, height), *((x, float(line[x])) for x in range(width)), (width, height)], fill=shade)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def encoded(picture: Image.Image, kind: str = "JPEG") -> bytes:
    """Encode an image in a format."""
    out = io.BytesIO()
    picture.save(out, format=kind)
    return out.getvalue()


@cache
def sample_pictures(seed: int = 1) -> Mapping[str, bytes]:
    """Return a registered image, its mirrored and rotated copy, and the drawings of the match."""
    registered = landscape(seed)
    cut = registered.crop((0, 18, 864, 600))
    copy = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT).transpose(Image.Transpose.ROTATE_90).resize((430, 640))
    found_data, work = encoded(copy, "WEBP"), encoded(registered)
    pair = Pair.from_verification(found_data, work, VERIFICATION)
    drawings = {f"data/matches/01/{view.file_name}": draw(view, pair) for view in View}
    return {"data/work/01.jpg": work, "data/sightings/01/image.webp": found_data, **drawings}


def picture_facts(data: bytes, path: str) -> PictureFacts:
    """Return the facts recorded about an image file."""
    with Image.open(io.BytesIO(data)) as picture:
        kind, (width, height) = str(picture.format), picture.size
    return PictureFacts(Digest.from_bytes(data), len(data), kind, width, height, path)


def sample_log_proof(kind: EntryType, sequence: int) -> LogProof:
    """Return a log proof in valid form. No document depends on its hashes."""
    path = (bytes(32),) * 11
    note = f"log.sample.example\n2048\n{'A' * 43}=\n\n— log.sample.example AAAA\n"
    opening = {"root": "00" * 32, "count": 12}
    return LogProof(sequence, kind, NOON - timedelta(days=2), bytes(32), bytes(32), opening, 2048, path, note)


def sample_sighting(found_picture: PictureFacts) -> SightingFacts:
    """Return a sighting with one capture and the proof of its slice."""
    seen_at = NOON - timedelta(days=2, minutes=13, seconds=5)
    page = "https://www.prints-and-more.example/shop/walls/autumn-hills?ref=front&size=70x100"
    image = "https://cdn.prints-and-more.example/media/2026/11/9f2c/autumn-hills-canvas-print-large@2x.webp"
    record = SightingRecord(
        page, image, image, found_picture.digest, 200, (("content-type", "image/webp"),), "203.0.113.9", seen_at
    )
    proof = SliceProof(record, 3, 12, (bytes(32),) * 4, sample_log_proof(EntryType.SLICE, 1291))
    capture = CaptureFacts(
        method="http",
        outcome="captured",
        sentence="Page and image were served, the image with the same bytes.",
        started=NOON - timedelta(days=2),
        finished=NOON - timedelta(days=2, seconds=-4),
        image=found_picture.digest,
        files=("data/sightings/01/exchange.warc",),
    )
    return SightingFacts(
        number=1,
        page_url=page,
        image_url=image,
        final_url=image,
        context="Autumn Hills — canvas print, 70 × 100 cm, from €89. Ships worldwide.",
        first_seen=seen_at,
        last_seen=NOON - timedelta(hours=3),
        crawl="17",
        status=200,
        headers=record.headers,
        peer="203.0.113.9",
        picture=found_picture,
        visibility=Visibility.PUBLIC,
        slice=proof,
        captures=(capture,),
        elsewhere=tuple(sample_elsewhere(page, image)),
    )


def sample_elsewhere(page: str, image: str) -> Iterator[ThirdPartyStatementFacts]:
    """Yield one statement for each kind of external source."""
    archive = "https://web.archive.org/web"
    for kind in SourceStatementKind:
        captured = kind is SourceStatementKind.ARCHIVE_CAPTURED
        by, where = ("Internet Archive", f"{archive}/20190303101502/{image}") if captured else ("TinEye", page)
        yield ThirdPartyStatementFacts(kind, by, "picture", "2019-03-03T10:15:02Z", where, NOON, same=captured or None)
    yield ThirdPartyStatementFacts(
        SourceStatementKind.ARCHIVE_CAPTURED, "Internet Archive", "page", "", f"{archive}/*/{page}", NOON
    )


def sample_match(registered: PictureFacts, found_picture: PictureFacts) -> MatchFacts:
    """Return a measured comparison: mirrored, rotated by 90°, most of the image."""
    views = (View.OVERLAY, View.SIDE_BY_SIDE, View.DIFFERENCE, View.POINTS)
    paths = [f"data/matches/01/{view.file_name}" for view in views]
    return MatchFacts(1, registered.digest, found_picture.digest, (1,), VERIFICATION, ("Aligned over 94%.",), *paths)


def sample_timestamps() -> tuple[TimestampFacts, ...]:
    """Return three timestamps: of an outside service, of a development service, and a pending one."""
    return (
        TimestampFacts("rfc3161", "Example Time Authority", False, "complete", "manifest", NOON),  # noqa: FBT003 - a field
        TimestampFacts("rfc3161", "local trial authority", True, "complete", "manifest", NOON),  # noqa: FBT003 - a field
        TimestampFacts("opentimestamps", "calendar.example", False, "pending", "checkpoint", None),  # noqa: FBT003 - a field
    )


def sample_work(registered: PictureFacts) -> WorkFacts:
    """Return a registered work with two official registrations and a certificate."""
    return WorkFacts(
        number="2026-014",
        title="Herbsthügel · 秋山",
        author="Mara Lindqvist",
        rights_statement="All rights reserved",
        first_publication="2024-10-02, exhibition catalogue, Lund",
        registrations=(OfficialRegistration("Sample Copyright Office", "VA 2-000-000", "2025-01-15"),),
        registered_at=NOON - timedelta(days=200),
        registration=sample_log_proof(EntryType.REGISTRATION, 12),
        pictures=(registered,),
        attachments=(
            AttachmentFacts("Assignment of 3 March 2025", "chain of title", Digest.from_bytes(b"a"), "data/work/a.pdf"),
        ),
    )


def phrase(key: str, **values: str) -> str:
    """Return the English phrase for a key, as in documents."""
    return load_phrases("en").render(key, **values)


def part(key: str, language: str = "en") -> str:
    """Return the longest part of a phrase without placeholders, quotation marks and apostrophes."""
    return max(re.split(r"\{\w+\}|[“”’'\"]", load_phrases(language).sentences[key]), key=len).strip()


def sample_case(pictures: Mapping[str, bytes] | None = None, number: str = "12") -> CaseFacts:
    """Return a confirmed case with one sighting and one match."""
    pictures = pictures or sample_pictures()
    registered = picture_facts(pictures["data/work/01.jpg"], "data/work/01.jpg")
    found_picture = picture_facts(pictures["data/sightings/01/image.webp"], "data/sightings/01/image.webp")
    return CaseFacts(
        number=number,
        bundle=1,
        owner=OwnerFacts("Lindqvist Pictures AB", "Reg. no. 000000-0000, Lund, Sweden"),
        party=PartyFacts("domain", "prints-and-more.example"),
        language="en",
        opened_at=NOON - timedelta(days=2),
        written_at=NOON,
        software=SoftwareFacts("Exhibit", "0.1.0", "pipeline-1"),
        work=sample_work(registered),
        sightings=(sample_sighting(found_picture),),
        matches=(sample_match(registered, found_picture),),
        licence_check=LicenceCheckFacts(NOON - timedelta(hours=1), 14, False, "No record covers this use.", ()),  # noqa: FBT003 - a field
        decision=DecisionFacts("confirmed", "Jonas Ek", NOON, "No order, no licence.", demonstration=False),
        timestamps=(),
        not_checked=("The site's own upload date was not checked.",),
        made_with=describe_environment("UTC"),
    )


def sample_coverage() -> tuple[CrawlCoverage, ...]:
    """Return the coverage of two crawls with refusals."""
    refused = (
        RefusalCount("robots", 12),
        RefusalCount("private-address", 1),
        RefusalCount("unreadable", 3),
        RefusalCount("incomplete", 2),
    )
    start = NOON - timedelta(days=2, hours=1)
    return (
        CrawlCoverage(
            "https://www.prints-and-more.example/",
            "site",
            start,
            NOON,
            214,
            1630,
            301_220_114,
            refused,
            ended="budget-pages",
            further=("https://prints.example/a", "https://b.example/"),
        ),
        CrawlCoverage("https://news.example/feed.xml", "feed", start, None, 31, 77, 12_400_000, refused[:1]),
    )


def sample_report(cases: int = 1, *, demonstration: bool = False) -> tuple[ReportFacts, dict[str, Mapping[str, bytes]]]:
    """Return a report with ``cases`` cases, and the images of each."""
    pictures = {str(number): sample_pictures(number % 7) for number in range(1, cases + 1)}
    decision = DecisionFacts("confirmed", "demonstration switch", NOON, "", demonstration)
    facts = [sample_case(pictures[number], number) for number in pictures]
    if demonstration:
        facts = [replace(case, decision=decision) for case in facts]
    report_cases = tuple(
        ReportCase(case, Digest.from_bytes(case.number.encode()), 2040, sample_timestamps()) for case in facts
    )
    report = ReportFacts(
        title="Autumn watch",
        owner=OwnerFacts("Lindqvist Pictures AB", "Reg. no. 000000-0000, Lund, Sweden"),
        preparer="Jonas Ek",
        period_start=NOON - timedelta(days=30),
        period_end=NOON,
        generated_at=NOON,
        time_zone="Asia/Shanghai",
        software=SoftwareFacts("Exhibit", "0.1.0", "pipeline-1"),
        summary=ReportSummary(24, 245, 1707, cases, cases, 5, 1, 0),
        coverage=sample_coverage(),
        cases=report_cases,
        not_checked=("Pages behind a login were not visited.",),
    )
    return report, pictures
