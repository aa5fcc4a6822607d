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
from demo.archive import DOMAIN, HOST, URL, Archive, running_archive
from demo.collection import Collection, running_collection
from demo.display import Display
from demo.outside import OutsideCheck, check_outside
from demo.pictures import flat
from demo.plan import Site, Terms
from demo.product import Product, free_port
from demo.reading import NOT_SHOWN, SeenCase, SeenRefusal, cases_of, refusals_of, verdicts_of, works_of
from demo.serving import HOSTS, Served, serve
from demo.sites import NAMES, build
from demo.stock import choose_works
from demo.tally import Tally, tally
from demo.witnesses import LABEL, Witnesses, running_witnesses
from evidence.verdict.trust import load_trust

STAGES: Final = 7
BUNDLES: Final = "bundles"
OWNER: Final = "Lighthouse Archive"
OWNER_SLUG: Final = "lighthouse-archive"
BELOW: Final = f"/owners/{OWNER_SLUG}"
OTHER_OWNER: Final = "Second Studio"
OVER: Final = frozenset({"done", "failed"})
"""Final states of a report."""
LOOK_AGAIN_SECONDS: Final = 15.0
"""Polling interval. Each poll is a separate command, which competes for the CPU with what it waits for."""
PACE: Final = ("--every", "24h", "--delay", "0")
"""Crawl without delay: the sites belong to the demonstration and run on this machine."""
OF_STAND_INS: Final = frozenset({DOMAIN, collections.HOST})
"""Sites of the stand-ins, whose copies are not counted among those of the three sites."""
WELL: Final = frozenset({"complete", NOT_SHOWN})


@dataclass(frozen=True, slots=True)
class Result:
    """Result of the whole run."""

    tally: Tally
    verdicts: dict[str, str]
    outside: tuple[OutsideCheck, ...]
    reports: tuple[str, ...]
    fetched_though_forbidden: tuple[str, ...]
    seconds: dict[str, float]
    archived: str  # the archive's time of the copy found in it; empty if it was not found
    searched: str  # page of the copy found by a search without a key; empty if it was not found

    @property
    def failures(self) -> tuple[str, ...]:
        """Unexpected results, in sentences. Missed copies are not included."""
        broken = [check for check in self.outside if check.outcome == "failed"]
        return (
            *(f"False alarm: case {a.case} takes {a.image_url} for {a.work}." for a in self.tally.false_alarms),
            *(f"The licensed use {use.image_url} was not spared." for use in self.tally.licensed_raised),
            *(f"Nothing records why {trap.image_url} was refused." for trap in self.tally.not_refused),
            *(f"{path} was fetched though robots.txt forbids it." for path in self.fetched_though_forbidden),
            *(f"{name}: {verdict}." for name, verdict in self.verdicts.items() if verdict not in WELL),
            *(f"{check.bundle}: {check.tool} says: {check.words}" for check in broken),
            *(() if self.archived else ("The copy in the archive was not found.",)),
            *(() if self.searched else ("The copy that a search names was not found.",)),
        )


def run(out: Path, photos: Path, display: Display) -> Result:
    """Run all stages, named as in the code below.

    Raises:
        ExhibitError: A stage failed.
    """
    # This run uses its own servers, whatever servers the environment names.
    settings = {"EXHIBIT_DATA": str(out / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    product = Product(settings, out / "commands.log")
    with ExitStack() as stack:
        with display.stage("start", "Starting database, queue, workers, web server and test timestamp services"):
            witnesses = stack.enter_context(running_witnesses(out / "witnesses"))
            archive = stack.enter_context(running_archive())
            collection = stack.enter_context(running_collection())
            _start(product, out, witnesses.settings(), archive, collection, stack)
        with display.stage("register", "Registering works"):
            works = _register(product, out, photos, display)
        with display.stage("sites", "Building three small web sites"):
            folders = [out / "sites" / name for name in NAMES]
            served = stack.enter_context(serve(folders))
            plan = build(folders, works, served.bases)
            archive.hold(works[0])
            collection.hold(works[0])
            display.note(
                f"{plan.pictures} pictures; {len(plan.planted)} are copies, {len(plan.licensed)} licensed uses"
            )
        with display.stage("watch", "Running three watches, and two over stand-ins for an archive and a search"):
            _licences(product, out, plan.licences)
            _watch(product, out, plan.sites, served, plan.pictures, display)
        with display.stage("cases", "Choosing the cases that are certain"):
            cases_seen = _cases(product)
            archived = next((use.period for case in cases_seen if case.party == DOMAIN for use in case.uses), "")
            if archived:
                display.note(f"{URL}: the archive states a capture of {archived}; nobody here saw the site then")
            searched = next(
                (use.page_url for case in cases_seen if case.party == collections.HOST for use in case.uses), ""
            )
            if searched:
                display.note(f"{searched}: named by a search for “{collections.WORDS}” that needs no key")
            certain = [case for case in cases_seen if case.is_certain and case.party not in OF_STAND_INS]
            display.note(f"{len(certain)} cases, to be confirmed by the switch for demonstrations")
        with display.stage("seal", "Confirming them: capturing, sealing, logging and anchoring; writing the report"):
            cases = [case for case in _confirm(product, certain, display) if case.party not in OF_STAND_INS]
            reports = _report(product, out / "report")
        with display.stage("verify", "Verifying every bundle by four tools"):
            verdicts, outside = _verify(product, out, witnesses, cases, display)
        refusals = _refusals(product, plan.sites)
    forbidden = tuple(path for paths in served.requests for path in paths if " /members/" in path)
    seconds = dict(display.seconds)
    counts = tally(plan, cases, refusals)
    return Result(counts, verdicts, outside, tuple(reports), forbidden, seconds, archived, searched)


def _configuration() -> str:
    """Return the settings: the loopback addresses of sites and archive are allowed, and pending work is polled often.

    Captures use a browser if there is one; EXHIBIT_CAPTURE_BROWSER=none disables it.
    """
    networks = ", ".join(f'"{host}/32"' for host in (*HOSTS, HOST, collections.HOST))
    return f"""contact = "demo@example.org"
allowed_networks = [{networks}]
web_port = {free_port()}
tick_seconds = 1
checkpoint_seconds = 5
"""


def _start(
    product: Product, out: Path, witnesses: str, archive: Archive, collection: Collection, stack: ExitStack
) -> None:
    data = out / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "exhibit.toml").write_text(_configuration() + archive.settings() + witnesses, "utf-8")
    collection.be_asked(data)
    stack.callback(product.run, "down", accept=frozenset({0, 1, 3}))
    product.run("up", "--detach")


def _register(product: Product, out: Path, photos: Path, display: Display) -> list[Path]:
    """Register all files for one owner, the first also for another, and a flat image. Returns the matchable works.

    A table `works.csv` beside the images has title, author and rights.
    """
    files = choose_works(photos)
    inbox = out / "works"
    inbox.mkdir(parents=True, exist_ok=True)
    copies = [Path(shutil.copy(file, inbox)) for file in files]
    flat().save(inbox / "flat.png")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(product.run, "owner", "add"), (OWNER, OTHER_OWNER)))
    table = photos / "works.csv"
    metadata = ["--table", str(table)] if table.exists() else []
    paths = [str(path) for path in [*copies, inbox / "flat.png"]]
    registered = works_of(product.ask("work", "add", *paths, "--owner", OWNER, *metadata))
    again = works_of(product.ask("work", "add", paths[0], "--owner", OTHER_OWNER))
    flagged = {work.file: work.flags for work in registered if work.flags}
    display.note(f"{len(registered)} works of {OWNER}")
    for name, flags in flagged.items():
        display.note(f"{name} is never matched for certain: {', '.join(flags)}")
    for conflict in (conflict for work in again for conflict in work.conflicts):
        display.note(f"{OTHER_OWNER}: {conflict}")
    return [path for path in copies if path.name not in flagged]


def _licences(product: Product, out: Path, licences: Sequence[Terms]) -> None:
    table = out / "licences.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Terms)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(terms) | {"works": ";".join(terms.works)} for terms in licences)
    product.api("POST", f"{BELOW}/licences/import", "--file", str(table))


def _watch(product: Product, out: Path, sites: Sequence[Site], served: Served, pictures: int, display: Display) -> None:
    """Add watches for the sites, the archive and the search, run all in parallel, and count requests to the sites."""
    words = out / "words.txt"
    words.write_text(f"{collections.WORDS}\n", "utf-8")

    def add_and_run(name: str, *source: str) -> str:
        product.run("watch", "add", name, "--owner", OWNER, *source, *PACE)
        return product.run("watch", "run", name, "--owner", OWNER, "--wait", moved=lambda: _fetched(served))

    with ThreadPoolExecutor(len(sites) + 2) as pool:
        runs = [pool.submit(add_and_run, "then", "--archive", "wayback", "--domain", DOMAIN, "--from", "2019")]
        runs += [pool.submit(add_and_run, "collection", "--search", collections.NAME, "--queries", str(words))]
        runs += [pool.submit(add_and_run, site.name, f"--{site.source}", site.start_url) for site in sites]
        _follow(runs, lambda: display.progress(_fetched(served), pictures, "picture addresses visited"), 0.2)


def _follow(runs: Sequence[Future[str]], show: Callable[[], None], every: float) -> None:
    """Show the progress of commands until they have ended. Raises their first error."""
    while wait(runs, every).not_done:
        show()
    for crawl in runs:
        crawl.result()


def _fetched(served: Served) -> int:
    folders = (" /pictures/", " /press/", " /uploads/", " /go/")
    return sum(any(folder in line for folder in folders) for lines in served.requests for line in lines)


def _cases(product: Product) -> list[SeenCase]:
    return cases_of(product.ask("case", "list", "--owner", OWNER))


def _confirm(product: Product, cases: Sequence[SeenCase], display: Display) -> list[SeenCase]:
    """Confirm cases, and wait until each has a bundle and a receipt."""
    ready = 0

    def show() -> None:
        nonlocal ready
        ready = sum(case.sealed > 0 and case.anchored > 0 for case in _cases(product))
        display.progress(ready, len(cases), "cases sealed and timestamped")

    numbers = [str(case.number) for case in cases]
    with ThreadPoolExecutor(1) as pool:
        words = ("case", "confirm", *numbers, "--owner", OWNER, "--demonstration", "--wait")
        runs = [pool.submit(product.run, *words, moved=lambda: ready)] if numbers else []
        _follow(runs, show, LOOK_AGAIN_SECONDS)
    return _cases(product)


def _report(product: Product, folder: Path) -> list[str]:
    """Request a report over all cases, wait for it, and download its files into a folder."""
    folder.mkdir()
    report = product.api("POST", f"{BELOW}/reports")
    address = f"{BELOW}/reports/{report['number']}"
    while report["state"] not in OVER:
        time.sleep(LOOK_AGAIN_SECONDS)
        report = product.api("GET", address)
    return [product.download(f"{address}/files/{name}", folder / name) for name in report["files"]]


def _refusals(product: Product, sites: Sequence[Site]) -> list[SeenRefusal]:
    """Return the refusals of the first crawl of each site."""
    numbers = {watch["name"]: watch["number"] for watch in product.api("GET", f"{BELOW}/watches")["items"]}
    crawls = [f"{BELOW}/watches/{numbers[site.name]}/crawls/1" for site in sites]
    paths = [f"{crawl}/{kind}" for crawl in crawls for kind in ("refusals", "unreadable-pictures")]
    lines = [line for path in paths for line in product.run("api", "GET", path, "--all").splitlines()]
    return refusals_of([json.loads(line) for line in lines])


def _verify(
    product: Product, out: Path, witnesses: Witnesses, cases: Sequence[SeenCase], display: Display
) -> tuple[dict[str, str], tuple[OutsideCheck, ...]]:
    trust = out / "trust.json"
    product.run("trust", str(trust), "--label", LABEL)
    trust.write_bytes(witnesses.trust(load_trust(trust)).to_json())
    numbers = [str(case.number) for case in cases if case.sealed]
    if not numbers:
        return {}, ()
    paths = [f"{BELOW}/cases/{number}/bundles/1/file" for number in numbers]
    product.run("api", "GET", *paths, "--output", f"{out / BUNDLES}/")
    bundles = [str(path) for path in sorted((out / BUNDLES).iterdir())]
    outside: list[OutsideCheck] = []
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(product.ask, "verify", *bundles, "--trust", str(trust), accept=frozenset({0, 1, 4}))
        for number, bundle in enumerate(bundles, 1):
            outside += check_outside(Path(bundle), witnesses.roots)
            display.progress(number, len(bundles), "bundles checked by sha256sum, bagit and openssl")
        answer = task.result()
    return verdicts_of(answer), tuple(outside)
