"""The stages of the demonstration: from registered works to verified bundles."""

import csv
import json
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Final

from demo import collection as collections
from demo.archive import CAPTURED_URL, DOMAIN, HOST, Archive, run_archive
from demo.collection import Collection, run_collection
from demo.display import Display
from demo.image_stock import choose_works
from demo.outside_tools import OutsideCheck, verify_with_tools
from demo.pictures import generate_flat
from demo.plan import LicenceTerms, Site
from demo.product import Product, find_free_port
from demo.reading import (
    NOT_SHOWN_VERDICT,
    CrawlRefusal,
    ReportedCase,
    parse_cases,
    parse_refusals,
    parse_verdicts,
    parse_works,
)
from demo.serving import HOSTS, ServedSites, serve_sites
from demo.sites import NAMES, build_sites
from demo.tally import Tally, compute_tally
from demo.timestamp_services import TRUST_LABEL, TimestampServices, run_timestamp_services
from evidence.verdict.trust import load_trust

STAGE_COUNT: Final = 7
BUNDLE_FOLDER: Final = "bundles"
OWNER: Final = "Lighthouse Archive"
OWNER_SLUG: Final = "lighthouse-archive"
OWNER_PATH: Final = f"/owners/{OWNER_SLUG}"
OTHER_OWNER: Final = "Second Studio"
FINAL_STATES: Final = frozenset({"done", "failed"})
"""Final states of a report."""
POLL_SECONDS, REPORT_POLL_SECONDS = 15.0, 2.0
"""Polling intervals in seconds. Each poll is a separate process, which slows down the work that it polls."""
PACE_OPTIONS: Final = ("--every", "24h", "--delay", "0")
"""Options for crawling without delay, because the sites run on this machine."""
STAND_IN_SITES: Final = frozenset({DOMAIN, collections.HOST})
"""Sites of the stand-ins. Their copies are not counted with those of the three sites."""
EXPECTED_VERDICTS: Final = frozenset({"complete", NOT_SHOWN_VERDICT})


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Result of the whole run."""

    tally: Tally
    verdicts: dict[str, str]
    tool_checks: tuple[OutsideCheck, ...]
    reports: tuple[str, ...]
    forbidden_requests: tuple[str, ...]
    seconds: dict[str, float]
    archive_time: str  # Capture time of the copy found in the archive; empty if it was not found.
    search_page_url: str  # Page of the copy found by the keyword search; empty if it was not found.

    @property
    def failures(self) -> tuple[str, ...]:
        """Sentences about unexpected results. Missed copies are not included."""
        failed_checks = [check for check in self.tool_checks if check.outcome == "failed"]
        return (
            *(
                f"False alarm: case {alarm.case} takes {alarm.image_url} for {alarm.work}."
                for alarm in self.tally.false_alarms
            ),
            *(f"The licensed use {use.image_url} was not spared." for use in self.tally.raised_uses),
            *(f"Nothing records why {trap.image_url} was refused." for trap in self.tally.unrefused_traps),
            *(f"{path} was fetched though robots.txt forbids it." for path in self.forbidden_requests),
            *(f"{name}: {verdict}." for name, verdict in self.verdicts.items() if verdict not in EXPECTED_VERDICTS),
            *(f"{check.bundle}: {check.tool} says: {check.output}" for check in failed_checks),
            *(() if self.archive_time else ("The copy in the archive was not found.",)),
            *(() if self.search_page_url else ("The copy that a search names was not found.",)),
        )


def run_demo(out: Path, photos: Path, display: Display) -> DemoResult:
    """Run all stages of the demonstration.

    Raises:
        ExhibitError: A stage failed.
    """
    # Separate servers are used even if the environment configures others.
    settings = {"EXHIBIT_DATA": str(out / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    product = Product(settings, out / "commands.log")
    with ExitStack() as stack:
        with display.announce_stage(
            "start", "Starting database, queue, workers, web server and test timestamp services"
        ):
            timestamp_services = stack.enter_context(run_timestamp_services(out / "timestamp-services"))
            archive = stack.enter_context(run_archive())
            collection = stack.enter_context(run_collection())
            _start_product(product, out, timestamp_services.format_settings(), archive, collection, stack)
        with display.announce_stage("register", "Registering works"):
            works = _register_works(product, out, photos, display)
        with display.announce_stage("sites", "Building three small web sites"):
            folders = [out / "sites" / name for name in NAMES]
            served_sites = stack.enter_context(serve_sites(folders))
            plan = build_sites(folders, works, served_sites.base_urls)
            archive.add_capture(works[0])
            collection.add_copy(works[0])
            display.print_finding(
                f"{plan.picture_count} pictures; {len(plan.planted_uses)} are copies, "
                f"{len(plan.licensed_uses)} licensed uses"
            )
        with display.announce_stage(
            "watch", "Running three watches, and two over stand-ins for an archive and a search"
        ):
            _import_licences(product, out, plan.licences)
            _run_watches(product, out, plan.sites, served_sites, plan.picture_count, display)
        with display.announce_stage("cases", "Choosing the cases that are certain"):
            cases_seen = _load_cases(product)
            archive_time = next((use.period for case in cases_seen if case.site == DOMAIN for use in case.uses), "")
            if archive_time:
                display.print_finding(
                    f"{CAPTURED_URL}: the archive states a capture of {archive_time}; nobody here saw the site then"
                )
            search_page_url = next(
                (use.page_url for case in cases_seen if case.site == collections.HOST for use in case.uses), ""
            )
            if search_page_url:
                display.print_finding(
                    f"{search_page_url}: named by a search for “{collections.SEARCH_WORDS}” that needs no key"
                )
            certain_cases = [case for case in cases_seen if case.is_certain and case.site not in STAND_IN_SITES]
            display.print_finding(f"{len(certain_cases)} cases, to be confirmed by the switch for demonstrations")
        with display.announce_stage(
            "seal", "Confirming them: capturing, sealing, logging and anchoring; writing the report"
        ):
            cases = [
                case for case in _confirm_cases(product, certain_cases, display) if case.site not in STAND_IN_SITES
            ]
            reports = _download_report(product, out / "report")
        with display.announce_stage("verify", "Verifying every bundle by four tools"):
            verdicts, tool_checks = _verify_bundles(product, out, timestamp_services, cases, display)
        refusals = _load_refusals(product, plan.sites)
    forbidden_requests = tuple(path for paths in served_sites.requests for path in paths if " /members/" in path)
    seconds = dict(display.seconds)
    counts = compute_tally(plan, cases, refusals)
    return DemoResult(
        counts, verdicts, tool_checks, tuple(reports), forbidden_requests, seconds, archive_time, search_page_url
    )


def _format_configuration() -> str:
    """Return the settings, which allow the loopback addresses of the sites and stand-ins, and short intervals.

    Captures use a browser if there is one; EXHIBIT_CAPTURE_BROWSER=none disables it.
    """
    networks = ", ".join(f'"{host}/32"' for host in (*HOSTS, HOST, collections.HOST))
    return f"""contact = "demo@example.org"
allowed_networks = [{networks}]
web_port = {find_free_port()}
tick_seconds = 1
checkpoint_seconds = 5
"""


def _start_product(
    product: Product, out: Path, timestamp_settings: str, archive: Archive, collection: Collection, stack: ExitStack
) -> None:
    data_dir = out / "data"
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "exhibit.toml").write_text(
        _format_configuration() + archive.format_settings() + timestamp_settings, "utf-8"
    )
    collection.install_mapping(data_dir)
    stack.callback(product.run, "down", accepted_codes=frozenset({0, 1, 3}))
    product.run("up", "--detach")


def _register_works(product: Product, out: Path, photos: Path, display: Display) -> list[Path]:
    """Register all files and a single-colour image for one owner, and the first file also for another owner.

    If a table `works.csv` exists in the folder of the images, it contains title, author and rights.

    Returns:
        The files of works for which certain matches are possible.
    """
    files = choose_works(photos)
    inbox = out / "works"
    inbox.mkdir(parents=True, exist_ok=True)
    copies = [Path(shutil.copy(file, inbox)) for file in files]
    generate_flat().save(inbox / "flat.png")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(product.run, "owner", "add"), (OWNER, OTHER_OWNER)))
    table = photos / "works.csv"
    metadata = ["--table", str(table)] if table.exists() else []
    paths = [str(path) for path in [*copies, inbox / "flat.png"]]
    registered = parse_works(product.run_json("work", "add", *paths, "--owner", OWNER, *metadata))
    other_works = parse_works(product.run_json("work", "add", paths[0], "--owner", OTHER_OWNER))
    flagged = {work.file: work.flags for work in registered if work.flags}
    display.print_finding(f"{len(registered)} works of {OWNER}")
    for name, flags in flagged.items():
        display.print_finding(f"{name} never has certain matches: {', '.join(flags)}")
    for conflict in (conflict for work in other_works for conflict in work.earlier_registrations):
        display.print_finding(f"{OTHER_OWNER}: {conflict}")
    return [path for path in copies if path.name not in flagged]


def _import_licences(product: Product, out: Path, licences: Sequence[LicenceTerms]) -> None:
    table = out / "licences.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(LicenceTerms)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(terms) | {"works": ";".join(terms.works)} for terms in licences)
    product.call_api("POST", f"{OWNER_PATH}/licences/import", "--file", str(table))


def _run_watches(
    product: Product, out: Path, sites: Sequence[Site], served: ServedSites, pictures: int, display: Display
) -> None:
    """Run watches of the sites, the archive and the search in parallel, and show the requests to the sites."""
    words_file = out / "words.txt"
    words_file.write_text(f"{collections.SEARCH_WORDS}\n", "utf-8")

    def add_and_run(name: str, *source: str) -> str:
        product.run("watch", "add", name, "--owner", OWNER, *source, *PACE_OPTIONS)
        return product.run(
            "watch", "run", name, "--owner", OWNER, "--wait", get_progress=lambda: _count_picture_requests(served)
        )

    with ThreadPoolExecutor(len(sites) + 2) as pool:
        runs = [pool.submit(add_and_run, "then", "--archive", "wayback", "--domain", DOMAIN, "--from", "2019")]
        runs += [
            pool.submit(add_and_run, "collection", "--search", collections.SERVICE_NAME, "--queries", str(words_file))
        ]
        runs += [pool.submit(add_and_run, site.name, f"--{site.source}", site.start_url) for site in sites]
        _show_until_done(
            runs,
            lambda: display.show_progress(_count_picture_requests(served), pictures, "picture addresses visited"),
            0.2,
        )


def _show_until_done(runs: Sequence[Future[str]], show: Callable[[], None], interval: float) -> None:
    """Show progress until the commands have ended, then raise their first error, if any."""
    while wait(runs, interval).not_done:
        show()
    for crawl in runs:
        crawl.result()


def _count_picture_requests(served: ServedSites) -> int:
    folders = (" /pictures/", " /press/", " /uploads/", " /go/")
    return sum(any(folder in line for folder in folders) for lines in served.requests for line in lines)


def _load_cases(product: Product) -> list[ReportedCase]:
    return parse_cases(product.run_json("case", "list", "--owner", OWNER))


def _confirm_cases(product: Product, cases: Sequence[ReportedCase], display: Display) -> list[ReportedCase]:
    """Confirm cases, and wait until each has a bundle with a timestamp receipt."""
    ready_count = 0

    def show_progress() -> None:
        nonlocal ready_count
        ready_count = sum(case.sealed_bundles > 0 and case.timestamped_bundles > 0 for case in _load_cases(product))
        display.show_progress(ready_count, len(cases), "cases sealed and timestamped")

    numbers = [str(case.number) for case in cases]
    with ThreadPoolExecutor(1) as pool:
        arguments = ("case", "confirm", *numbers, "--owner", OWNER, "--demonstration", "--wait")
        runs = [pool.submit(product.run, *arguments, get_progress=lambda: ready_count)] if numbers else []
        _show_until_done(runs, show_progress, POLL_SECONDS)
    return _load_cases(product)


def _download_report(product: Product, folder: Path) -> list[str]:
    """Request a report over all cases, wait for it, and download its files into a folder."""
    folder.mkdir()
    report = product.call_api("POST", f"{OWNER_PATH}/reports")
    report_path = f"{OWNER_PATH}/reports/{report['number']}"
    while report["state"] not in FINAL_STATES:
        time.sleep(REPORT_POLL_SECONDS)
        report = product.call_api("GET", report_path)
    return [product.download(f"{report_path}/files/{name}", folder / name) for name in report["files"]]


def _load_refusals(product: Product, sites: Sequence[Site]) -> list[CrawlRefusal]:
    """Return the refusals of the first crawl of each site."""
    numbers = {watch["name"]: watch["number"] for watch in product.call_api("GET", f"{OWNER_PATH}/watches")["items"]}
    crawls = [f"{OWNER_PATH}/watches/{numbers[site.name]}/crawls/1" for site in sites]
    paths = [f"{crawl}/{kind}" for crawl in crawls for kind in ("refusals", "unreadable-pictures")]
    lines = [line for path in paths for line in product.run("api", "GET", path, "--all").splitlines()]
    return parse_refusals([json.loads(line) for line in lines])


def _verify_bundles(
    product: Product, out: Path, timestamp_services: TimestampServices, cases: Sequence[ReportedCase], display: Display
) -> tuple[dict[str, str], tuple[OutsideCheck, ...]]:
    trust_file = out / "trust.json"
    product.run("trust", str(trust_file), "--label", TRUST_LABEL)
    trust_file.write_bytes(timestamp_services.build_trust(load_trust(trust_file)).to_json())
    numbers = [str(case.number) for case in cases if case.sealed_bundles]
    if not numbers:
        return {}, ()
    paths = [f"{OWNER_PATH}/cases/{number}/bundles/1/file" for number in numbers]
    product.run("api", "GET", *paths, "--output", f"{out / BUNDLE_FOLDER}/")
    bundles = [str(path) for path in sorted((out / BUNDLE_FOLDER).iterdir())]
    tool_checks: list[OutsideCheck] = []
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(
            product.run_json, "verify", *bundles, "--trust", str(trust_file), accepted_codes=frozenset({0, 1, 4})
        )
        for number, bundle in enumerate(bundles, 1):
            tool_checks += verify_with_tools(Path(bundle), timestamp_services.roots)
            display.show_progress(number, len(bundles), "bundles checked by sha256sum, bagit and openssl")
        verification = task.result()
    return parse_verdicts(verification), tuple(tool_checks)
