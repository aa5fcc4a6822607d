"""Test that machines of one installation must share their secrets, and that none silently creates new ones."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from evidence.keys.ed25519 import FileSigner
from exhibit.config.config import Config
from exhibit.config.secrets import load_master_key, load_next_master_key, load_secret_key
from exhibit.errors import ConfigError, ServiceMissingError
from registry.keys.signing_keys import get_sealing_key, unlock_signer
from registry.master_key import change_master_key
from registry.models import SecretMark
from registry.services.secret_fingerprints import (
    check_secrets,
    delete_fingerprints,
    get_encryption_key,
    store_fingerprints,
)
from registry.services.services import Services
from tests.assets.rows import owner
from workers.operations.doctor import check_machine

pytestmark = pytest.mark.django_db(transaction=True)
Machine = Callable[[str], Config]


@pytest.fixture
def machine(config: Config, tmp_path: Path) -> Machine:
    """A function that returns the configuration of a named machine with an external database."""
    database_settings = connection.settings_dict
    url = f"postgresql://{database_settings['USER']}@/{database_settings['NAME']}?host={database_settings['HOST']}"
    return lambda name: replace(config, data_dir=tmp_path / name, database_url=url)


@pytest.fixture
def first_machine(machine: Machine) -> Config:
    """The machine that was started first."""
    new_machine = machine("first")
    check_secrets(new_machine)
    load_secret_key(new_machine)
    load_master_key(new_machine)
    FileSigner(new_machine.data_dir / "secrets" / "log.key")
    store_fingerprints(new_machine)
    return new_machine


def copy_secrets(config: Config, to: Config) -> Config:
    shutil.copytree(config.data_dir / "secrets", to.data_dir / "secrets")
    return to


@pytest.mark.long
def test_machine_without_secrets_creates_none_and_reports_where_to_copy_them_from(
    first_machine: Config, machine: Machine
) -> None:
    second = machine("second")
    with pytest.raises(ConfigError) as error_info:
        check_secrets(second)
    assert "EXHIBIT_SECRETS_DIR" in error_info.value.hint
    assert not (second.data_dir / "secrets").exists()
    assert [item.ok for item in check_machine(second) if item.name == "secrets"] == [False]
    mounted = replace(second, secrets_dir=str(first_machine.data_dir / "secrets"))
    for item in (first_machine, mounted, copy_secrets(first_machine, second)):
        check_secrets(item)
        assert [check.ok for check in check_machine(item) if check.name == "secrets"] == [True]


@pytest.mark.parametrize("name", ["secret_key", "master_key", "log.key"])
def test_secret_of_other_installation_is_reported(first_machine: Config, machine: Machine, name: str) -> None:
    second = copy_secrets(first_machine, machine("second"))
    (second.data_dir / "secrets" / name).write_text("cd" * 32)
    with pytest.raises(ConfigError, match=name):
        check_secrets(second)
    with pytest.raises(ConfigError, match=name):
        store_fingerprints(second)
    check_secrets(first_machine)


def test_lost_secrets_can_be_replaced_after_deleting_fingerprints(first_machine: Config, machine: Machine) -> None:
    second = copy_secrets(first_machine, machine("second"))
    (second.data_dir / "secrets" / "master_key").write_text("cd" * 32)
    delete_fingerprints(second)
    store_fingerprints(second)
    check_secrets(second)
    with pytest.raises(ConfigError):
        check_secrets(first_machine)


def test_machine_needs_all_secrets_to_start_without_database(first_machine: Config, machine: Machine) -> None:
    unreachable_url = "postgresql://u@127.0.0.1:9/none"
    check_secrets(replace(first_machine, database_url=unreachable_url))
    with pytest.raises(ServiceMissingError):
        check_secrets(replace(machine("second"), database_url=unreachable_url))


def test_machine_with_old_master_key_cannot_encrypt(first_machine: Config, machine: Machine) -> None:
    second, studio = copy_secrets(first_machine, machine("second")), owner("studio")
    key = get_sealing_key(Services(first_machine), studio)
    change_master_key(Services(first_machine), by="Ann", reason="yearly")
    assert get_encryption_key(first_machine) == load_master_key(first_machine) != load_master_key(second)
    with pytest.raises(ConfigError):
        get_encryption_key(second)
    with pytest.raises(ConfigError):
        check_secrets(second)
    check_secrets(first_machine)
    assert unlock_signer(Services(first_machine), key).public_key == bytes(key.public_key)


def test_interrupted_master_key_change_can_be_repeated(first_machine: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    get_sealing_key(Services(first_machine), studio)
    next_key = load_next_master_key(first_machine)
    check_secrets(first_machine)
    with monkeypatch.context() as patch:
        patch.setattr("registry.master_key.adopt_next_master_key", _raise_interrupted)
        with pytest.raises(InterruptedError):
            change_master_key(Services(first_machine), by="Ann", reason="yearly")
    check_secrets(first_machine)
    get_encryption_key(first_machine)
    change_master_key(Services(first_machine), by="Ann", reason="yearly")
    check_secrets(first_machine)
    assert load_master_key(first_machine) == next_key
    assert SecretMark.objects.count() == 3


def _raise_interrupted(_: Config) -> None:
    raise InterruptedError


def test_secrets_are_created_with_an_embedded_database(machine: Machine) -> None:
    alone = replace(machine("alone"), database_url="")
    check_secrets(alone)
    assert len(get_encryption_key(alone)) == 32
