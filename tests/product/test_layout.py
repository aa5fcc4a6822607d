"""How the code lies: packages that one can overlook."""

from collections import Counter
from pathlib import Path

from tests import CHECKOUT

ROOMS = ("exhibit", "registry", "crawler", "indexer", "evidence", "workers", "desk")
MAX_MODULES = 12
MAX_LINES = 400
MAX_COLUMNS = 120
ONE_FILE_BY_PURPOSE = {"evidence/standalone/verify.py"}


def modules() -> list[Path]:
    found = [path.relative_to(CHECKOUT) for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def test_no_package_has_more_modules_than_one_overlooks() -> None:
    counted = Counter(path.parent.as_posix() for path in modules() if path.name != "__init__.py")
    assert len(counted) > 50
    assert {name: count for name, count in counted.items() if count > MAX_MODULES} == {}


def test_no_module_is_longer_than_one_reads_in_one_go() -> None:
    long = {path.as_posix() for path in modules() if len((CHECKOUT / path).read_text("utf-8").splitlines()) > MAX_LINES}
    assert long == ONE_FILE_BY_PURPOSE


def test_no_line_of_a_template_is_wider_than_those_of_the_code() -> None:
    templates = [path for path in (CHECKOUT / "desk").rglob("templates/**/*") if path.is_file()]
    assert len(templates) > 100
    wide = {path.relative_to(CHECKOUT).as_posix() for path in templates if widest(path) > MAX_COLUMNS}
    assert wide == set()


def widest(path: Path) -> int:
    return max(map(len, path.read_text("utf-8").splitlines()), default=0)


def test_nearly_every_module_has_a_test_of_its_name_in_the_same_place() -> None:
    named = [path for path in modules() if path.stem not in {"__init__", "__main__"}]
    without = [
        path.as_posix() for path in named if not (CHECKOUT / "tests" / path.with_name(f"test_{path.name}")).is_file()
    ]
    assert len(without) <= len(named) * 0.05, without
