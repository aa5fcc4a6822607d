"""Firefox for Playwright: the system's own, over WebDriver BiDi (W3C).

Playwright asks of every browser what Firefox's longest supported releases don't know yet. Run as a program, this
starts Firefox and stands between the two: such a command is answered as if it had been carried out, everything else
goes through.
"""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from playwright.sync_api import Browser, Playwright

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
LEAST = 153
"""The first longest supported release that knows what Playwright asks of downloads and of bodies; 140 doesn't."""
VERSION = re.compile(r"Firefox (\d+)")
NOT_NEEDED = {"emulation.setMediaFeaturesOverride"}
"""Commands that a test can do without: light and dark are set by a preference."""
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
CENTIMETRES = 2.54
"""Of an inch."""
MOST = 256 * 2**20
"""Bytes of one message: a screenshot of a long page is one."""


@cache
def why_not() -> str:
    """Why no test can be made with Firefox here; empty where one can."""
    if FIREFOX is None:
        return "Firefox isn't installed"
    said = subprocess.run([FIREFOX, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    version = VERSION.search(said)
    return "" if version and int(version[1]) >= LEAST else f"Firefox {LEAST} is needed, and this is: {said.strip()}"


def launch(playwright: Playwright, folder: Path, *, dark: bool = False) -> Browser:
    """Firefox, which asks no host but this machine."""
    program = folder / "firefox"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    preferences = {
        "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
        "network.dns.forceResolve": "127.0.0.1",
        "browser.cache.disk.enable": False,
    }
    how: dict[str, Any] = {"env": {**os.environ, "HOME": str(folder)}, "firefox_user_prefs": preferences}
    return playwright.firefox.launch(channel="moz-firefox", executable_path=program, **how)


def in_centimetres(asked: dict[str, Any]) -> dict[str, Any]:
    """A command as the standard has it: Playwright gives the paper's size and margins in inches."""
    if asked.get("method") == "browsingContext.print":
        for name in ("page", "margin"):
            given = asked["params"].get(name, {})
            asked["params"][name] = {side: length * CENTIMETRES for side, length in given.items()}
    return asked


async def main(arguments: list[str]) -> int:
    """Start Firefox and pass on what it and Playwright say to each other, until it ends."""
    assert FIREFOX is not None
    firefox = await asyncio.create_subprocess_exec(FIREFOX, *arguments, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr is not None
    async for line in firefox.stderr:
        if listening := LISTENING.search(line):
            break
        sys.stderr.buffer.write(line)
    else:
        return await firefox.wait()

    async def relay(request: web.Request) -> web.WebSocketResponse:
        near = web.WebSocketResponse(max_msg_size=MOST)
        await near.prepare(request)
        there = f"{listening[1].decode()}/session"
        async with aiohttp.ClientSession() as session, session.ws_connect(there, max_msg_size=MOST) as far:

            async def back() -> None:
                async for message in far:
                    await near.send_str(message.data)
                await near.close()

            task = asyncio.create_task(back())
            async for message in near:
                if (asked := json.loads(message.data)).get("method") in NOT_NEEDED:
                    await near.send_json({"type": "success", "id": asked["id"], "result": {}})
                else:
                    await far.send_json(in_centimetres(asked))
            await far.close()
            await task
        return near

    application = web.Application()
    application.router.add_get("/session", relay)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stderr.write(f"WebDriver BiDi listening on ws://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stderr.flush()
    rest = asyncio.create_task(firefox.stderr.read())
    code = await firefox.wait()
    await rest
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
