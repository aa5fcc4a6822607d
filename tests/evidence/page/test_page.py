"""Test verify.html in a browser: its checks fail after tampering, and it names what it does not check."""

import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import CounterSignature, Proofs, Withheld
from evidence.facts.case import CreationFacts, ProvenanceFacts
from evidence.keys.ed25519 import KeySigner
from evidence.verdict.trust import Requirements, Trust, load_trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import encode_canonical
from tests.assets.browser import Chromium
from tests.assets.bundle_changes import Files, flip_bit, position_of_share, remove_file
from tests.assets.bundles import Scene, make_scene, reseal
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.hostile_zips import HOSTILE
from tests.assets.tampering import pack_otherwise, read_files, update_bag, write_zip, zip_bytes
from tests.assets.timestamp_services import add_cosignature
from tests.assets.trust_conflicts import conflicting_trust_lists
from tests.assets.verify_page import RESULT, Page, verify_in_python

pytestmark = pytest.mark.timeout(300)
PASSED_CHECKS = {
    "container", "manifest", "files", "bag", "tools", "signature", "key", "entry", "inclusion", "checkpoint",
    "consistency",
}  # fmt: skip
CHECKPOINT, ENTRY = "proofs/log/checkpoint", "proofs/log/entry.json"
COSIGNATURE_PATH = "proofs/anchors/checkpoint-test-witness.cosigned"
Change = Callable[[Files], Files]


def add_file(name: str, data: bytes) -> Change:
    return lambda files: {**files, name: data}


BROKEN_FILES: dict[str, tuple[Change, str]] = {
    "a sealed picture": (flip_bit("data/work/01.jpg"), "file:data/work/01.jpg"),
    "the facts": (flip_bit("data/facts.json"), "file:data/facts.json"),
    "the manifest": (flip_bit("data/manifest.json"), "manifest"),
    "another number in the manifest": (
        lambda files: {
            **files,
            "data/manifest.json": files["data/manifest.json"].replace(b'"bundle":1', b'"bundle":2'),
        },
        "signature",
    ),
    "a picture missing": (remove_file("data/work/01.jpg"), "files"),
    "a file too many": (add_file("data/extra.txt", b"x"), "files"),
    "the signature": (flip_bit("proofs/signature"), "signature"),
    "the key's file": (flip_bit("proofs/key.json"), "key"),
    "the key's other file": (flip_bit("proofs/key.pem"), "key"),
    "the log's entry": (flip_bit(ENTRY, position_of_share(0.5)), "entry"),
    "what opens the log's entry": (
        lambda files: {**files, ENTRY: encode_canonical({**json.loads(files[ENTRY]), "salt": "00" * 32})}, "entry"
    ),
    "the place in the log": (
        flip_bit("proofs/log/inclusion.json", lambda data: data.index(b'"path":["') + 20), "inclusion"
    ),
    "the checkpoint's root": (flip_bit(CHECKPOINT, lambda data: data.index(b"\n", data.index(b"\n") + 1) + 6),
        "inclusion",
    ),
    "the checkpoint's signature": (flip_bit(CHECKPOINT, lambda data: len(data) - 30), "checkpoint"),
    "the proof of consistency": (
        flip_bit("proofs/log/consistency.json", lambda data: data.index(b'"path":["') + 20), "consistency"
    ),
    "a cosignature": (flip_bit(COSIGNATURE_PATH, lambda data: len(data) - 30),
        f"anchor:{COSIGNATURE_PATH.rpartition('/')[2]}"),
    "the list of receipts": (add_file("proofs/anchors/index.json", b"{}"), "anchors"),
}  # fmt: skip


@pytest.fixture(scope="module")
def cosigned_proofs(scene: Scene) -> tuple[Proofs, Trust]:
    return add_cosignature(scene.log, scene.proofs, scene.trust)


@pytest.mark.long
def test_valid_bundle_passes_and_unchecked_items_are_listed(page: Page, bundle: Path) -> None:
    outcome, states = page.check(bundle)
    passed = {name for name, state in states.items() if state == "passed" and not name.startswith("file:")}
    assert (outcome, passed) == ("holds", PASSED_CHECKS)
    unchecked = {name for name, state in states.items() if state == "not checked"}
    assert len(unchecked) == len(states) - len(passed) - sum(name.startswith("file:") for name in states)
    assert unchecked >= {"facts", "time", "order", "registration", "slice", "capture", "pictures", "match", "sheet"}
    assert any(name.endswith(".tsr") for name in unchecked)
    assert f"Checks that only exhibit verify runs: {len(unchecked)}." in page.text
    assert f"exhibit verify {bundle.name}" in page.text
    assert "python3 -I verify.py" in page.text
    for word in ("Complete", "proves existence no later than {time}", "All checks passed"):
        assert word not in page.text
    heading = str(page.tab.evaluate(f"{RESULT}.querySelector('h2').textContent"))
    assert heading
    assert "holds" not in heading


SITE_OUTCOMES = {
    "copies.example": "holds",
    "COPIES.example.": "holds",
    "example": "incomplete",
    "elsewhere.example": "failed",
    "opies.example": "failed",
    "www.copies.example": "failed",
    "": "failed",
    "\u3164": "failed",
    "\U00013441\ufe0f": "failed",
}


@pytest.mark.long
@pytest.mark.parametrize("name", SITE_OUTCOMES)
def test_pages_on_host_of_other_site_fail(scene: Scene, page: Page, tmp_path: Path, name: str) -> None:
    facts = replace(scene.facts, party=replace(scene.facts.party, name=name))
    path = reseal(scene, facts).write(tmp_path / "party.zip")
    outcome, states = page.check(path)
    assert (outcome, states.get("party", "holds").replace("not checked", "incomplete")) == (SITE_OUTCOMES[name],) * 2
    by_command = {check.name: str(check.state) for check in Verifier(scene.trust).verify(path).checks}["party"]
    assert by_command == "failed" or outcome == "holds"


INCONSISTENT_FACTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another owner": (lambda facts: facts["owner"].update(name="Bob"), "facts"),
    "another number": (lambda facts: facts.update(number="C-9"), "facts"),
    "another bundle": (lambda facts: facts.update(bundle=2), "facts"),
    "a decision that there is none of": (lambda facts: facts["decision"].update(decision="convicted"), "confirmed"),
    "a decision by nobody": (lambda facts: facts["decision"].update(by="\u3164\U00013442 (token x)"), "confirmed"),
    "a decision at no time": (lambda facts: facts["decision"].update(at=None), "confirmed"),
    "an account without a name": (lambda facts: facts["party"].update(kind="account", name="\U00013442"), "party"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", INCONSISTENT_FACTS)
def test_inconsistent_facts_fail(scene: Scene, page: Page, tmp_path: Path, name: str) -> None:
    change, check = INCONSISTENT_FACTS[name]

    def lie(facts: dict[str, Any], files: Files, _: Scene) -> None:
        change(facts)
        files["data/facts.json"] = encode_canonical(facts)

    whole = read_files(scene.write(tmp_path / "whole.zip"))
    files, trust = forge_bundle(scene, whole, Invention(facts=lie))
    page.use_trust_list(trust)
    outcome, states = page.check(write_zip(tmp_path / "case.zip", files))
    page.use_trust_list(scene.trust)
    assert (outcome, states[check]) == ("failed", "failed")
    assert verify_in_python(tmp_path / "case.zip", trust)[1][check] == "failed"


MALFORMED_FACTS = {
    "a number for a text": lambda facts: facts["work"].update(title=7),
    "a field of nobody": lambda facts: facts.update(verified=True),
    "a field missing": lambda facts: facts.pop("decision"),
    "no list of pictures": lambda facts: facts["work"].update(pictures={"0": facts["work"]["pictures"][0]}),
    "a time in another form": lambda facts: facts.update(opened_at="yesterday"),
    "another format": lambda facts: facts.update(format="exhibit-facts/9"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", MALFORMED_FACTS)
def test_malformed_facts_fail(scene: Scene, page: Page, bundle: Path, tmp_path: Path, name: str) -> None:
    files, trust = forge_bundle(
        scene, read_files(bundle), Invention(facts=lambda facts, *_: MALFORMED_FACTS[name](facts))
    )
    page.use_trust_list(trust)
    outcome, states = page.check(write_zip(tmp_path / "facts.zip", files))
    page.use_trust_list(scene.trust)
    assert (outcome, states["facts"]) == ("failed", "failed")


@pytest.mark.long
def test_bundle_without_earlier_checkpoint_is_incomplete(scene: Scene, page: Page, tmp_path: Path) -> None:
    [sighting], work = scene.facts.sightings, replace(scene.facts.work, registration=None)
    path = reseal(scene, replace(scene.facts, work=work, sightings=(replace(sighting, slice=None),))).write(
        tmp_path / "b.zip"
    )
    assert page.check(path)[1]["consistency"] == "not checked"
    assert page.check(path)[0] == "incomplete"


@pytest.mark.long
@pytest.mark.parametrize("what", BROKEN_FILES)
def test_tampered_file_fails_its_check(
    scene: Scene, page: Page, cosigned_proofs: tuple[Proofs, Trust], tmp_path: Path, what: str
) -> None:
    change, check = BROKEN_FILES[what]
    proofs, trust = cosigned_proofs
    page.use_trust_list(trust)
    whole = read_files(scene.write(tmp_path / "whole.zip", proofs))
    outcome, states = page.check(write_zip(tmp_path / "changed.zip", update_bag(change(whole))))
    page.use_trust_list(scene.trust)
    assert (outcome, states[check]) == ("failed", "failed")


@pytest.mark.long
def test_changed_unsealed_file_fails_the_bag_check(page: Page, bundle: Path, tmp_path: Path) -> None:
    for name in ("bag-info.txt", "proofs/anchors/manifest-test-authority.tsr", "verify.py"):
        outcome, states = page.check(write_zip(tmp_path / "b.zip", flip_bit(name)(read_files(bundle))))
        assert (outcome, states["bag"]) == ("failed", "failed"), name


@pytest.mark.long
def test_every_changed_zip_byte_fails(page: Page, bundle: Path, tmp_path: Path) -> None:
    draw, original, paths = random.Random(20261128), bundle.read_bytes(), []
    directory = original.rindex(b"PK\x05\x06") - original.count(b"PK\x01\x02") * 70
    for number in range(120):
        data, start = bytearray(original), directory if number % 4 == 0 else 0
        data[draw.randrange(start, len(data))] ^= draw.randrange(1, 256)
        paths.append(tmp_path / f"{number}.zip")
        paths[-1].write_bytes(data)
    results = page.check_all(paths)
    assert {outcome for outcome, _ in results} <= {"failed", "not-checked", "no-bundle"}
    assert all(states.get("container") != "passed" for _, states in results)


@pytest.mark.long
def test_required_cosignatures_are_counted(
    scene: Scene, page: Page, cosigned_proofs: tuple[Proofs, Trust], bundle: Path, tmp_path: Path
) -> None:
    proofs, trust = cosigned_proofs
    page.use_trust_list(trust)
    outcome, states = page.check(scene.write(tmp_path / "cosigned.zip", proofs))
    assert (outcome, states["cosigned"], states["anchor:checkpoint-test-witness.cosigned"]) == (
        "holds", "passed", "passed"
    )  # fmt: skip
    assert "cosigned the checkpoint of" in page.text
    outcome, states = page.check(bundle)
    assert (outcome, states["cosigned"]) == ("incomplete", "not checked")
    page.use_trust_list(scene.trust)
    outcome, states = page.check(tmp_path / "cosigned.zip")
    assert states["anchor:checkpoint-test-witness.cosigned"] == "not checked"


@pytest.mark.long
def test_unpinned_keys_are_not_trusted(scene: Scene, page: Page, bundle: Path, tmp_path: Path) -> None:
    page.use_trust_list(load_trust())
    outcome, states = page.check(bundle)
    page.use_trust_list(scene.trust)
    assert (outcome, states["key"], states["checkpoint"]) == ("incomplete", "not checked", "not checked")
    (tmp_path / "forger").mkdir()
    forger = make_scene(tmp_path / "forger", seed=2).write(tmp_path / "forged.zip")
    outcome, states = page.check(forger)
    assert (outcome, states["key"]) == ("incomplete", "not checked")
    assert "the following is not proven: key, checkpoint" in page.text


@pytest.mark.long
def test_signature_by_key_of_other_owner_or_revoked_key_does_not_pass(scene: Scene, page: Page, bundle: Path) -> None:
    [key] = scene.trust.keys
    for other, outcome, state in (
        (replace(key, owner="Bob"), "failed", "failed"),
        (replace(key, revoked=now() + timedelta(days=1)), "incomplete", "not checked"),
    ):
        page.use_trust_list(replace(scene.trust, keys=(other,)))
        result, states = page.check(bundle)
        assert (result, states["key"]) == (outcome, state)
    page.use_trust_list(scene.trust)


@pytest.mark.long
def test_countersignature_requires_pinned_device_of_owner(scene: Scene, page: Page, tmp_path: Path) -> None:
    device, [key] = KeySigner(Ed25519PrivateKey.generate()), scene.trust.keys
    of_device = replace(key, public=device.public_key, use="device")
    name = f"countersignature:{device.public_key.hex()[:16]}"
    good, junk = device.sign(scene.sealed_case.manifest.to_json()), bytes(64)
    for pinned, signature, state in (
        (of_device, good, "passed"),
        (of_device, junk, "failed"),
        (replace(of_device, owner="Bob"), good, "failed"),
        (replace(of_device, revoked=now()), good, "not checked"),
        (key, good, "not checked"),
    ):
        page.use_trust_list(replace(scene.trust, keys=(key, pinned)))
        proofs = replace(scene.proofs, countersignatures=(CounterSignature(device.public_key, signature),))
        assert page.check(scene.write(tmp_path / "signed.zip", proofs))[1][name] == state
    page.use_trust_list(scene.trust)


@pytest.mark.long
def test_bundle_folder_is_verified_and_repacked_zip_must_be_unpacked_first(
    page: Page, bundle: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle) as whole:
        whole.extractall(tmp_path / "bag")
    (tmp_path / "bag" / ".DS_Store").write_bytes(b"x")
    outcome, states = page.check(tmp_path / "bag")
    assert (outcome, states["container"], states["files"]) == ("holds", "not checked", "passed")
    assert ".DS_Store" in page.text
    (tmp_path / "bag" / "data" / "facts.json").write_bytes(b"{}")
    assert page.check(tmp_path / "bag")[1]["file:data/facts.json"] == "failed"
    anew = tmp_path / "anew.zip"
    for data in (
        pack_otherwise(read_files(bundle)),
        b"MZ" + bundle.read_bytes(),
        zip_bytes({"a.zip": bundle.read_bytes()}),
    ):
        anew.write_bytes(data)
        outcome, states = page.check(anew)
        assert (outcome in {"not-checked", "no-bundle"}, states) == (True, {})
    anew.write_bytes(pack_otherwise(read_files(bundle)))
    page.check(anew)
    assert "Unpack it and choose the folder that contains bagit.txt" in page.text


@pytest.mark.long
def test_non_bundle_is_reported(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_bytes(b"no ZIP")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_bytes(b"a")
    for path in (tmp_path / "text.zip", tmp_path / "folder"):
        assert page.check(path) == ("no-bundle", {})


@pytest.mark.long
def test_several_bundles_are_checked_one_after_the_other(page: Page, bundle: Path, tmp_path: Path) -> None:
    bad = write_zip(tmp_path / "bad.zip", flip_bit("data/work/01.jpg")(read_files(bundle)))
    assert [outcome for outcome, _ in page.check_all([bundle, bad])] == ["holds", "failed"]
    assert page.tab.evaluate(f"{RESULT}.dataset.outcome") == "failed"


@pytest.mark.long
def test_redacted_copy_reports_its_withheld_files(scene: Scene, page: Page, tmp_path: Path) -> None:
    withheld = Withheld(("data/work/01.jpg", "data/work/documents/01.pdf"), "The original is for the court.")
    path = scene.write(tmp_path / "copy.zip", replace(scene.proofs, withheld=withheld))
    outcome, states = page.check(path)
    assert (outcome, states["files"], states["file:data/work/01.jpg"]) == ("holds", "passed", "not checked")
    assert "Sealed files that are withheld from this copy: 2." in page.text


@pytest.mark.long
def test_pictures_and_sheet_are_shown_only_when_unchanged(page: Page, bundle: Path, tmp_path: Path) -> None:
    page.check(bundle)
    images = f"[...{RESULT}.querySelectorAll('img')].map((one) => [one.alt, one.naturalWidth])"
    page.tab.wait(f"{images}.every(([, width]) => width)")
    displayed = dict(page.tab.evaluate(images))
    assert displayed["Registered"] == 160
    assert displayed["Found, sighting 1"] == 80
    assert {"Match 1, side by side", "Match 1, overlay"} <= set(displayed)
    assert page.tab.evaluate(f"{RESULT}.querySelector('a').textContent") == "Open the exhibit sheet (PDF)"
    changed = flip_bit("data/work/01.jpg")(flip_bit("data/exhibit.pdf")(read_files(bundle)))
    page.check(write_zip(tmp_path / "b.zip", changed))
    assert "Registered" not in dict(page.tab.evaluate(images))
    assert page.tab.evaluate(f"{RESULT}.querySelectorAll('a').length") == 0


@pytest.mark.long
def test_sealed_content_is_shown_as_text(scene: Scene, page: Page, tmp_path: Path) -> None:
    [sighting] = scene.facts.sightings
    changed_facts = replace(
        sighting,
        making=CreationFacts("trainedAlgorithmicMedia", '{"Label": "1<b>"}'),
        provenance=ProvenanceFacts("valid", actions=("c2pa.created", "c2pa.edited")),
    )
    work = replace(
        scene.facts.work, title=HOSTILE, author="evil\u202egpj.exe", public_page="https://exhibit.example.org/id/01/"
    )
    facts = replace(scene.facts, work=work, sightings=(changed_facts,))
    page.check(reseal(scene, facts).write(tmp_path / "<b>bold.zip"))
    for words in (
        HOSTILE,
        "digital source type (IPTC): trainedAlgorithmicMedia",
        'label of AI-generated content (GB 45438-2025): {"Label": "1<b>"}',
        "actions (C2PA): c2pa.created, c2pa.edited",
        "https://exhibit.example.org/id/01/",
    ):
        assert words in page.text, words
    assert "\u202e" not in page.text
    displayed = page.tab.evaluate(f"[document.title, {RESULT}.querySelectorAll('script, b').length]")
    assert displayed == ["Verify an Exhibit bundle", 0]


@pytest.mark.long
def test_each_row_states_its_source_and_that_it_was_not_checked(page: Page, bundle: Path) -> None:
    page.check(bundle)
    values = page.tab.evaluate(
        f"[...{RESULT}.querySelectorAll('dd > .said')].map((one) => "
        "[one.parentElement.previousElementSibling.textContent, one.textContent])"
    )
    rows = dict(values)
    assert rows["Decision"] == rows["Claimant"] == rows["Author"] == "declared; not checked here"
    assert rows["Site"] == rows["Page URL"] == rows["First retrieved at"]
    assert rows["Site"] == "recorded by the installation; not checked here"
    assert page.tab.evaluate(
        f"[...{RESULT}.querySelectorAll('section')].filter((one) => "
        "one.textContent.startsWith('Content of the sealed record')).every((one) => "
        "one.querySelectorAll('dd').length === one.querySelectorAll('.said').length)"
    )
    assert "confirmed by Ann" in page.text
    assert all("checked by" not in text for text in rows.values())


@pytest.mark.long
def test_verification_page_blocks_other_scripts_and_requests(page: Page) -> None:
    assert page.tab.evaluate("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')") == "refused"
    page.tab.evaluate(
        "(() => { const script = document.createElement('script'); script.textContent = 'document.title = \"owned\"';"
        " document.body.append(script); })()"
    )
    assert page.tab.evaluate("document.title") != "owned"


@pytest.mark.long
def test_signatures_do_not_pass_in_a_browser_without_ed25519(
    browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    tab = browser.tab()
    tab.call("Page.enable")
    tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError'));",
    )
    outcome, states = Page(tab, scene.trust, tmp_path).check(bundle)
    assert (outcome, states["signature"], states["checkpoint"]) == ("incomplete", "not checked", "not checked")
    assert states["inclusion"] == "passed"


@pytest.mark.long
def test_controls_are_focusable_and_labelled(page: Page, bundle: Path) -> None:
    page.check(bundle)
    nameless = page.tab.evaluate(
        "[...document.querySelectorAll('input, a, summary')].filter((one) => one.tabIndex < 0 || "
        "!(one.textContent.trim() || (one.labels && [...one.labels].some((label) => label.textContent.trim())))).length"
    )
    assert nameless == 0
    assert page.tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Verdict"


@pytest.mark.long
def test_malformed_trust_list_is_rejected(page: Page, cosigned_proofs: tuple[Proofs, Trust]) -> None:
    _, trust = cosigned_proofs
    [witness], [key], plain = trust.cosigners, trust.keys, json.loads(trust.to_json())
    slips = [
        encode_canonical({**plain, "logs": [{**plain["logs"][0], "vkey": plain["logs"][0]["vkey"][:-2]}]}),
        encode_canonical({**plain, "more": 1}),
        trust.to_json().replace(b'{"authorities"', b'{"dated":"2026-01-01","authorities"'),
        b"\xef\xbb\xbf" + trust.to_json(),
        b"[" * 70 + b"]" * 70,
    ]
    wrong_lists = [
        replace(trust, requires=Requirements(9)),
        replace(trust, requires=Requirements(1, cosigners=2)),
        replace(trust, cosigners=(replace(witness, vkey=trust.logs[0].vkey),)),
        replace(trust, cosigners=(replace(witness, development=True, label=""),)),
        replace(trust, keys=(replace(key, public=bytes(32)),)),
    ]
    for data in [*slips, *(trust_list.to_json() for trust_list in wrong_lists)]:
        assert "cannot be used" in page.select_trust_list(data), data[:200]
    assert "is now used" in page.select_trust_list(json.dumps(plain, indent=2).encode())
    assert "is now used" in page.select_trust_list(page.trust.to_json())


@pytest.mark.long
def test_trust_list_with_conflicting_keys_is_rejected(scene: Scene, page: Page) -> None:
    for what, (trust, lines) in conflicting_trust_lists(scene.trust).items():
        message = page.select_trust_list(trust.to_json())
        assert all(line in message for line in lines), (what, message)
