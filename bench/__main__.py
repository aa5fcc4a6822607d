"""``python -m bench``: Exhibit and its peers on the same pictures, in one run."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# one thread each, before any library counts the cores: a figure is for one core unless it says otherwise
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from bench import crawling, fingerprints, pairs, whole  # noqa: E402 - after the threads are set
from bench.table import Row, keep, machine, show  # noqa: E402

OURS = Path(__file__).resolve().parent.parent / "demo" / "assets"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
EXAMPLES = """examples:
  python -m bench fingerprints crawling --photos ~/photos
  python -m bench whole --photos ~/photos ~/more --works 1000 --pictures 10000
  python -m bench pairs lookalikes --pairs PAIRS --lookalikes LOOKALIKES
"""


def main() -> int:
    """Run the benchmarks that were asked for; prints tables and keeps them as JSON."""
    options = _parser().parse_args()
    photos = [
        path for folder in options.photos for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES
    ]
    if not photos:
        print(f"There are no pictures in {', '.join(map(str, options.photos))}.", file=sys.stderr)
        return 2
    print(f"{machine()}; {len(photos)} photos")
    for name, title, measure in _chosen(options, photos):
        rows = measure()
        show(title, rows)
        keep(options.out, name, rows)
    return 0


def _chosen(options: argparse.Namespace, photos: Sequence[Path]) -> list[tuple[str, str, Callable[[], list[Row]]]]:
    every: list[tuple[str, str, Callable[[], list[Row]]]] = [
        ("fingerprints", "Fingerprints, one core", lambda: fingerprints.measure(photos[: options.most])),
        ("crawling", "Crawling a local site", lambda: crawling.measure(photos, options.images)),
        ("pairs", "Real copies by kind", lambda: pairs.real_copies(options.pairs)),
        (
            "lookalikes",
            "Look-alikes that aren't copies (counts are false alarms)",
            lambda: pairs.lookalikes(options.lookalikes),
        ),
        ("whole", "From folder to report", lambda: whole.measure(photos, options.works, options.pictures)),
    ]
    wanted = options.what or [name for name, *_ in every if name != "whole"]
    given = {"pairs": options.pairs, "lookalikes": options.lookalikes}
    return [one for one in every if one[0] in wanted and given.get(one[0], True)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ["fingerprints", "crawling", "pairs", "lookalikes", "whole"]
    parser.add_argument("what", nargs="*", choices=[*names, []], help="which; all but `whole` if none is named")
    parser.add_argument("--photos", type=Path, nargs="+", default=[OURS], help="folders of photos (default: our few)")
    parser.add_argument("--pairs", type=Path, help="a folder with pairs.csv: original, copy, kind, expected")
    parser.add_argument("--lookalikes", type=Path, help="a folder with group_pairs.csv: file_a, file_b, expected")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--most", type=int, default=300, help="photos for fingerprints")
    parser.add_argument("--images", type=int, default=3000, help="images of the site that is crawled")
    parser.add_argument("--works", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=10_000)
    return parser


if __name__ == "__main__":
    sys.exit(main())
