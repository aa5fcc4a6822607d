"""Test machines that share no folder: a database, an object store, Milvus, and workers, one of which loses power."""

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from demo.image_stock import ASSETS, choose_works
from demo.plan import Plan
from demo.sites import NAMES, build_sites
from exhibit.machine import parse_process_host
from registry.configuration import load_config
from registry.models import Bundle, Case, Owner, Picture, WorkPicture
from tests import ASSETS as TEST_ASSETS, CHECKOUT
from tests.assets import milvus_server
from tests.assets.hosts import NETWORK, Host, Hosts, NoNamespacesError, hosts_in
from tests.assets.processes import wait_until
from tests.assets.run_rows import Rows, check_no_leftovers, collect_rows
from tests.assets.stack import FAST_SETTINGS, connected_to, retry_on_database_error
from tests.assets.stored_schema import restore_schema
from tests.assets.swift_server import SECRET, USER

OWNER = "Lighthouse Archive"
SITES = (20, 21, 22)
WATCHED = 2
"""Number of watched sites."""
BUNDLES = 6
MIDDLE = 30
"""Images compared when the power fails, of some 200."""
MOVED = 60
"""Minimum number of entries of an index that moves to Milvus."""
LATER = 2
"""Works registered after the crawls."""
CLOCKS = {"ben": 20, "cleo": -20}
"""Offset of a machine's clock in seconds."""
Environ = Mapping[str, str]


@dataclass(frozen=True)
class RunResult:
    """The results of a run: its rows, the verdict on each bundle, and the hosts that worked."""

    rows: Rows
    verdicts: list[str]
    workers: set[str]


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_hosts_without_shared_folder_survive_power_loss_of_a_host(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    try:
        with django_db_blocker.unblock():
            alone = _run(open_folder / "1", ["ann"])
            many = _run(
                open_folder / "2", ["ann", "ben"], lost="ben", comes="cleo", milvus=not milvus_server.missing_reason()
            )
    except NoNamespacesError as error:
        pytest.skip(f"This takes network namespaces, which this user can't make here: {error}")
    for kind, rows in alone.rows.items():
        assert many.rows[kind] == rows, kind
    assert (alone.workers, many.workers - {"ben"}) == ({"ann"}, {"ann", "cleo"})
    assert alone.verdicts == many.verdicts
    assert len(many.verdicts) == BUNDLES


@pytest.mark.long
def test_locks_of_powered_off_host_are_released_within_a_minute(open_folder: Path) -> None:
    try:
        with hosts_in(open_folder) as hosts:
            database, ann, ben = (hosts.add(name, place) for place, name in enumerate(("db", "ann", "ben"), 1))
            environ = _database(database) | {"EXHIBIT_DATA": str(ann.disk / "data")}
            for host in (ben, ann):
                host.start(environ, "-c", _LOCK)
                hosts.switch_off("ben")
    except NoNamespacesError as error:
        pytest.skip(f"This takes network namespaces, which this user can't make here: {error}")


_LOCK = """
import sys, django
django.setup()
from django.db import connection, transaction
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("SET LOCAL lock_timeout = 60000")
    cursor.execute("SELECT pg_advisory_xact_lock(7)")
    print("locked", flush=True)
    sys.stdin.read()
"""


def _run(root: Path, names: list[str], lost: str = "", comes: str = "", *, milvus: bool = False) -> RunResult:
    """Run the demonstration's watches on machines, one of which is lost halfway while another one is added.

    Some works are registered after the crawls: they search past sightings, in Milvus or on a machine. A single machine
    keeps its bytes in its folder.
    """
    root.mkdir(mode=0o755)
    with hosts_in(root) as hosts:
        environ = {**_services(hosts), **(_store(hosts) if lost else {}), **(_milvus(hosts) if milvus else {})}
        plan = _sites(hosts)
        config = load_config({"EXHIBIT_DATA": str(hosts["db"].folder / "data")})
        restore_schema(config)
        with connected_to(config):
            works = [str(path) for path in choose_works(ASSETS / "works")]
            for name in names:
                _start(hosts, name, environ)
                if name == names[0]:
                    _run_exhibit(hosts[name], environ, "owner", "add", OWNER)
                    _run_exhibit(hosts[name], environ, "work", "add", *works[:-LATER], "--owner", OWNER)
            with ThreadPoolExecutor(len(plan.sites)) as pool:
                runs = [pool.submit(_watch, hosts[names[0]], environ, plan, number) for number in range(WATCHED)]
                if lost:
                    wait_until(lambda: retry_on_database_error(lambda: _is_comparing(lost)))
                    hosts.switch_off(lost)
                    _start(hosts, comes, environ)
                for run in runs:
                    run.result()
            if milvus:
                moved = json.loads(_run_exhibit(hosts[names[0]], environ, "index", "move", "--to", "milvus", "--json"))
                assert min(moved["entries"].values()) > MOVED
            _run_exhibit(hosts[names[0]], environ, "work", "add", *works[-LATER:], "--owner", OWNER)
            wait_until(lambda: retry_on_database_error(_all_have_searched))
            assert retry_on_database_error(Case.objects.filter(work__number__gt=len(works) - LATER).exists)
            verdicts = _confirm(hosts[names[0]], environ)
            retry_on_database_error(check_no_leftovers)
            claimers = [*Picture.objects.values_list("claimed_by"), *Bundle.objects.values_list("claimed_by")]
            workers = {parse_process_host(name) for (name,) in claimers if name}
            return RunResult(collect_rows(Owner.objects.get()), verdicts, workers)


def _database(host: Host) -> dict[str, str]:
    """Start PostgreSQL and Redis on a host; returns their addresses."""
    data = {"EXHIBIT_DATA": str(host.disk / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    [password] = host.start(data, "-m", "tests.assets.hosts", "database", host.address)
    return {
        "DATABASE_URL": f"postgresql://exhibit@{host.address}/exhibit",
        "REDIS_URL": f"redis://:{password}@{host.address}:6379/0",
    }


def _services(hosts: Hosts) -> Environ:
    """Start the database host; returns the environment of the machines."""
    database = hosts.add("db", 1)
    return {
        **FAST_SETTINGS,
        **_database(database),
        "EXHIBIT_DATA": str(database.disk / "data"),
        "EXHIBIT_ALLOWED_NETWORKS": NETWORK,
        "EXHIBIT_CAPTURE_BROWSER": "none",
        "EXHIBIT_WORKERS": "1",
    }


def _store(hosts: Hosts) -> Environ:
    """Start an object store for all bytes; returns the environment of the machines."""
    store = hosts.add("s3", 2)
    port, own_port, _ = store.start({}, "-m", "tests.assets.swift_server", str(store.disk / "srv"), store.address)
    script = f"import requests; requests.put('http://{store.address}:{own_port}/v1/AUTH_test/bytes').raise_for_status()"
    store.run({}, "-c", script)
    return {
        "EXHIBIT_BLOBS_URL": "s3://bytes/exhibit",
        "AWS_ENDPOINT_URL": f"http://{store.address}:{port}",
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ALLOW_HTTP": "true",
    }


def _milvus(hosts: Hosts) -> Environ:
    """Start Milvus; returns the environment of the machines."""
    host = hosts.add("milvus", 3)
    [port] = host.start({}, "-m", "tests.assets.hosts", "milvus", str(host.disk / "milvus"))
    return {"EXHIBIT_MILVUS_URL": f"http://{host.address}:{port}"}


def _sites(hosts: Hosts) -> Plan:
    """Start the demonstration's sites, each at its own address."""
    world = hosts.add("world", *SITES)
    works = choose_works(ASSETS / "works")
    plan = build_sites(
        [world.folder / name for name in NAMES], works, [f"http://{address}" for address in world.addresses]
    )
    folders = [str(world.disk / name) for name in NAMES]
    world.start({}, "-m", "tests.assets.hosts", "sites", *folders, *world.addresses)
    return plan


def _start(hosts: Hosts, name: str, environ: Environ) -> None:
    """Start a machine with the secrets of the first one."""
    host = hosts.add(name, 10 + len(hosts))
    if name != "ann":
        shutil.copytree(hosts["ann"].folder / "data" / "secrets", host.folder / "data" / "secrets")
    (host.folder / "clock").write_text(str(CLOCKS.get(name, 0)))
    path = {"CLOCK_OFF": str(host.disk / "clock"), "PYTHONPATH": f"{TEST_ASSETS / 'moved_clock'}{os.pathsep}{CHECKOUT}"}
    host.start({**environ, **path}, "-m", "workers.tasks.supervisor")


def _watch(host: Host, environ: Environ, plan: Plan, number: int) -> None:
    site = plan.sites[number]
    source = (f"--{site.source}", site.start_url, "--every", "24h", "--delay", "0")
    _run_exhibit(host, environ, "watch", "add", site.name, "--owner", OWNER, *source)
    _run_exhibit(host, environ, "watch", "run", site.name, "--owner", OWNER, "--wait")


def _all_have_searched() -> bool:
    """Return True if all works have searched past sightings."""
    return not WorkPicture.objects.exclude(state="done").exists()


def _is_comparing(name: str) -> bool:
    """Return True if a host is comparing images, and some have been compared."""
    working = Picture.objects.filter(state="running", claimed_by__startswith=f"{name}|")
    return Picture.objects.filter(state="done").count() >= MIDDLE and working.exists()


def _confirm(host: Host, environ: Environ) -> list[str]:
    """Confirm some cases; returns the verdicts on their bundles, by number."""
    cases = json.loads(_run_exhibit(host, environ, "case", "list", "--owner", OWNER, "--json"))["cases"]
    certain = [case for case in cases if any(use["match"] == "certain" for use in case["uses"])]
    first = sorted(certain, key=lambda case: (case["work"]["number"], case["site"]))[:BUNDLES]
    numbers, out = [str(case["number"]) for case in first], str(host.disk / "bundles")
    _run_exhibit(host, environ, "case", "confirm", *numbers, "--owner", OWNER, "--demonstration", "--wait")
    _run_exhibit(host, environ, "trust", out + ".json", "--label", "A test")
    files = [str(host.disk / f"bundle-{number}.zip") for number in numbers]
    for number, file in zip(numbers, files, strict=True):
        path = f"cases/{number}/bundles/1/file"
        _run_exhibit(host, environ, "api", "GET", path, "--owner", OWNER, "--output", file)
    report = _run_exhibit(host, environ, "verify", *files, "--trust", out + ".json", "--json", accept=(0, 4))
    return [bundle["verdict"] for bundle in json.loads(report)["bundles"]]


def _run_exhibit(host: Host, environ: Environ, *words: str, accept: tuple[int, ...] = (0,)) -> str:
    done = host.run(environ, "-m", "desk", *words)
    assert done.returncode in accept, (words[:3], done.stdout, done.stderr)
    return done.stdout
