"""Time and memory of reports of many cases, with generated facts and pictures."""

import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from bench.common import Row
from demo.pictures import generate_textured
from evidence.documents.made_with import describe_environment
from evidence.documents.report.facts import (
    CASES_PER_VOLUME,
    CrawlCoverage,
    RefusalCount,
    ReportCase,
    ReportFacts,
    ReportSummary,
)
from evidence.documents.report.volumes import ReportFolder, plan_volumes
from evidence.facts.case import (
    CaseFacts,
    DecisionFacts,
    LicenceCheckFacts,
    MatchFacts,
    OwnerFacts,
    PartyFacts,
    PictureFacts,
    SightingFacts,
    SoftwareFacts,
    TimestampFacts,
    Visibility,
    WorkFacts,
)
from exhibit.digests import Digest
from exhibit.types import Decision, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
PICTURE_SIZE = (1600, 1067)
PAIR_COUNT = 8
"""Number of pairs with drawings. Each case has the drawings of one pair, with different bytes appended."""
TRANSFORM = ((1.25, 0.0, 80.0), (0.0, 1.25, 40.0), (0.0, 0.0, 1.0))
VERIFICATION = Verification(
    decision=Decision.CERTAIN,
    hamming=38,
    inliers=412,
    dense=0.9379,
    transform=TRANSFORM,
    mirrored=False,
    rotation=0,
    overlap_work=0.8786,
    overlap_picture=1.0,
    probability=None,
    pipeline="bench-pipeline",
)
WORK_PATH, FOUND_PATH = "data/work/01.jpg", "data/sightings/01/image.jpg"
OWNER = OwnerFacts("Sample Pictures", "Reg. no. 000000-0000")
SOFTWARE = SoftwareFacts("Exhibit", "bench", "bench-pipeline")


class DrawingSets:
    """Drawings of some pairs, created once."""

    def __init__(self) -> None:
        self._pairs = [_create_drawings(seed) for seed in range(PAIR_COUNT)]

    def get_pictures(self, number: int) -> Mapping[str, bytes]:
        """Return the pictures of a case. Their bytes differ for each case, so that each is decoded separately."""
        return _CasePictures(self._pairs[number % PAIR_COUNT], number.to_bytes(8, "big"))


class _CasePictures(Mapping[str, bytes]):
    """Pictures with a case-specific suffix, created on access, as they are read in the product."""

    def __init__(self, pictures: Mapping[str, bytes], suffix: bytes) -> None:
        self._shared = pictures
        self._ending = suffix

    def __getitem__(self, path: str) -> bytes:
        return self._shared[path] + self._ending

    def __iter__(self) -> Iterator[str]:
        return iter(self._shared)

    def __len__(self) -> int:
        return len(self._shared)


def _create_drawings(seed: int) -> dict[str, bytes]:
    work = generate_textured(seed, PICTURE_SIZE)
    copy = work.crop((80, 40, 1580, 1040)).resize((1200, 800), Image.Resampling.LANCZOS)
    registered, copy_bytes = _encode_jpeg(work), _encode_jpeg(copy)
    pair = Pair.from_verification(copy_bytes, registered, VERIFICATION)
    views = (View.SIDE_BY_SIDE, View.OVERLAY, View.DIFFERENCE)
    drawings = {f"data/matches/01/{view.file_name}": draw(view, pair) for view in views}
    return {WORK_PATH: registered, FOUND_PATH: copy_bytes, **drawings}


def _encode_jpeg(picture: Image.Image) -> bytes:
    noise = np.random.default_rng(1).normal(0, 3, (picture.height, picture.width, 3))
    noisy = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    out = io.BytesIO()
    noisy.save(out, "JPEG", quality=88)
    return out.getvalue()


def make_sample_case(number: int, pictures: Mapping[str, bytes]) -> ReportCase:
    """Create a confirmed and sealed case with three timestamp receipts."""
    registered = PictureFacts(
        Digest.from_bytes(pictures[WORK_PATH]), len(pictures[WORK_PATH]), "JPEG", *PICTURE_SIZE, WORK_PATH
    )
    found_picture = PictureFacts(
        Digest.from_bytes(pictures[FOUND_PATH]), len(pictures[FOUND_PATH]), "JPEG", 1200, 800, FOUND_PATH
    )
    facts = CaseFacts(
        number=str(number),
        bundle=1,
        owner=OWNER,
        party=PartyFacts("domain", f"shop-{number}.example"),
        language="en",
        opened_at=NOON - timedelta(days=2),
        written_at=NOON,
        software=SOFTWARE,
        work=_make_work_facts(number, registered),
        sightings=(_make_sighting_facts(number, found_picture),),
        matches=(_make_match_facts(registered, found_picture),),
        licence_check=LicenceCheckFacts(NOON, 14, False, "The owner's licences cover no such use.", ()),  # noqa: FBT003 - a field
        decision=DecisionFacts("confirmed", "Jonas Ek", NOON, "No order, no licence.", demonstration=False),
        timestamps=(),
        not_checked=(),
        made_with=describe_environment("UTC"),
    )
    return ReportCase(facts, Digest.from_bytes(str(number).encode()), 2040 + number, _make_timestamp_facts())


def _make_work_facts(number: int, registered: PictureFacts) -> WorkFacts:
    return WorkFacts(
        number=str(number % 500 + 1),
        title=f"Herbsthügel · 秋山 {number % 500 + 1}",
        author="Mara Lindqvist",
        rights_statement="All rights reserved",
        first_publication="2024-10-02",
        registrations=(),
        registered_at=NOON - timedelta(days=200),
        registration=None,
        pictures=(registered,),
    )


def _make_sighting_facts(number: int, picture: PictureFacts) -> SightingFacts:
    image = f"https://cdn.shop-{number}.example/media/2026/11/{picture.digest.hex[:16]}-large@2x.jpg"
    return SightingFacts(
        number=1,
        page_url=f"https://www.shop-{number}.example/walls/autumn-hills?ref=front&size=70x100",
        image_url=image,
        final_url=image,
        context="Autumn hills, canvas print, 70 × 100 cm, from €89. Ships worldwide.",
        first_seen=NOON - timedelta(days=2, minutes=13),
        last_seen=NOON - timedelta(hours=3),
        crawl="17",
        status=200,
        headers=(("content-type", "image/jpeg"), ("server", "example")),
        peer="203.0.113.9",
        picture=picture,
        visibility=Visibility.PUBLIC,
        slice=None,
    )


def _make_match_facts(registered: PictureFacts, found_picture: PictureFacts) -> MatchFacts:
    paths = [f"data/matches/01/{view.file_name}" for view in (View.OVERLAY, View.SIDE_BY_SIDE, View.DIFFERENCE)]
    sentences = ("The found picture shows 87% of the registered picture's area.",)
    return MatchFacts(1, registered.digest, found_picture.digest, (1,), VERIFICATION, sentences, *paths)


def _make_timestamp_facts() -> tuple[TimestampFacts, ...]:
    return (
        TimestampFacts(
            "rfc3161", "Example Time Authority", development=False, state="complete", subject="manifest", time=NOON
        ),
        TimestampFacts(
            "rfc3161", "Second Authority", development=False, state="complete", subject="checkpoint", time=NOON
        ),
        TimestampFacts(
            "opentimestamps", "calendars", development=False, state="pending", subject="checkpoint", time=None
        ),
    )


def make_sample_report_facts(cases: int) -> ReportFacts:
    """Create the report's facts without the cases."""
    refused = (RefusalCount("robots", 12), RefusalCount("timeout", 3))
    crawl = CrawlCoverage(
        "https://shop.example/", "site", NOON - timedelta(days=2), NOON, 214, 1630, 301_220_114, refused
    )
    return ReportFacts(
        title="Benchmark",
        owner=OWNER,
        preparer="bench",
        period_start=NOON - timedelta(days=30),
        period_end=NOON,
        generated_at=NOON,
        time_zone="UTC",
        software=SOFTWARE,
        summary=ReportSummary(500, 214, 1630, cases, cases, 0, 0, 0),
        coverage=(crawl,),
        cases=(),
        not_checked=(),
    )


LANGUAGE = "en"


def measure(counts: Sequence[int]) -> list[Row]:
    """Create a report of each size in a separate process, and measure its time and memory."""
    return [_run_report(count) for count in counts]


def _run_report(count: int) -> Row:
    run = subprocess.run(
        [sys.executable, "-m", "bench.reports", str(count)], capture_output=True, text=True, check=True
    )
    seconds, cpu_seconds, mebibytes, initial_mebibytes, volumes, size = map(float, run.stdout.split())
    return {
        "cases": f"{count:,}",
        "volumes": int(volumes),
        "seconds": seconds,
        "processor seconds": cpu_seconds,
        "peak MiB": int(mebibytes),
        "of these before the report": int(initial_mebibytes),
        "all files, MB": size,
    }


def create_report(count: int) -> tuple[float, ...]:
    """Create a report. Returns seconds, CPU seconds, peak and initial MiB, number of volumes, and MB of all files."""
    drawings = DrawingSets()
    initial_peak = _read_peak_memory()
    started, cpu_start = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        volumes = plan_volumes(count)
        with ReportFolder(Path(name), [LANGUAGE]) as folder:
            facts = folder.load_header(lambda: make_sample_report_facts(count))
            for volume in volumes:
                numbers = range(volume.first, min(volume.first + CASES_PER_VOLUME, count + 1))
                pictures = {str(number): drawings.get_pictures(number) for number in numbers}
                cases = tuple(make_sample_case(number, pictures[str(number)]) for number in numbers)
                folder.add_volume(volume, replace(facts, cases=cases), pictures)
            files = folder.assemble_files(facts, volumes, "report")
            size = sum(file.path.stat().st_size for file in files)
    return (
        time.monotonic() - started,
        time.process_time() - cpu_start,
        _read_peak_memory(),
        initial_peak,
        len(volumes),
        size / 1e6,
    )


def _read_peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(*create_report(int(sys.argv[1])))
