"""Sealing and verification of evidence bundles.

The public API is ``from evidence import Verifier`` (see docs/reference/stand-alone.md); everything else is internal.
"""

from typing import TYPE_CHECKING

from exhibit.lazy_names import build_lazy_getattr

if TYPE_CHECKING:
    from evidence.formats.container import NoBundleError
    from evidence.verdict.result import Check, State, Verdict
    from evidence.verdict.trust import Trust, load_trust
    from evidence.verify.verifier import Verifier

__all__ = ["Check", "NoBundleError", "State", "Trust", "Verdict", "Verifier", "load_trust"]

__getattr__ = build_lazy_getattr(
    __name__,
    dict.fromkeys(("Check", "State", "Verdict"), "verdict.result")
    | dict.fromkeys(("Trust", "load_trust"), "verdict.trust")
    | {"NoBundleError": "formats.container", "Verifier": "verify.verifier"},
)
