"""Image comparison: extracts features from pictures, finds candidate works, and decides which are matches.

Public API: ``from indexer import compare_pictures, match_folders``, documented in docs/reference/stand-alone.md.
Everything else is internal to this project.
"""

from typing import TYPE_CHECKING

from exhibit.lazy_names import build_lazy_getattr

if TYPE_CHECKING:
    from indexer.compare.wording import in_words
    from indexer.picture.features import Features, extract
    from indexer.search.comparison import compare_pictures
    from indexer.search.folders import Match, Skipped, match_folders

__all__ = ["Features", "Match", "Skipped", "compare_pictures", "extract", "in_words", "match_folders"]

__getattr__ = build_lazy_getattr(
    __name__,
    dict.fromkeys(("Features", "extract"), "picture.features")
    | dict.fromkeys(("Match", "Skipped", "match_folders"), "search.folders")
    | {"compare_pictures": "search.comparison", "in_words": "compare.wording"},
)
