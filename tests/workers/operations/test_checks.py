"""Test the checks shared by doctor, site and API."""

from exhibit.config.config import Config
from tests.workers.operations.test_doctor import fresh, run_checks
from workers.operations.checks import DAMAGED

__all__ = ["fresh"]


def test_stored_bytes_that_have_changed_are_said_until_they_are_whole_again(fresh: Config) -> None:
    assert run_checks(fresh)["stored bytes"].ok
    fresh.data_dir.mkdir()
    (fresh.data_dir / DAMAGED).write_text("ab" * 32 + "\n")
    check = run_checks(fresh)["stored bytes"]
    assert (check.ok, "ab" * 32 in check.sentence, "backup" in check.remedy) == (False, True, True)


def test_a_list_of_changed_bytes_that_cannot_be_read_is_not_called_empty(fresh: Config) -> None:
    fresh.data_dir.mkdir()
    (fresh.data_dir / DAMAGED).write_text("ab" * 32 + "\nab")
    check = run_checks(fresh)["stored bytes"]
    assert (check.ok, "cannot be read" in check.sentence) == (False, True)
