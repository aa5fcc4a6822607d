"""Test that each configuration is logged once, without its secrets."""

from dataclasses import replace

from evidence.anchors.rfc3161.kind import Rfc3161Config
from registry.log.configuration import log_configuration, to_loggable_dict
from registry.models import LogOpening
from workers.tasks.sync_runner import SyncRunner


def test_configuration_is_logged_only_if_it_differs_from_the_last_entry(inline: SyncRunner) -> None:
    assert [log_configuration(inline.services) for _ in range(2)] == [True, False]
    inline.services.config = replace(inline.services.config, retention_days=31)
    assert [log_configuration(inline.services) for _ in range(2)] == [True, False]
    retention_days = [
        (opening.details or {})["settings"]["retention_days"] for opening in LogOpening.objects.order_by("pk")
    ]
    assert retention_days == [30, 31]


def test_logged_configuration_omits_secrets_and_data_folder(inline: SyncRunner) -> None:
    anchor = Rfc3161Config(kind="rfc3161", name="tsa", urls=("https://tsa.example/?key=hidden",))
    config = replace(
        inline.services.config,
        database_url="postgresql://ann:hidden@db.example/exhibit",
        mail_url="smtps://ann:hidden@mail.example",
        metrics_token="hidden",
        anchors=(anchor,),
    )
    settings = to_loggable_dict(config)
    assert "hidden" not in str(settings)
    assert str(config.data_dir) not in str(settings)
    assert (settings["database_url"], settings["mail_url"], settings["metrics_token"]) == (
        "db.example",
        "mail.example",
        True,
    )
    assert settings["anchors"] == [{"development": False, "hosts": ["tsa.example"], "kind": "rfc3161", "name": "tsa"}]
