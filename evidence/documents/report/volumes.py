"""A report in volumes, made one after the other in a folder and combined at the end, with memory for only a few.

The parts of a volume stay in the folder until the report is complete, so an interrupted job continues with the next
volume.
"""

import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from pathlib import Path
from typing import BinaryIO, Self

from evidence.documents.report.columns import WORK_COLUMNS, csv_head, csv_lines, rows_of, work_rows
from evidence.documents.report.facts import (
    IN_A_VOLUME,
    WORKS_IN_A_VOLUME,
    ReportFacts,
    Volume,
    json_parts,
    write_report_json,
)
from evidence.documents.report.pdf import unset_report
from evidence.documents.report.xlsx import write_xlsx, xlsx_rows
from evidence.documents.typeset.compiler import Unset, forget
from evidence.documents.typeset.fonts import installed_fonts
from evidence.documents.typeset.pictures import Pictures
from evidence.formats.codec import from_plain, parse_json, to_plain

FORMATS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
"""Formats of a report with their media types."""
HEAD_FILE = "head.json"
LARGEST_HEAD = 256 << 20


def volumes_of(cases: int, works: int = 0) -> tuple[Volume, ...]:
    """Return the volumes, at least one, of a report with this many cases and listed works."""
    of = max(1, ceil(cases / IN_A_VOLUME), ceil(works / WORKS_IN_A_VOLUME))
    return tuple(Volume(number, of, (number - 1) * IN_A_VOLUME + 1, cases, works) for number in range(1, of + 1))


@dataclass(frozen=True, slots=True)
class MadeFile:
    """One file of a report at its current path."""

    name: str
    media_type: str
    path: Path


class ReportFolder:
    """The parts of a report in progress. PDFs are typeset in a thread while the next volume is prepared.

    The first of the PDF languages is required; others are omitted if no font for them is installed. Without languages,
    no PDFs are made.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        self.folder = folder
        fonts = installed_fonts()
        for needed in languages[:1]:
            fonts.for_language(needed)
        self._languages = [language for language in languages if fonts.can_set(language)]
        self._setting = ThreadPoolExecutor(1, "typesetting")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._setting.shutdown()

    def head(self, create: Callable[[], ReportFacts]) -> ReportFacts:
        """Return everything but the cases as it was when the report was started.

        ``create`` is called only at the start.
        """
        path = self.folder / HEAD_FILE
        if not path.exists():
            self._keep(path, json.dumps(to_plain(replace(create(), cases=(), works=()))).encode())
        plain = parse_json(path.read_bytes(), what=HEAD_FILE, limit=LARGEST_HEAD)
        return from_plain(ReportFacts, plain, where=HEAD_FILE)

    def is_made(self, volume: Volume) -> bool:
        """Return True if all parts of a volume exist."""
        return self._part(volume, "made").exists()

    def add(self, volume: Volume, report: ReportFacts, pictures: Mapping[str, Pictures]) -> None:
        """Make a volume; returns while its PDFs are still being typeset, at most one volume at a time.

        ``report`` has the cases of this volume; ``pictures`` are exact bytes by case number and path in the case's
        facts. An error of the previous volume is raised here.
        """
        part = report if volume.of == 1 else replace(report, volume=volume)
        unset = {language: unset_report(part, pictures, language) for language in self._languages}
        self._keep(self._part(volume, "cases"), json_parts(part.cases))
        self._keep(self._part(volume, "csv"), csv_lines(rows_of(part.cases)))
        self._keep(self._part(volume, "rows"), xlsx_rows(rows_of(part.cases)))
        if volume.works:
            self._keep(self._part(volume, "works"), json_parts(part.works))
            self._keep(self._part(volume, "works.csv"), csv_lines(work_rows(part.works), WORK_COLUMNS))
            self._keep(self._part(volume, "works.rows"), xlsx_rows(work_rows(part.works), WORK_COLUMNS))
        self.wait()
        self._under_way = self._setting.submit(self._set, volume, unset)

    def wait(self) -> None:
        """Wait for the PDFs in progress; raises their error, if any."""
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def put_together(
        self, report: ReportFacts, volumes: Sequence[Volume], stem: str, formats: Collection[str] = tuple(FORMATS)
    ) -> list[MadeFile]:
        """Return the report's files after every volume is made: PDF in each language, and the other ``formats``.

        ``report`` is everything but the cases; ``stem`` is the start of the file names.
        """
        self.wait()

        def parts(kind: str) -> Iterator[bytes]:
            return (self._part(volume, kind).read_bytes() for volume in volumes)

        lists_works = bool(volumes[0].works)
        works = (filter(None, parts("works")), parts("works.rows")) if lists_works else ((), None)
        writers: dict[str, Callable[[BinaryIO], object]] = {
            ".json": lambda out: write_report_json(out, report, filter(None, parts("cases")), works[0]),
            ".csv": lambda out: out.writelines(chain((csv_head(),), parts("csv"))),
            ".xlsx": lambda out: write_xlsx(out, parts("rows"), works=works[1]),
        }
        if lists_works:
            writers["-works.csv"] = lambda out: out.writelines(chain((csv_head(WORK_COLUMNS),), parts("works.csv")))
        files = [
            MadeFile(f"{stem}{end}", FORMATS[kind], self._whole(self.folder / f"whole{end}", write))
            for end, write in writers.items()
            if (kind := end.rpartition(".")[2]) in formats
        ]
        for place, language in enumerate(self._languages):
            for volume in volumes:
                numbered = "" if volume.of == 1 else f"-volume-{volume.number:0{len(str(volume.of))}d}"
                name = f"{stem}{numbered}{'' if place == 0 else f'.{language}'}.pdf"
                files.append(MadeFile(name, FORMATS["pdf"], self._part(volume, f"{language}.pdf")))
        return files

    def _set(self, volume: Volume, unset: Mapping[str, Unset]) -> None:
        for language, document in unset.items():
            self._keep(self._part(volume, f"{language}.pdf"), document.pdf())
            if volume.of > 1:
                forget()
        self._keep(self._part(volume, "made"), b"")

    def _part(self, volume: Volume, kind: str) -> Path:
        return self.folder / f"volume-{volume.number}.{kind}"

    def _keep(self, path: Path, data: bytes) -> None:
        self._whole(path, lambda out: out.write(data))

    def _whole(self, path: Path, write: Callable[[BinaryIO], object]) -> Path:
        """Write a file atomically."""
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "wb") as out:
            write(out)
        return Path(draft).replace(path)
