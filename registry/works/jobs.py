"""Background jobs on the rows of works. Their imports are loaded after a worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.jobs import FOREGROUND, IMPORTS, job
from registry.translation import gettext_noop
from registry.works.models import BulkEdit, UploadFile

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("uploaded files to register"), IMPORTS, UploadFile, owner="upload__owner", batch=8)
def register(services: "Services", ids: Sequence[int]) -> None:
    """Register files as works."""
    from registry.works.upload_registration import register_uploads

    register_uploads(services, ids)


@job(gettext_noop("bulk changes of works"), FOREGROUND, BulkEdit, owner="owner")
def bulk(services: "Services", ids: Sequence[int]) -> None:
    """Change many works."""
    from registry.services.batches import process_in_portions
    from registry.works.bulk import change_portion

    process_in_portions(services, BulkEdit, ids, change_portion)
