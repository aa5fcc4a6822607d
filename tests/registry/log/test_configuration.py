"""Test that each configuration is logged once, without its secrets."""

from dataclasses import replace

from evidence.anchors.rfc3161.kind import Rfc3161Config
from registry.log.configuration import log_configuration, to_plain_configuration
from registry.models import LogOpening
from workers.tasks.sync_runner import SyncRunner


def test_it_is_put_there_when_it_is_another_than_the_last(inline: SyncRunner) -> None:
    assert [log_configuration(inline.services) for _ in range(2)] == [True, False]
    inline.services.config = replace(inline.services.config, retention_days=31)
    assert [log_configuration(inline.services) for _ in range(2)] == [True, False]
    retention_days = [
        (opening.details or {})["settings"]["retention_days"] for opening in LogOpening.objects.order_by("pk")
    ]
    assert retention_days == [30, 31]


def test_passwords_keys_and_the_folder_stay_out(inline: SyncRunner) -> None:
    anchor = Rfc3161Config(kind="rfc3161", name="tsa", urls=("https://tsa.example/?key=hidden",))
    config = replace(
        inline.services.config,
        database_url="postgresql://ann:hidden@db.example/exhibit",
        mail_url="smtps://ann:hidden@mail.example",
        metrics_token="hidden",
        anchors=(anchor,),
    )
    settings = to_plain_configuration(config)
    assert "hidden" not in str(settings)
    assert str(config.data_dir) not in str(settings)
    assert (settings["database_url"], settings["mail_url"], settings["metrics_token"]) == (
        "db.example",
        "mail.example",
        True,
    )
    assert settings["anchors"] == [{"development": False, "hosts": ["tsa.example"], "kind": "rfc3161", "name": "tsa"}]
