# Receipts of EVM chains
#
# Needs: `python3:trie`, `python3:rlp`, `proofs/anchors/evm-*.json`
#
# Checks with the Ethereum Foundation's libraries that a log entry of the digest is in the receipts of the block.
# Compare the printed block hash with a node or explorer: the file does not show that the block is on the chain.

python3 -I - <<'EOF'
import glob, hashlib, json
import rlp
from eth_utils import keccak
from trie import HexaryTrie

EVENT = keccak(b"Anchored(bytes32,uint256)")
checked = 0
for name in sorted(glob.glob("proofs/anchors/evm-*.json")):
    read = json.load(open(name))
    if "pending" in read["format"]:
        print(name, "isn't confirmed yet")
        continue
    subject = name.split("evm-")[1].split("-")
    what = {"manifest": "data/manifest.json", "checkpoint": "proofs/log/checkpoint"}.get(subject[0], f"proofs/log/checkpoint-{subject[1]}")
    digest = hashlib.sha256(open(what, "rb").read()).digest()
    header = bytes.fromhex(read["header"])
    nodes = [rlp.decode(bytes.fromhex(node)) for node in read["nodes"]]
    receipt = HexaryTrie.get_from_proof(rlp.decode(header)[5], rlp.encode(read["transaction"]), nodes)
    status, *_, logs = rlp.decode(receipt[1:] if receipt[0] < 128 else receipt)[:4]
    topics = logs[read["log"]][1]
    assert status == b"\x01" and topics[:2] == [EVENT, digest], f"{name}: the log says something else"
    print(f"{what} is in a log of block 0x{keccak(header).hex()} of chain {read['chain']}")
    checked += 1
assert checked, "no receipt is confirmed yet"
EOF
