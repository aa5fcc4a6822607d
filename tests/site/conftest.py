"""What tests of the pages share."""

from tests.flow.conftest import inline

__all__ = ["inline"]
