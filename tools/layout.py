"""How the code lies, in figures: ``python3 tools/layout.py [CHECKOUT]``."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOMS = ("exhibit", "registry", "crawler", "indexer", "evidence", "workers", "desk")
COUNTED = {".py", ".js", ".html", ".typ"}
LINE = 120


def main() -> None:
    """Print the table."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    for name, value in figures(root).items():
        print(f"{name:<52}{value:>10}")


def figures(root: Path) -> dict[str, str]:
    """Each figure by its name.

    Args:
        root: a checkout.
    """
    files = {room: _files(root / room) for room in ROOMS}
    lines = {room: sum(_lines(path) for path in found) for room, found in files.items()}
    modules = [path for found in files.values() for path in found if path.suffix == ".py"]
    named = [path for path in modules if path.stem not in {"__init__", "__main__"}]
    flat = Counter(path.parent for path in named)
    tests = {path.stem for path in (root / "tests").rglob("test_*.py")}
    texts = {path: path.read_text("utf-8") for path in modules}
    templates = [path for path in files["desk"] if path.suffix == ".html"]
    told = {f"lines in {room}": count for room, count in lines.items()}
    return {name: f"{value:,}" for name, value in told.items()} | {
        "lines in all rooms": f"{sum(lines.values()):,}",
        "modules": f"{len(named):,}",
        "packages": f"{len(flat):,}",
        "most modules of a package": str(max(flat.values())),
        "packages of more than 12 modules": str(sum(count > 12 for count in flat.values())),
        "functions that return dict[str, Any]": str(sum(map(_returns_dict, texts.values()))),
        "noqa": str(sum(text.count("# noqa") for text in texts.values())),
        "modules with a test of their name": f"{sum(_has_test(path, tests) for path in named) / len(named):.0%}",
        "modules with a test of their name in their package": f"{sum(map(_is_mirrored(root), named)) / len(named):.0%}",
        "lines of templates over 120 characters": str(sum(map(_long, templates))),
    }


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in COUNTED and path.name != "verify.html")
    return sorted(path for path in found if not {"migrations", "locale", "__pycache__"} & set(path.parts))


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _returns_dict(text: str) -> int:
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.returns)
    return sum(bool(re.search(r"dict\[str, Any\]", ast.unparse(node.returns or node))) for node in functions)


def _has_test(path: Path, tests: set[str]) -> bool:
    return any(name in tests for name in (f"test_{path.stem}", f"test_{path.parent.name}_{path.stem}"))


def _is_mirrored(root: Path) -> Callable[[Path], bool]:
    return lambda path: (root / "tests" / path.relative_to(root)).with_name(f"test_{path.stem}.py").is_file()


def _long(path: Path) -> int:
    return sum(len(line) > LINE for line in path.read_text("utf-8").splitlines())


if __name__ == "__main__":
    main()
