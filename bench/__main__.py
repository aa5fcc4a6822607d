"""``python -m bench``: Exhibit and its peers on the same pictures, in one run."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

# one thread each, before any library counts the cores: a figure is for one core unless it says otherwise
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from bench import (  # noqa: E402 - after the threads are set
    capacity,
    crawling,
    crowd,
    evidence,
    fingerprints,
    idle,
    ingest,
    log,
    memory,
    pairs,
    rendering,
    reports,
    retrieval,
    retroactive,
    tampering,
    whole,
    witnesses,
)
from bench.cheats import run as cheats  # noqa: E402
from bench.edited import photos_in  # noqa: E402
from bench.matching import compositions  # noqa: E402
from bench.matching.questions import Folders, roles  # noqa: E402
from bench.matching.run import (  # noqa: E402
    Choice,
    measure as measure_matching,
    measure_cost,
    measure_sizes,
)
from bench.table import Row, Titled, keep, machine, show  # noqa: E402
from bench.weighing import run as weighing  # noqa: E402
from bench.weighing.measuring import PICTURES, Plan  # noqa: E402
from exhibit.interrupts import hear_interrupts  # noqa: E402

OURS = Path(__file__).resolve().parent.parent / "demo" / "assets"
EXAMPLES = """examples:
  python -m bench fingerprints crawling --photos ~/photos
  python -m bench whole --photos ~/photos ~/more --works 1000 --pictures 10000
  python -m bench evidence --bundles 500 --cases 10 1000 10000
  python -m bench tampering --changes 10000
  python -m bench witnesses log
  python -m bench rendering
  python -m bench idle --minutes 10
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
  python -m bench cheats --photos ~/photos --works 60 --crafted 1000 --disguised 1000 --jobs 2
  python -m bench cost --photos WORKS --unrelated UNRELATED --distractors MORE
  python -m bench sizes --photos WORKS --unrelated UNRELATED --works 100 --mix 40
  python -m bench matching --photos WORKS --others OTHERS --unrelated UNRELATED --distractors MORE --pairs PAIRS
"""
INTERRUPTED = 130
SHORT = ("fingerprints", "crawling", "pairs", "lookalikes")
LONG = (
    "retrieval", "retroactive", "whole", "reports", "crowd", "matching", "compositions", "weighing",
    "weighing-fit", "cheats", "cost", "sizes", "memory", "tampering", "evidence", "witnesses", "log",
    "ingest", "rendering", "idle", "capacity", "capacity-indexes",
)  # fmt: skip
"""What takes so long that it has to be asked for by name."""
CROWD, CROWD_ASKED = 100_000, 100
"""Works of the largest crowd, and how many of them are asked for."""
ROLES = {
    "others": "stand beside and behind copies",
    "unrelated": "are asked and show no work",
    "distractors": "are registered besides",
}


def main() -> int:
    """Run the benchmarks that were asked for; prints tables and keeps them as JSON."""
    hear_interrupts()
    options = _parser().parse_args()
    photos = photos_in(*options.photos)
    if not photos:
        print(f"There are no pictures in {', '.join(map(str, options.photos))}.", file=sys.stderr)
        return 2
    print(f"{machine()}; {len(photos)} photos")
    try:
        for name, title, rows in _measured(options, photos):
            show(title, rows)
            keep(options.out, name, rows)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on with the answers that are there.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _measured(options: argparse.Namespace, photos: Sequence[Path]) -> Iterator[Titled]:
    for name, title, measure in _chosen(options, photos):
        yield name, title, measure()
    for name, measure_all in _of_several_tables(options, photos).items():
        if name in options.what:
            yield from measure_all()


def _of_several_tables(
    options: argparse.Namespace, photos: Sequence[Path]
) -> dict[str, Callable[[], Iterable[Titled]]]:
    """What gives more than one table, or takes so long that it is asked for by name."""
    choice, out, jobs = _choice(options), options.out, options.jobs
    return {
        "capacity": lambda: capacity.measure(photos, options.sizes, options.works or capacity.WORKS, options.seed, out),
        "capacity-indexes": lambda: capacity.measure_alone(photos, options.sizes, out),
        "crowd": lambda: crowd.measure(
            roles(photos, CROWD_ASKED, options.seed, choice.folders), options.works or CROWD, options.seed, out
        ),
        "cost": lambda: measure_cost(choice, out),
        "sizes": lambda: measure_sizes(choice, out),
        "memory": lambda: [
            ("memory", "Memory of a worker", memory.measure(photos, options.works or CROWD, options.seed, out))
        ],
        "tampering": lambda: [
            ("tampering", f"{options.changes:,} changes", tampering.measure(options.changes, options.seed))
        ],
        "evidence": lambda: evidence.measure(options.bundles, options.cases),
        "witnesses": lambda: witnesses.measure(options.stamps),
        "log": log.measure,
        "rendering": lambda: [("rendering", "Pages that scripts make, and others", rendering.measure())],
        "idle": lambda: [("idle", f"Nothing to do, {options.minutes} minutes", idle.measure(options.minutes))],
        "ingest": lambda: ingest.measure(options.lines, options.seed),
        "matching": lambda: measure_matching(choice, out, jobs),
        "compositions": lambda: compositions.measure(choice, options.singles, options.chains, out, jobs),
        "weighing": lambda: weighing.measure(Plan(choice, options.singles, options.chains, options.data), out, jobs),
        "weighing-fit": lambda: weighing.fit(out),
        "cheats": lambda: cheats.measure(choice, options.crafted, options.disguised, out, jobs),
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


def _chosen(options: argparse.Namespace, photos: Sequence[Path]) -> list[tuple[str, str, Callable[[], list[Row]]]]:
    every: list[tuple[str, str, Callable[[], list[Row]]]] = [
        ("fingerprints", "Fingerprints, one core", lambda: fingerprints.measure(photos[: options.most])),
        ("crawling", "Crawling a local site", lambda: crawling.measure(photos, options.images)),
        ("pairs", "Real copies by kind", lambda: pairs.real_copies(options.pairs)),
        (
            "lookalikes",
            "Look-alikes that aren't copies (counts are false alarms)",
            lambda: pairs.lookalikes(pairs.compared_lookalikes(options.lookalikes)),
        ),
        ("retrieval", f"{options.entries:,} hashes", lambda: retrieval.measure(photos, options.entries)),
        (
            "retroactive",
            "New works against everything seen",
            lambda: retroactive.measure(photos, options.entries, options.works or retroactive.WORKS),
        ),
        (
            "whole",
            "From folder to report",
            lambda: whole.measure(photos, options.works or 1000, options.pictures, options.reported, options.out),
        ),
        ("reports", "Reports (PDF, CSV, XLSX, JSON)", lambda: reports.measure(options.cases)),
    ]
    wanted = options.what or [name for name, *_ in every if name not in LONG]
    given = {"pairs": options.pairs, "lookalikes": options.lookalikes}
    return [one for one in every if one[0] in wanted and given.get(one[0], True)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    every = f"which; all but {', '.join(LONG)} if none is named"
    parser.add_argument("what", nargs="*", choices=[*SHORT, *LONG, []], help=every)
    parser.add_argument("--photos", type=Path, nargs="+", default=[OURS], help="folders of photos (default: our few)")
    parser.add_argument("--pairs", type=Path, help="a folder with pairs.csv: original, copy, kind, expected")
    parser.add_argument("--lookalikes", type=Path, help="a folder with group_pairs.csv: file_a, file_b, expected")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--most", type=int, default=300, help="photos for fingerprints")
    parser.add_argument("--entries", type=int, default=1_000_000, help="hashes, or pictures seen")
    parser.add_argument("--images", type=int, default=3000, help="images of the site that is crawled")
    parser.add_argument(
        "--works",
        type=int,
        help="1,000 for whole, 101 for retroactive, 100,000 for crowd and memory, 100 for matching and"
        " cost unless given",
    )
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=10_000, help="of bundles, for tampering")
    parser.add_argument("--bundles", type=int, default=500, help="that evidence seals")
    parser.add_argument("--lines", type=int, default=300_000, help="of each of the lists that ingest reads")
    parser.add_argument("--stamps", type=int, default=300, help="digests that witnesses gives to each of them")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(capacity.SIZES), help="pictures seen at which capacity measures"
    )
    parser.add_argument("--minutes", type=float, default=10, help="for which idle leaves the product alone")
    parser.add_argument("--reported", type=int, default=1000, help="cases in the report of whole, at most; 0 for none")
    parser.add_argument("--cases", type=int, nargs="+", default=[10, 1000, 10_000], help="cases of each of the reports")
    matching = parser.add_argument_group(
        "matching, cost and crowd", "photos are dealt out by the seed, unless a role has its folder"
    )
    for role, use in ROLES.items():
        matching.add_argument(f"--{role}", type=Path, nargs="+", default=[], help=f"folders of photos that {use}")
    matching.add_argument("--each", type=int, default=1, help="edits of each unrelated photo")
    matching.add_argument("--most-unrelated", type=int, default=2000, help="unrelated photos")
    matching.add_argument("--overlays", type=int, default=1000, help="pairs of photos under one overlay")
    matching.add_argument("--pages", type=int, default=120, help="pairs of photos in one page")
    matching.add_argument("--singles", type=int, default=20, help="operations of each work, alone")
    matching.add_argument("--chains", type=int, default=10, help="random chains of each work")
    matching.add_argument("--crafted", type=int, default=1000, help="strangers made to match a work, for cheats")
    matching.add_argument("--disguised", type=int, default=1000, help="copies made not to be found, for cheats")
    matching.add_argument("--data", default=PICTURES, help="what the pictures are, in words, for what weighing writes")
    matching.add_argument("--mix", type=int, default=200, help="pictures whose time is taken")
    matching.add_argument("--seed", type=int, default=1)
    matching.add_argument("--jobs", type=int, default=1, help="processes that ask; times are taken by one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
