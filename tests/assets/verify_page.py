"""verify.html in a real browser, and what the Python verifier says of the same bundle."""

from pathlib import Path

from evidence.page import page as verify_html
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.errors import ExhibitError, ExitCode
from tests.assets.browser import Tab

WORDS = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}

ROWS = """Object.fromEntries(
  [...document.querySelectorAll('[data-check]')].map((row) => [row.dataset.check, row.dataset.state])
)"""

RESULT = "document.getElementById('result')"


Told = tuple[str, dict[str, str]]
"""An outcome, and the state of each check."""


class Page:
    """The page in a tab, with a trust list."""

    def __init__(self, tab: Tab, trust: Trust, folder: Path) -> None:
        self.tab, self.folder = tab, folder
        verifier = folder / "verify.html"
        verifier.write_bytes(verify_html())
        tab.open(verifier.as_uri())
        self.pin(trust)

    def pin(self, trust: Trust) -> None:
        """Use another trust list."""
        path = self.folder / "trust.json"
        path.write_bytes(trust.to_json())
        self.tab.ask("document.getElementById('status').textContent = ''")
        self.tab.choose("#list", [path])
        self.tab.wait("document.getElementById('status').textContent.includes('from now on')")

    def check(self, path: Path) -> Told:
        """The outcome and the state of each check."""
        self.tab.call("Page.bringToFront")
        self.tab.ask(f"{RESULT}.removeAttribute('data-outcome')")
        self.tab.choose("#folder" if path.is_dir() else "#zip", [path])
        self.tab.wait(f"Boolean({RESULT}.dataset.outcome)")
        return self.tab.ask(f"{RESULT}.dataset.outcome"), self.tab.ask(ROWS)


def by_python(path: Path, trust: Trust) -> Told:
    """What the Python verifier says."""
    try:
        verdict = Verifier(trust).verify(path)
    except ExhibitError:
        return "no-bundle", {}
    return WORDS[verdict.outcome], {check.name: str(check.state) for check in verdict.checks}


def differences(
    one: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]]
) -> dict[str, tuple[str | None, str | None]]:
    """What the two verifiers say otherwise, by check."""
    [page, python] = [{"": outcome, **states} for outcome, states in (one, other)]
    return {name: (page.get(name), python.get(name)) for name in page | python if page.get(name) != python.get(name)}
