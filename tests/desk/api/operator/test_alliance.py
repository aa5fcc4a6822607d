"""Test the operator's management of partners, agreements, contributors and timestamp services."""

import json
from pathlib import Path

import pytest

from evidence.anchors import public_services
from evidence.development.authority import run_authority
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.notes import format_cosigner_key, format_verifier_key
from exhibit.clock import now
from exhibit.entries import encode_canonical
from registry.alliance import partners
from registry.alliance.cosigning import record_fork
from registry.alliance.pdq_feed import build_feed, publish_hashes
from registry.log.local_log import get_log, get_witness_name, get_witness_signer
from registry.models import Contributor, LogOpening, Partner, TimestampServiceState
from tests.assets.command_line import Terminal
from tests.assets.partners import new_signer, partner_of
from tests.assets.rows import (
    claim_new_slice,
    create_pending_receipts,
    owner,
    photograph,
    recompress,
    record_sightings,
    register,
)
from tests.assets.site import Answer, Site
from tests.registry.log.test_added_services import offer_service
from workers import wiring


def add_partner(cli: Terminal, card: dict[str, str], name: str = "anna", code: int = 0) -> None:
    """Add a partner by its card."""
    fields = [word for field in ({"name": name} | card).items() for word in ("--field", "=".join(field))]
    cli.run("api", "POST", "/operator/partners", *fields, code=code)


def new_card(name: str = "b.example/log", url: str = "https://b.example") -> dict[str, str]:
    key = new_signer().public_key
    witness = format_cosigner_key(f"{name}/witness", new_signer().public_key)
    return {"url": url, "log": format_verifier_key(name, key), "witness": witness}


def test_partner_card_of_this_installation_contains_its_url_and_keys(cli: Terminal) -> None:
    card, services = cli.api("GET", "/operator/card"), wiring.services()
    assert card["log"] == get_log(services).get_verifier_key()
    assert card["witness"] == format_cosigner_key(get_witness_name(services), get_witness_signer(services).public_key)
    assert card["url"].startswith("http")


def test_partner_is_added_changed_listed_and_revoked(cli: Terminal) -> None:
    card = new_card()
    add_partner(cli, card)
    add_partner(cli, card | {"url": "https://c.example"})
    (partner,) = cli.api("GET", "/operator/partners")["items"]
    assert (partner["url"], partner["log"], partner["has_fork"]) == ("https://c.example", card["log"], False)
    data = cli.api("POST", "/operator/partners/anna/revoke", reason="The agreement has ended")
    assert (data["reason"], data["revoked_at"] is None) == ("The agreement has ended", False)
    cli.run("api", "POST", "/operator/partners/anna/revoke", "--field", "reason=x", code=2)
    whats = LogOpening.objects.filter(content__what__startswith="partner").values_list("content__what", flat=True)
    assert sorted(whats) == ["partner added", "partner changed", "partner revoked"]


def test_fetched_partner_card_must_contain_the_url_it_was_fetched_from(cli: Terminal) -> None:
    with Site() as site:
        plain = new_card(url=site.url("")) | {"format": "exhibit-partner/1"}
        site.routes["/witness/card"] = Answer(json.dumps(plain).encode(), "application/json")
        assert cli.api("GET", "/operator/partner-card", url=site.url("")) == plain
        other = plain | {"url": "https://10.0.0.7:8443"}
        site.routes["/witness/card"] = Answer(json.dumps(other).encode(), "application/json")
        cli.run("api", "GET", "/operator/partner-card", "--field", f"url={site.url('')}", code=2)
        cli.run("api", "GET", "/operator/partner-card", "--field", f"url={site.url('/x')}", code=3)
        site.routes["/witness/card"] = Answer(b"[]", "application/json")
        cli.run("api", "GET", "/operator/partner-card", "--field", f"url={site.url('')}", code=2)


def test_invalid_partner_cards_are_rejected(cli: Terminal) -> None:
    own = get_log(wiring.services()).origin
    for card in (
        new_card(url="http://b.example"),
        new_card(own),
        new_card() | {"witness": new_card()["log"]},
        new_card() | {"name": "Anna Smith"},
    ):
        add_partner(cli, card, code=2)
    assert not Partner.objects.exists()


def test_capture_settings_of_a_partner_can_be_changed_individually(cli: Terminal) -> None:
    partner_of(new_signer())
    for fields, captures, visits in (
        ({"requests_visits": "true"}, True, 0),
        ({"daily_visits": 7}, True, 7),
        ({"requests_visits": "false"}, False, 7),
    ):
        partner = cli.api("PATCH", "/operator/partners/b/captures", **fields)
        assert (partner["requests_visits"], partner["daily_visits"]) == (captures, visits)
    cli.api("PATCH", "/operator/partners/c/captures", code=2, ask="true")
    cli.api("PATCH", "/operator/partners/b/captures", code=2, visits=-1)


def test_log_inconsistencies_of_a_partner_are_reported_with_proof(cli: Terminal) -> None:
    assert cli.api("POST", "/operator/partners/compare") == {"faults": {}}
    row = partner_of(new_signer())
    record_fork(row, "one", "other", "a test", (b"\x01" * 32,))
    assert set(cli.api("POST", "/operator/partners/compare")["faults"]) == {"b"}
    (fork,) = cli.api("GET", "/operator/forks")["forks"]
    assert fork == {"log": row.log_key, "known": "one", "other": "other", "path": ["01" * 32]}
    assert cli.api("GET", "/operator/partners")["items"][0]["has_fork"]


@pytest.mark.long
def test_picture_feed_of_a_partner_is_compared_with_seen_pictures(cli: Terminal) -> None:
    services = wiring.services()
    to, epoch = claim_new_slice(owner("seer"))
    record_sightings(services, to, epoch, [photograph(1), recompress(photograph(2))], host="shop.invalid")
    publish_hashes(services, register(services, owner("studio"), photograph(2)).work, by="Ann")
    files = build_feed(services)
    with Site() as site:
        row = partner_of(new_signer(), url=site.url(""))
        Partner.objects.update(log_key=get_log(services).get_verifier_key())
        for kind in ("csv", "note"):
            site.routes[f"/pdq/feed.{kind}"] = Answer(files[f"feed.{kind}"].encode(), "text/plain")
        feed_entry = cli.api("GET", "/operator/partners/b/feed")
        assert (feed_entry["hashes"], feed_entry["compared"], len(feed_entry["found"])) == (1, 2, 1)
        assert feed_entry["found"][0]["bits"] <= 31
        assert cli.api("GET", "/operator/partners/b/feed", most=1)["compared"] == 1
    cli.run("api", "GET", "/operator/partners/b/feed", code=3)
    partners.revoke_partner(row, by="operator", reason="over")
    cli.run("api", "GET", "/operator/partners/b/feed", code=2)


def test_agreement_is_created_listed_and_ended(cli: Terminal) -> None:
    partner_of(new_signer(), "anna")
    terms = json.dumps({"partner": "anna", "fields": ["page", "seen"], "valid_until": "2090-01-01", "queries": 100})
    number = cli.api("POST", "/operator/agreements", "--json", terms)["number"]
    cli.run("api", "POST", "/operator/agreements", "--json", terms, code=2)
    (agreement,) = cli.api("GET", "/operator/agreements")["items"]
    assert (agreement["partner"], agreement["queries"], agreement["used"], agreement["ended_at"]) == (
        "anna",
        100,
        0,
        None,
    )
    cli.api("DELETE", f"/operator/agreements/{number}")
    cli.run("api", "DELETE", f"/operator/agreements/{number}", code=2)
    cli.run("api", "POST", "/operator/agreements", "--json", terms.replace("seen", "all"), code=2)


def test_contributor_is_invited_listed_and_removed(cli: Terminal) -> None:
    assert cli.api("POST", "/operator/contributors", name="Ann")["token"].startswith("exe_")
    cli.api("POST", "/operator/contributors", code=2, name="Ann")
    cli.api("DELETE", "/operator/contributors/Ann", discard_results="true")
    (row,) = cli.api("GET", "/operator/contributors")["contributors"]
    assert row["revoked_at"]
    cli.run("api", "DELETE", "/operator/contributors/Ann", code=2)


def test_contributor_statement_is_signed_with_the_log_key_and_can_be_verified(cli: Terminal) -> None:
    for name in ("Ann", "Bob"):
        cli.api("POST", "/operator/contributors", name=name)
    Contributor.objects.update(pictures=48, seconds=12.6)
    account = cli.api("GET", "/operator/contributors", name="Ann")
    (row,) = account["contributors"]
    assert (row["name"], row["pictures"], row["seconds"], row["key"]) == ("Ann", 48, 13, "")
    text, key = json.dumps(account), get_log(wiring.services()).get_verifier_key()
    signature = bytes.fromhex(account.pop("signature"))
    assert account["key"] == key
    assert is_valid_signature(get_log(wiring.services()).public_key, signature, encode_canonical(account))
    assert cli.api("POST", "/operator/contributors/check", account=text, key=key) == account
    cli.api("POST", "/operator/contributors/check", code=1, account=text, key=key[:-4])
    cli.api("POST", "/operator/contributors/check", code=1, account=text.replace("48", "49"))
    cli.api("GET", "/operator/contributors", code=2, name="Eve")


def test_unresponsive_timestamp_service_is_listed_with_its_pending_receipts(cli: Terminal) -> None:
    create_pending_receipts(b"one", b"two")
    TimestampServiceState.objects.create(
        kind="rfc3161", service="moody", question="submit", unresponsive_since=now(), error="Status 503."
    )
    (service,) = cli.api("GET", "/operator/timestamp-services")["items"]
    assert (service["name"], service["configured"], service["pending_receipts"], service["error"]) == (
        "moody",
        False,
        2,
        "Status 503.",
    )
    cli.run("api", "POST", "/operator/timestamp-services/consortium/contract", code=2)


def test_timestamp_service_is_added_after_its_first_response(
    cli: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = cli.api("GET", "/operator/timestamp-services/available")["items"]
    assert [item["name"] for item in offered] == [offer.name for offer in public_services.OFFERS]
    cli.api("POST", "/operator/timestamp-services", code=2, name="mine")
    with run_authority(tmp_path) as authority:
        offer_service(monkeypatch, authority)
        cli.api("POST", "/operator/timestamp-services", name="near")
    (service,) = cli.api("GET", "/operator/timestamp-services")["items"]
    assert (service["name"], service["configured"]) == ("near", True)
    cli.api("DELETE", "/operator/timestamp-services/near")
    cli.run("api", "DELETE", "/operator/timestamp-services/near", code=2)
