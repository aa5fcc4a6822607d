"""Test that killing the process that requests timestamps, at any moment, duplicates and loses nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.kind import EvmConfig, build
from evidence.anchors.evm.proofs import verify_proof
from evidence.development.authority import run_authority
from evidence.development.chain import Chain, run_chain
from exhibit.clock import now
from exhibit.config.config import Config
from registry.bundles.timestamp_requests import request_timestamps
from registry.configuration import load_config
from registry.log.anchors import get_anchors
from registry.log.proofs import to_receipt
from registry.models import AnchorReceipt, TimestampServiceState
from registry.services.anchors import build_session
from registry.services.services import Services
from tests.assets.evm_chain import EvmChain, deploy_contract, running_evm_chain
from tests.assets.rows import create_pending_receipts

KEY = b"\x07" * 32


KILLS = int(os.environ.get("KILL_ROUNDS", "4"))


@contextmanager
def run_three_services(folder: Path) -> Iterator[tuple[Config, Chain, EvmChain]]:
    """Run an authority, a calendar and a chain during the block, and yield a configuration that uses them."""
    account = EvmAccount(KEY)
    ledger = EvmChain([account.address])
    with ExitStack() as stack:
        authority = stack.enter_context(run_authority(folder / "authority"))
        chain = stack.enter_context(run_chain(folder / "chain"))
        url = stack.enter_context(running_evm_chain(ledger))
        (folder / "root.pem").write_bytes(authority.root_pem)
        (folder / "key").write_text(KEY.hex())
        (folder / "key").chmod(0o600)

        def settings(contract: str) -> str:
            tables = {
                "authority": {"kind": "rfc3161", "urls": authority.url, "roots": "root.pem"},
                "calendar": {"kind": "opentimestamps", "urls": chain.url, "bitcoin_source": chain.url},
                "ledger": {
                    "kind": "evm",
                    "urls": url,
                    "key_file": "key",
                    **({"contract": contract} if contract else {}),
                },
            }
            lines = []
            for name, table in tables.items():
                lines += ["[[anchors]]", f'name = "{name}"', "development = true"]
                lines += [f'{key} = "{value}"' for key, value in table.items()]
            return "\n".join([*lines, f"chain_id = {ledger.chain_id}", "confirmations = 1", ""])

        def loaded(contract: str) -> Config:
            (folder / "exhibit.toml").write_text(settings(contract))
            return load_config({"EXHIBIT_DATA": str(folder)})

        config = loaded("")
        chain_config = config.anchors[2]
        assert isinstance(chain_config, EvmConfig)
        maker = build(chain_config, build_session(chain_config, (), "tests"))
        yield loaded("0x" + deploy_contract(ledger, maker).hex()), chain, ledger


def own_database() -> str:
    values = connection.settings_dict
    return f"postgresql://{values['USER']}@/{values['NAME']}?host={values['HOST']}&port={values['PORT'] or 5432}"


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_crash_during_timestamp_or_upgrade_loses_and_duplicates_nothing(open_folder: Path) -> None:
    chance = random.Random(20261120)
    digests = [bytes([number]) for number in range(4)]
    with run_three_services(open_folder) as (config, chain, ledger):
        for anchor_config in config.anchors:
            create_pending_receipts(*digests, service=anchor_config.name, kind=anchor_config.kind)
        environ = {**os.environ, "DATABASE_URL": own_database()}
        command = [sys.executable, "-m", "tests.assets.timestamp_worker", str(open_folder)]
        killed = 0
        for _ in range(KILLS):
            with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "begins\n"
                time.sleep(chance.uniform(0, 0.4))  # the moment of death is random
                process.send_signal(signal.SIGKILL)
            killed += process.returncode == -signal.SIGKILL
            chain.mine_block()
            ledger.mine_blocks()
            AnchorReceipt.objects.filter(state="running").update(claimed_at=now() - timedelta(hours=1))
            AnchorReceipt.objects.update(not_before=None)
        services = Services(config)
        for _ in range(40):
            receipt_ids = list(AnchorReceipt.objects.exclude(state="done").values_list("pk", flat=True))
            if not receipt_ids:
                break
            request_timestamps(services, receipt_ids)
            chain.mine_block()
            ledger.mine_blocks()
            AnchorReceipt.objects.update(not_before=None)
            TimestampServiceState.objects.update(ask_after=None)
        anchors = {anchor.name: anchor for anchor in get_anchors(services)}
        rows = list(AnchorReceipt.objects.all())
        assert killed == KILLS
        assert [row.state for row in rows] == ["done"] * 3 * len(digests)
        assert all(anchors[row.service].verify(row.digest, to_receipt(row)) == row.time for row in rows)
        blocks = [verify_proof(bytes(row.proof or b""), row.digest) for row in rows if row.kind == "evm"]
        assert len(blocks) == len(digests)
        sent = ledger.chain.get_vm().state.get_nonce(EvmAccount(KEY).address)
        assert sent == 1 + len(digests)  # the contract's own, and one for each digest
