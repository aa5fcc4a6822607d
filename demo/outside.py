"""Verification of bundles with tools independent of Exhibit: sha256sum, bagit and openssl."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tools.verify_outside import outcomes

Outcome = Literal["passed", "failed", "not checked"]
_SECTIONS: Final = {
    "Every byte": "sha256sum",
    "BagIt": "bagit",
    "RFC 3161 timestamps": "openssl ts",
}
"""Sections of `tools/outside` that are run, with the tool names for the result."""
_STATES: Final[dict[str, Outcome]] = {"passed": "passed", "FAILED": "failed", "not run": "not checked"}


@dataclass(frozen=True, slots=True)
class OutsideCheck:
    """Result of one tool for one bundle."""

    bundle: str
    tool: str
    outcome: Outcome
    words: str


def check_outside(bundle: Path, roots: Path) -> list[OutsideCheck]:
    """Verify a bundle with each tool.

    Args:
        bundle: ZIP file, created by this run.
        roots: PEM file with the root of the trusted timestamp authority.
    """
    return [
        OutsideCheck(bundle.name, _SECTIONS[outcome.title], _STATES[outcome.state], outcome.words)
        for outcome in outcomes(bundle, roots, "", regtest=True, only=_SECTIONS)
    ]
