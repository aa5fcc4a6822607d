"""Test `exhibit api`: any operation of the API, as the operator or as a member."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from desk.cli.api import OPERATIONS, operations
from desk.cli.common.frame import person
from desk.cli.main import exhibit
from registry.models import Bundle, Case, LogSubmission, Membership, Owner, Role, User
from tests.assets.command_line import Terminal
from tests.assets.rows import copy_of, found_case, owner, photograph, register
from tools.operations import text


@pytest.fixture
def case(cli: Terminal, studio: str) -> Case:
    return found_case(cli.desk.services, Owner.objects.get())


@pytest.fixture
def bob(studio: str) -> str:
    user = User.objects.create_user(username="bob@example.org", email="bob@example.org")
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.VIEWER)
    return user.email


def completed(*words: str, begun: str) -> list[str]:
    found = ShellComplete(exhibit, {}, "exhibit", "_EXHIBIT_COMPLETE").get_completions(list(words), begun)
    return [one.value for one in found]


def test_a_thing_is_printed_as_json_by_either_form_of_its_path(cli: Terminal, case: Case) -> None:
    shown = cli.run("api", "GET", "cases/1").answer
    assert (shown["number"], shown["site"], shown["decision"]) == (1, case.party, "open")
    for path in ("/owners/the-studio/cases/1", "/api/v1/owners/the-studio/cases/1"):
        assert cli.run("api", "get", path).answer == shown
    assert cli.run("api", "GET", "/owners").answer["items"][0]["owner"] == "the-studio"
    cli.run("api", "GET", "cases/7", code=2)


def test_a_list_is_asked_in_pieces_or_to_its_end(cli: Terminal, studio: str) -> None:
    for seed in range(3):
        register(cli.desk.services, Owner.objects.get(), photograph(seed))
    piece = cli.run("api", "GET", "works?limit=2").answer
    assert ([one["number"] for one in piece["items"]], piece["next"]) == ([1, 2], "after-2")
    rest = cli.run("api", "GET", "works", "--field", "limit=2", "--field", "cursor=after-2").answer
    assert ([one["number"] for one in rest["items"]], rest["next"]) == ([3], None)
    lines = cli.run("api", "GET", "works", "--field", "limit=2", "--all").out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3]
    assert "--all" in cli.run("api", "GET", "works/1", "--all", code=2).err
    assert "'lmit'" in cli.run("api", "GET", "works?lmit=2", code=2).err


def test_parties_are_followed_to_their_end_too(cli: Terminal, case: Case) -> None:
    (line,) = cli.run("api", "GET", "sites", "--all", "--field", "limit=1").out.splitlines()
    assert json.loads(line)["site"] == case.party


def test_what_is_sent_is_done_in_the_name_of_whoever_types_it(cli: Terminal, case: Case, folder: Path) -> None:
    cli.run("api", "POST", "cases/1/notes", "--field", "text=Ask the gallery first.")
    (folder / "note.json").write_text('{"text": "They called."}')
    cli.run("api", "POST", "cases/1/notes", "--json", f"@{folder / 'note.json'}")
    cli.run("api", "POST", "cases/1/notes", "--json", "-", told='{"text": "Twice."}')
    told = json.dumps(cli.api("GET", "cases/1")["history"])
    assert [words in told for words in ("Ask the gallery first.", "They called.", "Twice.")] == [True] * 3
    assert told.count("(command line)") >= 3
    ran = cli.run("api", "POST", "cases/1/decisions", "--json", '{"decision": "cleared", "reason": "Ours."}')
    assert "exhibit up" in ran.err
    assert cli.run("api", "POST", "cases/1/undo").answer["decision"] == "open"


def test_a_field_that_is_repeated_is_a_list(cli: Terminal, studio: str) -> None:
    kinds = ["--field", "events=case.opened", "--field", "events=case.decided"]
    made = cli.run("api", "POST", "webhooks", "--field", "url=https://hooks.example/in", *kinds).answer
    assert cli.run("api", "GET", f"webhooks/{made['number']}").answer["events"] == ["case.opened", "case.decided"]


def test_a_field_of_json_is_a_number_or_a_truth_value_where_it_takes_one(cli: Terminal, case: Case) -> None:
    limits = ("--field", "pages=200", "--field", "delay=1.5")
    watch = ("POST", "watches", "--json", '{"name": "shop", "sources": [{"url": "https://shop.example/"}]}')
    cli.run("api", *watch)
    changed = cli.run("api", "PATCH", "watches/1", *limits).answer
    assert changed["budget"]["pages"] == 200
    decided = ("--field", "cases=1", "--field", "cases=1", "--field", "decision=cleared", "--field", "is_copy=true")
    assert cli.run("api", "POST", "cases/decisions", *decided).answer["outcomes"][0]["applied"]
    cli.run("api", "POST", "cases/1/notes", "--field", "text=42")
    assert '"42"' in json.dumps(cli.api("GET", "cases/1")["history"]), "a text stays one"
    wrong = cli.run("api", "PATCH", "watches/1", "--field", "pages=many", "--field", "newest_first=yes", code=2).err
    assert all(field in wrong for field in ("body/new/pages", "body/new/newest_first"))


def test_a_request_that_is_wrong_ends_with_2_and_says_where(cli: Terminal, case: Case) -> None:
    wrong = cli.run("api", "POST", "cases/1/notes", code=2)
    assert (wrong.out, "body/new/text" in wrong.err) == ("", True)
    for words, said in (
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
        assert said in cli.run("api", *words, code=2).err


def test_a_file_goes_up(cli: Terminal, studio: str, folder: Path) -> None:
    picture = folder / "harbour.jpg"
    picture.write_bytes(photograph(1))
    made = cli.run("api", "POST", "works", "--file", picture, "--field", "title=Harbour").answer
    assert (made["title"], made["file"]) == ("Harbour", "harbour.jpg")
    (folder / "found.jpg").write_bytes(copy_of(photograph(1)))
    found = cli.run("api", "POST", "identify", "--file", f"file={folder / 'found.jpg'}").answer
    assert [one["number"] for one in found["works"]] == [1]


@pytest.mark.long
def test_a_file_comes_down_and_that_is_in_the_log(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    to = folder / "bundle.zip"
    assert cli.run("api", "GET", "cases/1/bundles/1/file", "--output", to).out == ""
    assert json.loads(cli.run("verify", to, "--json", code=None).out)["bundles"][0]["checks"]
    papers = ("cases/1/bundles/1/file", "cases/1/bundles/1/signed-sheet")
    cli.run("api", "GET", *papers, "--output", f"{folder / 'all'}/")
    assert sorted(path.suffix for path in (folder / "all").iterdir()) == [".pdf", ".zip"]
    cli.run("api", "GET", *papers, code=2)
    taken = LogSubmission.objects.filter(type="access").earliest("pk").opening
    assert taken.details is not None
    assert (taken.content["what"], taken.details["by"]) == ("bundle", person())
    money = cli.run("api", "GET", "demands/ledger").out
    assert money.startswith("\ufeffdemand,")


@pytest.mark.long
def test_what_is_another_owners_is_not_there(cli: Terminal, case: Case, bob: str) -> None:
    register(cli.desk.services, owner("agency"), photograph(5))
    assert cli.run("api", "GET", "works", "--owner", "agency").answer["items"][0]["number"] == 1
    assert "--owner" in cli.run("api", "GET", "works", code=2).err
    for given in (("--as", bob), ("--owner", "the-studio")):
        cli.run("api", "GET", "/owners/agency/works", *given, code=2)
        assert [one["owner"] for one in cli.run("api", "GET", "/owners", *given).answer["items"]] == ["the-studio"]


@pytest.mark.long
def test_a_member_may_what_the_role_permits(cli: Terminal, case: Case, bob: str) -> None:
    assert cli.run("api", "GET", "cases/1", "--as", bob).answer["number"] == 1
    note = ("POST", "cases/1/notes", "--field", "text=So?", "--as", bob)
    assert "decide" in cli.run("api", *note, code=2).err
    Membership.objects.update(role=Role.REVIEWER)
    cli.run("api", *note)
    assert f"{bob} (command line)" in json.dumps(cli.api("GET", "cases/1")["history"])
    assert "nobody@example.org" in cli.run("api", "GET", "cases", "--as", "nobody@example.org", code=2).err


def test_a_path_that_is_not_there_names_those_that_come_near(cli: Terminal) -> None:
    for path, near in (("case/3", "cases/{number}"), ("sitess", "sites"), ("/log/chekpoint", "/log/checkpoint")):
        assert near in cli.run("api", "GET", path, code=2).err
    for method, path in (("DELETE", "cases/3"), ("GETT", "cases")):
        assert "GET" in cli.run("api", method, path, code=2).err.replace(method, "")


def test_operations_are_listed_whole_or_by_a_word(cli: Terminal) -> None:
    whole = cli.run("api").out.splitlines()
    assert len(whole) == len(operations()) + 1
    assert cli.run("api", "--list").out.splitlines() == whole
    few = cli.run("api", "--list", "post webhooks").out.splitlines()
    assert few[0] == "POST webhooks"
    assert "  --field url, events" in few
    assert "  --file file" in cli.run("api", "--list", "POST works").out.splitlines()
    assert "exhibit api --list" in cli.run("api", "--list", "xyzzy").out


def test_the_shell_completes_methods_and_paths() -> None:
    assert completed("api", begun="P") == ["POST", "PUT", "PATCH"]
    assert completed("api", "GET", begun="site") == ["sites", "sites/{site}"]
    assert completed("api", "POST", begun="cases/5/no") == ["cases/5/notes"]
    assert completed("api", "GET", begun="/log/ch") == ["/log/checkpoint"]


def test_what_it_knows_of_the_api_is_what_the_api_says() -> None:
    assert OPERATIONS.read_text("utf-8") == text(), "run python -m tools.operations"
