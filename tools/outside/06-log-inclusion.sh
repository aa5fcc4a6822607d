# Log inclusion
#
# Needs: `python3:sigstore`, `proofs/log/entry.json`
#
# The entry commits to the seal; its leaf leads to the root in the checkpoint (RFC 9162). sigstore checks its own log
# with these functions.

python3 -I - <<'EOF'
import base64, hashlib, json
from sigstore._internal import merkle

entry = json.load(open("proofs/log/entry.json"))
proof = json.load(open("proofs/log/inclusion.json"))
origin, size, root = open("proofs/log/checkpoint").read().split("\n")[:3]
canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

seal = hashlib.sha256(open("data/manifest.json", "rb").read()).hexdigest()
signature = open("proofs/signature", "rb").read().hex()
assert entry["type"] == "seal" and entry["opening"]["manifest"] == seal, "the entry is about another manifest"
assert entry["opening"]["signature"] == signature, "the entry is about another signature"
key = json.load(open("data/manifest.json"))["key"]["public"]
assert entry["opening"]["key"] == key, "the entry is about another key"
committed = hashlib.sha256(bytes.fromhex(entry["salt"]) + canonical(entry["opening"])).hexdigest()
assert committed == entry["commitment"], "the entry commits to something else"
leaf = canonical({name: entry[name] for name in ("commitment", "time", "type")})

index, path = entry["sequence"], [bytes.fromhex(one) for one in proof["path"]]
inner, border = merkle._decomp_inclusion_proof(index, int(size))
assert len(path) == inner + border and proof["size"] == int(size), "the path has another length"
found = merkle._chain_inner(merkle._hash_leaf(leaf), path[:inner], index)
found = merkle._chain_border_right(found, path[inner:])
assert found == base64.b64decode(root), "the entry isn't under the checkpoint's root"
print(f"entry {index} lies under the root of {size} entries of {origin}")
EOF
