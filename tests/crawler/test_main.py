import os
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.formats.lines import EndLine, read_lines
from tests.assets.crawling import ROOT, large_site, whole_job
from tests.assets.site import Site


def test_a_crawl_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    with Site() as site:
        large_site(site, pages=50, images=2)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        (tmp_path / "job.json").write_bytes(whole_job(tmp_path, politeness={"delay": 0.05}, **job))
        command = [sys.executable, "-m", "crawler", str(tmp_path / "job.json")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=30) == 3
        assert site.times("/49") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["https://example.org/"], "--bytes is missing"),
        (["nothing-here"], "There is no nothing-here."),
        (["job.json"], "job.limits.pages must be a whole number"),
        (["https://example.org/", "--bytes", "job.json"], "can't be written"),
        (["roots.json"], "No authorities can be read from job.json."),
    ],
)
def test_wrong_use_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "job.json").write_text('{"bytes_dir": "x", "urls": [{"url": "a"}], "limits": {"pages": "many"}}')
    (tmp_path / "roots.json").write_text('{"bytes_dir": "x", "urls": [{"url": "http://a/"}], "ca_bundle": "job.json"}')
    command = [sys.executable, "-m", "crawler", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=False, timeout=60)
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.returncode == (3 if "written" in message else 2)


def test_one_line_crawls_a_site(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", '<img src="/i.jpg">')
        site.image("/i.jpg")
        command = [sys.executable, "-m", "crawler", site.url(), "--bytes", str(tmp_path / "b"), "--delay", "0"]
        command += ["--allow-network", "127.0.0.0/8", "--contact", "bot@example.org"]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
        assert site.seen[0].headers["user-agent"] == "ExhibitBot/0.1 (bot@example.org)"
    assert done.returncode == 0
    *_, end = read_lines(done.stdout.splitlines(keepends=True))
    assert isinstance(end, EndLine)
    assert end.counts.images == 1
