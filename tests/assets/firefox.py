"""Firefox for Playwright: the system's own, over WebDriver BiDi (W3C).

Playwright sends commands that the Firefox ESR releases do not support yet. Run as a program, this module starts
Firefox and acts as a proxy: such a command is answered as if it had succeeded, all other messages are forwarded.
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
MIN_VERSION = 153
"""The first ESR release with the commands for downloads and bodies that Playwright sends; 140 lacks them."""
VERSION = re.compile(r"Firefox (\d+)")
NOT_NEEDED = {"emulation.setMediaFeaturesOverride"}
"""Commands that tests do not need: a preference sets light or dark mode."""
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
CENTIMETRES = 2.54
"""Centimetres in an inch."""
MAX_MESSAGE_BYTES = 256 * 2**20
"""Maximum size of a message in bytes. A screenshot of a long page is one message."""


@cache
def missing_reason() -> str:
    """Return the reason why tests cannot use Firefox here; empty if they can."""
    if FIREFOX is None:
        return "Firefox isn't installed"
    output = subprocess.run([FIREFOX, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    version = VERSION.search(output)
    return (
        ""
        if version and int(version[1]) >= MIN_VERSION
        else f"Firefox {MIN_VERSION} is needed, and this is: {output.strip()}"
    )


def launch(playwright: Playwright, folder: Path, *, dark: bool = False) -> Browser:
    """Start Firefox, with every host name resolved to this machine."""
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


def convert_to_centimetres(command: dict[str, Any]) -> dict[str, Any]:
    """Convert paper size and margins of a print command to centimetres, as in the standard. Playwright sends inches."""
    if command.get("method") == "browsingContext.print":
        for name in ("page", "margin"):
            sides = command["params"].get(name, {})
            command["params"][name] = {side: length * CENTIMETRES for side, length in sides.items()}
    return command


async def main(arguments: list[str]) -> int:
    """Start Firefox and forward messages between it and Playwright until it ends."""
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
        near = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES)
        await near.prepare(request)
        session_url = f"{listening[1].decode()}/session"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(session_url, max_msg_size=MAX_MESSAGE_BYTES) as far,
        ):

            async def back() -> None:
                async for message in far:
                    await near.send_str(message.data)
                await near.close()

            task = asyncio.create_task(back())
            async for message in near:
                if (command := json.loads(message.data)).get("method") in NOT_NEEDED:
                    await near.send_json({"type": "success", "id": command["id"], "result": {}})
                else:
                    await far.send_json(convert_to_centimetres(command))
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
