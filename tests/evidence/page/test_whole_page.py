"""verify.html in a real browser: for every bundle it says, check by check, what the Python verifier says."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.facts.case import MakingFacts, ProvenanceFacts
from evidence.verdict.trust import Requirements, load_trust
from evidence.verify.verifier import Verifier
from exhibit.entries import canonical
from tests.assets.browser import CHROMIUM, Chromium
from tests.assets.bundles import Scene, make_scene, resealed
from tests.assets.changes import flipped, part
from tests.assets.hostile_zips import HOSTILE
from tests.assets.judged import NOT_MADE
from tests.assets.left_out import KINDS, left_out
from tests.assets.tampering import files_of, packed, packed_bytes, rebagged, zipped
from tests.assets.verify_page import RESULT, Page, by_python
from tests.evidence.verify.test_split_views import another_story

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed"),
    pytest.mark.timeout(600),
]
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


def test_a_whole_bundle_passes_in_every_check(scene: Scene, bundle: Path, page: Page) -> None:
    outcome, states = page.check(bundle)
    assert (outcome, {name for name, state in states.items() if state != "passed"}) == ("complete", set(NOT_MADE))
    assert (outcome, states) == by_python(bundle, scene.trust)


@pytest.mark.parametrize("role", KINDS)
def test_what_was_left_out_when_it_was_sealed_is_told_alike(
    scene: Scene, page: Page, tmp_path: Path, role: str
) -> None:
    told = left_out(scene, role)
    path = told.write(tmp_path / "bundle.zip")
    assert page.check(path) == by_python(path, scene.trust)
    assert "Not in this bundle: reported as illegal on 2026-11-20" in page.tab.ask(f"{RESULT}.textContent")


def test_each_bundle_of_a_package_is_checked_and_what_is_packed_is_named(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path
) -> None:
    two = {f"studio-case-{number}-bundle-1.zip": bundle.read_bytes() for number in (1, 2)}
    path = tmp_path / "court.zip"
    path.write_bytes(packed_bytes({**two, "CONTENTS.txt": b"Bundles"}))
    assert page.check(path)[0] == "complete"
    text = page.tab.ask(f"{RESULT}.textContent")
    assert all(f"court.zip/{name}" in text for name in two)
    path.write_bytes(zipped(two, compression=zipfile.ZIP_STORED, folder="from the court/"))
    assert page.check(path)[0] == "complete"
    path.write_bytes(zipped({"court.zip": packed_bytes(two)}))
    outcome, states = page.check(path)
    assert (outcome, states) == ("no-bundle", {})
    assert "Unpack court.zip, and give the ZIPs in it" in page.tab.ask(f"{RESULT}.textContent")
    path.write_bytes(packed_bytes({"CONTENTS.txt": b"Bundles"}))
    assert page.check(path)[0] == "no-bundle"
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, data in two.items():
        (folder / name).write_bytes(data)
    assert page.check(folder)[0] == "complete"


def test_the_page_shows_the_time_and_the_seal_digest(scene: Scene, bundle: Path, page: Page) -> None:
    page.check(bundle)
    text = page.tab.ask(f"{RESULT}.textContent")
    assert scene.sealed.seal.hex in text
    existed = Verifier(scene.trust).verify(bundle).existed_by
    assert existed is not None
    assert f"existed no later than {existed:%Y-%m-%d %H:%M:%S} UTC" in text


def test_what_a_picture_says_of_its_making_and_a_works_page_are_shown_as_text(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path
) -> None:
    page.check(bundle)
    assert "says of its making" not in page.tab.ask(f"{RESULT}.textContent")
    [sighting] = scene.facts.sightings
    said = replace(
        sighting,
        making=MakingFacts("trainedAlgorithmicMedia", '{"Label": "1<b>"}'),
        provenance=ProvenanceFacts("valid", actions=("c2pa.created", "c2pa.edited")),
    )
    work = replace(scene.facts.work, public_page="https://exhibit.example.org/id/0123456789abcdef/")
    told = resealed(scene, replace(scene.facts, sightings=(said,), work=work)).write(tmp_path / "told.zip")
    page.check(told)
    shown = page.tab.ask(f"{RESULT}.textContent")
    for words in (
        "digital source type (IPTC): trainedAlgorithmicMedia",
        'label of generated content (GB 45438-2025): {"Label": "1<b>"}',
        "actions (C2PA): c2pa.created, c2pa.edited",
        "https://exhibit.example.org/id/0123456789abcdef/",
    ):
        assert words in shown, words
    assert page.tab.ask(f"{RESULT}.querySelectorAll('b').length") == 0


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
