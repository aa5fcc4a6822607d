"""verify.html in a real browser, and the Python verifier's report on the same bundle."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from evidence.page import build_page as verify_html
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.errors import ExhibitError, ExitCode
from tests.assets.browser import Tab

WORDS = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
RESULT = "document.getElementById('result')"
STATUS = "document.getElementById('status')"
READ_RESULTS = """[...document.querySelectorAll('[data-bundle]')].map((sheet) => [sheet.dataset.outcome,
  [...sheet.querySelectorAll('[data-check]')].map((row) => [row.dataset.check, row.dataset.state])])"""
Outcome = tuple[str, dict[str, str]]
"""An outcome, and the state of each check."""


class Page:
    """The page in a tab, with a trust list."""

    def __init__(self, tab: Tab, trust: Trust, folder: Path) -> None:
        self.tab, self.folder, self.trust = tab, folder, trust
        verifier = folder / "verify.html"
        verifier.write_bytes(verify_html(trust))
        tab.open(verifier.as_uri())

    def use_trust_list(self, trust: Trust) -> None:
        """Use another trust list."""
        if trust != self.trust:
            assert "is now used" in self.select_trust_list(trust.to_json())
            self.trust = trust

    def select_trust_list(self, trust: bytes) -> str:
        """Select a file as the trust list, and return the page's message."""
        path = self.folder / "trust.json"
        path.write_bytes(trust)
        self.tab.evaluate(f"{STATUS}.textContent = ''")
        self.tab.select_files("#list", [path])
        self.tab.wait(f"Boolean({STATUS}.textContent)")
        return str(self.tab.evaluate(f"{STATUS}.textContent"))

    def check(self, path: Path) -> Outcome:
        """Return the outcome and the state of each check."""
        [result] = self._read_results("#folder" if path.is_dir() else "#zip", [path])
        return result

    def check_all(self, paths: Sequence[Path]) -> list[Outcome]:
        """Return the outcomes of several ZIPs that are selected together."""
        return self._read_results("#zip", paths) if paths else []

    @property
    def text(self) -> str:
        """Return the text shown for the last verification."""
        return str(self.tab.evaluate(f"{RESULT}.textContent"))

    def _read_results(self, selector: str, paths: Sequence[Path]) -> list[Outcome]:
        self.tab.call("Page.bringToFront")
        self.tab.evaluate(f"{RESULT}.removeAttribute('data-outcome')")
        self.tab.select_files(selector, paths)
        self.tab.wait(f"Boolean({RESULT}.dataset.outcome)")
        results = self.tab.evaluate(READ_RESULTS)
        assert len(results) == len(paths)
        return [(outcome, dict(states)) for outcome, states in results]


def verify_in_python(path: Path, trust: Trust) -> Outcome:
    """Return the Python verifier's result."""
    try:
        verdict = Verifier(trust).verify(path)
    except ExhibitError:
        return "no-bundle", {}
    return WORDS[verdict.outcome], {check.name: str(check.state) for check in verdict.checks}


CHECKED = re.compile(
    r"container|manifest|files|file:.*|bag|signature|key|revoked|countersignature.*|entry|inclusion|checkpoint|consistency|cosigned|party"
)
"""Checks that the page claims to make, by names of the Python verifier's checks."""


def find_excess_claims(page: Outcome, fails: Iterable[str], *, is_bundle: bool = True) -> set[str]:
    """Return the page's claims that exceed Python's result, in which these checks failed.

    Correct pages exceed nothing.
    """
    outcome, states = page
    assert outcome in {"holds", "incomplete", "failed", "not-checked", "no-bundle"}
    wrong = {name for name in fails if states.get(name) == "passed"}
    if outcome == "holds":
        wrong |= {f"{name}, in all" for name in fails if CHECKED.fullmatch(name)}
        if "not checked" not in states.values():
            wrong.add("that nothing is left")
    if not is_bundle and outcome in {"holds", "incomplete"}:
        wrong.add("that it is a bundle")
    return wrong
