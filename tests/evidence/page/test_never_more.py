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
from tests.assets import judged, receipt_kinds, stamp_table
from tests.assets.browser import Chromium
from tests.assets.bundles import Scene
from tests.assets.changes import CHANGES, Files
from tests.assets.corpus import TRUST, Case, base, cases, laid
from tests.assets.corpus.deceit import Invention, forged
from tests.assets.corpus.inventions import FAMILIES
from tests.assets.corpus.zips import NO_BUNDLE
from tests.assets.hostile_zips import hostile_zips
from tests.assets.resealing import LIES, Lie, sealed_lie
from tests.assets.stamp_kinds import BAD, StampKind, bundle_of, groups
from tests.assets.tampering import files_of, packed_bytes, rebagged
from tests.assets.verify_page import Page, Told, by_python, more
from tests.evidence.verify.test_forgeries import FORGERIES

pytestmark = pytest.mark.timeout(600)
Made = tuple[bytes | Files, Trust]
AT_ONCE = 200


@dataclass(frozen=True)
class Untruth:
    """An item of the corpus.

    Attributes:
        make: Returns a ZIP's bytes or a folder's files, and the trust list.
        fails: Checks that fail in Python; ``None`` to run the verifier.
    """

    name: str
    make: Callable[[], Made]
    fails: frozenset[str] | None = None
    is_bundle: bool = True


def untruths(scene: Scene, bundle: Path, scratch: Path) -> Iterator[Untruth]:
    """Yield all items, not yet generated."""
    whole, trust = files_of(bundle), load_trust(TRUST)
    for name, case in cases().items():
        is_bundle = name.removeprefix("zips: ") not in NO_BUNDLE
        yield Untruth(name, partial(_case, case, trust), case.fails, is_bundle)
    for family in FAMILIES.values():
        for name, (invention, checks) in family.items():
            fails = frozenset(check for check in checks.split() if not check.endswith("?"))
            yield Untruth(name, partial(_invented, scene, whole, invention), fails)
    for name, (forge, _) in FORGERIES.items():
        yield Untruth(name, partial(_forged, scene, forge, scratch))
    for name, (lie, _) in (judged.FORGED | LIES).items():
        yield Untruth(name, partial(_sealed, scene, whole, lie))
    for name, change in CHANGES.items():
        changed = change(whole)
        yield Untruth(name, partial(_packed, changed, scene.trust))
        if "data/manifest.json" in changed:
            yield Untruth(f"{name}, rebagged", partial(_packed, rebagged(changed), scene.trust))
    for name, data in hostile_zips().items():
        yield Untruth(name, partial(_given, data, scene.trust))
    for kinds in groups([*stamp_table.kinds(), *receipt_kinds.kinds()]):
        fails = frozenset(kind.check for kind in kinds if kind.state == BAD)
        yield Untruth(f"receipts such as {kinds[0].name}", partial(_witnessed, kinds), fails)


def _case(case: Case, trust: Trust) -> Made:
    return case.make(base()), trust


def _invented(scene: Scene, whole: Files, invention: Invention) -> Made:
    return _packed(*forged(scene, whole, invention))


def _forged(scene: Scene, forge: Callable[[Scene], Scene], scratch: Path) -> Made:
    other = forge(scene)
    return other.write(scratch / "forged.zip").read_bytes(), other.trust


def _sealed(scene: Scene, whole: Files, lie: Lie) -> Made:
    return _packed(sealed_lie(whole, lie), scene.trust)


def _witnessed(kinds: list[StampKind]) -> Made:
    return _packed(*bundle_of(kinds))


def _packed(files: Files, trust: Trust) -> Made:
    return packed_bytes(files), trust


def _given(data: bytes, trust: Trust) -> Made:
    return data, trust


def told(page: Page, paths: list[Path]) -> dict[Path, Told]:
    """Return the page's results; ZIPs are selected together."""
    zips = [path for path in paths if not path.is_dir()]
    return dict(zip(zips, page.check_all(zips), strict=True)) | {
        path: page.check(path) for path in paths if path.is_dir()
    }


def too_much(one: Untruth, path: Path, trust: Trust, said: Told) -> set[str]:
    """Return the page's claims beyond Python's result."""
    if one.fails is not None:
        return more(said, one.fails, is_bundle=one.is_bundle)
    outcome, states = by_python(path, trust)
    return more(said, (name for name in states if states[name] == "failed"), is_bundle=outcome != "no-bundle")


@pytest.mark.long
def test_of_nothing_that_fails_the_page_says_that_it_passed(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    page = Page(browser.tab(), scene.trust, tmp_path)
    by_trust: dict[bytes, dict[Path, Untruth]] = {}
    for number, one in enumerate(untruths(scene, bundle, tmp_path)):
        made, trust = one.make()
        by_trust.setdefault(trust.to_json(), {})[laid(made, tmp_path / f"{number}")] = one
    assert sum(map(len, by_trust.values())) >= 1200
    wrong = {}
    for pinned, places in by_trust.items():
        page.pin(Trust.from_json(pinned))
        paths = list(places)
        for start in range(0, len(paths), AT_ONCE):
            for path, said in told(page, paths[start : start + AT_ONCE]).items():
                if found := too_much(places[path], path, page.trust, said):
                    wrong[places[path].name] = found
    assert wrong == {}
