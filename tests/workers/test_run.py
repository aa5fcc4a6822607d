from collections.abc import Sequence

import pytest

from exhibit.errors import ExitCode
from workers import run


def test_run_command_executes_the_process_or_lists_valid_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    became: list[str] = []

    class EndedHereError(Exception):
        """Stands for everything after the process has been replaced."""

    def record_exec(program: str, words: Sequence[str], _environ: object) -> None:
        became.append(" ".join(words))
        raise EndedHereError(program)

    monkeypatch.setattr("os.execvpe", record_exec)
    for wrong in (
        [],
        ["nothing"],
        ["web", "beat"],
        ["worker-background", "seal"],
        ["worker-interactive", "asked", "mail"],
    ):
        assert run.main(wrong) == ExitCode.INVALID_REQUEST
    assert "worker-background" in capsys.readouterr().err
    with pytest.raises(EndedHereError):
        run.main(["worker-background"])
    assert "-Q default,match,past,evidence,crawl,upkeep,sweep" in became[0]
    with pytest.raises(EndedHereError):
        run.main(["worker-background", "crawl,upkeep"])
    assert "-Q crawl,upkeep,sweep" in became[1]
