"""Which browser captures are made with: the operator's, or the first that is installed under a usual name."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable")
"""Programs that are Chromium or made of it, in the order in which they are looked for."""

OFF = "none"  # as the setting: no browser, though there may be one

GET_PACKAGES = "Install the optional part: `python3 tools/bootstrap.py runtime capture`, or `make setup`."
GET_BROWSER = "Install one, for example with `apt-get install chromium`, or name yours in EXHIBIT_CAPTURE_BROWSER."


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, and how it stands in a sentence."""

    path: Path | None  # of the browser; ``None`` when captures are made without one
    sentence: str
    remedy: str = ""  # what to do for captures with a browser; empty when there is nothing to do


def find_browser(setting: str) -> Found:
    """Look for a browser, by path or name, and for what steers it; ``none`` for none, empty for the usual names."""
    if setting == OFF:
        return Found(None, "The setting capture_browser says none: pages are captured as they are served.")
    if find_spec("playwright") is None:
        return Found(None, "The package playwright, which steers a browser, isn't installed.", GET_PACKAGES)
    found = next(filter(None, map(shutil.which, (setting,) if setting else NAMES)), None)
    if found:
        return Found(Path(found), f"{found} is used for captures.")
    named = f"There is no program {setting}" if setting else "There is no Chromium"
    sentence = f"{named}: pages are captured as they are served, without a picture of how they look."
    return Found(None, sentence, GET_BROWSER)
