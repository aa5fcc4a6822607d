"""Test that machines of one installation must have the same secrets, and that none silently creates others."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from evidence.keys.ed25519 import FileSigner
from exhibit.config.config import Config
from exhibit.config.secrets import master_key, next_master_key, secret_key
from exhibit.errors import ConfigError, ServiceMissingError
from registry.keys.signing_keys import sealing_key, signer_of
from registry.master_key import change_master_key
from registry.models import SecretMark
from registry.services.secret_fingerprints import check_secrets, delete_fingerprints, encrypting_key, store_fingerprints
from registry.services.services import Services
from tests.assets.rows import owner
from workers.operations.doctor import examine

pytestmark = pytest.mark.django_db(transaction=True)
Machine = Callable[[str], Config]


@pytest.fixture
def machine(config: Config, tmp_path: Path) -> Machine:
    """Machines with the operator's own database, by name."""
    database_settings = connection.settings_dict
    url = f"postgresql://{database_settings['USER']}@/{database_settings['NAME']}?host={database_settings['HOST']}"
    return lambda name: replace(config, data_dir=tmp_path / name, database_url=url)


@pytest.fixture
def first(machine: Machine) -> Config:
    """The machine that was started first."""
    new_machine = machine("first")
    check_secrets(new_machine)
    secret_key(new_machine)
    master_key(new_machine)
    FileSigner(new_machine.data_dir / "secrets" / "log.key")
    store_fingerprints(new_machine)
    return new_machine


def copy_secrets(config: Config, to: Config) -> Config:
    shutil.copytree(config.data_dir / "secrets", to.data_dir / "secrets")
    return to


@pytest.mark.long
def test_machine_without_secrets_creates_none_and_names_their_source(first: Config, machine: Machine) -> None:
    second = machine("second")
    with pytest.raises(ConfigError) as error_info:
        check_secrets(second)
    assert "EXHIBIT_SECRETS_DIR" in error_info.value.hint
    assert not (second.data_dir / "secrets").exists()
    assert [item.ok for item in examine(second) if item.name == "secrets"] == [False]
    mounted = replace(second, secrets_dir=str(first.data_dir / "secrets"))
    for item in (first, mounted, copy_secrets(first, second)):
        check_secrets(item)
        assert [check.ok for check in examine(item) if check.name == "secrets"] == [True]


@pytest.mark.parametrize("name", ["secret_key", "master_key", "log.key"])
def test_a_secret_of_another_installation_is_named(first: Config, machine: Machine, name: str) -> None:
    second = copy_secrets(first, machine("second"))
    (second.data_dir / "secrets" / name).write_text("cd" * 32)
    with pytest.raises(ConfigError, match=name):
        check_secrets(second)
    with pytest.raises(ConfigError, match=name):
        store_fingerprints(second)
    check_secrets(first)


def test_secrets_that_were_lost_everywhere_are_others_when_the_operator_says_so(
    first: Config, machine: Machine
) -> None:
    second = copy_secrets(first, machine("second"))
    (second.data_dir / "secrets" / "master_key").write_text("cd" * 32)
    delete_fingerprints(second)
    store_fingerprints(second)
    check_secrets(second)
    with pytest.raises(ConfigError):
        check_secrets(first)


def test_while_the_database_is_silent_a_machine_starts_with_all_secrets_and_makes_none(
    first: Config, machine: Machine
) -> None:
    silent = "postgresql://u@127.0.0.1:9/none"
    check_secrets(replace(first, database_url=silent))
    with pytest.raises(ServiceMissingError):
        check_secrets(replace(machine("second"), database_url=silent))


def test_after_a_change_of_the_master_key_a_machine_with_the_old_one_encrypts_nothing(
    first: Config, machine: Machine
) -> None:
    second, studio = copy_secrets(first, machine("second")), owner("studio")
    key = sealing_key(Services(first), studio)
    change_master_key(Services(first), by="Ann", reason="yearly")
    assert encrypting_key(first) == master_key(first) != master_key(second)
    with pytest.raises(ConfigError):
        encrypting_key(second)
    with pytest.raises(ConfigError):
        check_secrets(second)
    check_secrets(first)
    assert signer_of(Services(first), key).public_key == bytes(key.public_key)


def test_a_change_that_was_interrupted_leaves_a_machine_that_starts(
    first: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = owner("studio")
    sealing_key(Services(first), studio)
    coming = next_master_key(first)
    check_secrets(first)
    with monkeypatch.context() as patch:
        patch.setattr("registry.master_key.adopt_next_master_key", _interrupted)
        with pytest.raises(InterruptedError):
            change_master_key(Services(first), by="Ann", reason="yearly")
    check_secrets(first)
    encrypting_key(first)
    change_master_key(Services(first), by="Ann", reason="yearly")
    check_secrets(first)
    assert master_key(first) == coming
    assert SecretMark.objects.count() == 3


def _interrupted(_: Config) -> None:
    raise InterruptedError


def test_secrets_are_created_with_an_embedded_database(machine: Machine) -> None:
    alone = replace(machine("alone"), database_url="")
    check_secrets(alone)
    assert len(encrypting_key(alone)) == 32
