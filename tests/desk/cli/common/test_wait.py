"""Test waiting for workers: delays are reported, and only a failed job or the user ends it."""

import signal
import threading
from pathlib import Path

import pytest
from django.db import connection

from desk.cli.common.wait import retry_during_restart
from registry.configuration import load_config
from registry.models import Owner
from tests.assets.command_line import CommandLine, Terminal, forking_command_line
from tests.assets.installed import install
from tests.assets.shop import LOOPBACK, Shop
from workers.servers.embedded import EmbeddedServers


@pytest.mark.django_db(transaction=True)
def test_command_retries_after_a_database_restart() -> None:
    calls: list[int] = []

    def query_database() -> bool:
        calls.append(len(calls))
        if len(calls) < 3:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return not Owner.objects.exists()

    assert retry_during_restart(query_database)
    assert calls == [0, 1, 2]


@pytest.mark.long
def test_ctrl_c_ends_wait_cleanly_and_next_run_resumes_immediately(cli: Terminal, studio: str, shop: Shop) -> None:
    request_sent, go_on = threading.Event(), threading.Event()

    def interrupt() -> None:
        if not request_sent.is_set():
            request_sent.set()
            signal.pthread_kill(main_thread.ident or 0, signal.SIGINT)
            go_on.wait(60)

    main_thread = threading.main_thread()
    shop.pause = interrupt
    cli.run("watch", "add", "slow", "--site", shop.url(), "--delay", "0")
    try:
        result = cli.run("watch", "run", "slow", "--wait", code=130)
    finally:
        go_on.set()
    assert (result.out, result.err.splitlines()[-1]) == ("", "Interrupted.")
    assert cli.run_json("watch", "run", "slow", "--wait")["number"] == 1


@pytest.mark.long  # the same with a separate process, which starts Python and servers
def test_interrupted_process_exits_with_130(open_folder: Path, shop: Shop) -> None:
    data, request_event, go_on = open_folder / "data", threading.Event(), threading.Event()
    install(data)
    line = CommandLine(data, {"EXHIBIT_ALLOWED_NETWORKS": LOOPBACK, "EXHIBIT_CAPTURE_BROWSER": "none"})

    def hold() -> None:
        request_event.set()
        go_on.wait(60)

    shop.pause = hold
    with EmbeddedServers(load_config({"EXHIBIT_DATA": str(data)})), forking_command_line(line) as cli:
        cli.run("owner", "add", "Studio")
        cli.run("watch", "add", "slow", "--site", shop.url(), "--delay", "0")
        process = cli.start("watch", "run", "slow", "--wait")
        try:
            assert request_event.wait(60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            go_on.set()
        assert (process.returncode, out) == (130, ""), err
        assert err.splitlines()[-1] == "Interrupted."
        assert "Traceback" not in err
