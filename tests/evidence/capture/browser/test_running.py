"""Test that one browser without network access serves many captures, is replaced, and ends with its worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)
from playwright.async_api import Browser, Error

from evidence.capture.browser.capturer import MAX_ATTEMPTS, BrowserCapturer
from exhibit.browser.running import measure_process_memory
from tests.assets.browser_captures import (
    AGENT,
    EVERYTHING,
    OPEN,
    capturer_with,
    file_roles,
    visit,
)
from tests.assets.processes import wait_until
from tests.assets.site import Answer, ReceivedRequest, Site


@pytest.mark.long
def test_isolated_browser_has_no_network_access(capturer: BrowserCapturer, site: Site) -> None:
    """Test that without the recorder the browser cannot even reach a URL that the guard allows."""

    async def go(browser: Browser) -> list[str]:
        page = await browser.new_page()
        refused = []
        for address in (site.url("/"), site.url("/").replace("127.0.0.1", "localhost"), "http://1.1.1.1/"):
            try:
                await page.goto(address, timeout=5000)
            except Error as error:
                refused.append(str(error).partition("net::")[2].split()[0])
        await page.close()
        return refused

    assert capturer.browser.run(go) == ["ERR_PROXY_CONNECTION_FAILED"] * 3
    assert site.requests == []


@pytest.mark.long
def test_browser_is_shared_and_replaced_after_kill(site: Site) -> None:
    site.page("/", '<!doctype html><img src="photo.jpg">')
    capturer = capturer_with(seconds=15)
    assert (visit(capturer, site).method, visit(capturer, site).method) == ("browser", "browser")
    first = capturer.browser.pid
    os.kill(first, signal.SIGKILL)
    assert visit(capturer, site).method == "browser"
    second = capturer.browser.pid
    assert second != first
    driver = next(process for process in psutil.Process(second).parents() if "node" in process.name())
    driver.kill()
    assert visit(capturer, site).method == "browser"
    third = capturer.browser.pid
    capturer.close()
    wait_until(lambda: not any(map(_is_alive, (first, second, third))))


def _is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.long
def test_capture_is_retried_after_repeated_browser_kills(site: Site) -> None:
    capturer = capturer_with(seconds=15)

    def kill(_: ReceivedRequest) -> Answer:
        if site.count_requests("/kill.css") < MAX_ATTEMPTS:
            os.kill(capturer.browser.pid, signal.SIGKILL)
        return Answer(b"", media_type="text/css")

    site.page("/", '<!doctype html><link rel=stylesheet href=kill.css><img src="photo.jpg">')
    site.routes["/kill.css"] = kill
    captured = visit(capturer, site)
    capturer.close()
    assert (captured.outcome, captured.method) == ("captured", "browser")
    assert file_roles(captured) == EVERYTHING
    assert site.count_requests("/") == MAX_ATTEMPTS == 3


@pytest.mark.long  # the case of too much memory is similar
def test_always_crashing_browser_leads_to_capture_without_browser(site: Site) -> None:
    capturer = capturer_with(seconds=15)

    def kill(_: ReceivedRequest) -> Answer:
        os.kill(capturer.browser.pid, signal.SIGKILL)
        return Answer(b"", media_type="text/css")

    site.page("/", '<!doctype html><link rel=stylesheet href=kill.css><img src="photo.jpg">')
    site.routes["/kill.css"] = kill
    captured = visit(capturer, site)
    capturer.close()
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert captured.sentence.endswith("visited without a browser: The browser exited.")


@pytest.mark.long
def test_browser_is_killed_when_page_uses_too_much_memory(site: Site) -> None:
    capturer = capturer_with(seconds=15, memory_bytes=1)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    captured = visit(capturer, site)
    capturer.close()
    assert captured.sentence.endswith("visited without a browser: The page used too much memory.")
    assert measure_process_memory(os.getpid()) > 1 << 20


@pytest.mark.long
def test_invalid_browser_program_leads_to_capture_without_browser(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    capturer = BrowserCapturer(program, OPEN, AGENT)
    captured = visit(capturer, site)
    capturer.close()
    assert (captured.outcome, captured.method) == ("captured", "http")
    assert f"The browser {program} cannot be started" in captured.sentence


@pytest.mark.long
def test_failing_browser_start_is_not_retried_for_each_capture(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text('#!/bin/sh\necho x >> "$0.log"; exit 1\n')
    program.chmod(0o755)
    site.page("/", '<!doctype html><img src="photo.jpg">')
    capturer = BrowserCapturer(program, OPEN, AGENT)
    sentences = {visit(capturer, site).sentence for _ in range(3)}
    capturer.close()
    assert len(sentences) == 1
    assert (tmp_path / "chromium.log").read_text() == "x\nx\n"


ORPHAN = """
import sys
from tests.assets.browser_captures import capturer_with
ours = capturer_with(seconds=15)
async def name(browser): return browser.version
ours.browser.run(name)
print(ours.browser.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.long
def test_browser_ends_when_worker_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        browser = psutil.Process(int(worker.stdout.readline()))
        family = [browser, *browser.children(recursive=True), *browser.parents()[:1]]
        worker.kill()
    wait_until(lambda: not any(process.is_running() and process.status() != "zombie" for process in family))
