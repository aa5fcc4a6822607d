"""Test that the page never claims more than the Python verifier, with every change, lie, forgery and hostile file.

The tables of the corpus list the checks that fail in Python; tests of the verifier compare the tables with it. Where a
table is incomplete, the verifier itself is run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from evidence.verdict.trust import Trust, load_trust
from tests.assets import forged_evidence, receipt_kinds, timestamp_table
from tests.assets.browser import Chromium
from tests.assets.bundle_changes import CHANGES, Files
from tests.assets.bundles import Scene
from tests.assets.corpus import TRUST, Case, base, cases, write_case
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.corpus.inventions import FAMILIES
from tests.assets.corpus.zips import NO_BUNDLE
from tests.assets.hostile_zips import hostile_zips
from tests.assets.resealing import LIES, Lie, seal_lie
from tests.assets.tampering import read_files, update_bag, zip_bytes
from tests.assets.timestamp_kinds import BAD, StampKind, bundle_of, split_kinds
from tests.assets.verify_page import Outcome, Page, find_excess_claims, verify_in_python
from tests.evidence.verify.test_forgeries import FORGERIES

pytestmark = pytest.mark.timeout(600)
Material = tuple[bytes | Files, Trust]
AT_ONCE = 200


@dataclass(frozen=True)
class Untruth:
    """An item of the corpus.

    Attributes:
        make: Returns a ZIP's bytes or a folder's files, and the trust list.
        fails: Checks that fail in Python; ``None`` to run the verifier.
    """

    name: str
    make: Callable[[], Material]
    fails: frozenset[str] | None = None
    is_bundle: bool = True


def untruths(scene: Scene, bundle: Path, scratch: Path) -> Iterator[Untruth]:
    """Yield all items, not yet generated."""
    whole, trust = read_files(bundle), load_trust(TRUST)
    for name, case in cases().items():
        is_bundle = name.removeprefix("zips: ") not in NO_BUNDLE
        yield Untruth(name, partial(_case, case, trust), case.fails, is_bundle)
    for family in FAMILIES.values():
        for name, (invention, checks) in family.items():
            fails = frozenset(check for check in checks.split() if not check.endswith("?"))
            yield Untruth(name, partial(_make_invention, scene, whole, invention), fails)
    for name, (forge, _) in FORGERIES.items():
        yield Untruth(name, partial(_make_forgery, scene, forge, scratch))
    for name, (lie, _) in (forged_evidence.FORGED | LIES).items():
        yield Untruth(name, partial(_sealed_case, scene, whole, lie))
    for name, change in CHANGES.items():
        changed = change(whole)
        yield Untruth(name, partial(_pack, changed, scene.trust))
        if "data/manifest.json" in changed:
            yield Untruth(f"{name}, rebagged", partial(_pack, update_bag(changed), scene.trust))
    for name, data in hostile_zips().items():
        yield Untruth(name, partial(_raw_case, data, scene.trust))
    for kinds in split_kinds([*timestamp_table.kinds(), *receipt_kinds.kinds()]):
        fails = frozenset(kind.check for kind in kinds if kind.state == BAD)
        yield Untruth(f"receipts such as {kinds[0].name}", partial(_timestamped, kinds), fails)


def _case(case: Case, trust: Trust) -> Material:
    return case.make(base()), trust


def _make_invention(scene: Scene, whole: Files, invention: Invention) -> Material:
    return _pack(*forge_bundle(scene, whole, invention))


def _make_forgery(scene: Scene, forge: Callable[[Scene], Scene], scratch: Path) -> Material:
    other = forge(scene)
    return other.write(scratch / "forged.zip").read_bytes(), other.trust


def _sealed_case(scene: Scene, whole: Files, lie: Lie) -> Material:
    return _pack(seal_lie(whole, lie), scene.trust)


def _timestamped(kinds: list[StampKind]) -> Material:
    return _pack(*bundle_of(kinds))


def _pack(files: Files, trust: Trust) -> Material:
    return zip_bytes(files), trust


def _raw_case(data: bytes, trust: Trust) -> Material:
    return data, trust


def read_results(page: Page, paths: list[Path]) -> dict[Path, Outcome]:
    """Return the page's results; ZIPs are selected together."""
    zips = [path for path in paths if not path.is_dir()]
    return dict(zip(zips, page.check_all(zips), strict=True)) | {
        path: page.check(path) for path in paths if path.is_dir()
    }


def excess_claims(untruth: Untruth, path: Path, trust: Trust, result: Outcome) -> set[str]:
    """Return the page's claims beyond Python's result."""
    if untruth.fails is not None:
        return find_excess_claims(result, untruth.fails, is_bundle=untruth.is_bundle)
    outcome, states = verify_in_python(path, trust)
    return find_excess_claims(
        result, (name for name in states if states[name] == "failed"), is_bundle=outcome != "no-bundle"
    )


@pytest.mark.long
def test_of_nothing_that_fails_the_page_says_that_it_passed(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    page = Page(browser.tab(), scene.trust, tmp_path)
    by_trust: dict[bytes, dict[Path, Untruth]] = {}
    for number, untruth in enumerate(untruths(scene, bundle, tmp_path)):
        data, trust = untruth.make()
        by_trust.setdefault(trust.to_json(), {})[write_case(data, tmp_path / f"{number}")] = untruth
    assert sum(map(len, by_trust.values())) >= 1200
    wrong = {}
    for pinned, places in by_trust.items():
        page.use_trust_list(Trust.from_json(pinned))
        paths = list(places)
        for start in range(0, len(paths), AT_ONCE):
            for path, result in read_results(page, paths[start : start + AT_ONCE]).items():
                if excess := excess_claims(places[path], path, page.trust, result):
                    wrong[places[path].name] = excess
    assert wrong == {}
