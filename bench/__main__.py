"""``python -m bench``: Exhibit and its peers on the same pictures, in one run."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

# One thread each, set before any library counts the cores: measurements are for one core unless stated otherwise.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from bench import (  # noqa: E402 - after the threads are set
    archives,
    blind_search,
    capacity,
    crawling,
    crowd,
    decoding,
    end_to_end,
    evidence,
    hostile_pictures,
    idle,
    ingest,
    memory,
    pairs,
    recrawling,
    rendering,
    reports,
    retrieval,
    retroactive,
    sealing,
    tampering,
    timestamp_services,
)
from bench.common import TitledTable, machine, save_rows, show  # noqa: E402
from bench.matching import compositions  # noqa: E402
from bench.matching.roles import Folders, roles  # noqa: E402
from bench.matching.run import (  # noqa: E402
    Choice,
    measure as measure_matching,
    measure_sizes,
)
from bench.queries import photos_in  # noqa: E402
from bench.weighing import run as weighing  # noqa: E402
from bench.weighing.measuring import PICTURES, Plan  # noqa: E402
from exhibit.interrupts import hear_interrupts  # noqa: E402

DEFAULT_PHOTOS = Path(__file__).resolve().parent.parent / "demo" / "assets"
EXAMPLES = """examples:
  python -m bench crawling --photos ~/photos
  python -m bench whole --photos ~/photos ~/more --works 1000 --pictures 10000
  python -m bench evidence --bundles 500 --cases 10 1000 10000
  python -m bench tampering --changes 10000
  python -m bench sealed --photos ~/photos --works 5
  python -m bench witnesses
  python -m bench rendering decoding hostile-pictures blind
  python -m bench idle --minutes 10
  python -m bench recrawling
  python -m bench archives
  python -m bench ingest --lines 300000
  python -m bench capacity --photos ~/photos --sizes 10000 100000 1000000
  python -m bench pairs lookalikes --pairs PAIRS --lookalikes LOOKALIKES
  python -m bench retrieval --photos ~/photos --entries 1000000
  python -m bench retroactive --photos ~/photos --entries 100000
  python -m bench crowd --photos WORKS --distractors MORE --works 100000
  python -m bench memory --photos ~/photos --works 100000
  python -m bench reports --cases 10 1000 10000
  python -m bench matching --photos ~/photos --works 50
  python -m bench weighing --photos WORKS --unrelated UNRELATED --lookalikes LOOKALIKES --singles 4 --chains 2
  python -m bench weighing-fit
  python -m bench sizes --photos WORKS --unrelated UNRELATED --works 100 --mix 40
  python -m bench matching --photos WORKS --others OTHERS --unrelated UNRELATED --distractors MORE --pairs PAIRS
"""
INTERRUPTED = 130
DEFAULT_BENCHMARKS = ("crawling", "decoding")
"""Default benchmarks."""
FOLDERS = ("pairs", "lookalikes")
"""Benchmarks with an option for their own folder."""
CROWD, CROWD_ASKED = 100_000, 100
"""Works of the largest crowd, and the number of them that are searched for."""
ROLES = {
    "others": "appear next to and behind copies",
    "unrelated": "are searched for and show no work",
    "distractors": "are registered in addition",
}


def _folders(options: argparse.Namespace) -> Folders:
    return Folders(tuple(options.others), tuple(options.unrelated), tuple(options.distractors))


def _choice(options: argparse.Namespace) -> Choice:
    return Choice(
        photos=tuple(options.photos),
        folders=_folders(options),
        works=options.works or 100,
        each=options.each,
        most_unrelated=options.most_unrelated,
        overlays=options.overlays,
        pages=options.pages,
        mix=options.mix,
        seed=options.seed,
        pairs=options.pairs,
        lookalikes=options.lookalikes,
    )


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Iterable[TitledTable]]] = {
    "decoding": lambda _: decoding.measure(),
    "hostile-pictures": lambda _: [("hostile-pictures", "Hostile pictures", hostile_pictures.measure())],
    "crawling": lambda o: [("crawling", "Crawling a local site", crawling.measure(o.files, o.images))],
    "recrawling": lambda _: [("recrawling", "A site that doesn't change, again and again", recrawling.measure())],
    "archives": lambda _: [("archives", "Captures that a web archive holds of a domain", archives.measure())],
    "rendering": lambda _: [("rendering", "Pages that scripts make, and others", rendering.measure())],
    "ingest": lambda o: ingest.measure(o.lines, o.seed),
    "retrieval": lambda o: [("retrieval", f"{o.entries:,} hashes", retrieval.measure(o.files, o.entries))],
    "crowd": lambda o: crowd.measure(roles(o.files, CROWD_ASKED, o.seed, _folders(o)), o.works or CROWD, o.seed, o.out),
    "retroactive": lambda o: [
        (
            "retroactive",
            "New works against everything seen",
            retroactive.measure(o.files, o.entries, o.works or retroactive.WORKS),
        )
    ],
    "capacity": lambda o: capacity.measure(o.files, o.sizes, o.works or capacity.WORKS, o.seed, o.out),
    "capacity-indexes": lambda o: capacity.measure_indexes_only(o.files, o.sizes, o.out),
    "whole": lambda o: [
        ("whole", "From folder to report", end_to_end.measure(o.files, o.works or 1000, o.pictures, o.reported, o.out))
    ],
    "reports": lambda o: [("reports", "Reports (PDF, CSV, XLSX, JSON)", reports.measure(o.cases))],
    "memory": lambda o: [("memory", "Memory of a worker", memory.measure(o.files, o.works or CROWD, o.seed, o.out))],
    "idle": lambda o: [("idle", f"Nothing to do, {o.minutes} minutes", idle.measure(o.minutes))],
    "evidence": lambda o: evidence.measure(o.bundles, o.cases),
    "witnesses": lambda o: timestamp_services.measure(o.stamps),
    "sealed": lambda o: [
        ("sealed", "Bundles of what is found", sealing.measure(o.files, o.works or sealing.WORKS, o.seed))
    ],
    "tampering": lambda o: [("tampering", f"{o.changes:,} changes", tampering.measure(o.changes, o.seed))],
    "blind": lambda o: [("blind", "Copies that agree in a part of the hash", blind_search.measure(o.files))],
    "matching": lambda o: measure_matching(_choice(o), o.out, o.jobs),
    "pairs": lambda o: [("pairs", "Real copies by kind", pairs.real_copies(o.pairs))],
    "lookalikes": lambda o: [
        (
            "lookalikes",
            "Look-alikes (counts are false alarms)",
            pairs.lookalikes(pairs.compare_lookalikes(o.lookalikes)),
        )
    ],
    "compositions": lambda o: compositions.measure(_choice(o), o.singles, o.chains, o.out, o.jobs),
    "sizes": lambda o: measure_sizes(_choice(o), o.out),
    "weighing": lambda o: weighing.measure(Plan(_choice(o), o.singles, o.chains, o.data), o.out, o.jobs),
    "weighing-fit": lambda o: weighing.fit(o.out),
}
"""Functions that yield the tables of each benchmark, from the command line options."""


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = f"benchmarks to run (default: {' and '.join(DEFAULT_BENCHMARKS)})"
    parser.add_argument("what", nargs="*", choices=[*BENCHMARKS, []], help=usual)
    parser.add_argument(
        "--photos",
        type=Path,
        nargs="+",
        default=[DEFAULT_PHOTOS],
        help="folders of photos (default: the included ones)",
    )
    parser.add_argument("--pairs", type=Path, help="folder with pairs.csv: original, copy, kind, expected")
    parser.add_argument("--lookalikes", type=Path, help="folder with group_pairs.csv: file_a, file_b, expected")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="output folder (default: bench-out)")
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="number of hashes or seen pictures (default: 1,000,000)"
    )
    parser.add_argument("--images", type=int, default=3000, help="pictures on the crawled site (default: 3,000)")
    parser.add_argument(
        "--works",
        type=int,
        help="number of works (default: sealed 2, whole 1,000, retroactive 101, crowd and memory 100,000, others 100)",
    )
    parser.add_argument("--pictures", type=int, default=10_000, help="pictures for whole (default: 10,000)")
    parser.add_argument(
        "--changes", type=int, default=10_000, help="changes to bundles for tampering (default: 10,000)"
    )
    parser.add_argument("--bundles", type=int, default=500, help="bundles sealed by evidence (default: 500)")
    parser.add_argument("--lines", type=int, default=300_000, help="rows of each list for ingest (default: 300,000)")
    parser.add_argument("--stamps", type=int, default=300, help="digests sent to each timestamp service (default: 300)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(capacity.SIZES), help="numbers of seen pictures for capacity"
    )
    parser.add_argument("--minutes", type=float, default=10, help="duration of idle in minutes (default: 10)")
    parser.add_argument(
        "--reported",
        type=int,
        default=1000,
        help="maximum cases in the report of whole; 0 for no report (default: 1,000)",
    )
    parser.add_argument("--cases", type=int, nargs="+", default=[10, 1000, 10_000], help="numbers of cases for reports")
    matching = parser.add_argument_group(
        "matching and crowd", "Photos are assigned to roles at random by the seed, unless a role has its own folders."
    )
    for role, use in ROLES.items():
        matching.add_argument(f"--{role}", type=Path, nargs="+", default=[], help=f"folders of photos that {use}")
    matching.add_argument("--each", type=int, default=1, help="edits per unrelated photo (default: 1)")
    matching.add_argument("--most-unrelated", type=int, default=2000, help="maximum unrelated photos (default: 2,000)")
    matching.add_argument(
        "--overlays",
        type=int,
        default=1000,
        help="pairs of photos with the same overlay, for weighing (default: 1,000)",
    )
    matching.add_argument(
        "--pages", type=int, default=120, help="pairs of photos on the same page, for weighing (default: 120)"
    )
    matching.add_argument("--singles", type=int, default=20, help="single operations per work (default: 20)")
    matching.add_argument("--chains", type=int, default=10, help="random chains of operations per work (default: 10)")
    matching.add_argument("--data", default=PICTURES, help="description of the pictures in the output of weighing")
    matching.add_argument("--mix", type=int, default=200, help="pictures that are timed (default: 200)")
    matching.add_argument("--seed", type=int, default=1, help="random seed (default: 1)")
    matching.add_argument(
        "--jobs", type=int, default=1, help="processes for searches; times are always measured with one (default: 1)"
    )
    return parser


def main() -> int:
    """Run the requested benchmarks, print their tables and save them as JSON."""
    hear_interrupts()
    parser = _build_parser()
    options = parser.parse_args()
    for folder in FOLDERS:
        if folder in options.what and getattr(options, folder) is None:
            parser.error(f"{folder} needs --{folder}")
    options.files = photos_in(*options.photos)
    if not options.files:
        print(
            f"No pictures found in {', '.join(map(str, options.photos))}. Choose other folders with --photos.",
            file=sys.stderr,
        )
        return 2
    print(f"{machine()}; {len(options.files)} photos")
    try:
        for name in options.what or DEFAULT_BENCHMARKS:
            for file_name, title, rows in BENCHMARKS[name](options):
                show(title, rows)
                save_rows(options.out, file_name, rows)
    except KeyboardInterrupt:
        print("\nInterrupted. Run the command again to continue with the results so far.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
