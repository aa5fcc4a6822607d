"""Asks witnesses for all receipts that wait, in a process of its own that a test may kill: folder of data as argument.

Prints a line when it begins.
"""

import sys


def main(folder: str) -> None:
    """Work until nothing waits."""
    import django

    django.setup()
    from registry.bundles.witness import ask_witnesses
    from registry.configuration import load_config
    from registry.db import steps
    from registry.models import AnchorReceipt
    from registry.services.services import Services

    services = Services(load_config({"EXHIBIT_DATA": folder}))
    print("begins", flush=True)  # noqa: T201 - what the test waits for
    while AnchorReceipt.objects.exclude(state="done").exists():
        ask_witnesses(services, steps.due_ids(AnchorReceipt, services.stale_after, 50))


if __name__ == "__main__":
    main(sys.argv[1])
