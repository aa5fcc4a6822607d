import json
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.formats.codec import FormatError
from evidence.log.notes import format_verifier_key, parse_verifier_key
from evidence.verdict.trust import DEFAULT_PATH, Trust, load_trust
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from tests.assets.bundles import Scene
from tests.assets.trust_conflicts import conflicting_trust_lists


def test_shipped_list_contains_only_self_signed_production_roots() -> None:
    trust = load_trust()
    assert len(trust.dated) == len("2026-11-20")
    assert trust.note
    assert not any(authority.development for authority in trust.authorities)
    assert not any(chain.development for chain in trust.chains)
    assert (trust.logs, trust.keys) == ((), ())
    for authority in trust.authorities:
        for root in authority.roots:
            assert root.subject == root.issuer
            assert root.not_valid_before_utc < now()


def test_bitcoin_main_chain_requires_minimum_work() -> None:
    [chain] = load_trust().chains
    assert (chain.network, chain.blocks) == ("main", ())
    assert chain.minimum_difficulty >= 5e13


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"network": "main"', '"network": "moon"', "network"),
        ("BEGIN CERTIFICATE", "BEGIN NOTHING", "DigiCert"),
        ('"logs": []', '"logs": [], "extra": 1', "extra"),
        ("exhibit-trust/1", "exhibit-trust/2", "exhibit-trust/2"),
        ('"development": false', '"development": true', "label"),
        ('"logs": []', '"logs": [{"vkey": "log.example+0+AA==", "development": false, "label": ""}]', "public key"),
        (
            '"keys": []',
            '"keys": [{"owner": "Ann", "public": "00ff", "development": false, "label": ""}]',
            "keys.0.: public",
        ),
        ('"keys": []', '"keys": [], "requires": {"grades": ["taste"], "timestamps": 1}', "grades"),
        (
            '"keys": []',
            '"keys": [], "requires": {"grades": ["match"], "timestamps": 0}',
            "requires 0 timestamp services",
        ),
        (
            '"keys": []',
            '"keys": [], "requires": {"grades": ["match"], "timestamps": 99}',
            "requires 99 timestamp services",
        ),
    ],
)
def test_malformed_list_is_rejected_with_location(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "trust.json"
    path.write_text(DEFAULT_PATH.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(InvalidRequestError, match=words):
        load_trust(path)


def test_each_key_has_a_single_role_and_name(scene: Scene) -> None:
    for what, (trust, lines) in conflicting_trust_lists(scene.trust).items():
        with pytest.raises(FormatError) as refused:
            Trust.from_json(trust.to_json())
        assert all(line in refused.value.message for line in lines), (what, refused.value.message)


def test_log_with_a_new_origin_may_keep_its_key(scene: Scene) -> None:
    [log] = scene.trust.logs
    again = replace(log, vkey=format_verifier_key("again.example/log", parse_verifier_key(log.vkey)[1]))
    trust = replace(scene.trust, logs=(log, again))
    assert Trust.from_json(trust.to_json()) == trust


def test_missing_list_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_trust(tmp_path / "none.json")


def test_trust_list_round_trips_and_rejects_invalid_field(scene: Scene) -> None:
    assert Trust.from_json(scene.trust.to_json()) == scene.trust
    plain = json.loads(scene.trust.to_json())
    plain["authorities"][0]["label"] = ""
    with pytest.raises(FormatError, match="label"):
        Trust.from_json(json.dumps(plain).encode())
