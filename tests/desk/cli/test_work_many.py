"""`exhibit work change` and what goes with it: many works at once, undone as one, and collections."""

import pytest

from desk.cli.work import ONLY
from registry import scoped
from registry.cases.work_search import Only
from registry.models import Owner, Work
from registry.works import bulk
from registry.works.collections import make_collection
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph, register
from workers.tasks.sync_runner import SyncRunner


def three(inline: SyncRunner, studio: str) -> Owner:
    of = Owner.objects.get(slug=studio)
    for number, title in enumerate(("Harbour", "Tower", "Harbour at dawn"), 1):
        register(inline.services, of, photograph(number), title)
    return of


def test_works_are_changed_by_number_or_by_what_finds_them_and_that_is_undone(
    cli: Terminal, studio: str, inline: SyncRunner
) -> None:
    of = three(inline, studio)
    said = cli.run("work", "change", "1", "2", "--set", "rights=© Ann Lee", "--reason", "All hers.").out
    assert said == "Change 1: 2 works changed of 2. Rights: “© Ann Lee”.\n"
    assert scoped.work(of, 2).changes.get().reason == "All hers."
    told = cli.ask("work", "change", "--match", "harbour", "--set", "author=Ann Lee")
    assert (told["changed"], told["state"], told["sentence"]) == (2, "done", "Author: “Ann Lee”")
    assert list(scoped.works(of).values_list("author", flat=True)) == ["Ann Lee", "", "Ann Lee"]
    assert cli.ask("work", "undo", "2")["undoes"] == 2
    assert not Work.objects.exclude(author="").exists()
    assert "can't be undone" in cli.run("work", "undo", "2", code=2).err


def test_collections_are_filled_listed_renamed_and_removed(cli: Terminal, studio: str, inline: SyncRunner) -> None:
    three(inline, studio)
    cli.run("work", "change", "--match", "harbour", "--put", "Harbours")
    (row,) = cli.run("api", "GET", "collections").answer["items"]
    assert (row["name"], row["works"]) == ("Harbours", 2)
    assert [work["number"] for work in cli.ask("work", "list", "--in", "Harbours", "--sort", "newest")["works"]] == [
        3,
        1,
    ]
    titles = [work["title"] for work in cli.ask("work", "list", "--sort", "title")["works"]]
    assert titles == ["Harbour", "Harbour at dawn", "Tower"]
    assert cli.ask("work", "show", "3")["collections"] == ["Harbours"]
    cli.run("work", "change", "--in", "Harbours", "--match", "dawn", "--take", "Harbours")
    cli.run("api", "PATCH", "collections/1", "--field", "name=Ports")
    assert "There is no collection" in cli.run("work", "list", "--in", "Harbours", code=2).err
    assert cli.run("api", "DELETE", "collections/1").out == ""
    assert cli.run("api", "GET", "collections").answer["items"] == []
    assert len(cli.ask("work", "list")["works"]) == 3


def test_many_works_are_worked_off_by_the_command_itself(
    cli: Terminal, studio: str, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(inline, studio)
    monkeypatch.setattr(bulk, "PORTION", 2)
    told = cli.ask("work", "change", "--all", "--set", "credit=Lee")
    assert (told["changed"], told["state"]) == (3, "done")


def test_what_is_unclear_changes_nothing(cli: Terminal, studio: str, inline: SyncRunner) -> None:
    of = three(inline, studio)
    for given in (["1"], ["--set", "author=X"], ["1", "--all", "--put", "A"], ["1", "--set", "title=X"],
                  ["1", "--put", "A", "--take", "A"], ["1", "--take", "Nowhere"]):  # fmt: skip
        cli.run("work", "change", *given, code=2)
    assert not of.bulk_edits.exists()


def test_each_option_narrows_what_is_found(cli: Terminal, studio: str, inline: SyncRunner) -> None:
    of = Owner.objects.get(slug=studio)
    works = [register(inline.services, of, photograph(n), title).work for n, title in enumerate(("Port", "Tower"))]
    make_collection(of, "Harbours", by="Ann").works.set(works[:1])

    def found(*given: str) -> list[object]:
        return [work["number"] for work in cli.ask("work", "list", *given)["works"]]

    assert found() == found("--only", "authorless") == [1, 2]
    assert found("--match", "tow") == [2]
    assert found("--in", "Harbours") == [1]
    assert found("--only", "seen") == []
    assert tuple(Only) == ONLY
