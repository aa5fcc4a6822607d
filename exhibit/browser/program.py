"""Selection of the browser for captures: the operator's, or the first one installed under a common name."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable")
"""Programs that are or contain Chromium, in the order in which they are tried."""

OFF = "none"  # as the setting: use no browser even if one is installed

GET_PACKAGES = "Install the optional part: `python3 tools/bootstrap.py runtime capture`, or `make setup`."
GET_BROWSER = "Install one, for example with `apt-get install chromium`, or name yours in EXHIBIT_CAPTURE_BROWSER."


@dataclass(frozen=True, slots=True)
class Found:
    """Result of the search for a browser, with a sentence that describes it."""

    path: Path | None  # path of the browser; ``None`` if captures are made without one
    sentence: str
    remedy: str = ""  # how to enable captures with a browser; empty if nothing is needed


def find_browser(setting: str) -> Found:
    """Find a browser by path or name, and the package that controls it; ``none`` for none, empty for common names."""
    if setting == OFF:
        return Found(None, "The setting capture_browser says none: pages are captured as they are served.")
    if find_spec("playwright") is None:
        return Found(None, "The package playwright, which steers a browser, isn't installed.", GET_PACKAGES)
    path = next(filter(None, map(shutil.which, (setting,) if setting else NAMES)), None)
    if path:
        return Found(Path(path), f"{path} is used for captures.")
    problem = f"There is no program {setting}" if setting else "There is no Chromium"
    sentence = f"{problem}: pages are captured as they are served, without a picture of how they look."
    return Found(None, sentence, GET_BROWSER)
