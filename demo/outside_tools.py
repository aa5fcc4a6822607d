"""Verification of bundles with tools independent of Exhibit: sha256sum, bagit and openssl."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tools.verify_outside import verify_bundle

Outcome = Literal["passed", "failed", "not checked"]
_TOOL_BY_SECTION: Final = {
    "Every byte": "sha256sum",
    "BagIt": "bagit",
    "RFC 3161 timestamps": "openssl ts",
}
"""Tool name in the result by title of the section of `tools/outside`. Other sections are not run."""
_OUTCOME_BY_STATE: Final[dict[str, Outcome]] = {"passed": "passed", "FAILED": "failed", "not run": "not checked"}


@dataclass(frozen=True, slots=True)
class OutsideCheck:
    """Result of one tool for one bundle."""

    bundle: str
    tool: str
    outcome: Outcome
    output: str


def verify_with_tools(bundle: Path, roots: Path) -> list[OutsideCheck]:
    """Verify a bundle with each tool.

    Args:
        bundle: ZIP file, created by this run.
        roots: PEM file with the root of the trusted timestamp authority.
    """
    return [
        OutsideCheck(bundle.name, _TOOL_BY_SECTION[outcome.title], _OUTCOME_BY_STATE[outcome.state], outcome.output)
        for outcome in verify_bundle(bundle, roots, "", regtest=True, only=_TOOL_BY_SECTION)
    ]
