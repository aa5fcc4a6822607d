"""verify.html in a real browser: for every bundle it says, check by check, what the Python verifier says."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import CounterSignature, Proofs, Withheld
from evidence.keys.ed25519 import KeySigner
from evidence.page import page as verify_html
from evidence.verdict.trust import Requirements, Trust, load_trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import canonical
from exhibit.errors import ExhibitError, ExitCode
from tests.assets.broken_vectors import BASE, FOLDER, joined, with_keys
from tests.assets.browser import CHROMIUM, Chromium, Tab
from tests.assets.bundles import Scene, make_scene, resealed
from tests.assets.changes import CHANGES, flipped, part
from tests.assets.hostile_zips import HOSTILE, hostile_zips
from tests.assets.judged import FORGED, NOT_MADE, NOT_ON_THE_PAGE
from tests.assets.renewals import make_renewed
from tests.assets.resealing import LIES, sealed_lie, signed
from tests.assets.tampering import files_of, packed, rebagged, zipped
from tests.evidence.verify.test_forgeries import FORGERIES
from tests.evidence.verify.test_split_views import another_story

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed"),
    pytest.mark.timeout(600),
]
WORDS = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
ROWS = """Object.fromEntries(
  [...document.querySelectorAll('[data-check]')].map((row) => [row.dataset.check, row.dataset.state])
)"""
SLIDE = """(value) => {
  const slider = document.querySelector('figure input');
  slider.value = value;
  slider.dispatchEvent(new Event('input'));
  const canvas = document.querySelector('figure canvas');
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
}"""
INJECT = """(() => {
  const script = document.createElement('script');
  script.textContent = 'document.title = "owned"';
  document.body.append(script);
})()"""
RESULT = "document.getElementById('result')"

Files = dict[str, bytes]
Told = tuple[str, dict[str, str]]
"""An outcome, and the state of each check."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


class Page:
    """The page in a tab, with a trust list."""

    def __init__(self, tab: Tab, trust: Trust, folder: Path) -> None:
        self.tab, self.folder = tab, folder
        verifier = folder / "verify.html"
        verifier.write_bytes(verify_html())
        tab.open(verifier.as_uri())
        self.pin(trust)

    def pin(self, trust: Trust) -> None:
        """Use another trust list."""
        path = self.folder / "trust.json"
        path.write_bytes(trust.to_json())
        self.tab.ask("document.getElementById('status').textContent = ''")
        self.tab.choose("#list", [path])
        self.tab.wait("document.getElementById('status').textContent.includes('from now on')")

    def check(self, path: Path) -> Told:
        """The outcome and the state of each check."""
        self.tab.call("Page.bringToFront")
        self.tab.ask(f"{RESULT}.removeAttribute('data-outcome')")
        self.tab.choose("#folder" if path.is_dir() else "#zip", [path])
        self.tab.wait(f"Boolean({RESULT}.dataset.outcome)")
        return self.tab.ask(f"{RESULT}.dataset.outcome"), self.tab.ask(ROWS)


@pytest.fixture(scope="module")
def page(browser: Chromium, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(browser.tab(), scene.trust, tmp_path_factory.mktemp("page"))


def by_python(path: Path, trust: Trust) -> Told:
    try:
        verdict = Verifier(trust).verify(path)
    except ExhibitError:
        return "no-bundle", {}
    return WORDS[verdict.outcome], {check.name: str(check.state) for check in verdict.checks}


def test_each_change_is_named_by_the_same_checks(scene: Scene, bundle: Path, page: Page, tmp_path: Path) -> None:
    whole = files_of(bundle)
    for number, (what, change) in enumerate(CHANGES.items()):
        for fit in (lambda files: files, rebagged):
            if fit is rebagged and "data/manifest.json" not in change(whole):
                continue
            path = packed(tmp_path / f"{number}.zip", fit(change(whole)))
            assert differences(page.check(path), by_python(path, scene.trust)) == {}, what
            path.unlink()


def differences(
    one: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]]
) -> dict[str, tuple[str | None, str | None]]:
    """What the two verifiers say otherwise, by check."""
    [page, python] = [{"": outcome, **states} for outcome, states in (one, other)]
    return {name: (page.get(name), python.get(name)) for name in page | python if page.get(name) != python.get(name)}


def test_a_whole_bundle_passes_in_every_check(scene: Scene, bundle: Path, page: Page) -> None:
    outcome, states = page.check(bundle)
    assert (outcome, {name for name, state in states.items() if state != "passed"}) == ("complete", set(NOT_MADE))
    assert (outcome, states) == by_python(bundle, scene.trust)


def test_the_page_shows_the_time_and_the_seal_digest(scene: Scene, bundle: Path, page: Page) -> None:
    page.check(bundle)
    text = page.tab.ask(f"{RESULT}.textContent")
    assert scene.sealed.seal.hex in text
    existed = Verifier(scene.trust).verify(bundle).existed_by
    assert existed is not None
    assert f"existed no later than {existed:%Y-%m-%d %H:%M:%S} UTC" in text


def test_the_registered_picture_lies_on_the_found_one_and_a_slider_moves_between_them(page: Page, bundle: Path) -> None:
    page.check(bundle)
    page.tab.wait("Boolean(document.querySelector('figure canvas'))")
    found, registered = (page.tab.ask(f"({SLIDE})({value})") for value in (0, 100))
    assert found != registered
    differences = [abs(one - other) for one, other in zip(found, registered, strict=True)]
    assert sum(differences) / len(differences) < 12


def test_without_pinned_trust_nobody_is_believed(browser: Chromium, bundle: Path, tmp_path: Path) -> None:
    page = Page(browser.tab(), load_trust(), tmp_path)
    assert page.check(bundle) == by_python(bundle, load_trust())


def test_a_bundle_forged_as_a_whole_meets_unknown_witnesses_only(scene: Scene, page: Page, tmp_path: Path) -> None:
    (tmp_path / "forger").mkdir()
    path = make_scene(tmp_path / "forger", seed=2).write(tmp_path / "forged.zip")
    outcome, states = page.check(path)
    assert (outcome, states) == by_python(path, scene.trust)
    assert (outcome, states["time"]) == ("incomplete", "not checked")


def test_folders_and_zips_packed_anew_read_as_with_python(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle) as whole:
        whole.extractall(tmp_path / "bag")
    assert page.check(tmp_path / "bag") == by_python(tmp_path / "bag", scene.trust)
    anew = tmp_path / "anew.zip"
    anew.write_bytes(zipped({**files_of(bundle), "__MACOSX/._data": b"x"}, folder="case-7/"))
    assert page.check(anew) == by_python(anew, scene.trust)
    assert "Container changed, evidence intact." in page.tab.ask(f"{RESULT}.textContent")
    for name, data in (("before", b"MZ" * 50 + bundle.read_bytes()), ("after", bundle.read_bytes() + b"tail")):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(data)
        assert page.check(path) == by_python(path, scene.trust), name


def test_a_copy_that_withholds_a_file_says_which(scene: Scene, page: Page, tmp_path: Path) -> None:
    withheld = Withheld(("data/work/01.jpg", "data/work/documents/01.pdf"), "The original is for the court.")
    proofs = Proofs(scene.proofs.entry, scene.proofs.consistency, scene.proofs.anchors, withheld)
    path = scene.write(tmp_path / "copy.zip", proofs)
    assert page.check(path) == by_python(path, scene.trust)
    shown = page.tab.ask(f"{RESULT}.textContent")
    assert "data/work/01.jpg" in shown
    assert "data/work/documents/01.pdf" in shown
    assert "2 sealed files are withheld from this copy." in shown


def test_several_bundles_are_checked_and_their_heads_compared(scene: Scene, page: Page, tmp_path: Path) -> None:
    paths = [scene.write(tmp_path / "A.zip"), another_story(scene, tmp_path, b"x" * 32, 3).write(tmp_path / "B.zip")]
    for chosen, outcome in ((paths, "failed"), ([paths[0], paths[0]], "complete")):
        page.tab.ask(f"{RESULT}.removeAttribute('data-outcome')")
        page.tab.choose("#zip", chosen)
        page.tab.wait(f"Boolean({RESULT}.dataset.outcome)")
        shown = page.tab.ask(f"{RESULT}.textContent")
        assert page.tab.ask(f"{RESULT}.dataset.outcome") == outcome
        assert ("Its pinned key has signed both." in shown) is (outcome == "failed")
    notes = [one.proofs.entry.checkpoint for one in (scene,) if one.proofs.entry is not None]
    page.check(paths[1])
    assert notes[0] not in page.tab.ask(f"{RESULT}.textContent")


def test_forgeries_read_as_with_python(scene: Scene, page: Page, browser: Chromium, tmp_path: Path) -> None:
    for number, (name, (forge, _)) in enumerate(FORGERIES.items()):
        other = forge(scene)
        path = other.write(tmp_path / f"{number}.zip")
        page.pin(other.trust)  # the forger's key, too
        assert differences(page.check(path), by_python(path, other.trust)) == {}, name
    page.pin(scene.trust)


def test_grades_and_the_words_of_the_verdict_are_those_of_python(scene: Scene, bundle: Path, page: Page) -> None:
    page.check(bundle)
    verdict = Verifier(scene.trust).verify(bundle)
    shown = page.tab.ask(
        f"[...{RESULT}.querySelectorAll('[data-grade]')].map((row) => [row.dataset.grade, row.dataset.state, "
        "row.lastChild.textContent])"
    )
    assert shown == [[grade.name, str(grade.state), grade.by] for grade in verdict.grades]
    assert verdict.sentence in page.tab.ask(f"{RESULT}.textContent")


def test_a_list_that_asks_for_more_witnesses_reads_as_with_python(
    scene: Scene, browser: Chromium, bundle: Path, tmp_path: Path
) -> None:
    for asked in (Requirements(3), Requirements(2, ("match",)), Requirements(1, ())):
        (tmp_path / str(asked.witnesses)).mkdir()
        authorities = () if asked.witnesses == 2 else scene.trust.authorities
        trust = replace(scene.trust, requires=asked, authorities=authorities)
        page = Page(browser.tab(), trust, tmp_path / str(asked.witnesses))
        assert page.check(bundle) == by_python(bundle, trust)


def test_markup_in_titles_is_shown_as_text(scene: Scene, page: Page, tmp_path: Path) -> None:
    facts = replace(
        scene.facts, work=replace(scene.facts.work, title=HOSTILE, author="evil\u202egpj.exe", registration=None)
    )
    path = resealed(scene, facts).write(tmp_path / f"{'<b>bold'}.zip")
    assert page.check(path) == by_python(path, scene.trust)
    shown = page.tab.ask(f"[document.title, {RESULT}.querySelectorAll('img, script, b').length, {RESULT}.textContent]")
    assert shown[:2] == ["Check an Exhibit bundle", 0]
    assert HOSTILE in shown[2]
    assert "\u202e" not in shown[2]


def test_nothing_but_the_page_itself_may_run_or_be_fetched(page: Page) -> None:
    blocked = page.tab.ask("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')")
    assert blocked == "refused"
    page.tab.ask(INJECT)
    assert page.tab.ask("document.title") == "Check an Exhibit bundle"
    assert page.tab.ask("performance.getEntriesByType('resource').length") == 0


def test_hostile_files_are_refused_in_words(scene: Scene, page: Page, tmp_path: Path) -> None:
    for what, data in hostile_zips().items():
        path = tmp_path / "hostile.zip"
        path.write_bytes(data)
        outcome, states = page.check(path)
        expected, _ = by_python(path, scene.trust)
        assert outcome == expected, what
        assert outcome in {"failed", "no-bundle"}, what
        assert set(states.values()) <= {"failed"}, what
        assert page.tab.ask("document.title") == "Check an Exhibit bundle"


def test_a_browser_without_ed25519_computes_it_itself(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    tab = browser.tab()
    refuse = (
        "const real = SubtleCrypto.prototype.importKey;"
        "SubtleCrypto.prototype.importKey = function (...all) {"
        " const refused = JSON.stringify(all[2]).includes('Ed25519');"
        " return refused ? Promise.reject(new Error('no')) : real.apply(this, all); };"
    )
    tab.call("Page.enable")
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=refuse)
    page = Page(tab, scene.trust, tmp_path)
    assert page.check(bundle) == by_python(bundle, scene.trust)
    for what in ("proofs/signature", "data/manifest.json", "proofs/log/checkpoint"):
        path = packed(tmp_path / "changed.zip", rebagged(flipped(what, part(0.9))(files_of(bundle))))
        assert page.check(path) == by_python(path, scene.trust), what


def test_every_control_can_be_reached_by_the_keyboard_and_has_a_name(page: Page, bundle: Path) -> None:
    page.check(bundle)
    page.tab.wait("Boolean(document.querySelector('figure canvas'))")
    nameless = page.tab.ask(
        "[...document.querySelectorAll('input, select, button, summary')].filter((one) => one.tabIndex < 0 || "
        "!(one.textContent.trim() || (one.labels && [...one.labels].some((label) => label.textContent.trim())))).length"
    )
    assert nameless == 0
    assert page.tab.ask("document.activeElement.getAttribute('aria-label')") == "Verdict"


def test_counter_signatures_and_revoked_keys_read_alike(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    device = KeySigner(Ed25519PrivateKey.generate())
    [key] = scene.trust.keys
    of_device = replace(key, public=device.public_key, use="device")
    past, later = (now() + timedelta(days=days) for days in (-1, 1))
    for number, keys in enumerate(
        (
            (key, of_device),
            (replace(key, revoked=past), replace(of_device, revoked=past)),
            (replace(key, revoked=later), replace(of_device, owner="Bob's Pictures")),
            (key,),
        )
    ):
        trust = replace(scene.trust, keys=keys)
        (tmp_path / str(number)).mkdir()
        page = Page(browser.tab(), trust, tmp_path / str(number))
        for place, signature in enumerate((device.sign(scene.sealed.manifest.to_json()), bytes(64))):
            proofs = replace(scene.proofs, countersignatures=(CounterSignature(device.public_key, signature),))
            path = scene.write(tmp_path / str(number) / f"{place}.zip", proofs)
            assert differences(page.check(path), by_python(path, trust)) == {}


def test_a_later_checkpoint_renews_in_the_page_as_by_python(
    browser: Chromium, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    renewed = make_renewed(make_scene(tmp_path_factory.mktemp("renewed")))
    page = Page(browser.tab(), renewed.scene.trust, tmp_path)
    [renewal] = renewed.proofs.renewals
    alone = replace(renewed.proofs, anchors=(renewed.later,))
    wrong = replace(renewed.proofs, renewals=(replace(renewal, path=renewal.path[:-1]),))
    for number, proofs in enumerate((renewed.proofs, alone, wrong)):
        path = renewed.write(tmp_path / f"{number}.zip", proofs)
        told = page.check(path)
        assert told == by_python(path, renewed.scene.trust)
        assert f"renewal:{renewed.size}" in told[1]
    assert told[0] == "failed"


def test_lies_that_a_stranger_sealed_read_alike(browser: Chromium, tmp_path: Path) -> None:
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    page = Page(browser.tab(), trust, tmp_path)
    whole = files_of(FOLDER / f"{BASE}.zip")
    lies = {name: sealed_lie(whole, lie) for name, (lie, _) in LIES.items()}
    lies["a stand-in without a name"] = signed(whole, lambda manifest: manifest["files"][0].update(stand_in=""))
    for name, files in lies.items():
        path = packed(tmp_path / "lie.zip", files)
        assert differences(page.check(path), by_python(path, trust)) == {}, name


def test_forged_captures_are_named_by_the_same_checks(scene: Scene, bundle: Path, page: Page, tmp_path: Path) -> None:
    whole = files_of(bundle)
    for name, (lie, _) in FORGED.items():
        path = packed(tmp_path / "forged.zip", sealed_lie(whole, lie))
        of_page, (_, states) = page.check(path), by_python(path, scene.trust)
        told = {check: state for check, state in of_page[1].items() if check not in NOT_ON_THE_PAGE}
        assert told == {check: state for check, state in states.items() if check not in NOT_ON_THE_PAGE}, name
        assert {of_page[1][check] for check in NOT_ON_THE_PAGE & set(states)} <= {"not checked"}


def test_a_checkpoint_without_this_seal_and_names_that_are_none_read_alike(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path
) -> None:
    whole = files_of(bundle)
    alone = {name: data for name, data in whole.items() if name != "proofs/log/entry.json"}
    records = json.loads(alone["proofs/anchors/index.json"])
    alone["proofs/anchors/index.json"] = canonical([one for one in records if "manifest" not in one["file"]])
    many = canonical([{**records[0], "material": [f"proofs/material/{number}" for number in range(65)]}])
    for number, files in enumerate((
        alone,
        {**whole, "proofs/countersignatures/x/0000000000000000.sig": bytes(64)},
        {**whole, "proofs/anchors/index.json": many},
        {**whole, "proofs/anchors/index.json": json.dumps(records).encode()},
    )):  # fmt: skip
        path = packed(tmp_path / f"{number}.zip", rebagged(files))
        assert differences(page.check(path), by_python(path, scene.trust)) == {}, number


def test_a_trust_list_with_a_slip_of_the_pen_is_refused(browser: Chromium, scene: Scene, tmp_path: Path) -> None:
    page = Page(browser.tab(), scene.trust, tmp_path)
    plain = json.loads(scene.trust.to_json())
    for field, place, value in (("logs", "vkey", plain["logs"][0]["vkey"][:-2]), ("keys", "public", "00")):
        changed = json.loads(scene.trust.to_json())
        changed[field][0][place] = value
        (tmp_path / "slip.json").write_bytes(canonical(changed))
        page.tab.choose("#list", [tmp_path / "slip.json"])
        page.tab.wait("document.getElementById('status').textContent.includes(\"can't be used\")")
        page.tab.ask("document.getElementById('status').textContent = ''")


def test_broken_bundles_for_other_verifiers_read_alike(browser: Chromium, tmp_path: Path) -> None:
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    page = Page(browser.tab(), trust, tmp_path)
    base = (FOLDER / f"{BASE}.zip").read_bytes()
    for vector in json.loads((FOLDER / "variants.json").read_text("utf-8")):
        (tmp_path / "variant.zip").write_bytes(joined(base, vector["pieces"]))
        told, states = Page(page.tab, with_keys(trust, vector["keys"]), tmp_path).check(tmp_path / "variant.zip")
        assert {name: state for name, state in states.items() if state != "passed"} == vector["not_passed"]
        assert told == WORDS[ExitCode(vector["exit_code"])], vector["name"]
    page = Page(page.tab, trust, tmp_path)
    for vector in json.loads((FOLDER / "broken.json").read_text("utf-8")):
        path = tmp_path / "broken.zip"
        path.write_bytes(joined(base, vector["pieces"]))
        outcome, states = page.check(path)
        assert {name: state for name, state in states.items() if state != "passed"} == vector["not_passed"]
        assert outcome == WORDS[ExitCode(vector["exit_code"])], vector["name"]
