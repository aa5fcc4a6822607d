"""A process that sends all pending notices, and that a test may kill."""


def main() -> None:
    """Send all notices that are due."""
    import django

    django.setup()
    from registry.configuration import load_config
    from registry.db import steps
    from registry.models import NoticeMail
    from registry.notices.send_notice import send_notices
    from registry.services.services import Services

    services = Services(load_config())
    send_notices(services, steps.list_due_ids(NoticeMail, services.stale_after, 10))


if __name__ == "__main__":
    main()
