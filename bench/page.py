"""``python -m bench.page PAGE``: puts the tables of the last run into a page of the documentation.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; NAME is that of its JSON file in the folder.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from bench.table import as_markdown

PLACE = re.compile(r"<!-- table: ([\w-]+) -->\n.*?<!-- end -->", re.DOTALL)
MEASURED = re.compile(r"<!-- measured -->.*?<!-- end -->", re.DOTALL)


def main() -> int:
    """Replace every table of a page; says which ones aren't there and leaves them as they are."""
    options = _parser().parse_args()
    page: Path = options.page
    text = page.read_text(encoding="utf-8")
    machines: dict[str, str] = {}

    def table(place: re.Match[str]) -> str:
        file = options.out / f"{place[1]}.json"
        if not file.exists():
            print(f"There is no {file.name}; its table stays as it is.", file=sys.stderr)
            return place[0]
        kept = json.loads(file.read_text(encoding="utf-8"))
        machines[kept["machine"]] = kept["date"]
        return f"<!-- table: {place[1]} -->\n{as_markdown(kept['rows'])}\n<!-- end -->"

    text = PLACE.sub(table, text)
    measured = "; ".join(f"{date}, {name}" for name, date in machines.items())
    if measured:
        text = MEASURED.sub(f"<!-- measured -->{measured}<!-- end -->", text)
    page.write_text(text, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="where the tables were kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
