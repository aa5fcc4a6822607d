"""Fixtures that tests of several ``evidence`` packages share."""

import pytest

from tests.assets.bundles import make_scene
from tests.assets.renewed_bundles import RenewedBundle, renew_bundle


@pytest.fixture(scope="module")
def renewed_bundle(tmp_path_factory: pytest.TempPathFactory) -> RenewedBundle:
    """A bundle with a later checkpoint."""
    return renew_bundle(make_scene(tmp_path_factory.mktemp("scene")))
