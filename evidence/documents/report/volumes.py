"""Generation of a report in volumes: one after the other in a folder, combined at the end, to limit memory.

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

from evidence.documents.report.columns import (
    WORK_COLUMNS,
    build_csv_header,
    build_csv_lines,
    build_rows,
    build_work_rows,
)
from evidence.documents.report.facts import (
    CASES_PER_VOLUME,
    WORKS_PER_VOLUME,
    ReportFacts,
    Volume,
    build_json_elements,
    write_report_json,
)
from evidence.documents.report.pdf import prepare_report
from evidence.documents.report.xlsx import build_xlsx_rows, write_xlsx
from evidence.documents.typeset.compiler import PreparedDocument, clear_typst_cache
from evidence.documents.typeset.fonts import load_fonts
from evidence.documents.typeset.pictures import Pictures
from evidence.formats.codec import from_plain, parse_json, to_plain

FORMATS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
"""Formats of a report with their media types."""
HEADER_FILE = "head.json"
MAX_HEADER_BYTES = 256 << 20


def plan_volumes(cases: int, works: int = 0) -> tuple[Volume, ...]:
    """Return the volumes, at least one, of a report with ``cases`` cases and ``works`` listed works."""
    volume_count = max(1, ceil(cases / CASES_PER_VOLUME), ceil(works / WORKS_PER_VOLUME))
    return tuple(
        Volume(number, volume_count, (number - 1) * CASES_PER_VOLUME + 1, cases, works)
        for number in range(1, volume_count + 1)
    )


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A generated file of a report: name for the download, media type and current path."""

    name: str
    media_type: str
    path: Path


class ReportFolder:
    """Folder with the parts of a report in progress.

    PDFs are typeset in a thread while the next volume is prepared. A font for the first PDF language is required; other
    languages are omitted if no font for them is installed. Without languages, no PDFs are generated.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        self.folder = folder
        fonts = load_fonts()
        for required_language in languages[:1]:
            fonts.get_families(required_language)
        self._languages = [language for language in languages if fonts.can_typeset(language)]
        self._executor = ThreadPoolExecutor(1, "typesetting")
        self._pending_pdfs: Future[None] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def load_header(self, create: Callable[[], ReportFacts]) -> ReportFacts:
        """Return the report without cases and works, as it was when the report was started.

        ``create`` is called only if the folder does not contain the header yet.
        """
        path = self.folder / HEADER_FILE
        if not path.exists():
            self._write_part(path, json.dumps(to_plain(replace(create(), cases=(), works=()))).encode())
        plain = parse_json(path.read_bytes(), label=HEADER_FILE, limit=MAX_HEADER_BYTES)
        return from_plain(ReportFacts, plain, location=HEADER_FILE)

    def has_volume(self, volume: Volume) -> bool:
        """Return True if all parts of a volume have been generated."""
        return self._get_part_path(volume, "made").exists()

    def add_volume(self, volume: Volume, report: ReportFacts, pictures: Mapping[str, Pictures]) -> None:
        """Generate the parts of a volume, and start typesetting its PDFs; only one volume is typeset at a time.

        ``report`` contains the cases of this volume; ``pictures`` contains exact bytes by case number and path in the
        facts of the case. An error from typesetting the previous volume is raised here.
        """
        volume_report = report if volume.of == 1 else replace(report, volume=volume)
        documents = {language: prepare_report(volume_report, pictures, language) for language in self._languages}
        self._write_part(self._get_part_path(volume, "cases"), build_json_elements(volume_report.cases))
        self._write_part(self._get_part_path(volume, "csv"), build_csv_lines(build_rows(volume_report.cases)))
        self._write_part(self._get_part_path(volume, "rows"), build_xlsx_rows(build_rows(volume_report.cases)))
        if volume.works:
            self._write_part(self._get_part_path(volume, "works"), build_json_elements(volume_report.works))
            self._write_part(
                self._get_part_path(volume, "works.csv"),
                build_csv_lines(build_work_rows(volume_report.works), WORK_COLUMNS),
            )
            self._write_part(
                self._get_part_path(volume, "works.rows"),
                build_xlsx_rows(build_work_rows(volume_report.works), WORK_COLUMNS),
            )
        self.wait_for_pdfs()
        self._pending_pdfs = self._executor.submit(self._typeset_volume, volume, documents)

    def wait_for_pdfs(self) -> None:
        """Wait until the pending PDFs are typeset; raises the error if typesetting failed."""
        if self._pending_pdfs is not None:
            self._pending_pdfs.result()
            self._pending_pdfs = None

    def assemble_files(
        self, report: ReportFacts, volumes: Sequence[Volume], stem: str, formats: Collection[str] = tuple(FORMATS)
    ) -> list[ReportFile]:
        """Combine all generated volumes into the files of the report: PDFs in each language, and ``formats``.

        ``report`` is the report without cases and works; ``stem`` is the start of the file names.
        """
        self.wait_for_pdfs()

        def read_parts(kind: str) -> Iterator[bytes]:
            return (self._get_part_path(volume, kind).read_bytes() for volume in volumes)

        lists_works = bool(volumes[0].works)
        works = (filter(None, read_parts("works")), read_parts("works.rows")) if lists_works else ((), None)
        writers: dict[str, Callable[[BinaryIO], object]] = {
            ".json": lambda out: write_report_json(out, report, filter(None, read_parts("cases")), works[0]),
            ".csv": lambda out: out.writelines(chain((build_csv_header(),), read_parts("csv"))),
            ".xlsx": lambda out: write_xlsx(out, read_parts("rows"), works=works[1]),
        }
        if lists_works:
            writers["-works.csv"] = lambda out: out.writelines(
                chain((build_csv_header(WORK_COLUMNS),), read_parts("works.csv"))
            )
        files = [
            ReportFile(f"{stem}{suffix}", FORMATS[kind], self._write_atomically(self.folder / f"whole{suffix}", write))
            for suffix, write in writers.items()
            if (kind := suffix.rpartition(".")[2]) in formats
        ]
        for position, language in enumerate(self._languages):
            for volume in volumes:
                volume_suffix = "" if volume.of == 1 else f"-volume-{volume.number:0{len(str(volume.of))}d}"
                name = f"{stem}{volume_suffix}{'' if position == 0 else f'.{language}'}.pdf"
                files.append(ReportFile(name, FORMATS["pdf"], self._get_part_path(volume, f"{language}.pdf")))
        return files

    def _typeset_volume(self, volume: Volume, documents: Mapping[str, PreparedDocument]) -> None:
        for language, document in documents.items():
            self._write_part(self._get_part_path(volume, f"{language}.pdf"), document.render_pdf())
            if volume.of > 1:
                clear_typst_cache()
        self._write_part(self._get_part_path(volume, "made"), b"")

    def _get_part_path(self, volume: Volume, kind: str) -> Path:
        return self.folder / f"volume-{volume.number}.{kind}"

    def _write_part(self, path: Path, data: bytes) -> None:
        self._write_atomically(path, lambda out: out.write(data))

    def _write_atomically(self, path: Path, write: Callable[[BinaryIO], object]) -> Path:
        """Write a file atomically."""
        handle, temporary_path = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "wb") as out:
            write(out)
        return Path(temporary_path).replace(path)
