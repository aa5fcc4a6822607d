"""What the operator rules: hosts never visited, bytes never stored, pictures purged or kept."""

from hashlib import sha256
from pathlib import Path

import pytest

from desk.cli.main import main
from desk.cli.rules import digest_meant, host_meant, need_reason
from exhibit.digests import Digest
from exhibit.errors import ExitCode, WrongUseError
from registry.matches.match import match_pictures
from registry.models import Owner
from registry.retention.reported import report_picture
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, copy_of, found_case, owner, photograph, register


@pytest.mark.parametrize("command", ["block", "keep", "purge"])
def test_a_file_that_cannot_be_read_is_the_callers(capsys: pytest.CaptureFixture[str], command: str) -> None:
    for path, why in (("/proc/self/mem", "Input/output error"), ("x" * 300, "File name too long")):
        assert main([command, path, "--reason", "Order"]) == ExitCode.WRONG_USE
        assert capsys.readouterr().err == f"{path} can't be read: {why}.\n"


def test_bytes_are_named_by_their_digest_or_by_a_file_and_hosts_by_an_address_too(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"bytes")
    digest = sha256(b"bytes").hexdigest()
    assert digest_meant(str(tmp_path / "picture")).hex == digest_meant(digest).hex == digest
    assert host_meant("https://Shop.Example/page") == host_meant("shop.example") == "shop.example"
    for wrong in (
        lambda: digest_meant("nothing"),
        lambda: host_meant("no host"),
        lambda: need_reason("a.example", " "),
    ):
        with pytest.raises(WrongUseError) as refused:
            wrong()
        assert refused.value.hint


def test_a_host_is_denied_with_a_reason_and_listed(cli: Terminal) -> None:
    assert cli.run("deny").out == "Nothing is denied.\n"
    assert "A reason is needed" in cli.run("deny", "shop.example", code=2).err
    said = cli.run("deny", "https://Shop.Example/page", "--reason", "Asked to be left out").out
    assert said == "shop.example and the hosts below it aren't visited any more.\n"
    (denied,) = cli.ask("deny")["denied"]
    assert (denied["host"], denied["reason"]) == ("shop.example", "Asked to be left out")
    line = cli.run("deny").out.splitlines()[1]
    assert line.startswith("shop.example  ")
    assert line.endswith("Asked to be left out")


def test_a_denial_is_taken_back(cli: Terminal) -> None:
    cli.run("deny", "shop.example", "--reason", "Asked to be left out")
    assert cli.run("allow", "Shop.example").out == "shop.example may be visited again.\n"
    assert cli.ask("deny") == {"denied": []}
    assert "isn't a host" in cli.run("allow", "no host", code=2).err


def test_bytes_are_blocked_once_and_not_registered_any_more(cli: Terminal, studio: str, folder: Path) -> None:
    assert cli.run("block").out == "Nothing is blocked.\n"
    picture = folder / "picture.jpg"
    picture.write_bytes(photograph(77))
    assert "A reason is needed" in cli.run("block", picture, code=2).err
    digest = Digest.of(picture.read_bytes()).hex
    assert cli.run("block", picture, "--reason", "Opt-out").out == f"{digest} is blocked.\n"
    assert cli.run("block", digest, "--reason", "Again").out == f"{digest} is blocked already.\n"
    (blocked,) = cli.ask("block")["blocked"]
    assert (blocked["digest"], blocked["reason"]) == (digest, "Opt-out")
    (failed,) = cli.ask("work", "add", picture, code=4)["failed"]
    assert failed["reason"] == "blocked"


@pytest.mark.long
def test_a_reported_picture_may_stay_and_is_seen_again(cli: Terminal, studio: str) -> None:
    assert "No member reported" in cli.run("keep", "0" * 64, "--reason", "no", code=2).err
    case = found_case(cli.desk.services, Owner.objects.get())
    rival = owner("rival")  # with a case of somebody else it isn't purged at once
    register(cli.desk.services, rival, photograph(1))
    planned, epoch = claimed_slice(rival, "other")
    match_pictures(cli.desk.services, bring(cli.desk.services, planned, epoch, [copy_of(photograph(1))]))
    report_picture(cli.desk.services, case, by="Ann", reason="It shows a child.")
    digest = Digest.of(copy_of(photograph(1))).hex
    assert cli.run("keep", digest, "--reason", "A portrait").out == f"{digest} stays; 1 owner sees it again.\n"


@pytest.mark.long
def test_a_purged_work_is_gone_and_does_not_come_back(cli: Terminal, studio: str, folder: Path) -> None:
    picture = folder / "purged.jpg"
    picture.write_bytes(photograph(78))
    cli.run("work", "add", picture, "--owner", studio)
    assert "Add --yes." in cli.run("purge", picture, "--reason", "Order", code=2).err
    assert Digest.of(photograph(78)) in cli.desk.services.blobs
    assert "is removed" in cli.run("purge", picture, "--reason", "Order", "--yes").out
    assert Digest.of(photograph(78)) not in cli.desk.services.blobs
    assert "is not here, and blocked" in cli.run("purge", "0" * 64, "--reason", "Order", "--yes").out
    assert "neither a digest nor a file" in cli.run("purge", "nothing", "--reason", "Order", "--yes", code=2).err
    cli.run("owner", "add", "Another")
    (failed,) = cli.ask("work", "add", picture, "--owner", "another", code=4)["failed"]
    assert failed["reason"] == "blocked"
