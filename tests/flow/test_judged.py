"""What a judge looks at follows from what is proven: forged captures, drawings, sheets and words are named."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.trust import Requirements
from evidence.verify import verify
from exhibit.errors import ExitCode
from tests.assets.bundles import Scene
from tests.assets.corpus.deceit import Invention, forged
from tests.assets.judged import BY_COMMAND, FORGED
from tests.assets.resealing import sealed_lie
from tests.assets.tampering import files_of, packed
from workers.remaking import MAKERS


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_named_and_nothing_else(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    lie, expected = FORGED[name]
    path = packed(tmp_path / "forged.zip", sealed_lie(files_of(bundle), lie))
    checks = {check.name: check for check in verify(path, scene.trust, MAKERS).checks}
    states = {one: str(check.state) for one, check in checks.items()}
    assert {one: states[one] for one in expected} == expected, [checks[one].sentence for one in expected]
    assert {states[one] for one in ("signature", "manifest", "files", "bag", "facts")} == {"passed"}
    plain = {check.name: str(check.state) for check in verify(path, scene.trust).checks}
    assert {one for one in states if states[one] != plain[one]} <= BY_COMMAND
    assert {plain[one] for one in BY_COMMAND & set(plain)} == {"not checked"}


def test_a_sheet_that_others_are_said_to_have_made_is_no_sheet_for_a_list_that_asks_for_one(
    scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    invention = Invention(facts=lambda facts, files, _: FORGED["a sheet of other tools"][0](facts, files))
    files, trust = forged(scene, files_of(bundle), invention)
    path = packed(tmp_path / "forged.zip", files)
    verdict = verify(path, trust, MAKERS)
    assert verdict.outcome is ExitCode.DONE
    assert "Not shown, and not asked for: sheet." in verdict.sentence
    asking = replace(trust, requires=Requirements(1, ("sheet",)))
    assert verify(path, asking, MAKERS).outcome is ExitCode.INCOMPLETE
    assert verify(bundle, replace(scene.trust, requires=Requirements(1, ("sheet",))), MAKERS).outcome is ExitCode.DONE
