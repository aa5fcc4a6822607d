"""Captures by auto-archiver (https://github.com/bellingcat/auto-archiver), where it is installed, of the same pages."""

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import Row

PROGRAM = "auto-archiver"
NEEDED = (PROGRAM, "Xvfb", "ffmpeg", "chromium", "chromedriver")
OPTIONS = (
    "--mode", "simple", "--feeders", "cli_feeder", "--extractors", "antibot_extractor_enricher",
    "--enrichers", "hash_enricher", "--databases", "console_db", "--storages", "local_storage",
    "--formatters", "html_formatter", "--antibot_extractor_enricher.save_to_pdf", "true",
)  # fmt: skip
"""What comes nearest to a capture of ours: source, screenshot and PDF of the page, its pictures, and their digests."""


def missing() -> list[str]:
    """Which of the programs that it needs aren't on the PATH."""
    return [one for one in NEEDED if shutil.which(one) is None]


def captures(address: str, pages: Sequence[str]) -> Row:
    """Let it archive these pages, one after the other: two of it side by side lost pages to each other.

    It refuses loopback addresses by number, but not by the machine's name.

    Args:
        address: of the site, on this machine.
        pages: paths below it.

    Raises:
        subprocess.CalledProcessError: it failed.
        ValueError: it kept another number of screenshots than there were pages.
    """
    site = f"http://{socket.gethostname()}:{address.rpartition(':')[2]}"
    command = [PROGRAM, *OPTIONS, *(site + page for page in pages)]
    # as in its own container: with a virtual display, which its browser needs
    environment = os.environ | {"RUNNING_IN_DOCKER": "1"}
    with TemporaryDirectory() as folder:
        before, begun = _processor_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
        seconds, spent = time.perf_counter() - begun, _processor_seconds() - before
        kept = list((Path(folder) / "local_archive").iterdir())
        size, made = sum(file.stat().st_size for file in kept), sum(file.suffix == ".png" for file in kept)
    if made != len(pages):
        raise ValueError(f"{PROGRAM} kept {made} screenshots of {len(pages)} pages.")
    return {
        "captured with": f"{PROGRAM}, 1 process",
        "captures a minute": round(60 * made / seconds, 1),
        "processor seconds of each": round(spent / made, 2),
        "median seconds": "–",
        "longest": "–",
        "MB kept of each": round(size / made / 1e6, 2),
        "MB of memory of a browser": "–",
    }


def _processor_seconds() -> float:
    """Of all children that were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
