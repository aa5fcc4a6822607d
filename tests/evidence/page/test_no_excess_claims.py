"""Test that the page never passes a check that fails in the Python verifier, for the whole corpus of attacks.

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
BATCH_SIZE = 200


@dataclass(frozen=True)
class CorpusItem:
    """An item of the corpus.

    Attributes:
        make: Returns a ZIP's bytes or a folder's files, and the trust list.
        fails: Checks that fail in Python; ``None`` to run the verifier.
    """

    name: str
    make: Callable[[], Material]
    fails: frozenset[str] | None = None
    is_bundle: bool = True


def list_corpus_items(scene: Scene, bundle: Path, scratch: Path) -> Iterator[CorpusItem]:
    """Yield all items, not yet generated."""
    whole, trust = read_files(bundle), load_trust(TRUST)
    for name, case in cases().items():
        is_bundle = name.removeprefix("zips: ") not in NO_BUNDLE
        yield CorpusItem(name, partial(_make_case, case, trust), case.fails, is_bundle)
    for family in FAMILIES.values():
        for name, (invention, checks) in family.items():
            fails = frozenset(check for check in checks.split() if not check.endswith("?"))
            yield CorpusItem(name, partial(_make_invention, scene, whole, invention), fails)
    for name, (forge, _) in FORGERIES.items():
        yield CorpusItem(name, partial(_make_forgery, scene, forge, scratch))
    for name, (lie, _) in (forged_evidence.FORGED | LIES).items():
        yield CorpusItem(name, partial(_make_sealed_case, scene, whole, lie))
    for name, change in CHANGES.items():
        changed = change(whole)
        yield CorpusItem(name, partial(_pack, changed, scene.trust))
        if "data/manifest.json" in changed:
            yield CorpusItem(f"{name}, rebagged", partial(_pack, update_bag(changed), scene.trust))
    for name, data in hostile_zips().items():
        yield CorpusItem(name, partial(_make_raw_case, data, scene.trust))
    for kinds in split_kinds([*timestamp_table.kinds(), *receipt_kinds.kinds()]):
        fails = frozenset(kind.check for kind in kinds if kind.state == BAD)
        yield CorpusItem(f"receipts such as {kinds[0].name}", partial(_make_timestamped_case, kinds), fails)


def _make_case(case: Case, trust: Trust) -> Material:
    return case.make(base()), trust


def _make_invention(scene: Scene, whole: Files, invention: Invention) -> Material:
    return _pack(*forge_bundle(scene, whole, invention))


def _make_forgery(scene: Scene, forge: Callable[[Scene], Scene], scratch: Path) -> Material:
    other = forge(scene)
    return other.write(scratch / "forged.zip").read_bytes(), other.trust


def _make_sealed_case(scene: Scene, whole: Files, lie: Lie) -> Material:
    return _pack(seal_lie(whole, lie), scene.trust)


def _make_timestamped_case(kinds: list[StampKind]) -> Material:
    return _pack(*bundle_of(kinds))


def _pack(files: Files, trust: Trust) -> Material:
    return zip_bytes(files), trust


def _make_raw_case(data: bytes, trust: Trust) -> Material:
    return data, trust


def read_results(page: Page, paths: list[Path]) -> dict[Path, Outcome]:
    """Return the page's results; ZIPs are selected together."""
    zips = [path for path in paths if not path.is_dir()]
    return dict(zip(zips, page.check_all(zips), strict=True)) | {
        path: page.check(path) for path in paths if path.is_dir()
    }


def list_excess_claims(untruth: CorpusItem, path: Path, trust: Trust, result: Outcome) -> set[str]:
    """Return the page's claims beyond Python's result."""
    if untruth.fails is not None:
        return find_excess_claims(result, untruth.fails, is_bundle=untruth.is_bundle)
    outcome, states = verify_in_python(path, trust)
    return find_excess_claims(
        result, (name for name in states if states[name] == "failed"), is_bundle=outcome != "no-bundle"
    )


@pytest.mark.long
def test_verification_page_never_passes_a_check_that_the_verifier_fails(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    page = Page(browser.tab(), scene.trust, tmp_path)
    by_trust: dict[bytes, dict[Path, CorpusItem]] = {}
    for number, untruth in enumerate(list_corpus_items(scene, bundle, tmp_path)):
        data, trust = untruth.make()
        by_trust.setdefault(trust.to_json(), {})[write_case(data, tmp_path / f"{number}")] = untruth
    assert sum(map(len, by_trust.values())) >= 1200
    wrong = {}
    for pinned, places in by_trust.items():
        page.use_trust_list(Trust.from_json(pinned))
        paths = list(places)
        for start in range(0, len(paths), BATCH_SIZE):
            for path, result in read_results(page, paths[start : start + BATCH_SIZE]).items():
                if excess := list_excess_claims(places[path], path, page.trust, result):
                    wrong[places[path].name] = excess
    assert wrong == {}
