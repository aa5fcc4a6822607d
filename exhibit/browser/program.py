"""Selection of the browser for captures: the configured one, or the first one installed under a common name."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable")
"""Names of Chromium and of browsers based on it, in the order of preference."""

NO_BROWSER = "none"  # value of the setting for captures without a browser, even if one is installed

PACKAGES_HINT = "Install the optional component: `python3 tools/bootstrap.py runtime capture`, or `make setup`."
BROWSER_HINT = "Install a browser (`apt-get install chromium`), or set EXHIBIT_CAPTURE_BROWSER to your browser."


@dataclass(frozen=True, slots=True)
class BrowserSearchResult:
    """Result of the search for a browser, with a sentence that describes it."""

    path: Path | None  # path of the browser; ``None`` for captures without one
    sentence: str
    remedy: str = ""  # hint for enabling captures with a browser; empty if none is needed


def find_browser(setting: str) -> BrowserSearchResult:
    """Find the browser and check that Playwright is installed.

    Args:
        setting: Path or name of a program; ``none`` to use no browser; empty to try the common names.
    """
    if setting == NO_BROWSER:
        return BrowserSearchResult(None, "The setting capture_browser is none: pages are captured without a browser.")
    if find_spec("playwright") is None:
        return BrowserSearchResult(
            None, "The package playwright, which controls the browser, is not installed.", PACKAGES_HINT
        )
    path = next(filter(None, map(shutil.which, (setting,) if setting else BROWSER_NAMES)), None)
    if path:
        return BrowserSearchResult(Path(path), f"{path} is used for captures.")
    problem = f"The program {setting} was not found" if setting else "Chromium is not installed"
    sentence = f"{problem}. Pages are captured as the server returns them, without screenshots."
    return BrowserSearchResult(None, sentence, BROWSER_HINT)
