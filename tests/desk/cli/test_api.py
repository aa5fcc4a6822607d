"""Test `exhibit api`: any operation of the API, as the operator or as a member."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from desk.cli.api import OPERATIONS, load_operations
from desk.cli.common.context import get_actor_name
from desk.cli.main import exhibit
from registry.models import Bundle, Case, LogSubmission, Membership, Owner, Role, User
from tests.assets.command_line import Terminal
from tests.assets.rows import create_case, owner, photograph, recompress, register
from tools.operations import format_table


@pytest.fixture
def case(cli: Terminal, studio: str) -> Case:
    return create_case(cli.desk.services, Owner.objects.get())


@pytest.fixture
def bob(studio: str) -> str:
    user = User.objects.create_user(username="bob@example.org", email="bob@example.org")
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.VIEWER)
    return user.email


def complete_arguments(*arguments: str, incomplete: str) -> list[str]:
    completions = ShellComplete(exhibit, {}, "exhibit", "_EXHIBIT_COMPLETE").get_completions(
        list(arguments), incomplete
    )
    return [completion.value for completion in completions]


def test_object_is_printed_as_json_for_both_path_forms(cli: Terminal, case: Case) -> None:
    answer = cli.run("api", "GET", "cases/1").json
    assert (answer["number"], answer["site"], answer["decision"]) == (1, case.party, "open")
    for path in ("/owners/the-studio/cases/1", "/api/v1/owners/the-studio/cases/1"):
        assert cli.run("api", "get", path).json == answer
    assert cli.run("api", "GET", "/owners").json["items"][0]["owner"] == "the-studio"
    cli.run("api", "GET", "cases/7", code=2)


def test_list_is_fetched_by_page_or_completely(cli: Terminal, studio: str) -> None:
    for seed in range(3):
        register(cli.desk.services, Owner.objects.get(), photograph(seed))
    piece = cli.run("api", "GET", "works?limit=2").json
    assert ([item["number"] for item in piece["items"]], piece["next"]) == ([1, 2], "after-2")
    rest = cli.run("api", "GET", "works", "--field", "limit=2", "--field", "cursor=after-2").json
    assert ([item["number"] for item in rest["items"]], rest["next"]) == ([3], None)
    lines = cli.run("api", "GET", "works", "--field", "limit=2", "--all").out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3]
    assert "--all" in cli.run("api", "GET", "works/1", "--all", code=2).err
    assert "'lmit'" in cli.run("api", "GET", "works?lmit=2", code=2).err


def test_site_list_is_fetched_completely(cli: Terminal, case: Case) -> None:
    (line,) = cli.run("api", "GET", "sites", "--all", "--field", "limit=1").out.splitlines()
    assert json.loads(line)["site"] == case.party


def test_actions_are_recorded_under_the_command_line_user(cli: Terminal, case: Case, folder: Path) -> None:
    cli.run("api", "POST", "cases/1/notes", "--field", "text=Ask the gallery first.")
    (folder / "note.json").write_text('{"text": "They called."}')
    cli.run("api", "POST", "cases/1/notes", "--json", f"@{folder / 'note.json'}")
    cli.run("api", "POST", "cases/1/notes", "--json", "-", stdin='{"text": "Twice."}')
    history = json.dumps(cli.api("GET", "cases/1")["history"])
    assert [note in history for note in ("Ask the gallery first.", "They called.", "Twice.")] == [True] * 3
    assert history.count("(command line)") >= 3
    result = cli.run("api", "POST", "cases/1/decisions", "--json", '{"decision": "dismissed", "reason": "Ours."}')
    assert "exhibit up" in result.err
    assert cli.run("api", "POST", "cases/1/undo").json["decision"] == "open"


def test_repeated_field_becomes_a_list(cli: Terminal, studio: str) -> None:
    kinds = ["--field", "events=case.opened", "--field", "events=case.decided"]
    answer = cli.run("api", "POST", "webhooks", "--field", "url=https://hooks.example/in", *kinds).json
    assert cli.run("api", "GET", f"webhooks/{answer['number']}").json["events"] == ["case.opened", "case.decided"]


def test_json_field_accepts_numbers_and_booleans(cli: Terminal, case: Case) -> None:
    limits = ("--field", "pages=200", "--field", "delay=1.5")
    watch = ("POST", "watches", "--json", '{"name": "shop", "sources": [{"url": "https://shop.example/"}]}')
    cli.run("api", *watch)
    data = cli.run("api", "PATCH", "watches/1", *limits).json
    assert data["budget"]["pages"] == 200
    decision_options = (
        "--field",
        "cases=1",
        "--field",
        "cases=1",
        "--field",
        "decision=dismissed",
        "--field",
        "is_copy=true",
    )
    assert cli.run("api", "POST", "cases/decisions", *decision_options).json["outcomes"][0]["applied"]
    cli.run("api", "POST", "cases/1/notes", "--field", "text=42")
    assert '"42"' in json.dumps(cli.api("GET", "cases/1")["history"]), "a text stays one"
    output = cli.run("api", "PATCH", "watches/1", "--field", "pages=many", "--field", "newest_first=yes", code=2).err
    assert all(field in output for field in ("body/new/pages", "body/new/newest_first"))


def test_invalid_request_exits_with_2_and_reports_the_field(cli: Terminal, case: Case) -> None:
    result = cli.run("api", "POST", "cases/1/notes", code=2)
    assert (result.out, "body/new/text" in result.err) == ("", True)
    for arguments, expected in (
        (("POST", "cases/1/notes", "--json", "{"), "--field"),
        (("POST", "cases/1/notes", "--json", "@nowhere.json"), "nowhere.json"),
        (("POST", "cases/1/notes", "--field", "words"), "NAME=VALUE"),
        (("POST", "cases/1/notes", "--file", "a.jpg"), "exhibit api --list 'POST cases/{number}/notes'"),
        (("GET", "cases/1", "--json", "{}"), "exhibit api --list 'GET cases/{number}'"),
        (("POST", "works", "--file", OPERATIONS, "--file", OPERATIONS), "'file'"),
        (("POST", "works", "--file", "nowhere.jpg"), "nowhere.jpg"),
        (("GET",), "exhibit api --list GET"),
        (("GET", "cases/one"), "cases/{number}"),
    ):
        assert expected in cli.run("api", *arguments, code=2).err


def test_file_is_uploaded(cli: Terminal, studio: str, folder: Path) -> None:
    picture = folder / "harbour.jpg"
    picture.write_bytes(photograph(1))
    answer = cli.run("api", "POST", "works", "--file", picture, "--field", "title=Harbour").json
    assert (answer["title"], answer["file"]) == ("Harbour", "harbour.jpg")
    (folder / "found.jpg").write_bytes(recompress(photograph(1)))
    result = cli.run("api", "POST", "identify", "--file", f"file={folder / 'found.jpg'}").json
    assert [work["number"] for work in result["works"]] == [1]


@pytest.mark.long
def test_file_is_downloaded_and_logged(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    to = folder / "bundle.zip"
    assert cli.run("api", "GET", "cases/1/bundles/1/file", "--output", to).out == ""
    assert json.loads(cli.run("verify", to, "--json", code=None).out)["bundles"][0]["checks"]
    papers = ("cases/1/bundles/1/file", "cases/1/bundles/1/signed-sheet")
    cli.run("api", "GET", *papers, "--output", f"{folder / 'all'}/")
    assert sorted(path.suffix for path in (folder / "all").iterdir()) == [".pdf", ".zip"]
    cli.run("api", "GET", *papers, code=2)
    opening = LogSubmission.objects.filter(type="access").earliest("pk").opening
    assert opening.details is not None
    assert (opening.content["what"], opening.details["by"]) == ("bundle", get_actor_name())
    money = cli.run("api", "GET", "demands/ledger").out
    assert money.startswith("\ufeffdemand,")


@pytest.mark.long
def test_data_of_other_owner_is_not_found(cli: Terminal, case: Case, bob: str) -> None:
    register(cli.desk.services, owner("agency"), photograph(5))
    assert cli.run("api", "GET", "works", "--owner", "agency").json["items"][0]["number"] == 1
    assert "--owner" in cli.run("api", "GET", "works", code=2).err
    for options in (("--as", bob), ("--owner", "the-studio")):
        cli.run("api", "GET", "/owners/agency/works", *options, code=2)
        assert [item["owner"] for item in cli.run("api", "GET", "/owners", *options).json["items"]] == ["the-studio"]


@pytest.mark.long
def test_member_permissions_follow_the_role(cli: Terminal, case: Case, bob: str) -> None:
    assert cli.run("api", "GET", "cases/1", "--as", bob).json["number"] == 1
    note = ("POST", "cases/1/notes", "--field", "text=So?", "--as", bob)
    assert "decide" in cli.run("api", *note, code=2).err
    Membership.objects.update(role=Role.REVIEWER)
    cli.run("api", *note)
    assert f"{bob} (command line)" in json.dumps(cli.api("GET", "cases/1")["history"])
    assert "nobody@example.org" in cli.run("api", "GET", "cases", "--as", "nobody@example.org", code=2).err


def test_unknown_path_suggests_similar_paths(cli: Terminal) -> None:
    for path, near in (("case/3", "cases/{number}"), ("sitess", "sites"), ("/log/chekpoint", "/log/checkpoint")):
        assert near in cli.run("api", "GET", path, code=2).err
    for method, path in (("DELETE", "cases/3"), ("GETT", "cases")):
        assert "GET" in cli.run("api", method, path, code=2).err.replace(method, "")


def test_operations_are_listed_completely_or_by_word(cli: Terminal) -> None:
    lines = cli.run("api").out.splitlines()
    assert len(lines) == len(load_operations()) + 1
    assert cli.run("api", "--list").out.splitlines() == lines
    few = cli.run("api", "--list", "post webhooks").out.splitlines()
    assert few[0] == "POST webhooks"
    assert "  --field url, events" in few
    assert "  --file file" in cli.run("api", "--list", "POST works").out.splitlines()
    assert "exhibit api --list" in cli.run("api", "--list", "xyzzy").out


def test_shell_completes_methods_and_paths() -> None:
    assert complete_arguments("api", incomplete="P") == ["POST", "PUT", "PATCH"]
    assert complete_arguments("api", "GET", incomplete="site") == ["sites", "sites/{site}"]
    assert complete_arguments("api", "POST", incomplete="cases/5/no") == ["cases/5/notes"]
    assert complete_arguments("api", "GET", incomplete="/log/ch") == ["/log/checkpoint"]


def test_command_list_of_operations_matches_the_api() -> None:
    assert OPERATIONS.read_text("utf-8") == format_table(), "run python -m tools.operations"
