"""The page says of every change, lie and forgery, check by check, what the Python verifier says."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.anchors import KINDS
from evidence.bundle.bag import CounterSignature
from evidence.development.authority import Authority
from evidence.facts.cocapture import asks_consent, page_language, page_text
from evidence.facts.passkey import ASSERTION_PATH
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import KeySigner
from evidence.schemas import schemas
from evidence.verdict.trust import Requirements, Trust, load_trust
from evidence.verify.packages import places_of, verified
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.comparison.calibration import HELD
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import ExhibitError, ExitCode
from tests.assets.broken_vectors import BASE, FOLDER, joined, with_keys
from tests.assets.browser import CHROMIUM, Chromium
from tests.assets.bundles import CAPTURED, Scene, make_scene, resealed
from tests.assets.changes import CHANGES, Files
from tests.assets.cocaptures import CHECK, LIES as TWICE_LIES, WHOLE, seen_twice
from tests.assets.hostile_zips import hostile_zips
from tests.assets.judged import FORGED, NOT_ON_THE_PAGE
from tests.assets.moving import as_measured_by, first_frame, moving, profiled
from tests.assets.passkeys import LIES as LIES_OF_PASSKEYS, RSA_KEY, SITE, signed_scene
from tests.assets.renewals import make_renewed
from tests.assets.resealing import FACTS, LIES, Facts, sealed_lie, signed
from tests.assets.sealed_blocks import STATES, ledger, with_ledger
from tests.assets.stamp_kinds import bundle_of
from tests.assets.tampering import files_of, packed, rebagged
from tests.assets.verify_page import WORDS, Page, by_python, differences
from tests.assets.web_archive import CHECK as ARCHIVE_CHECK, TOLD
from tests.assets.witnesses import with_cosigner
from tests.evidence.standalone.test_verifier_inside import started
from tests.evidence.verify.checks.test_probability import with_verification
from tests.evidence.verify.test_forgeries import FORGERIES

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed"),
    pytest.mark.timeout(600),
]
ODD_PAGES = (
    b"<HTML LaNG = 'zh-Hans'><SCRIPT>a</b</scrIPT x>b<!-- c -->d<style>e\xff</style>f\xa0 g<p \n>\x85h\x0b\x1c Cookie",
    b"<html lang=en><script>never closed <p>text</p>",
    b"a<!-- never closed <script>",
    b"a < b <scripts>c</scripts> <",
    b"\xef\xbb\xbf\xe5\x9b\xbe\x00<p lang=de>\xc5\xbf\xe2\x84\xaa</p><STYLE/>x</style",
)
"""Pages that two programs could read in two ways."""
shares = pytest.mark.parametrize("one_in", [24, pytest.param(1, marks=pytest.mark.long)])
"""One in eight, and for whoever has minutes each of them."""


@shares
def test_each_change_is_named_by_the_same_checks(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path, one_in: int
) -> None:
    whole = files_of(bundle)
    for number, (what, change) in enumerate([*CHANGES.items()][::one_in]):
        for fit in (lambda files: files, rebagged):
            if fit is rebagged and "data/manifest.json" not in change(whole):
                continue
            path = packed(tmp_path / f"{number}.zip", fit(change(whole)))
            assert differences(page.check(path), by_python(path, scene.trust)) == {}, what
            path.unlink()


@shares
def test_forgeries_read_as_with_python(scene: Scene, page: Page, tmp_path: Path, one_in: int) -> None:
    for number, (name, (forge, _)) in enumerate([*FORGERIES.items()][::one_in]):
        other = forge(scene)
        path = other.write(tmp_path / f"{number}.zip")
        page.pin(other.trust)  # the forger's key, too
        assert differences(page.check(path), by_python(path, other.trust)) == {}, name
    page.pin(scene.trust)


def by_command(path: Path, trust: Trust) -> str:
    """What the command says in all, which looks for bundles in a ZIP that is none."""
    try:
        [place] = places_of(path)
        return WORDS[verified(Verifier(trust), place).outcome]
    except ExhibitError:
        return "no-bundle"


@shares
def test_hostile_files_are_refused_in_words(scene: Scene, page: Page, tmp_path: Path, one_in: int) -> None:
    for what, data in [*hostile_zips().items()][::one_in]:
        path = tmp_path / "hostile.zip"
        path.write_bytes(data)
        outcome, states = page.check(path)
        # the page's decoder drops a mark before a name: for it that is a bundle, whose strict reader refuses it
        expected = "failed" if what == "a mark before a name" else by_command(path, scene.trust)
        assert outcome == expected, what
        assert outcome in {"failed", "no-bundle"}, what
        assert set(states.values()) <= {"failed"}, what
        assert page.tab.ask("document.title") == "Check an Exhibit bundle"


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


def test_cosignatures_read_alike(browser: Chromium, scene: Scene, tmp_path: Path) -> None:
    cosigned, trust = with_cosigner(scene.log, scene.proofs, scene.trust)
    page = Page(browser.tab(), trust, tmp_path)
    whole = files_of(scene.write(tmp_path / "cosigned.zip", cosigned))
    name = "proofs/anchors/checkpoint-test-witness.cosigned"
    told = []
    for number, place in enumerate((None, 2, 60, -130, -60, -40, -3)):
        data = bytearray(whole[name])
        if place is not None:
            data[place] ^= 1
        path = packed(tmp_path / f"{number}.zip", rebagged({**whole, name: bytes(data)}))
        told.append(page.check(path))
        assert differences(told[-1], by_python(path, trust)) == {}, place
    assert told[0][1]["cosigned"] == "passed"
    assert {states["cosigned"] for _, states in told[1:]} == {"not checked"}
    [witness], [authority, *_] = trust.cosigners, trust.authorities
    namesake = replace(trust, cosigners=(replace(witness, name=authority.name),))  # a stamp is no cosignature
    page.pin(namesake)
    path = scene.write(tmp_path / "stamped.zip")
    told.append(page.check(path))
    assert (told[-1][1]["cosigned"], differences(told[-1], by_python(path, namesake))) == ("not checked", {})


def test_trust_lists_are_refused_alike(browser: Chromium, scene: Scene, tmp_path: Path) -> None:
    _, trust = with_cosigner(scene.log, scene.proofs, scene.trust)
    [witness], asked = trust.cosigners, Requirements(1)
    names = {pin.name for kind in KINDS.values() for pin in getattr(trust, kind.pins)}
    page = Page(browser.tab(), scene.trust, tmp_path)
    for other, is_good in (
        (replace(trust, requires=replace(asked, witnesses=len(names))), True),
        (replace(trust, requires=replace(asked, witnesses=len(names) + 1)), False),
        (replace(trust, requires=replace(asked, cosigners=1)), True),
        (replace(trust, requires=replace(asked, cosigners=2)), False),
        (replace(trust, requires=replace(asked, cosigners=-1)), False),
        (replace(trust, cosigners=(replace(witness, development=True, label=""),)), False),
        (replace(trust, cosigners=(replace(witness, vkey=trust.logs[0].vkey),)), False),
        (replace(trust, ledgers=(*trust.ledgers, ledger(quorum=2))), False),
    ):
        (tmp_path / "list.json").write_bytes(other.to_json())
        page.tab.ask("document.getElementById('status').textContent = ''")
        page.tab.choose("#list", [tmp_path / "list.json"])
        page.tab.wait("Boolean(document.getElementById('status').textContent)")
        assert ("from now on" in page.tab.ask("document.getElementById('status').textContent")) is is_good
        try:
            Trust.from_json(other.to_json())
        except FormatError:
            assert not is_good
        else:
            assert is_good


def test_blocks_that_validators_sealed_read_alike(browser: Chromium, tmp_path: Path) -> None:
    page = Page(browser.tab(), bundle_of([])[1], tmp_path)
    for what, (kind, pinned, state) in STATES.items():
        files, trust = bundle_of([kind])
        listed = with_ledger(trust, pinned)
        page.pin(listed)
        path = packed(tmp_path / "sealed.zip", files)
        told = page.check(path)
        assert (told[1][kind.check], differences(told, by_python(path, listed))) == (state, {}), what


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_frame_that_stands_longest_is_compared_by_both(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tests.assets.bundles.found_bytes", partial(moving, kind=kind))
    scene = make_scene(tmp_path)
    page = Page(browser.tab(), scene.trust, tmp_path)
    early, late = (first_frame(scene.facts, pipeline) for pipeline in ("match-4", "match-5"))
    for facts, state in ((scene.facts, "passed"), (early, "not checked"), (late, "failed")):
        path = resealed(scene, facts).write(tmp_path / f"{state}.zip")
        told = page.check(path)
        assert (told[1]["match:01"], differences(told, by_python(path, scene.trust))) == (state, {})


def test_a_picture_with_a_profile_is_read_by_both_as_the_version_did_that_compared_it(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.assets.bundles.found_bytes", profiled)
    scene = make_scene(tmp_path)
    page = Page(browser.tab(), scene.trust, tmp_path)
    for pipeline, profiles, state in (
        ("match-5", False, "passed"),
        ("match-5", True, "failed"),
        ("match-6", True, "passed"),
        ("match-6", False, "failed"),
        ("match-7", True, "passed"),
        ("match-7", False, "failed"),
    ):
        facts = as_measured_by(scene.facts, pipeline, profiles=profiles)
        path = resealed(scene, facts).write(tmp_path / f"{pipeline}-{state}.zip")
        told = page.check(path)
        assert (told[1]["match:01"], differences(told, by_python(path, scene.trust))) == (state, {})


def test_of_figures_that_no_calibration_measures_a_probability_fails_alike(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    for reason in sorted(HELD):
        facts = with_verification(scene.facts, reasons=(reason,))
        path = resealed(scene, facts).write(tmp_path / f"{reason}.zip")
        told = page.check(path)
        assert (told[1]["probability:01"], differences(told, by_python(path, scene.trust))) == ("failed", {}), reason


@shares
def test_lies_that_a_stranger_sealed_read_alike(browser: Chromium, tmp_path: Path, one_in: int) -> None:
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    page = Page(browser.tab(), trust, tmp_path)
    whole = files_of(FOLDER / f"{BASE}.zip")
    lies = {name: sealed_lie(whole, lie) for name, (lie, _) in [*LIES.items()][::one_in]}
    lies["a stand-in without a name"] = signed(whole, lambda manifest: manifest["files"][0].update(stand_in=""))
    for name, files in lies.items():
        path = packed(tmp_path / "lie.zip", files)
        assert differences(page.check(path), by_python(path, trust)) == {}, name


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (
            {"decision": "resembles", "related": 8.99, "exposure": -0.5, "figures": {"cosine": 0.25, "drift": None}},
            "passed",
        ),
        ({"decision": "resembles", "reasons": ["derived"]}, "passed"),
        ({"decision": "derived", "reasons": ["derived"]}, "passed"),  # as versions up to `match-5` sealed it
        ({"related": "much"}, "failed"),
        ({"figures": {"cosine": "much"}}, "failed"),
        ({"figures": [1]}, "failed"),
        ({"decision": "alike"}, "failed"),
        ({"odds": 8.99}, "failed"),
    ],
)
def test_odds_and_figures_of_a_comparison_are_read_alike_and_what_nobody_knows_is_refused(
    scene: Scene, page: Page, tmp_path: Path, said: dict[str, object], state: str
) -> None:
    def lie(facts: Facts, _: Files) -> None:
        verification = facts["matches"][0]["verification"]
        verification |= {"probability": None} | said
        del verification["calibration"], facts["calibrations"]

    files = sealed_lie(files_of(scene.write(tmp_path / "whole.zip")), lie)
    path = packed(tmp_path / "said.zip", files)
    told = page.check(path)
    assert differences(told, by_python(path, scene.trust)) == {}
    assert told[1]["facts"] == state
    assert (told[1].get("match:01") == "passed") is (state == "passed")
    code, text = started(path)  # which reads no more of a comparison than its probability
    assert (code, "FAILED" in text) == (0, False)


@pytest.mark.parametrize("one_in", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("beside", ["as in the facts", "left out"])
def test_what_may_be_absent_and_is_written_out_is_read_alike(
    browser: Chromium, tmp_path: Path, one_in: int, beside: str
) -> None:
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    page, whole = Page(browser.tab(), trust, tmp_path), files_of(FOLDER / f"{BASE}.zip")
    definitions = schemas()["facts"]["$defs"]
    of_match = ("MatchFacts", ("matches", 0)), ("Verification", ("matches", 0, "verification"))
    of_sighting = ("SightingFacts", ("sightings", 0)), ("SightingRecord", ("sightings", 0, "slice", "record"))
    places = [*of_match, *of_sighting, ("WorkFacts", ("work",)), ("CaseFacts", ())]
    absent = [
        (place, name, schema["default"])
        for kind, place in places
        for name, schema in definitions[kind]["properties"].items()
        if "default" in schema
    ]
    for place, name, default in absent[::one_in]:

        def lie(facts: Facts, files: Files) -> None:
            found: Any = facts
            for step in place:  # noqa: B023 - called before the next one
                found = found[step]
            found.setdefault(name, default)  # noqa: B023
            if beside == "left out":  # the files that repeat the facts stay as they were
                files[FACTS] = canonical(facts)

        path = packed(tmp_path / "written.zip", sealed_lie(whole, lie))
        assert differences(page.check(path), by_python(path, trust)) == {}, (place, name)


def test_lies_of_a_second_pair_of_eyes_read_alike(
    browser: Chromium, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen = seen_twice(make_scene(tmp_path_factory.mktemp("scene")), tmp_path)
    page = Page(browser.tab(), seen.trust, tmp_path)
    told = page.check(packed(tmp_path / "seen.zip", seen.files))
    assert differences(told, by_python(tmp_path / "seen.zip", seen.trust)) == {}
    assert (told[1][CHECK], told[1][WHOLE]) == ("passed", "passed")
    assert "seen by two, run by Ann and Bea" in page.tab.ask("document.getElementById('result').textContent")
    for name, (lie, check, state) in TWICE_LIES.items():
        path = packed(tmp_path / "lie.zip", lie(seen))
        told = page.check(path)
        assert differences(told, by_python(path, seen.trust)) == {}, name
        assert told[1][check] == state, name
    for name, (tell, state, words) in TOLD.items():
        path = packed(tmp_path / "told.zip", sealed_lie(seen.files, tell))
        told = page.check(path)
        assert differences(told, by_python(path, seen.trust)) == {}, name
        assert told[1][ARCHIVE_CHECK] == state, name
        assert words.replace("'", '"') in page.tab.ask("document.getElementById('result').textContent").replace(
            "'", '"'
        )
    for number, html in enumerate(ODD_PAGES):
        odd = replace(seen, files={**seen.files, CAPTURED[2]: html})
        about = {"text": Digest.of(page_text(html)), "language": page_language(html), "consent": asks_consent(html)}
        answer = odd.says(**about, page=replace(seen.said.page, sha256=Digest.of(html)))
        assert set(answer.agrees) >= {"page", "text", "consent"}
        path = packed(tmp_path / "odd.zip", odd.lie(answer))
        told = page.check(path)
        assert told[1][CHECK] == "passed", number
        assert differences(told, by_python(path, seen.trust)) == {}, number


@shares
def test_forged_captures_are_named_by_the_same_checks(
    scene: Scene, bundle: Path, page: Page, tmp_path: Path, one_in: int
) -> None:
    whole = files_of(bundle)
    for name, (lie, _) in [*FORGED.items()][::one_in]:
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


@shares
def test_broken_bundles_for_other_verifiers_read_alike(browser: Chromium, tmp_path: Path, one_in: int) -> None:
    trust = load_trust(FOLDER / f"{BASE}.trust.json")
    page = Page(browser.tab(), trust, tmp_path)
    base = (FOLDER / f"{BASE}.zip").read_bytes()
    for vector in json.loads((FOLDER / "variants.json").read_text("utf-8"))[::one_in]:
        (tmp_path / "variant.zip").write_bytes(joined(base, vector["pieces"]))
        told, states = Page(page.tab, with_keys(trust, vector["keys"]), tmp_path).check(tmp_path / "variant.zip")
        assert {name: state for name, state in states.items() if state != "passed"} == vector["not_passed"]
        assert told == WORDS[ExitCode(vector["exit_code"])], vector["name"]
    page = Page(page.tab, trust, tmp_path)
    for vector in json.loads((FOLDER / "broken.json").read_text("utf-8"))[::one_in]:
        path = tmp_path / "broken.zip"
        path.write_bytes(joined(base, vector["pieces"]))
        outcome, states = page.check(path)
        assert {name: state for name, state in states.items() if state != "passed"} == vector["not_passed"]
        assert outcome == WORDS[ExitCode(vector["exit_code"])], vector["name"]


@shares
def test_who_decided_reads_alike(
    browser: Chromium, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, one_in: int
) -> None:
    scene = make_scene(tmp_path_factory.mktemp("decided"))
    page = Page(browser.tab(), scene.trust, tmp_path)
    good: dict[str, dict[str, Any]] = {
        "nothing": {},
        "a key of RSA": {"key": RSA_KEY},
        "a part of the site": {"origin": f"https://www.{SITE}:8443"},
    }
    lies = {name: LIES_OF_PASSKEYS[name] for name in [*LIES_OF_PASSKEYS][::one_in]}
    for name, kind in (good | lies).items():
        path = signed_scene(scene, **kind).write(tmp_path / "signed.zip")
        told = page.check(path)
        assert differences(told, by_python(path, scene.trust)) == {}, name
        assert told[1]["decision"] == ("passed" if name in good else "failed"), name
    whole = files_of(path)
    without = packed(
        tmp_path / "without.zip", rebagged({name: whole[name] for name in whole if name != ASSERTION_PATH})
    )
    assert differences(page.check(without), by_python(without, scene.trust)) == {}
    page.pin(replace(scene.trust, logs=()))
    unknown = signed_scene(scene).write(tmp_path / "unknown.zip")
    assert page.check(unknown)[1]["decision"] == "not checked"


def test_stamps_are_called_qualified_alike(browser: Chromium, scene: Scene, bundle: Path, tmp_path: Path) -> None:
    [known] = scene.trust.authorities
    sent = {name: data for record in scene.proofs.anchors for name, data in record.receipt.material}
    own = [data.decode() for name, data in sent.items() if name.startswith("certificate-")]
    assert len(own) > 1  # those of a unit and of what stands above it
    stranger = Authority(tmp_path, "http://127.0.0.1:9").hierarchy.unit.pem.decode()
    page = Page(browser.tab(), scene.trust, tmp_path)
    rows = "[...document.querySelectorAll('[data-check^=\"anchor:\"]')].map((row) => row.textContent).join('|')"
    for named, words in [*(((one,), "names") for one in own), ((), "doesn't name"), ((stranger,), "doesn't name")]:
        trust = replace(scene.trust, authorities=(replace(known, qualified=named),))
        page.pin(trust)
        assert differences(page.check(bundle), by_python(bundle, trust)) == {}
        said = [check.sentence for check in Verifier(trust).verify(bundle).checks if "(RFC 3161)" in check.sentence]
        assert said
        shown = page.tab.ask(rows)
        for sentence in said:
            assert sentence.endswith(f"The trust list {words} it as qualified.")
            assert sentence in shown
