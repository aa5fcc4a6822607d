"""Test that after restoring an old backup, no second history of the log is signed under one name."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connections
from pytest_django import DjangoDbBlocker

from evidence.keys.at_rest import SEALING_KEY, decrypt
from evidence.log.notes import verify_note
from evidence.verdict.trust import load_trust
from exhibit.config.secrets import load_master_key
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError
from registry.configuration import load_config
from registry.keys.signing_keys import get_document_key, get_sealing_key
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Owner
from registry.services.addresses import get_database_url
from registry.services.services import Services
from tests import CHECKOUT
from tests.assets.command_line import CommandLine, forking_command_line
from tests.assets.installed import install
from tests.assets.processes import wait_until
from tests.assets.stack import connected_to
from tests.assets.stored_schema import restore_schema
from workers.database.schema import migrate
from workers.servers.embedded import EmbeddedServers
from workers.servers.keeper import are_servers_supervised
from workers.servers.postgres import find_postgres_programs


class Installation:
    """An installation in its own folder, whose servers run only while they are used."""

    def __init__(self, cli: CommandLine) -> None:
        self.data, self.cli = cli.data, cli
        self._programs = find_postgres_programs()

    @contextmanager
    def running(self) -> Iterator[None]:
        with EmbeddedServers(load_config({"EXHIBIT_DATA": str(self.data)})):
            yield

    def append_and_sign(self, count: int) -> tuple[str, str]:
        """Append entries to the log and sign a checkpoint; returns the signed note, or why there is none."""
        config = load_config({"EXHIBIT_DATA": str(self.data)})
        with connected_to(config):
            migrate()
            services = Services(config)
            for number in range(count):
                submit_entry(EntryType.CASE, {"number": number})
            sequence_log(services)
            try:
                head = sign_checkpoint(services)
            except ExhibitError as error:
                return "", str(error)
            assert head is not None
            return head.note, ""

    def dump(self, path: Path, form: str = "custom") -> None:
        self._postgres("pg_dump", "--format", form, "--file", str(path))

    def restore(self, dump: Path) -> None:
        self._postgres("pg_restore", "--clean", "--if-exists", "--single-transaction", str(dump))

    def _postgres(self, program: str, *words: str) -> None:
        url = get_database_url(load_config({"EXHIBIT_DATA": str(self.data)}))
        subprocess.run([self._programs / program, "--dbname", url, *words], check=True, capture_output=True)


@pytest.fixture
def installation(open_folder: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    install(open_folder / "data")
    with django_db_blocker.unblock(), forking_command_line(CommandLine(open_folder / "data")) as cli:
        yield Installation(cli)


@pytest.mark.long
def test_older_database_dump_restored_after_further_signatures_blocks_signing(
    installation: Installation, open_folder: Path
) -> None:
    cli, checkpoint_file, dump = installation.cli, open_folder / "seen.txt", open_folder / "exhibit.dump"
    with installation.running():
        installation.append_and_sign(5)
        installation.dump(dump)
        note, _ = installation.append_and_sign(4)
        checkpoint_file.write_text(note, "utf-8")  # as an outside witness keeps it
        installation.restore(dump)

        assert "fewer than the 9 entries" in installation.append_and_sign(2)[1]
        assert "do not match the signed checkpoint" in installation.append_and_sign(3)[1]
        assert "do not match the signed checkpoint" in cli.api("GET", "/operator/log")["stopped"]
        assert cli.run_json("log", "verify", code=1)["problems"] == [
            "The first 9 log entries do not match the signed checkpoint."
        ]
        assert (
            cli.run_json("log", "verify", "--against", checkpoint_file, code=1)["checkpoints"][0]["outcome"]
            == "not continued"
        )
        cli.api("POST", "/operator/log/accept-head", code=1, reason="wishful")

        reason = "Monday's backup was restored"
        cli.api("POST", "/operator/log/new-origin", reason=reason, name="example.org/second")
        later, error = installation.append_and_sign(1)
        assert error == ""
        assert cli.run_json("log", "verify")["problems"] == []
        assert (
            cli.run_json("log", "verify", "--against", checkpoint_file)["checkpoints"][0]["outcome"]
            == "of an earlier name"
        )
        [entry] = cli.api("GET", "/operator/log/entries", type="origin")["items"]
        assert (entry["opening"]["shared"]["size"], entry["opening"]["seen"]["size"]) == (5, 9)
        assert entry["details"]["reason"] == reason

        cli.run("trust", open_folder / "trust.json")
        old, new = load_trust(open_folder / "trust.json").logs
        assert verify_note(note, old.vkey).size == 9
        assert verify_note(later, new.vkey).origin == "example.org/second"
        _check_proofs(cli, entry)

        installation.restore(dump)  # once more, which loses the new name as well
        assert "which this log does not contain" in installation.append_and_sign(20)[1]


def _check_proofs(cli: CommandLine, entry: Mapping[str, Any]) -> None:
    """Verify that the entry that records the break is proven, and that the new name continues the shared history."""
    from evidence.log import merkle
    from evidence.log.notes import parse_note
    from exhibit.clock import parse_rfc3339
    from exhibit.entries import Entry, EntryType

    sequence, shared = entry["sequence"], entry["opening"]["shared"]
    proof = cli.api("GET", f"/log/entries/{sequence}/proof")
    leaf = Entry(EntryType(proof["type"]), parse_rfc3339(proof["time"]), bytes.fromhex(proof["commitment"])).leaf_hash
    head = parse_note(proof["checkpoint"])
    path = [bytes.fromhex(node) for node in proof["path"]]
    assert merkle.verify_inclusion(leaf, sequence, head.size, path, head.root)
    proof = cli.run("api", "GET", f"/log/consistency?old={shared['size']}").json
    path, root = [bytes.fromhex(node) for node in proof["path"]], bytes.fromhex(shared["root"])
    assert merkle.verify_consistency(shared["size"], head.size, root, head.root, path)


@pytest.mark.long
def test_restored_older_data_folder_is_detected(installation: Installation, open_folder: Path) -> None:
    cli, checkpoint_file, backup = installation.cli, open_folder / "seen.txt", open_folder / "backup"
    with installation.running():
        installation.append_and_sign(5)
    subprocess.run(["cp", "--archive", installation.data, backup], check=True)
    with installation.running():
        note, _ = installation.append_and_sign(4)
        checkpoint_file.write_text(note, "utf-8")
    subprocess.run(["rm", "-r", "--", installation.data], check=True)
    subprocess.run(["cp", "--archive", backup, installation.data], check=True)
    with installation.running():
        assert "was copied here" in installation.append_and_sign(7)[1]
        assert (
            cli.run_json("log", "verify", "--against", checkpoint_file, code=1)["checkpoints"][0]["outcome"]
            == "not continued"
        )
        assert "do not match the signed checkpoint" in installation.append_and_sign(1)[1]
        cli.api("POST", "/operator/log/new-origin", reason="The disk was lost.")
        assert installation.append_and_sign(1)[1] == ""
        assert cli.run_json("log", "verify")["problems"] == []


@pytest.mark.long
def test_embedded_database_refuses_log_changes_and_dump_has_no_private_key(
    installation: Installation, open_folder: Path
) -> None:
    config = load_config({"EXHIBIT_DATA": str(installation.data)})
    with installation.running():
        installation.append_and_sign(3)
        with connected_to(config):
            _check_refusals()
            secrets = _private_keys(Services(config))
            connections["default"].close()
        installation.dump(open_folder / "exhibit.dump", "plain")
        dumped = (open_folder / "exhibit.dump").read_bytes()
        assert b"registry_sealingkey" in dumped
        for secret in secrets:
            assert secret.hex().encode() not in dumped
        logs = b"".join(path.read_bytes() for path in (installation.data / "log").rglob("*") if path.is_file())
        assert not any(secret.hex().encode() in logs or secret in logs for secret in secrets)


def _check_refusals() -> None:
    """Verify that the triggers of every table of the log refuse every change."""
    columns = {"logentry": "type", "lognode": "hash", "logsubmission": "type", "logcheckpoint": "note"}
    for table, column in {**columns, "logorigin": "name"}.items():
        for act in ("TRUNCATE registry_{} CASCADE", "DELETE FROM registry_{}", "UPDATE registry_{} SET {} = {}"):
            with pytest.raises(Error, match="append-only"), connections["default"].cursor() as cursor:
                cursor.execute(act.format(table, column, column))


def _private_keys(services: Services) -> list[bytes]:
    """Return the private keys of a new owner, and the master key."""
    studio = Owner.objects.create(slug="studio", name="Studio")
    key, master = get_sealing_key(services, studio), load_master_key(services.config)
    scalar = get_document_key(services, studio).private.private_numbers().private_value.to_bytes(32, "big")
    return [decrypt(SEALING_KEY, bytes(key.encrypted_private_key), master), scalar, master]


@pytest.mark.long
def test_moved_data_folder_resumes_after_operator_confirmation(installation: Installation, open_folder: Path) -> None:
    with installation.running():
        note, _ = installation.append_and_sign(5)
    (open_folder / "seen.txt").write_text(note, "utf-8")
    subprocess.run(["cp", "--archive", installation.data, open_folder / "elsewhere"], check=True)
    subprocess.run(["rm", "-r", "--", installation.data], check=True)
    (open_folder / "elsewhere").rename(installation.data)
    with installation.running():
        cli = installation.cli
        assert "was copied here" in installation.append_and_sign(1)[1]
        assert (
            cli.run_json("log", "verify", "--against", open_folder / "seen.txt")["checkpoints"][0]["outcome"]
            == "continued"
        )
        cli.api("POST", "/operator/log/accept-head", reason="moved to a new disk")
        assert installation.append_and_sign(1)[1] == ""
        assert cli.api("GET", "/operator/log")["stopped"] == ""


@pytest.mark.long
def test_restored_log_in_an_empty_folder_does_not_sign_a_conflicting_history(
    installation: Installation, open_folder: Path
) -> None:
    checkpoint_file, dump, data = open_folder / "seen.txt", open_folder / "exhibit.dump", installation.data
    with installation.running():
        installation.append_and_sign(5)
        installation.dump(dump)
        note, _ = installation.append_and_sign(4)
        checkpoint_file.write_text(note, "utf-8")
    secrets = open_folder / "secrets"
    (data / "secrets").rename(secrets)

    def begin_anew() -> None:
        subprocess.run(["rm", "-r", "--", data], check=True)
        data.mkdir(mode=0o711)
        subprocess.run(["cp", "--recursive", "--preserve=mode", secrets, data / "secrets"], check=True)

    begin_anew()
    with installation.running():  # workers before the rows are restored
        restore_schema(load_config({"EXHIBIT_DATA": str(data)}))
        assert "is missing. At least 0 entries" in installation.append_and_sign(3)[1]
        assert "is missing" in installation.cli.api("GET", "/operator/log")["stopped"]

    begin_anew()  # as docs/reference/log.md says
    words = ["--dbname", get_database_url(load_config({"EXHIBIT_DATA": str(data)})), "--clean", "--if-exists"]
    restore = [str(find_postgres_programs() / "pg_restore"), *words, "--single-transaction", str(dump)]
    command = [sys.executable, "-m", "workers.servers.keeper", *restore]
    subprocess.run(command, cwd=CHECKOUT, env=installation.cli.environ, check=True, timeout=120)
    wait_until(lambda: not are_servers_supervised(load_config({"EXHIBIT_DATA": str(data)})))
    with installation.running():
        cli = installation.cli
        assert "is missing. At least 5 entries" in installation.append_and_sign(7)[1]
        assert (
            cli.run_json("log", "verify", "--against", checkpoint_file, code=1)["checkpoints"][0]["outcome"]
            == "not continued"
        )
        assert "do not match the signed checkpoint" in installation.append_and_sign(1)[1]
        cli.api("POST", "/operator/log/new-origin", reason="The disk was lost.")
        assert installation.append_and_sign(1)[1] == ""
        assert cli.run_json("log", "verify")["problems"] == []


@pytest.mark.long
def test_key_without_checkpoint_signs_after_operator_confirmation(
    installation: Installation,
) -> None:
    cli = installation.cli
    with installation.running():
        cli.api("GET", "/operator/log")
        (installation.data / "log.head").unlink()
        assert "is missing" in installation.append_and_sign(1)[1]
        cli.api("POST", "/operator/log/accept-head", reason="Nothing was ever signed.")
        assert installation.append_and_sign(1)[1] == ""
        assert cli.run_json("log", "verify")["problems"] == []
        (installation.data / "log.head").write_bytes(b"\xff")
        assert "cannot be read" in installation.append_and_sign(1)[1]
        cli.api("POST", "/operator/log/accept-head", reason="A disk with errors.")
        assert installation.append_and_sign(1)[1] == ""
