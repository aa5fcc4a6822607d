"""Stand-alone crawler: runs a job, stores the exact bytes of images, and reports where each image was seen.

Public API: ``from crawler import Job, Source, SourceKind, run``, documented in docs/reference/stand-alone.md.
Everything else is internal to this project.
"""

from typing import TYPE_CHECKING

from exhibit.lazy_names import build_lazy_getattr

if TYPE_CHECKING:
    from crawler.crawling.run import run
    from crawler.formats.job import Job, Limits, Politeness, Source, SourceKind, UserAgent
    from crawler.formats.lines import EndLine, PageLine, RefusalLine

__all__ = [
    "EndLine", "Job", "Limits", "PageLine", "Politeness", "RefusalLine", "Source", "SourceKind", "UserAgent", "run",
]  # fmt: skip

__getattr__ = build_lazy_getattr(
    __name__,
    dict.fromkeys(("Job", "Limits", "Politeness", "Source", "SourceKind", "UserAgent"), "formats.job")
    | dict.fromkeys(("EndLine", "PageLine", "RefusalLine"), "formats.lines")
    | {"run": "crawling.run"},
)
