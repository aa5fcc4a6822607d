"""A report in volumes: made one after the other into a folder, put together at the end, in the memory of a few.

What a volume gives lies in the folder until the whole is done, so whoever is interrupted goes on with the next one.
"""

import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import BinaryIO, Self

from evidence.documents.report.csv import csv_head, csv_lines
from evidence.documents.report.facts import IN_A_VOLUME, ReportFacts, Volume
from evidence.documents.report.json import json_cases, write_report_json
from evidence.documents.report.pdf import unset_report
from evidence.documents.report.xlsx import XlsxRows, write_xlsx, xlsx_rows
from evidence.documents.typeset.compiler import forget
from evidence.documents.typeset.fonts import FontSet, installed_fonts
from evidence.documents.typeset.pdf import Unset
from evidence.documents.typeset.pictures import Pictures
from evidence.formats.codec import from_plain, parse_json, to_plain
from exhibit.errors import ServiceMissingError

PDF, CSV, JSON = "application/pdf", "text/csv", "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {"pdf": PDF, "csv": CSV, "xlsx": XLSX, "json": JSON}
"""The formats of a report with their media types."""
HEAD_FILE = "head.json"
LARGEST_HEAD = 256 << 20


def volumes_of(cases: int) -> tuple[Volume, ...]:
    """The volumes of a report over so many cases; one at least."""
    of = max(1, ceil(cases / IN_A_VOLUME))
    return tuple(Volume(number, of, (number - 1) * IN_A_VOLUME + 1, cases) for number in range(1, of + 1))


@dataclass(frozen=True, slots=True)
class MadeFile:
    """One file of a report, where it lies now."""

    name: str
    media_type: str
    path: Path


class ReportFolder:
    """The parts of one report under way. PDFs are set in a thread while the next volume is prepared.

    Args:
        folder: where the parts lie; made if missing.
        languages: of the PDFs; the first one is needed, others are left out where no font for them is here; no PDFs
            are made without any.
        fonts: where glyphs come from; the machine's when absent.
    """

    def __init__(self, folder: Path, languages: Sequence[str], fonts: FontSet | None = None) -> None:
        self.folder = folder
        self._fonts = fonts or installed_fonts()
        self._languages = [one for place, one in enumerate(languages) if self._can_set(one, needed=place == 0)]
        self._setting = ThreadPoolExecutor(1, "typesetting")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._setting.shutdown()

    def _can_set(self, language: str, *, needed: bool) -> bool:
        try:
            self._fonts.for_language(language)
        except ServiceMissingError:
            if needed:
                raise
            return False
        return True

    def head(self, made: Callable[[], ReportFacts]) -> ReportFacts:
        """Everything but the cases, as it was when the report was begun; asked of ``made`` at the beginning."""
        path = self.folder / HEAD_FILE
        if not path.exists():
            data = json.dumps(to_plain(replace(made(), cases=()))).encode()
            self._keep(HEAD_FILE, data)
        return from_plain(
            ReportFacts, parse_json(path.read_bytes(), what=HEAD_FILE, limit=LARGEST_HEAD), where=HEAD_FILE
        )

    def is_made(self, volume: Volume) -> bool:
        """Whether everything of a volume lies here."""
        return self._part(volume, "made").exists()

    def add(self, volume: Volume, report: ReportFacts, pictures: Mapping[str, Pictures]) -> None:
        """Make a volume; returns while its PDFs are still being set, one volume at most.

        Args:
            volume: which.
            report: the report with the cases of this volume.
            pictures: by case number, exact bytes by the path that the case's facts name.

        Raises:
            ExhibitError: the volume before this one couldn't be set.
        """
        part = report if volume.of == 1 else replace(report, volume=volume)
        unset = {language: unset_report(part, pictures, language) for language in self._languages}
        self._keep(self._part(volume, "cases").name, json_cases(part.cases))
        self._keep(self._part(volume, "csv").name, csv_lines(part.cases))
        rows = xlsx_rows(part.cases)
        self._keep(self._part(volume, "rows").name, f"{rows.count}\n".encode() + rows.data)
        self.wait()
        self._under_way = self._setting.submit(self._set, volume, unset)

    def wait(self) -> None:
        """Wait for the PDFs that are being set; raises what hindered them."""
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def put_together(
        self, report: ReportFacts, volumes: Sequence[Volume], stem: str, formats: Collection[str] = tuple(FORMATS)
    ) -> list[MadeFile]:
        """The report's files, once every volume is made.

        Args:
            report: everything but the cases.
            volumes: all of them.
            stem: what the names of the files start with.
            formats: of :data:`FORMATS`, those that are wanted besides PDF.
        """
        self.wait()
        writers: dict[str, Callable[[BinaryIO], object]] = {
            "json": lambda out: self._write_json(out, report, volumes),
            "csv": lambda out: self._write_csv(out, volumes),
            "xlsx": lambda out: write_xlsx(out, self._rows(volumes)),
        }
        files = [
            MadeFile(f"{stem}.{one}", FORMATS[one], self._whole(f"whole.{one}", write))
            for one, write in writers.items()
            if one in formats
        ]
        for place, language in enumerate(self._languages):
            for volume in volumes:
                numbered = "" if volume.of == 1 else f"-volume-{volume.number:0{len(str(volume.of))}d}"
                name = f"{stem}{numbered}{'' if place == 0 else f'.{language}'}.pdf"
                files.append(MadeFile(name, PDF, self._part(volume, f"{language}.pdf")))
        return files

    def _set(self, volume: Volume, unset: Mapping[str, Unset]) -> None:
        for language, document in unset.items():
            self._keep(self._part(volume, f"{language}.pdf").name, document.pdf(self._fonts))
            if volume.of > 1:
                forget(self._fonts)
        self._keep(self._part(volume, "made").name, b"")

    def _part(self, volume: Volume, kind: str) -> Path:
        return self.folder / f"volume-{volume.number}.{kind}"

    def _keep(self, name: str, data: bytes) -> None:
        self._whole(name, lambda out: out.write(data))

    def _whole(self, name: str, write: Callable[[BinaryIO], object]) -> Path:
        """Write a file that is there whole or not at all."""
        handle, path = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "wb") as out:
            write(out)
        return Path(path).replace(self.folder / name)

    def _write_json(self, out: BinaryIO, report: ReportFacts, volumes: Sequence[Volume]) -> None:
        parts = (self._part(volume, "cases").read_bytes() for volume in volumes)
        write_report_json(out, report, (part for part in parts if part))

    def _write_csv(self, out: BinaryIO, volumes: Sequence[Volume]) -> None:
        out.write(csv_head())
        out.writelines(self._part(volume, "csv").read_bytes() for volume in volumes)

    def _rows(self, volumes: Sequence[Volume]) -> Iterator[XlsxRows]:
        for volume in volumes:
            count, _, data = self._part(volume, "rows").read_bytes().partition(b"\n")
            yield XlsxRows(data, int(count))
