"""A process that requests all pending receipts from timestamp services, and that a test may kill.

Its argument is the data folder. It prints a line when it starts.
"""

import sys


def main(folder: str) -> None:
    """Work until no receipt is pending."""
    import django

    django.setup()
    from registry.bundles.timestamp_requests import request_timestamps
    from registry.configuration import load_config
    from registry.db import steps
    from registry.models import AnchorReceipt
    from registry.services.services import Services

    services = Services(load_config({"EXHIBIT_DATA": folder}))
    print("begins", flush=True)  # noqa: T201 - what the test waits for
    while AnchorReceipt.objects.exclude(state="done").exists():
        request_timestamps(services, steps.list_due_ids(AnchorReceipt, services.stale_after, 50))


if __name__ == "__main__":
    main(sys.argv[1])
