"""Test three installations on one machine: two witness the log of the third, and one of them cheats and is detected."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from evidence.keys.ed25519 import KeySigner, load_signer
from evidence.log.notes import parse_note, sign_note
from tests.assets.confirmed_captures import create_log, lying_partner
from tests.assets.notice_flow import REPLY_TEXT, reply_with_licence, sign_in, sign_letter, submit_form
from tests.assets.processes import find_processes, wait_until
from tests.assets.rows import encode_jpeg, photograph, recompress
from tests.assets.site import Answer, Route, Site
from tests.assets.three_installations import (
    NAMES,
    Installation,
    add_partner,
    has_both_cosigners,
    three_installations,
    verify_bundle,
    verify_isolated,
)


def check_blind_search(a: Installation, c: Installation) -> None:
    """Have c find a copy of a's work.

    The installation a learns of it without showing the work, and cannot exceed the agreement.
    """
    copy = Answer(recompress(photograph(1)), "image/jpeg")
    with Site(routes={"/": Answer(b'<img src="/copy.jpg">'), "/copy.jpg": copy}) as shop:
        c.command_line.run("watch", "add", "shop", "--site", shop.url(), "--delay", "0")
        c.command_line.run("watch", "run", "shop", "--wait")
    search = ("POST", "/operator/partners/c/search")
    assert "There is no agreement" in a.command_line.run("api", *search, code=None).err
    c.command_line.api("POST", "/operator/agreements", partner="a", fields="page", valid_until="2090-01-01", queries=30)
    (match,) = a.command_line.api(*search)["found"]
    assert (match["works"], match["told"]) == (["studio/1"], {"page": shop.url()})
    assert "allows 30 queries" in a.command_line.run("api", *search, code=None).err
    agreements = c.command_line.api("GET", "/operator/agreements")["items"]
    assert [(agreement["used"], agreement["queries"]) for agreement in agreements] == [(18, 30)]


def identify_without_account(a: Installation, address: str) -> None:
    """Submit a cropped copy of an open work without an account, to the API and to the page's form."""
    part = encode_jpeg(Image.open(io.BytesIO(photograph(1))).crop((20, 20, 240, 190)))
    reply = requests.post(f"{a.url}/api/v1/id", files={"file": ("seen.jpg", part)}, timeout=60).json()
    assert (reply["verdict"], [claim["address"] for claim in reply["claims"]]) == ("part", [address])
    with requests.Session() as browser:
        page = submit_form(browser, f"{a.url}/id/", file=("seen.jpg", part))
    assert "Part of the registered picture" in page
    assert f'href="{address}"' in page


def reply_to_notice(a: Installation) -> None:
    """Send the case's party a letter, and reply with a licence: case and log record it, and the notice is paused."""
    password = a.command_line.run("user", "add", "ann@example.org", "--generate-password").out.split()[-1]
    with sign_in(a.url, "ann@example.org", password) as member:
        page, link = sign_letter(member, f"{a.url}/o/studio", 1)
        assert "Received: I have a licence" in reply_with_licence(link)
        page_text = member.get(page, timeout=30).text
        assert REPLY_TEXT in page_text
        assert "This notice is paused" in page_text
        again = {"case": "1", "kind": "offer.en"}
        assert "Case 1 is paused" in submit_form(member, f"{a.url}/o/studio/notices/new?case=1", **again)
        history = [event["sentence"] for event in a.command_line.api("GET", "cases/1")["history"]]
        assert any(sentence.startswith("Notice 1: a reply was received") for sentence in history), history

        def logged_types() -> list[str]:  # entries are numbered at the next tick
            entries = a.command_line.api("GET", "/operator/log/entries", last=50)["items"]
            return [entry["type"] for entry in entries if REPLY_TEXT in json.dumps(entry)]

        wait_until(logged_types, seconds=60)
        assert logged_types() == ["case"]
        submit_form(member, page, f"{page}seen")
        assert "This notice is paused" not in member.get(page, timeout=30).text


def confirm_by_two(
    a: Installation, b: Installation, key: KeySigner, folder: Path, trust: Path
) -> tuple[list[str], dict[str, Any]]:
    """Seal a's evidence, with the confirmation of b and a contradicting statement of c.

    Args:
        a: Installation with the case.
        b: Partner that sees the same.
        key: Signing key of the log of c.
        folder: Folder for the files.
        trust: Trust list.

    Returns:
        The files, and the verifier's report on them.
    """
    routes: dict[str, Route] = {
        "/": Answer(b'<p>Sale</p><img src="/copy.jpg">'),
        "/copy.jpg": Answer(recompress(photograph(1)), "image/jpeg"),
    }
    with Site(routes=routes) as shop, Site() as liar:
        log = create_log(folder / "lies", "c.example/log", key)
        lie = lying_partner(log, recompress(photograph(1)), challenge="00" * 32)
        liar.routes["/api/v1/alliance/capture"] = lie
        card = json.loads((folder / "c.json").read_text()) | {"url": liar.url("")}
        add_partner(a.command_line, "c", card)
        b.command_line.api("PATCH", "/operator/partners/a/captures", daily_visits=5)
        for name in ("b", "c"):
            a.command_line.api("PATCH", f"/operator/partners/{name}/captures", requests_visits="true")
        a.command_line.run("watch", "add", "shop", "--site", shop.url(), "--delay", "0")
        a.command_line.run("watch", "run", "shop", "--wait")
        a.command_line.run("case", "confirm", 1, "--reason", "A copy", "--wait")
    a.command_line.run("trust", trust, "--cosigners", "2")
    report: dict[str, Any] = {}
    files = [str(folder / "bundle.zip")]

    def has_both_cosignatures() -> bool:
        a.command_line.run("api", "GET", "cases/1/bundles/1/file", "--output", files[0])
        report.update(verify_bundle(a, files, trust))
        return has_both_cosigners(report)

    wait_until(has_both_cosignatures, seconds=120)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["seen-twice:01-1-1"]["state"] == "passed"
    missing = "'c' was also asked to visit the page; its response is missing: 'nonsense'."
    assert checks["seen-twice:01-1-2"]["sentence"] == missing
    (by,) = [grade["by"] for grade in report["grades"] if grade["name"] == "capture"]
    assert by == "retrieved by two installations, run by a.example/log and b"
    assert not [check for check in checks.values() if check["state"] == "failed"]
    add_partner(a.command_line, "c", json.loads((folder / "c.json").read_text()))
    return files, report


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_installations_cosign_checkpoints_and_detect_a_split_history(open_folder: Path) -> None:
    with three_installations(open_folder) as installations:
        a, b, c = (installations[name] for name in NAMES)
        picture = open_folder / "work.jpg"
        picture.write_bytes(photograph(1))
        for installation in (a, c):
            installation.command_line.run("owner", "add", "Studio")
            installation.command_line.run("work", "add", picture)
        record, trust = open_folder / "record.zip", open_folder / "trust.json"
        a.command_line.run("trust", trust, "--cosigners", "2")

        def both_have_cosigned() -> bool:
            number = a.command_line.api("POST", "works/1/deposits")["number"]
            a.command_line.run("api", "GET", f"works/1/deposits/{number}/file", "--output", record)
            return has_both_cosigners(verify_bundle(a, [str(record)], trust))

        wait_until(both_have_cosigned, seconds=120)
        (dead,) = [
            installation
            for installation in a.command_line.api("GET", "/operator/timestamp-services")["items"]
            if installation["name"] == "d"
        ]
        assert dead["failing_since"]
        assert "did not respond" in dead["error"]
        for installation in installations.values():
            assert installation.command_line.api("POST", "/operator/partners/compare") == {"faults": {}}

        check_blind_search(a, c)

        # b visits a copy together with a; c returns statements about other captures, which are rejected
        key = load_signer(open_folder / "c" / "secrets" / "log.key")
        files, report = confirm_by_two(a, b, key, open_folder, trust)
        reply_to_notice(a)

        # an outsider looks up the work's owner; after the public page is closed, no owner is returned
        address = a.command_line.run("api", "PUT", "works/1/public", "--json", "{}").json["address"]
        assert requests.get(f"{address}work.json", timeout=10).json()["url"] == address
        identify_without_account(a, address)
        a.command_line.run("api", "DELETE", "works/1/public")
        assert requests.get(address, timeout=10).status_code == requests.codes.not_found

        # c signed another history of its log for b than the one it shows
        checkpoint = parse_note(c.checkpoint_note())
        lie = sign_note(checkpoint.origin, checkpoint.size, b"\x01" * 32, key)
        body = f"old 0\n\n{lie.note}".encode()
        answer = requests.post(f"{b.url}/witness/add-checkpoint", body, timeout=10)
        assert answer.status_code == requests.codes.ok  # b has not seen c's log yet
        for installation in (a, b):
            faults = installation.command_line.api("POST", "/operator/partners/compare")["faults"]
            assert faults == {"c": "The partner's log has signed two conflicting histories."}
            (fork,) = installation.command_line.api("GET", "/operator/forks")["forks"]
            assert lie.note in (fork["known"], fork["other"])
        again = requests.post(f"{b.url}/witness/add-checkpoint", body.replace(b"old 0", b"old 1"), timeout=10)
        assert again.status_code == requests.codes.forbidden
        assert base64.b64encode(b"\x01" * 32).decode() in lie.note
        b.command_line.api(
            "POST", "/operator/partners/c/revoke", reason="The partner's log has signed two conflicting histories."
        )
        assert requests.post(f"{b.url}/witness/add-checkpoint", body, timeout=10).status_code == 404
    wait_until(lambda: not find_processes(open_folder))

    # all are stopped: what a has handed out verifies by itself
    alone = verify_isolated(a, files, trust)
    assert (alone["verdict"], alone["checks"], alone["grades"]) == (
        report["verdict"],
        report["checks"],
        report["grades"],
    )
