"""Test the checks shared by doctor, site and API."""

from exhibit.config.config import Config
from tests.workers.operations.test_doctor import fresh_config, run_checks
from workers.operations.checks import DAMAGE_LIST_NAME

__all__ = ["fresh_config"]


def test_changed_stored_bytes_are_reported(fresh_config: Config) -> None:
    assert run_checks(fresh_config)["stored bytes"].ok
    fresh_config.data_dir.mkdir()
    (fresh_config.data_dir / DAMAGE_LIST_NAME).write_text("ab" * 32 + "\n")
    check = run_checks(fresh_config)["stored bytes"]
    assert (check.ok, "ab" * 32 in check.sentence, "backup" in check.remedy) == (False, True, True)


def test_malformed_list_of_changed_bytes_is_reported(fresh_config: Config) -> None:
    fresh_config.data_dir.mkdir()
    (fresh_config.data_dir / DAMAGE_LIST_NAME).write_text("ab" * 32 + "\nab")
    check = run_checks(fresh_config)["stored bytes"]
    assert (check.ok, "cannot be read" in check.sentence) == (False, True)
