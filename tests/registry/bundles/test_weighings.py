"""Test that a bundle contains the weights that decided its matches, for each pipeline version."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle.manifest import FACTS_PATH
from evidence.verdict.result import Check, State
from evidence.verify.verifier import Verifier
from exhibit.errors import NotFoundError
from indexer.compare import odds_model
from indexer.compare.figures import Figures
from indexer.picture.spaces import PIPELINE
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.facts import build_odds_model_file
from registry.bundles.sealing import seal_bundles
from registry.models import Bundle, Match
from tests.assets.module_scene import inline, stage
from tests.assets.sealed_bundles import request_bundle
from tests.assets.tampering import read_files
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

EARLIER_PIPELINE = "match-of-a-year-ago"


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A confirmed case that is not sealed yet."""
    request_bundle(stage)


@pytest.fixture
def folder(inline: SyncRunner, tmp_path: Path) -> Path:
    """A folder with the current weights and those of an earlier pipeline version."""
    new_folder = tmp_path / "weights"
    new_folder.mkdir()
    today = (odds_model.WEIGHTS_FOLDER / f"{PIPELINE}.json").read_text("utf-8")
    (new_folder / f"{PIPELINE}.json").write_text(today, "utf-8")
    (new_folder / f"{EARLIER_PIPELINE}.json").write_text(json.dumps(increase_weights(json.loads(today))), "utf-8")
    inline.services.weights_folder = new_folder
    return new_folder


def increase_weights(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return the odds model with all weights increased by a tenth."""
    return {
        name: {
            **odds_model,
            "weights": {term: round(weight * 1.1, 4) for term, weight in odds_model["weights"].items()},
        }
        for name, odds_model in statement.items()
        if name != "provenance"
    }


def attribute_match_to_earlier_pipeline(folder: Path) -> None:
    """Attribute the only match to the earlier pipeline version."""
    match = Match.objects.get()
    stored_weights = odds_model.load_odds_model(EARLIER_PIPELINE, folder)
    assert stored_weights is not None
    figures = Figures.from_dict(match.figures)
    answers = stored_weights.compute_odds(figures)
    assert answers.decision == match.decision == "certain"
    assert abs(answers.related - odds_model.load_shipped_model().related.compute_log_odds(figures)) > 0.1
    Match.objects.update(
        pipeline=EARLIER_PIPELINE,
        related=round(answers.related, 4),
        exposure=round(answers.exposure, 4),
        probability=None,
        calibration=None,
    )


def seal_and_verify(inline: SyncRunner, path: Path) -> tuple[dict[str, Check], dict[str, Any], dict[str, bytes]]:
    """Return the verifier's checks of the bundle, its facts, and its files."""
    bundle = Bundle.objects.get()
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    assert bundle.seal_digest is not None, bundle.error
    out = BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    path.write_bytes(out.getvalue())
    files = read_files(path)
    checks = {check.name: check for check in Verifier().verify(path).checks}
    assert not [check for check in checks.values() if check.state is State.FAILED]
    return checks, json.loads(files[FACTS_PATH]), files


@pytest.mark.long
def test_match_of_earlier_pipeline_is_sealed_with_weights_of_that_pipeline(
    inline: SyncRunner, folder: Path, tmp_path: Path
) -> None:
    attribute_match_to_earlier_pipeline(folder)
    checks, facts, files = seal_and_verify(inline, tmp_path / "bundle.zip")
    [weighing_facts] = facts["weighings"]
    earlier, today = (build_odds_model_file(inline.services, pipeline) for pipeline in (EARLIER_PIPELINE, PIPELINE))
    assert weighing_facts["pipeline"] == EARLIER_PIPELINE
    assert files[weighing_facts["file"]] == earlier.to_json() != today.to_json()
    assert checks["odds:01"].state is State.NOT_CHECKED  # these weights ship with no software
    assert checks["odds:01"].sentence.startswith(f"unknown weights: The values and weights of {EARLIER_PIPELINE}")


def test_missing_weights_prevent_sealing(inline: SyncRunner, folder: Path) -> None:
    (folder / f"{EARLIER_PIPELINE}.json").unlink()
    with pytest.raises(NotFoundError, match=EARLIER_PIPELINE):
        build_odds_model_file(inline.services, EARLIER_PIPELINE)


@pytest.mark.parametrize("pipeline", [path.stem for path in odds_model.WEIGHTS_FOLDER.iterdir()])
def test_shipped_weights_can_be_loaded_and_sealed(inline: SyncRunner, pipeline: str) -> None:
    stored_weights, weights_file = (
        odds_model.load_odds_model(pipeline),
        build_odds_model_file(inline.services, pipeline),
    )
    assert stored_weights is not None
    assert weights_file.pipeline == pipeline
    assert stored_weights.provenance is not None


@pytest.mark.parametrize("pipeline", ["../weighing/match-1", "match-0", "", "."])
def test_pipeline_name_cannot_escape_weights_folder(pipeline: str) -> None:
    assert odds_model.load_odds_model(pipeline) is None
