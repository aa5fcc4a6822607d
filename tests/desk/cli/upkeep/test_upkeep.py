"""Commands for upkeep: people, rules, purges, indexes, figures; and wrong use of many others."""

import json
import subprocess
from pathlib import Path

from demo.pictures import textured
from tests import CHECKOUT
from tests.assets.command_line import CommandLine
from tests.assets.documented import json_keys
from tests.assets.rows import jpeg, photograph


def test_a_paused_watch_runs_again_only_when_resumed(cli: CommandLine, studio: str, folder: Path) -> None:
    own = ("--owner", studio)
    cli.run("watch", "add", "import", "--folder", folder / "works", *own)
    cli.run("watch", "pause", "import", *own)
    assert "exhibit watch resume import" in cli.run("watch", "run", "import", *own, code=2).err
    cli.run("watch", "resume", "import", *own)
    ran = cli.ask("watch", "run", "import", "--wait", *own)
    assert (ran["state"], ran["pictures"]) == ("done", 3)
    one = next(watch for watch in cli.ask("watch", "list", *own)["watches"] if watch["name"] == "import")
    assert (one["private"], one["last_crawl"]["number"]) == (True, 1)


def test_a_person_gets_a_password_that_is_shown_once(cli: CommandLine, studio: str) -> None:
    own = ("--owner", studio)
    assert "Use --generate." in cli.run("user", "add", "ann@studio.example", *own, code=2).err
    assert "isn't an e-mail address" in cli.run("user", "add", "ann", "--generate", *own, code=2).err
    shown = cli.run("user", "add", "ann@studio.example", "--generate", *own).out
    assert len(shown.splitlines()[-1].split()[-1]) >= 12
    assert cli.ask("user", "list") == {"users": [{"email": "ann@studio.example", "owner": studio, "role": "owner"}]}
    assert "bob@studio.example is reviewer" in cli.run("user", "add", "bob@studio.example", "--generate", *own).out
    assert "is owner of The Studio already" in cli.run("user", "add", "Ann@studio.example", *own).out
    assert [one["role"] for one in cli.ask("user", "list")["users"]] == ["owner", "reviewer"]


def test_rules_of_the_operator_are_kept_listed_and_taken_back(cli: CommandLine, tmp_path: Path) -> None:
    cli.run("deny", "https://Shop.Example/page", "--reason", "Asked to be left out")
    (denied,) = cli.ask("deny")["denied"]
    assert (denied["host"], denied["reason"]) == ("shop.example", "Asked to be left out")
    cli.run("allow", "shop.example")
    assert cli.ask("deny") == {"denied": []}
    assert "A reason is needed" in cli.run("deny", "shop.example", code=2).err
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(photograph(77))
    cli.run("block", picture, "--reason", "Opt-out")
    assert len(cli.ask("block")["blocked"][0]["digest"]) == 64
    assert "Add --yes." in cli.run("purge", picture, "--reason", "Order", code=2).err
    assert "neither a digest nor a file" in cli.run("purge", "nothing", "--reason", "Order", "--yes", code=2).err


def test_a_purged_work_is_gone_and_does_not_come_back(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    picture = tmp_path / "purged.jpg"
    picture.write_bytes(photograph(78))
    cli.run("work", "add", picture, "--owner", studio)
    assert "is removed" in cli.run("purge", picture, "--reason", "Order", "--yes").out
    cli.run("owner", "add", "Another")
    (failed,) = cli.ask("work", "add", picture, "--owner", "another", code=4)["failed"]
    assert failed["reason"] == "blocked"


def test_indexes_are_checked_and_made_again(cli: CommandLine, studio: str) -> None:
    cli.run("index", "rebuild")
    before = cli.ask("index", "check")["indexes"]
    assert {(one["collection"], one["behind"], tuple(one["problems"])) for one in before} == {
        ("works", 0, ()),
        ("pictures", 0, ()),
    }
    assert any(one["vectors"] for one in before)
    assert "All is well. Changes not yet in an index: 0 at most." in cli.run("index", "check").out
    damaged = next((cli.data / "indexes").glob("works-*/*.faiss"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    assert any(one["problems"] for one in cli.ask("index", "check", code=1)["indexes"])
    cli.run("index", "rebuild")
    assert [one["vectors"] for one in cli.ask("index", "check")["indexes"]] == [one["vectors"] for one in before]


def test_the_launcher_works_from_anywhere_and_through_a_link(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    link = tmp_path / "exhibit"
    link.symlink_to(CHECKOUT / "bin" / "exhibit")
    (tmp_path / "desk.py").write_text("raise SystemExit('loaded from the folder in which somebody stands')")
    command = [str(link), "owner", "list", "--json"]
    run = subprocess.run(command, cwd=tmp_path, env=cli.environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "the-studio" in run.stdout


def test_the_error_rate_is_printed_exported_and_computed_by_an_outsider(
    cli: CommandLine, studio: str, tmp_path: Path
) -> None:
    from evidence.__main__ import main

    assert "the machine said" in cli.run("accuracy").out
    assert cli.ask("accuracy")["certain"]["unknown"] == 0
    cli.run("accuracy", "export", tmp_path / "decisions.jsonl")
    cli.run("trust", tmp_path / "keys.json")
    assert main(["accuracy", str(tmp_path / "decisions.jsonl"), "--trust", str(tmp_path / "keys.json")]) == 0
    assert "can't be written" in cli.run("accuracy", "export", tmp_path / "nowhere" / "file", code=2).err


def test_calibrating_refuses_what_is_too_small_and_leaves_nothing_behind(cli: CommandLine, tmp_path: Path) -> None:
    small = [jpeg(textured(seed, (160, 120))) for seed in range(21)]
    (tmp_path / "one.jpg").write_bytes(small[1])
    assert "No folder is named" in cli.run("calibrate", code=2).err
    assert "holds 1 different photographs" in cli.run("calibrate", "--folder", tmp_path, code=2).err
    assert "1 file is too few" in cli.run("calibrate", "--folder", tmp_path, "--dry-run", code=2).err
    for number, data in enumerate(small):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    assert cli.run("calibrate", "--folder", tmp_path, "--edited", "20", "--json").answer["photographs"] == 21
    assert not (cli.data / "calibration").exists()
    cli.run("calibrate", "reset")
    assert "calibrations" in cli.run("calibrate", "show", "--json", code=None).answer


def test_what_upkeep_tells_as_json_has_the_keys_that_are_documented(cli: CommandLine, studio: str) -> None:
    assert set(cli.ask("accuracy")) == json_keys("`exhibit accuracy`")
    for command, name in ((("index", "stats"), "index"), (("model", "list"), "model")):
        rows = cli.ask(*command)[{"index": "indexes", "model": "models"}[name]]
        assert {frozenset(row) for row in rows} == {frozenset(json_keys(name))}
    assert set(stats := cli.ask("index", "stats")) == json_keys("`exhibit index stats`")
    assert stats["each_work"]["features"] > 10_000
    shown = cli.run("calibrate", "show", "--json", code=None).answer
    assert set(shown) == json_keys("`exhibit calibrate show`")
    assert {frozenset(row) for row in shown["calibrations"]} <= {frozenset(json_keys("calibration"))}


def test_commands_for_which_there_is_nothing_to_do_say_so(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    own, pictures = ("--owner", studio), (tmp_path / "missing.jpg", tmp_path / "plain.jpg")
    cli.run("watch", "add", "quiet", "--site", "http://127.0.0.9/", *own)
    assert "Nothing to change is named." in cli.run("watch", "edit", "quiet", *own, code=2).err
    cli.run("watch", "edit", "quiet", "--depth", "0", *own)
    assert "There is no search 'nosuch'." in cli.run("search", "forget", "nosuch", *own, code=2).err
    pictures[1].write_bytes(photograph(77))
    ran = cli.run("identify", *pictures, *own, code=2)
    assert ran.out.startswith(f"{pictures[1]}: no registered work")
    assert "missing.jpg: It isn't a file." in ran.err


def test_files_are_named_that_were_written_or_could_not_be_read(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    assert cli.run("key", "export", keys).out == f"Written to {keys}.\n"
    assert json.loads(cli.run("key", "export", "-").out) == json.loads(keys.read_text())
    assert "keys.json isn't a signed note" in cli.run("log", "check-against", keys, code=2).err
