"""Test the output and exit codes of `exhibit blobs move`."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from exhibit.files.blobs import get_blob_store
from exhibit.files.locks import FileLock
from tests.assets.command_line import Terminal
from workers.servers.embedded import lock_folder
from workers.tasks.supervisor import RunningStatus


def test_blobs_move_reports_the_setting_to_change_and_the_files_left(cli: Terminal, tmp_path: Path) -> None:
    url, blobs = (tmp_path / "there").as_uri(), get_blob_store(cli.data)
    digest = blobs.put(b"one more")
    blobs.put(b"and another")
    count = len(list(blobs))
    result = cli.run("blobs", "move", "--to", url)
    assert f"{count} files" in result.out
    assert f"set EXHIBIT_BLOBS_URL={url}" in result.out
    data = cli.run_json("blobs", "move", "--to", url)
    assert data == {"files": count, "copied": 0, "size": 0, "damaged": [], "running": False}
    second_result = cli.run("blobs", "move", "--from", url, "--to", "data-folder")
    assert "unset EXHIBIT_BLOBS_URL" in second_result.out
    blobs.get_path(digest).chmod(0o600)
    blobs.get_path(digest).write_bytes(b"changed")
    cli.run("blobs", "move", "--to", url)  # it is complete there
    (tmp_path / "there" / "blobs" / digest.hex[:2] / digest.hex[2:4] / digest.hex).unlink()
    assert str(digest) in cli.run("blobs", "move", "--to", url, code=1).out


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("data-folder", "--to"),
        ("file://{data}", "already"),
        ("file://{data}/blobs", "cannot contain each other"),
        ("file://{data}/blobs/ab", "cannot contain each other"),
        ("file://{data}/linked", "cannot contain each other"),
        ("/mnt/exhibit", "must be a URL that starts with s3: or gs: or az: or file:"),
        ("s3://key:secret@bucket/x", "must contain a bucket"),
        ("file://mnt/exhibit", "contains no folder"),
    ],
)
def test_invalid_targets_are_rejected(cli: Terminal, to: str, message: str) -> None:
    blobs = get_blob_store(cli.data)
    (cli.data / "linked").symlink_to(blobs.root)
    before = sorted(blobs.root.rglob("*"))
    result = cli.run("blobs", "move", "--to", to.format(data=cli.data), code=2)
    assert sorted(blobs.root.rglob("*")) == before
    assert (message in result.err, result.out) == (True, ""), result


def test_target_that_contains_the_source_is_rejected(cli: Terminal, tmp_path: Path) -> None:
    inner, outer = (tmp_path / "outer" / "blobs").as_uri(), (tmp_path / "outer").as_uri()
    cli.run("blobs", "move", "--to", inner)
    result = cli.run("blobs", "move", "--from", inner, "--to", outer, code=2)
    assert result.err


def test_blobs_move_exits_as_incomplete_while_exhibit_is_running(cli: Terminal, tmp_path: Path) -> None:
    run = lock_folder(cli.desk.config)
    supervisor = FileLock(run / "supervisor.lock")
    assert supervisor.acquire()
    (run / "supervisor.json").write_text(json.dumps(asdict(RunningStatus(1, "now", "http://127.0.0.1", {}))))
    result = cli.run("blobs", "move", "--to", (tmp_path / "there").as_uri(), code=4)
    supervisor.release()
    assert "exhibit down" in result.out
