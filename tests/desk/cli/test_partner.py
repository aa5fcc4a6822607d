"""`exhibit partner`: cards, who they are, and what is wrong with their logs."""

import json
from pathlib import Path

import pytest

from evidence.log.notes import cosigner_key, verifier_key
from registry.alliance import partners
from registry.alliance.cosigning import note_fork
from registry.alliance.pdq_feed import feed, publish
from registry.log.own_log import get_log, get_witness_signer, witness_name
from registry.models import LogOpening, Partner
from tests.assets.command_line import Terminal
from tests.assets.partners import new_signer, partner_of
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site import Answer, Site
from workers import wiring

ODD = ["", "[]", "{}", "7", '{"url": "https://b.example"}', "\u00ff" * 9]


def card_of(name: str = "b.example/log", url: str = "https://b.example") -> dict[str, str]:
    key = new_signer().public_key
    witness = cosigner_key(f"{name}/witness", new_signer().public_key)
    return {"format": "exhibit-partner/1", "url": url, "log": verifier_key(name, key), "witness": witness}


def test_a_card_names_address_and_keys(cli: Terminal) -> None:
    told = json.loads(cli.run("partner", "card").out)
    services = wiring.services()
    assert told["log"] == get_log(services).vkey()
    assert told["witness"] == cosigner_key(witness_name(services), get_witness_signer(services).public_key)
    assert get_witness_signer(services).public_key != get_log(services).public_key
    assert told["url"].startswith("http")


def test_a_partner_is_added_by_its_card_changed_listed_and_revoked(cli: Terminal, tmp_path: Path) -> None:
    assert "Exchange cards" in cli.run("partner", "list").out
    file, card = tmp_path / "card.json", card_of()
    file.write_text(json.dumps(card))
    said = cli.run("partner", "add", "anna", str(file), "--yes").out
    assert f'urls = ["https://b.example/witness"]\nkey = "{card["witness"]}"' in said
    file.write_text(json.dumps(card | {"url": "https://c.example"}))
    cli.run("partner", "add", "anna", str(file), "--yes")
    (told,) = cli.ask("partner", "list")["partners"]
    assert (told["url"], told["log"], told["forked"]) == ("https://c.example", card["log"], False)
    assert "b.example/log" in cli.run("partner", "list").out
    cli.run("partner", "revoke", "anna", "--reason", "The agreement has ended")
    assert "revoked: The agreement has ended" in cli.run("partner", "list").out
    assert "There is no partner" in cli.run("partner", "revoke", "anna", "--reason", "x", code=2).err
    whats = LogOpening.objects.filter(content__what__startswith="partner").values_list("content__what", flat=True)
    assert sorted(whats) == ["partner added", "partner changed", "partner revoked"]


def test_a_card_that_names_another_address_than_it_was_had_from_is_refused(cli: Terminal) -> None:
    with Site() as site:
        site.routes["/witness/card"] = Answer(
            json.dumps(card_of(url="https://10.0.0.7:8443")).encode(), "application/json"
        )
        said = cli.run("partner", "add", "anna", site.url(""), "--yes", code=2).err
        assert "names another address, https://10.0.0.7:8443" in said.replace("\n", " ")
        site.routes["/witness/card"] = Answer(json.dumps(card_of(url=site.url(""))).encode(), "application/json")
        cli.run("partner", "add", "anna", site.url(""), "--yes")
    assert Partner.objects.count() == 1


def test_visits_with_a_partner_are_asked_for_and_allowed_each_by_itself(cli: Terminal) -> None:
    partner_of(new_signer())
    assert "Give --ask" in cli.run("partner", "capture", "b", code=2).err
    assert "There is no partner" in cli.run("partner", "capture", "c", "--ask", code=2).err
    assert "b is asked to visit with us, and may have 0 visits" in cli.run("partner", "capture", "b", "--ask").out
    assert "is asked to visit with us, and may have 7" in cli.run("partner", "capture", "b", "--allow", "7").out
    (told,) = cli.ask("partner", "list")["partners"]
    assert (told["captures"], told["visits"]) == (True, 7)
    cli.run("partner", "capture", "b", "--no-ask")
    (told,) = cli.ask("partner", "list")["partners"]
    assert (told["captures"], told["visits"]) == (False, 7)
    assert cli.run("partner", "capture", "b", "--allow", "-1", code=2).err
    assert LogOpening.objects.filter(content__what="captures with a partner").count() == 3


def test_a_card_can_be_fetched_from_its_site(cli: Terminal) -> None:
    with Site() as site:
        site.routes["/witness/card"] = Answer(json.dumps(card_of(url=site.url(""))).encode(), "application/json")
        cli.run("partner", "add", "anna", site.url(""), "--yes")
        assert Partner.objects.get().url == site.url("")
        assert "/x/witness/card can't be read" in cli.run("partner", "add", "bob", site.url("/x"), "--yes", code=3).err


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_card_is_said(cli: Terminal, tmp_path: Path, text: str) -> None:
    file = tmp_path / "card.json"
    file.write_text(text)
    assert "isn't the card of an installation" in cli.run("partner", "add", "anna", str(file), "--yes", code=2).err
    assert "can't be read" in cli.run("partner", "add", "anna", str(tmp_path / "none"), "--yes", code=2).err
    assert not Partner.objects.exists()


def test_names_addresses_and_logs_that_cannot_be_are_refused(cli: Terminal, tmp_path: Path) -> None:
    file, own = tmp_path / "card.json", get_log(wiring.services()).origin
    for card, said in (
        (card_of(url="http://b.example"), "has to begin with https://"),
        (card_of(own), "Its log has the name of this one's"),
        (card_of() | {"witness": card_of()["log"]}, "isn't a witness's public key"),
    ):
        file.write_text(json.dumps(card))
        assert said in cli.run("partner", "add", "anna", str(file), "--yes", code=2).err
    file.write_text(json.dumps(card_of()))
    assert "small letters" in cli.run("partner", "add", "Anna Smith", str(file), "--yes", code=2).err
    cli.run("partner", "add", "anna", str(file), "--yes")
    file.write_text(json.dumps(card_of()))
    assert "another partner, anna," in cli.run("partner", "add", "bob", str(file), "--yes", code=2).err


def test_what_is_wrong_is_told_with_the_proof(cli: Terminal) -> None:
    assert cli.run("partner", "compare").out.startswith("Nothing is wrong")
    row = partner_of(new_signer())
    assert "b: http://127.0.0.1:9/log/checkpoint can't be read" in cli.run("partner", "compare", code=1).out
    note_fork(row, "one", "other", "a test", (b"\x01" * 32,))
    assert "b: Its log has signed two histories." in cli.run("partner", "compare", code=1).out
    assert "its log has forked" in cli.run("partner", "list").out
    (fork,) = json.loads(cli.run("partner", "forks").out)["forks"]
    assert (fork["log"], fork["known"], fork["other"], fork["path"]) == (row.log_key, "one", "other", ["01" * 32])
    assert partners.active().get().fault == "Its log has signed two histories."


def test_a_partners_feed_is_held_against_what_was_seen(cli: Terminal) -> None:
    services = wiring.services()
    to, epoch = claimed_slice(owner("seer"))
    bring(services, to, epoch, [photograph(1), copy_of(photograph(2))], host="shop.invalid")
    publish(services, register(services, owner("studio"), photograph(2)).work, by="Ann")
    files = feed(services)
    with Site() as site:
        row = partner_of(new_signer(), url=site.url(""))
        Partner.objects.update(log_key=get_log(services).vkey())
        for kind in ("csv", "note"):
            site.routes[f"/pdq/feed.{kind}"] = Answer(files[f"feed.{kind}"].encode(), "text/plain")
        told = cli.ask("partner", "feed", "b")
        assert (told["hashes"], told["compared"], len(told["found"])) == (1, 2, 1)
        (found,) = told["found"]
        assert found["bits"] <= 31
        assert "shop.invalid" in found["page"]
        assert set(found) == {"bits", "theirs", "page", "image", "seen", "digest"}
        shown = cli.run("partner", "feed", "b").out
        assert "1 hash of " in shown
        assert "pictures compared: 2; near: 1." in shown
        assert found["page"] in shown
        assert cli.ask("partner", "feed", "b", "--most", "1")["compared"] == 1
    assert "can't be read" in cli.run("partner", "feed", "b", code=3).err
    partners.revoke(row, by="operator", reason="over")
    assert "There is no partner" in cli.run("partner", "feed", "b", code=2).err
