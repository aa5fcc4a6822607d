"""``python -m crawler``: one job, from the command line."""

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
from exhibit.errors import ExitCode, WrongUseError, ended
from exhibit.files.private import keep_private
from exhibit.pipes import ends_with_reader

_EXAMPLES = """
examples:
  python -m crawler https://example.org/ --bytes pictures --contact bot@example.org
      visit a site and keep its pictures; lines on standard output
  python -m crawler https://example.org/sitemap.xml --source sitemap --bytes pictures --pages 100 --out lines.jsonl
      the pages of a sitemap
  python -m crawler photos/ --bytes pictures
      a folder of pictures or of web archives (WARC, ARC, WACZ); nothing is asked of the network
  python -m crawler job.json
      a job with all its settings, for example
      {"bytes_dir": "pictures", "urls": [{"url": "https://example.org/a.html", "kind": "page"}], "follow": false}
  python -m crawler - < job.json

exit codes: 0 ended by itself or by a budget, 2 wrong use, 3 the folder or the lines can't be written,
4 stopped, out of memory or an archive couldn't be read whole, 130 interrupted
"""
_PR_SET_PDEATHSIG = 1


@ends_with_reader
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _build_parser().parse_args(arguments)
    keep_private()
    return ended(lambda: _run(options), "crawler: ")


def _run(options: argparse.Namespace) -> ExitCode:
    job = _job(options)
    if not job.follow:
        _die_with_parent(speaks=options.out is None)
    from crawler.crawling.run import run  # noqa: PLC0415 - Scrapy takes a second to load; a wrong job is reported before

    if options.out is None:
        return run(job, _Writer(os.dup(sys.stdout.fileno()), job).write)
    running = options.out.with_name(f"{options.out.name}.running")
    try:
        earlier = _earlier(options.out, running, job)
        out = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if options.out.is_file() and not job.reads_files:
            running.write_text(job.to_json(), encoding="utf-8")
    except OSError as error:
        raise WrongUseError(f"{options.out} can't be written: {error.strerror}.") from error
    code = run(job, _Writer(out, job).write, earlier)
    running.unlink(missing_ok=True)
    return code


def _die_with_parent(*, speaks: bool) -> None:
    """Kill this process when its parent exits, with prctl(2) on Linux; on other systems, writing to the pipe fails.

    If the parent exits while this process starts, the pipe without a reader shows it.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    if speaks and any(events & select.POLLERR for _, events in pipe.poll(0)):
        os._exit(ExitCode.SERVICE_MISSING)


def _earlier(out: Path, running: Path, job: Job) -> list[PageLine | RefusalLine]:
    """Return the lines of an interrupted run of the same job; remove all other lines.

    A file next to the output stores the job while it runs. An incomplete last line is removed as well.
    """
    is_same = running.exists() and running.read_bytes() == job.to_json().encode()
    data = out.read_bytes() if is_same and out.exists() else b""
    lines = list(read_lines(data.splitlines(keepends=True)))
    if lines and isinstance(lines[-1], EndLine):
        lines, data = [], b""
    if out.is_file():
        os.truncate(out, data.rfind(b"\n") + 1)
    return [line for line in lines if not isinstance(line, EndLine)]


class _Writer:
    """Writes complete, unbuffered lines. At the end, unfinished work is reported on standard error."""

    def __init__(self, descriptor: int, job: Job) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._job = job

    def write(self, line: Line) -> None:
        rest = memoryview(to_json(line))
        try:
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except OSError as error:
            # The reader closed the pipe, or the disk is full: further results would be lost.
            print(f"crawler: cannot write the output: {error.strerror}.", file=sys.stderr, flush=True)
            os._exit(ExitCode.SERVICE_MISSING)
        if isinstance(line, EndLine) and self._job.follow:
            for sentence in _missing(line, self._job.render):
                print(f"crawler: {sentence}", file=sys.stderr, flush=True)


def _missing(end: EndLine, render: Render) -> Iterator[str]:
    """Yield sentences about what a whole job has not visited, with the steps to take."""
    if pages := end.counts.scripts_not_run:
        them = "1 page runs" if pages == 1 else f"{pages:,} pages run"
        how = {
            Render.NEVER: "add --render auto to render those likely to gain pictures, or --render always.",
            Render.AUTO: "add --render always to render all of them.",
            Render.ALWAYS: "they were not rendered; see `unrendered` in the last line of the output.",
        }
        yield f"{them} scripts that may add pictures: {how[render]}"
    for host in end.counts.waiting:
        yield f"{host} was not visited: it asked for a pause, or its robots.txt is not available. Try again later."


def _job(options: argparse.Namespace) -> Job:
    if options.what == "-":
        return Job.from_json(sys.stdin.buffer.read())
    if "://" not in options.what and not Path(options.what).exists():
        raise WrongUseError(f"{options.what} does not exist.", hint="Enter a URL, a folder, a WARC file or a JSON job.")
    if options.what.endswith(".json"):
        return Job.from_json(Path(options.what).read_bytes())
    if options.bytes is None:
        raise WrongUseError("The output folder for pictures is missing.", hint="Add --bytes DIR.")
    contact = options.contact
    return Job(
        bytes_dir=options.bytes,
        sources=(_source(options),),
        limits=Limits(pages=options.pages, seconds=options.seconds, depth=options.depth),
        politeness=Politeness(delay=options.delay),
        user_agent=UserAgent(url=contact) if "://" in contact else UserAgent(email=contact),
        allowed_networks=tuple(options.allow_network),
        render=Render(options.render),
    )


def _source(options: argparse.Namespace) -> Source:
    what = options.what
    if "://" in what:
        kind = SourceKind(options.source)
        return Source(kind=kind, urls=(what,)) if kind is SourceKind.LIST else Source(kind=kind, url=what)
    from crawler.crawling.archives import is_archive  # noqa: PLC0415 - its readers take a moment to load, and a URL needs none

    path = Path(what)
    names = [path.name] if path.is_file() else [entry.name for entry in path.iterdir()]
    return Source(kind=SourceKind.WARC if any(map(is_archive, names)) else SourceKind.FOLDER, path=path)


def _build_parser() -> argparse.ArgumentParser:
    limits, delay = Limits(), Politeness().delay
    parser = argparse.ArgumentParser(
        prog="python -m crawler",
        description="Crawl pages, store the exact bytes of their pictures, and write the results as lines of JSON.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "what",
        metavar="JOB|URL|PATH",
        help="job (.json file, or - for standard input), URL, or path of a folder or WARC file",
    )
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="output file (default: standard output); an interrupted run continues from it",
    )
    add("--bytes", type=Path, metavar="DIR", help="output folder for pictures, named by their SHA-256")
    add("--source", choices=["site", "sitemap", "feed", "list"], default="site", help="type of the URL (default: site)")
    add("--pages", type=int, default=limits.pages, help=f"maximum pages (default: {limits.pages})")
    add(
        "--seconds",
        type=float,
        default=limits.seconds,
        help=f"maximum duration in seconds (default: {limits.seconds:g})",
    )
    add("--depth", type=int, default=limits.depth, help=f"maximum link depth (default: {limits.depth})")
    add("--delay", type=float, default=delay, help=f"seconds between requests to a host (default: {delay:g})")
    add(
        "--render",
        choices=[str(render) for render in Render],
        default=str(Render.NEVER),
        help="pages to render in a browser: none, those likely to gain pictures, or all (default: never)",
    )
    add("--contact", default="", metavar="URL|EMAIL", help="contact for site owners, sent in the user agent")
    add(
        "--allow-network",
        action="append",
        default=[],
        metavar="CIDR",
        help="private network that may be accessed; repeatable",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
