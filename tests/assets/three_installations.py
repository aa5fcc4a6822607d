"""Three installations with their own sites, each a partner of the others; one has a fourth, unreachable witness."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests import CHECKOUT
from tests.assets.command_line import CommandLine, forking_command_line
from tests.assets.installed import install
from tests.assets.local_witness import LocalWitness
from tests.assets.processes import free_port

NAMES = ("a", "b", "c")
ALONE = ["unshare", "--map-root-user", "--net"]
"""Command that runs another one in its own network namespace, without even a loopback."""


@dataclass(frozen=True)
class Installation:
    """An installation: its command line, its site's URL and its partner card."""

    command_line: CommandLine
    url: str

    def checkpoint_note(self) -> str:
        return requests.get(f"{self.url}/log/checkpoint", timeout=10).text


@contextmanager
def three_installations(folder: Path) -> Iterator[dict[str, Installation]]:
    """Run all three. The log of a has both others as witnesses, and d, at whose URL no server runs."""
    installations, cards = {}, {}
    for name in NAMES:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings = {"EXHIBIT_WEB_PORT": str(port), "EXHIBIT_WORKERS": "1", "EXHIBIT_PUBLIC_URL": url}
        settings |= dict.fromkeys(("EXHIBIT_ALLOWED_NETWORKS", "EXHIBIT_COCAPTURE_NETWORKS"), "127.0.0.0/8")
        settings |= {"EXHIBIT_LOG_ORIGIN": f"{name}.example/log", "EXHIBIT_CHECKPOINT_SECONDS": "1"}
        line = CommandLine(folder / name, settings)
        install(line.data)
        installations[name] = Installation(line, url)
        cards[name] = line.api("GET", "/operator/card")
        (folder / f"{name}.json").write_text(json.dumps(cards[name]))
    dead = LocalWitness(f"http://127.0.0.1:{free_port()}")
    witnesses = {name: (f"{installations[name].url}/witness", cards[name]["witness"]) for name in ("b", "c")}
    tables = (
        f'[[anchors]]\nkind = "cosignature"\nname = "{name}"\nurls = ["{url}"]\nkey = "{key}"\n'
        for name, (url, key) in {**witnesses, "d": (dead.url, dead.vkey)}.items()
    )
    (folder / "a" / "exhibit.toml").write_text("\n".join(tables))
    with ExitStack() as stack:
        for name, installation in reversed(list(installations.items())):  # a last: its witnesses run first
            for other in NAMES:
                if other != name:
                    add_partner(installation.command_line, other, cards[other])
            installation.command_line.run("up", "--detach")
            stack.callback(installation.command_line.run, "down", code=None)
            installations[name] = Installation(
                stack.enter_context(forking_command_line(installation.command_line)), installation.url
            )
        yield installations


def add_partner(line: CommandLine, name: str, card: Mapping[str, str]) -> None:
    """Add the installation with this card as a partner."""
    line.api("POST", "/operator/partners", name=name, url=card["url"], log=card["log"], witness=card["witness"])


def verify_bundle(installation: Installation, files: list[str], trust: Path) -> dict[str, Any]:
    """Return the report of ``exhibit verify`` on a bundle."""
    report: dict[str, Any] = installation.command_line.run(
        "verify", *files, "--trust", trust, "--json", code=None
    ).json["bundles"][0]
    return report


def verify_isolated(installation: Installation, files: list[str], trust: Path) -> dict[str, Any]:
    """Return the same report from a process without the installation's data, and without network access if possible."""
    permits = (
        shutil.which("unshare") and not subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode
    )
    line = [
        *(ALONE if permits else []),
        sys.executable,
        "-m",
        "desk",
        "verify",
        *files,
        "--trust",
        str(trust),
        "--json",
    ]
    environ = {**installation.command_line.environ, "EXHIBIT_DATA": f"{installation.command_line.data}-elsewhere"}
    run = subprocess.run(line, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=240, check=False)
    report: dict[str, Any] = json.loads(run.stdout)["bundles"][0]
    return report


def has_both_cosigners(bundle: dict[str, Any]) -> bool:
    """Return True if both running witnesses have cosigned a checkpoint over the seal."""
    return any(
        check["name"] == "cosigned" and check["state"] == "passed" and "2 of 3: b, c." in check["sentence"]
        for check in bundle["checks"]
    )
