"""Command-line interface that runs one job: ``python -m crawler``."""

import argparse
import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from crawler.formats.job import Job, Limits, Politeness, Render, Source, SourceKind, UserAgent
from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine, read_lines, to_json
from exhibit.errors import ExitCode, InvalidRequestError, run_program
from exhibit.files.private import set_private_umask
from exhibit.pipes import ArgumentParser, exit_on_closed_pipe

_EXAMPLES = """
examples:
  python -m crawler https://example.org/ --bytes pictures --contact bot@example.org
      crawl a site and store its pictures; write lines of JSON to standard output
  python -m crawler https://example.org/sitemap.xml --source sitemap --bytes pictures --pages 100 --out lines.jsonl
      crawl the pages of a sitemap
  python -m crawler photos/ --bytes pictures
      read a folder of pictures or of web archives (WARC, ARC, WACZ); no network request is sent
  python -m crawler job.json
      run a job with all its settings, for example
      {"bytes_dir": "pictures", "urls": [{"url": "https://example.org/a.html", "kind": "page"}], "follow": false}
  python -m crawler - < job.json

exit codes: 0 completed or a limit was reached, 2 usage error, 3 the folder or the output cannot be written,
4 stopped, out of memory, or an archive could not be read completely, 130 interrupted
"""
_PR_SET_PDEATHSIG = 1


@exit_on_closed_pipe
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _build_parser().parse_args(arguments)
    set_private_umask()
    return run_program(lambda: _run_job(options), "crawler: ")


def _run_job(options: argparse.Namespace) -> ExitCode:
    job = _build_job(options)
    if not job.follow:
        _exit_with_parent(writes_to_stdout=options.out is None)
    from crawler.crawling.run import run  # noqa: PLC0415 - Scrapy takes a second to load; a wrong job is reported before

    if options.out is None:
        return run(job, _Writer(os.dup(sys.stdout.fileno()), job).write)
    running_path = options.out.with_name(f"{options.out.name}.running")
    try:
        earlier_lines = _load_earlier_lines(options.out, running_path, job)
        descriptor = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if options.out.is_file() and not job.has_file_sources:
            running_path.write_text(job.to_json(), encoding="utf-8")
    except OSError as error:
        raise InvalidRequestError(f"{options.out} cannot be written: {error.strerror}.") from error
    exit_code = run(job, _Writer(descriptor, job).write, earlier_lines)
    running_path.unlink(missing_ok=True)
    return exit_code


def _exit_with_parent(*, writes_to_stdout: bool) -> None:
    """Kill this process when its parent exits, with prctl(2) on Linux; on other systems, writing to the pipe fails.

    If the parent exits while this process is starting, the pipe has no reader, which is checked here.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if writes_to_stdout and any(events & select.POLLERR for _, events in poll.poll(0)):
        os._exit(ExitCode.SERVICE_MISSING)


def _load_earlier_lines(output_path: Path, running_path: Path, job: Job) -> list[PageLine | RefusalLine]:
    """Return the lines of an interrupted run of the same job; truncate any other output file.

    A file next to the output stores the job while it runs. An incomplete last line is removed as well.
    """
    is_same = running_path.exists() and running_path.read_bytes() == job.to_json().encode()
    data = output_path.read_bytes() if is_same and output_path.exists() else b""
    lines = list(read_lines(data.splitlines(keepends=True)))
    if lines and isinstance(lines[-1], EndLine):
        lines, data = [], b""
    if output_path.is_file():
        os.truncate(output_path, data.rfind(b"\n") + 1)
    return [line for line in lines if not isinstance(line, EndLine)]


class _Writer:
    """Writes complete, unbuffered lines. At the end, unfinished work is reported on standard error."""

    def __init__(self, descriptor: int, job: Job) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._job = job

    def write(self, line: Line) -> None:
        remaining = memoryview(to_json(line))
        try:
            while remaining:
                remaining = remaining[self._stream.write(remaining) or 0 :]
        except OSError as error:
            # The reader closed the pipe, or the disk is full: further results would be lost.
            print(f"crawler: cannot write the output: {error.strerror}.", file=sys.stderr, flush=True)
            os._exit(ExitCode.SERVICE_MISSING)
        if isinstance(line, EndLine) and self._job.follow:
            for sentence in _describe_skipped_work(line, self._job.render):
                print(f"crawler: {sentence}", file=sys.stderr, flush=True)


def _describe_skipped_work(end_line: EndLine, render: Render) -> Iterator[str]:
    """Yield messages about work that a stand-alone job has not done, with the steps to take."""
    if pages := end_line.counts.scripts_not_run:
        subject = "1 page runs" if pages == 1 else f"{pages:,} pages run"
        remedies = {
            Render.NEVER: "add --render auto to render those that are likely to add pictures, or --render always.",
            Render.AUTO: "add --render always to render all of them.",
            Render.ALWAYS: "they were not rendered; see `unrendered` in the last line of the output.",
        }
        yield f"{subject} scripts that may add pictures: {remedies[render]}"
    for host in end_line.counts.waiting:
        yield f"{host} was not visited: it requested a pause, or its robots.txt is not available. Try again later."


def _build_job(options: argparse.Namespace) -> Job:
    if options.what == "-":
        return Job.from_json(sys.stdin.buffer.read())
    if "://" not in options.what and not Path(options.what).exists():
        raise InvalidRequestError(
            f"{options.what} does not exist.", hint="Enter a URL, a folder, a WARC file or a JSON job."
        )
    if options.what.endswith(".json"):
        return Job.from_json(Path(options.what).read_bytes())
    if options.bytes is None:
        raise InvalidRequestError("No output folder for pictures was given.", hint="Add --bytes DIR.")
    contact = options.contact
    return Job(
        bytes_dir=options.bytes,
        sources=(_build_source(options),),
        limits=Limits(pages=options.pages, seconds=options.seconds, depth=options.depth),
        politeness=Politeness(delay=options.delay),
        user_agent=UserAgent(url=contact) if "://" in contact else UserAgent(email=contact),
        allowed_networks=tuple(options.allow_network),
        render=Render(options.render),
    )


def _build_source(options: argparse.Namespace) -> Source:
    argument = options.what
    if "://" in argument:
        kind = SourceKind(options.source)
        return Source(kind=kind, urls=(argument,)) if kind is SourceKind.LIST else Source(kind=kind, url=argument)
    from crawler.crawling.archives import is_archive_file  # noqa: PLC0415 - its readers take a moment to load, and a URL needs none

    path = Path(argument)
    names = [path.name] if path.is_file() else [entry.name for entry in path.iterdir()]
    return Source(kind=SourceKind.WARC if any(map(is_archive_file, names)) else SourceKind.FOLDER, path=path)


def _build_parser() -> argparse.ArgumentParser:
    limits, delay = Limits(), Politeness().delay
    parser = ArgumentParser(
        prog="python -m crawler",
        description="Crawl pages, store the exact bytes of their pictures, and write the results as lines of JSON.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_argument = parser.add_argument
    add_argument(
        "what",
        metavar="JOB|URL|PATH",
        help="job (.json file, or - for standard input), URL, or path of a folder or WARC file",
    )
    add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="output file (default: standard output); an interrupted run continues from it",
    )
    add_argument("--bytes", type=Path, metavar="DIR", help="output folder for pictures, named by their SHA-256")
    add_argument(
        "--source", choices=["site", "sitemap", "feed", "list"], default="site", help="type of the URL (default: site)"
    )
    add_argument("--pages", type=int, default=limits.pages, help=f"maximum pages (default: {limits.pages})")
    add_argument(
        "--seconds",
        type=float,
        default=limits.seconds,
        help=f"maximum duration in seconds (default: {limits.seconds:g})",
    )
    add_argument("--depth", type=int, default=limits.depth, help=f"maximum link depth (default: {limits.depth})")
    add_argument("--delay", type=float, default=delay, help=f"seconds between requests to a host (default: {delay:g})")
    add_argument(
        "--render",
        choices=[str(render) for render in Render],
        default=str(Render.NEVER),
        help="pages to render in a browser: none, those likely to add pictures, or all (default: never)",
    )
    add_argument("--contact", default="", metavar="URL|EMAIL", help="contact for site owners, sent in the user agent")
    add_argument(
        "--allow-network",
        action="append",
        default=[],
        metavar="CIDR",
        help="private network that may be accessed; repeatable",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
