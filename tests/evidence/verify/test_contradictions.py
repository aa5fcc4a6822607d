"""Test that bundles of one case are compared, and that contradictory records are reported."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.__main__ import main
from evidence.facts.case import CaseFacts
from evidence.keys.ed25519 import KeySigner
from evidence.verify.contradictions import Contradiction, compare_statements, find_shared_sightings
from evidence.verify.verifier import Verifier
from exhibit.entries import EntryType
from exhibit.errors import ExitCode
from tests.assets.bundles import Scene, append_entry, reseal


def compare_with_later_bundle(scene: Scene, facts: CaseFacts, folder: Path) -> tuple[Contradiction, ...]:
    """Return the contradictions between the scene's bundle and a later one with other facts."""
    later = reseal(scene, replace(facts, bundle=facts.bundle + 1))
    paths = [scene.write(folder / "A.zip"), later.write(folder / "B.zip")]
    verdicts = [Verifier(scene.trust).verify(path) for path in paths]
    return compare_statements(verdict.bundle_statements for verdict in verdicts)


def test_later_bundle_of_the_same_case_causes_no_contradiction(scene: Scene, tmp_path: Path) -> None:
    facts, (sighting,) = scene.facts, scene.facts.sightings
    later = facts.written_at + timedelta(seconds=1)
    again = replace(
        facts.decision, at=later, by="A different archive than the named one was queried", reason="Looked again."
    )
    sighting = replace(sighting, last_seen=facts.written_at, captures=())
    grown = replace(facts, sightings=(sighting,), decision=again, work=replace(facts.work, title="Corrected"))
    assert compare_with_later_bundle(scene, grown, tmp_path) == ()


@pytest.mark.parametrize("what", ["seen", "registered", "opened", "party", "decision", "visit", "figures"])
def test_contradiction_with_earlier_bundle_is_reported(scene: Scene, tmp_path: Path, what: str) -> None:
    facts, (sighting,), (match,) = scene.facts, scene.facts.sightings, scene.facts.matches
    day = timedelta(days=1)
    assert sighting.first_seen is not None
    visit = replace(sighting.captures[0], outcome="page-gone", image=None)
    changed = {
        "seen": replace(facts, sightings=(replace(sighting, first_seen=sighting.first_seen - day),)),
        "registered": replace(facts, work=replace(facts.work, registered_at=facts.work.registered_at - day)),
        "opened": replace(facts, opened_at=facts.opened_at - day),
        "party": replace(facts, party=replace(facts.party, name="other.example")),
        "decision": replace(facts, decision=replace(facts.decision, by="The court")),
        "visit": replace(facts, sightings=(replace(sighting, captures=(visit, *sighting.captures[1:])),)),
        "figures": replace(facts, matches=(replace(match, verification=replace(match.verification, dense=0.5)),)),
    }[what]
    [contradiction] = compare_with_later_bundle(scene, changed, tmp_path)
    words = {
        "seen": "the first retrieval", "registered": "registration time", "party": "the party",
        "opened": "the time at which the case was opened", "decision": "the decision", "visit": "the visit",
        "figures": "the comparison",
    }  # fmt: skip
    assert (contradiction.fact[0], contradiction.bundles) == (words[what], ("A.zip", "B.zip"))
    about = f"work {facts.work.number}" if what == "registered" else f"case {facts.number}"
    assert contradiction.sentence.startswith(f"Contradiction in {about} of ")


def test_registration_of_a_work_must_agree_across_cases(scene: Scene, tmp_path: Path) -> None:
    facts = scene.facts
    earlier = replace(facts.work, registered_at=facts.work.registered_at - timedelta(days=900))
    [contradiction] = compare_with_later_bundle(scene, replace(facts, number="C-8", work=earlier), tmp_path)
    assert contradiction.sentence.startswith(f"Contradiction in work {facts.work.number} of ")
    assert compare_with_later_bundle(scene, replace(facts, number="C-8"), tmp_path) == ()


def test_changed_declaration_causes_no_contradiction(scene: Scene, tmp_path: Path) -> None:
    work = scene.facts.work
    assert work.registration is not None

    def anew(title: str) -> CaseFacts:
        assert work.registration is not None
        opening = {**work.registration.opening, "title": title, "edited": 1}
        proof = append_entry(scene.log, EntryType.REGISTRATION, opening)
        return replace(scene.facts, bundle=2, work=replace(work, title=title, registration=proof))

    assert compare_with_later_bundle(scene, replace(anew("Corrected"), bundle=1), tmp_path) == ()
    both = [reseal(scene, facts) for facts in (anew("Corrected"), replace(anew("Otherwise"), bundle=3))]
    paths = [changed_scene.write(tmp_path / f"{place}.zip") for place, changed_scene in enumerate(both)]
    [contradiction] = compare_statements(Verifier(scene.trust).verify(path).bundle_statements for path in paths)
    assert contradiction.fact == ("the log entry of the registration", "1")


def test_bundle_sealed_by_other_key_causes_no_contradiction(scene: Scene, tmp_path: Path) -> None:
    stranger = replace(scene, owner_key=KeySigner(Ed25519PrivateKey.generate()))
    decided = replace(scene.facts.decision, by="The court")
    forged = reseal(stranger, replace(scene.facts, decision=decided))
    paths = [scene.write(tmp_path / "A.zip"), forged.write(tmp_path / "B.zip")]
    accounts = [Verifier(scene.trust).verify(path).bundle_statements for path in paths]
    assert None not in accounts
    assert compare_statements(accounts) == ()


def test_bundles_with_same_number_contradict_each_other(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = reseal(scene, replace(scene.facts, not_checked=("None.",)))
    paths = [str(scene.write(tmp_path / "A.zip")), str(other.write(tmp_path / "B.zip"))]
    trust = tmp_path / "trust.json"
    trust.write_bytes(scene.trust.to_json())
    assert main(["verify", *paths, "--trust", str(trust)]) == ExitCode.CHECK_FAILED
    assert f"Contradiction in case {scene.facts.number} of " in capsys.readouterr().out
    main(["verify", *paths, "--json", "--trust", str(trust)])
    [contradiction] = json.loads(capsys.readouterr().out)["contradictions"]
    assert contradiction["fact"] == ["the seal of bundle", str(scene.facts.bundle)]
    assert contradiction["stated"][0]["value"] != contradiction["stated"][1]["value"]
    copy = scene.write(tmp_path / "C.zip")
    main(["verify", paths[0], str(copy), "--json", "--trust", str(trust)])
    assert json.loads(capsys.readouterr().out)["contradictions"] == []


def test_match_shared_by_two_cases_is_reported_without_failure(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [sighting] = scene.facts.sightings
    [match] = scene.facts.matches
    again = replace(scene.facts, number="C-8")
    same_case = replace(scene.facts, bundle=2)
    elsewhere = replace(sighting, page_url="https://copies.example/other", slice=None)
    other_place = replace(scene.facts, number="C-9", sightings=(elsewhere,), matches=(match,))
    paths = [scene.write(tmp_path / "A.zip")]
    paths += [
        reseal(scene, facts).write(tmp_path / f"{n}.zip") for n, facts in enumerate((again, same_case, other_place))
    ]
    accounts = [Verifier(scene.trust).verify(path).bundle_statements for path in paths]
    assert [item.cases[1][2] for item in find_shared_sightings(accounts)] == ["C-8"]
    trust = tmp_path / "trust.json"
    trust.write_bytes(scene.trust.to_json())
    alone = main(["verify", str(paths[1]), "--trust", str(trust)])
    capsys.readouterr()
    assert main(["verify", str(paths[0]), str(paths[1]), "--json", "--trust", str(trust)]) == alone
    [shared] = json.loads(capsys.readouterr().out)["shared_finds"]
    assert [item["case"] for item in shared["cases"]] == [scene.facts.number, "C-8"]
    main(["verify", str(paths[0]), str(paths[1]), "--trust", str(trust)])
    assert shared["sentence"] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("page", "image", "is_shared"),
    [
        ("http://copies.example", "", True), ("https://COPIES.example:443/#top", "", True),
        ("", "", False), ("https://copies.example/?page=2", "", False),
    ],
)  # fmt: skip
def test_shared_match_is_found_for_any_url_spelling(
    scene: Scene, tmp_path: Path, page: str, image: str, *, is_shared: bool
) -> None:
    [sighting] = scene.facts.sightings
    other = replace(scene.facts, number="C-8", sightings=(replace(sighting, page_url=page, image_url=image),))
    paths = [scene.write(tmp_path / "A.zip"), reseal(scene, other).write(tmp_path / "B.zip")]
    accounts = [Verifier(scene.trust).verify(path).bundle_statements for path in paths]
    assert bool(find_shared_sightings(accounts)) is is_shared
