"""The append-only log: numbering, proving, replaying, serving."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.common import Row, Titled
from bench.product import Product

ENTRIES = 20_000
ASKED = 200


def measure() -> Iterator[Titled]:
    """Measure in a folder that is gone afterwards; each table as it is ready."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        os.environ |= {"EXHIBIT_DATA": name, "DJANGO_SETTINGS_MODULE": "desk.settings"}
        with Product() as product:
            yield "log", f"{ENTRIES:,} entries", _log(product, ENTRIES)


def _log(product: Product, count: int) -> list[Row]:
    from django.test import Client, override_settings

    from registry.log.replay import replay
    from registry.log.sequencer import sequence_log, sign_checkpoint

    services = product.services
    _submit(count)
    numbered = _seconds(lambda: sequence_log(services))
    signed = _seconds(lambda: sign_checkpoint(services))
    log, places = services.log, range(0, count, max(1, count // ASKED))
    proofs = [_seconds(lambda place=place: log.inclusion(place, count)) for place in places]  # type: ignore[misc]
    problems: list[str] = []
    replayed = _seconds(lambda: problems.extend(replay(services).problems))
    assert problems == []
    with override_settings(ALLOWED_HOSTS=["*"]):
        tile = [_seconds(lambda: Client().get("/log/tile/0/000")) for _ in range(20)]
        bundle = [_seconds(lambda: Client().get("/log/tile/entries/000")) for _ in range(20)]
    return [
        {"what": "numbered a second", "figure": round(count / numbered)},
        {"what": "a head signed and kept, ms", "figure": signed * 1000},
        {"what": "an inclusion proof (median), ms", "figure": statistics.median(proofs) * 1000},
        {"what": "replayed a second (`log verify`)", "figure": round(count / replayed)},
        {"what": "a full tile of hashes (median), ms", "figure": statistics.median(tile) * 1000},
        {"what": "a full bundle of entries (median), ms", "figure": statistics.median(bundle) * 1000},
    ]


def _submit(count: int) -> None:
    """Submissions with their openings, as deeds leave them, but all at once."""
    from exhibit.clock import now
    from exhibit.entries import EntryType, commit
    from registry.models import LogOpening, LogSubmission

    for begin in range(0, count, 1000):
        openings = [{"case": number, "what": "opened"} for number in range(begin, min(begin + 1000, count))]
        made = [commit(opening) for opening in openings]
        rows = [LogSubmission(type=EntryType.CASE, time=now(), commitment=commitment) for commitment, _ in made]
        rows = LogSubmission.objects.bulk_create(rows)
        LogOpening.objects.bulk_create(
            LogOpening(submission=row, salt=salt, content=opening)
            for row, opening, (_, salt) in zip(rows, openings, made, strict=True)
        )


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
