"""Fixtures that tests of several ``evidence`` packages share."""

import pytest

from tests.assets.bundles import make_scene
from tests.assets.renewals import Renewed, make_renewed


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Renewed:
    """A bundle with a later checkpoint."""
    return make_renewed(make_scene(tmp_path_factory.mktemp("scene")))
