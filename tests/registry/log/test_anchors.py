from pathlib import Path

import pytest

from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import EsploraBlocks, JsonRpcBlocks
from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, RefusedError
from exhibit.network.guard import Guard
from exhibit.network.operator_urls import list_literal_networks, list_ports
from registry.configuration import load_config
from registry.log.anchors import get_anchors
from registry.services.anchors import InvalidAnchor, build_anchor
from registry.services.services import Services


def load_toml(folder: Path, toml: str) -> Config:
    (folder / "exhibit.toml").write_text(toml, encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(folder)})


def make_calendar(**settings: object) -> OpenTimestampsAnchor:
    config = OpenTimestampsConfig(kind="opentimestamps", name="bitcoin", urls=("https://calendar.example",), **settings)  # type: ignore[arg-type]
    anchor = build_anchor(config, (), "Exhibit")
    assert isinstance(anchor, OpenTimestampsAnchor)
    return anchor


def test_block_headers_come_from_node_or_explorer_if_configured(tmp_path: Path) -> None:
    node = make_calendar(bitcoin_source="http://127.0.0.1:8332", bitcoin_credentials=tmp_path / ".cookie")
    assert isinstance(node.blocks, JsonRpcBlocks)
    assert node.blocks.network == "main"
    assert node.blocks.credentials == tmp_path / ".cookie"
    assert isinstance(make_calendar(bitcoin_explorer="https://blockstream.info/api").blocks, EsploraBlocks)
    assert make_calendar().blocks is None


@pytest.mark.django_db
def test_relative_anchor_files_are_resolved_in_the_data_folder(tmp_path: Path) -> None:
    config = load_toml(
        tmp_path,
        '[[anchors]]\nkind = "opentimestamps"\nname = "b"\nurls = "https://a.example"\n'
        'bitcoin_source = "http://127.0.0.1:8332"\nbitcoin_credentials = "secrets/node"\n',
    )
    assert config.anchors[0].files == {"bitcoin_credentials": tmp_path / "secrets" / "node"}
    assert [anchor.name for anchor in get_anchors(Services(config))] == ["b"]


def test_timestamp_requests_may_reach_only_configured_addresses_and_ports() -> None:
    urls = ("http://127.0.0.1:8545", "https://tsa.example/tsr", "http://localhost:9", "http://[fd00::1]:8332")
    assert list_literal_networks(urls) == ("127.0.0.1/32", "127.0.0.1/32", "fd00::1/128")
    assert list_ports(urls) == (8545, 443, 9, 8332)


def test_private_network_host_must_be_allowed_in_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("10.1.2.3", 8332))])
    with pytest.raises(RefusedError, match=r"node\.internal\.example"):
        Guard().resolve("node.internal.example", 8332)

    def get_tip(**settings: object) -> int:
        blocks = make_calendar(bitcoin_source="http://node.internal.example:8332", **settings).blocks
        assert blocks is not None
        return blocks.get_tip_height()

    with pytest.raises(RefusedError):
        get_tip()
    monkeypatch.setattr(
        "exhibit.network.http._MAX_TRIED_ADDRESSES", 0
    )  # the guard permits it, and no connection is opened
    with pytest.raises(ExhibitError):
        get_tip(networks=("10.1.0.0/16",))


@pytest.mark.django_db
def test_unusable_timestamp_service_is_reported_and_others_are_unaffected(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("no certificate")
    config = load_toml(
        tmp_path,
        '[[anchors]]\nkind = "rfc3161"\nname = "broken"\nurls = "https://a.example"\nroots = "roots.pem"\n'
        '[[anchors]]\nkind = "opentimestamps"\nname = "good"\nurls = "https://b.example"\n',
    )
    broken, good = get_anchors(Services(config))
    assert [(service.kind, service.name) for service in (broken, good)] == [
        ("rfc3161", "broken"),
        ("opentimestamps", "good"),
    ]
    for act in (broken.describe_status, lambda: broken.submit(Digest(bytes(32)))):
        with pytest.raises(ConfigError, match="broken"):
            act()
    (tmp_path / "roots.pem").unlink()
    assert isinstance(build_anchor(config.anchors[0], (), "tests"), InvalidAnchor)
    wrong = OpenTimestampsConfig(kind="opentimestamps", name="typo", urls=("http://10.0.0.1:85450",))
    with pytest.raises(ConfigError, match="Port out of range"):
        build_anchor(wrong, (), "tests").submit(Digest(bytes(32)))
