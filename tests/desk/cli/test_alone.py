"""The command line where no servers run for it: those that it starts itself, and commands that need none."""

from pathlib import Path

from tests.assets.command_line import CommandLine
from tests.assets.processes import free_port, processes_of, wait_until
from tests.assets.rows import copy_of, photograph
from tests.assets.shop import LOOPBACK, Shop
from workers.pipeline.steps import with_rows


def test_a_command_starts_servers_for_its_own_length_and_leaves_nothing_behind(open_folder: Path) -> None:
    alone = CommandLine(open_folder / "data")
    assert alone.run("owner", "list").out.startswith("There is no owner yet. Add one: exhibit owner add")
    assert "There is no owner yet." in alone.run("work", "list", code=2).err
    wait_until(lambda: not processes_of(open_folder))


def test_without_anything_running_status_and_down_say_so(open_folder: Path) -> None:
    alone = CommandLine(open_folder / "data")
    assert "isn't running" in alone.run("down", code=3).err
    status = alone.run("status", "--json", code=3).answer
    assert (status["running"], status["site"], status["processes"]) == (False, None, {})


def test_with_workers_running_they_do_what_commands_wait_for(open_folder: Path, shop: Shop) -> None:
    settings = {"EXHIBIT_ALLOWED_NETWORKS": LOOPBACK, "EXHIBIT_WEB_PORT": str(free_port()), "EXHIBIT_WORKERS": "1"}
    run = CommandLine(open_folder / "data", settings)
    (open_folder / "one.jpg").write_bytes(photograph(1))
    try:
        assert "Exhibit runs: http://127.0.0.1:" in run.run("up", "--detach").out
        assert "runs already" in run.run("up", "--detach").out
        assert "Stop it with `exhibit down`." in run.run("up", code=2).err
        status = run.ask("status")
        assert (status["running"], set(status["waiting"])) == (True, {step.name for step in with_rows()})
        run.run("owner", "add", "Studio")
        run.run("work", "add", open_folder / "one.jpg")
        run.run("watch", "add", "shop", "--site", shop.url(), "--delay", "0")
        assert run.ask("watch", "run", "shop", "--wait")["cases"] == 1
        run.run("case", "confirm", "1", "--wait")
        assert len(run.ask("report", "make", "--out", open_folder / "out")["files"]) >= 3
    finally:
        stopped = run.run("down", code=None)
    assert (stopped.code, stopped.out) == (0, "Stopped.\n")
    wait_until(lambda: not processes_of(open_folder))


def test_verify_names_what_is_broken_and_needs_no_data_folder(tmp_path: Path) -> None:
    alone = CommandLine(tmp_path / "nowhere")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    text = tmp_path / "text.zip"
    text.write_text("no bundle")
    missing = tmp_path / "missing.zip"
    for path in (text, missing):
        assert alone.ask("verify", path, code=2)["bundles"][0]["verdict"] == "no-bundle"
    several = alone.ask("verify", broken, text, code=1)["bundles"]
    assert [one["verdict"] for one in several] == ["failed", "no-bundle"]
    assert "broken.zip" in alone.run("verify", broken, text, code=1).out
    assert "missing.json" in alone.run("verify", broken, "--trust", tmp_path / "missing.json", code=2).err
    assert not alone.data.exists()


def test_compare_needs_no_server_and_draws(tmp_path: Path) -> None:
    alone = CommandLine(tmp_path / "nowhere")
    work, copy, other = (tmp_path / name for name in ("work.jpg", "copy.jpg", "other.jpg"))
    work.write_bytes(photograph(1))
    copy.write_bytes(copy_of(photograph(1)))
    other.write_bytes(photograph(2))
    drawings = ("--overlay", tmp_path / "over.png", "--difference", tmp_path / "difference.jpg")
    answer = alone.ask("compare", work, copy, *drawings)
    assert answer["decision"] == "certain"
    assert 0.5 < answer["probability"] < 1
    assert len(answer["calibration"]) == 64
    assert (tmp_path / "over.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "difference.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "over.gif ends neither" in alone.run("compare", work, copy, "--overlay", "over.gif", code=2).err
    assert alone.ask("compare", work, other)["decision"] == "none"
    other.write_bytes(b"no picture")
    assert "aren't a picture" in alone.run("compare", work, other, code=2).err
    assert not alone.data.exists()
