# Every byte
#
# Needs: `sha256sum`, `sha512sum`, `python3`
#
# Every file has the digest that the bag lists. The bag's lists were not signed; `data/manifest.json` was, so files
# are compared with its list too, and a file under `data/` that it does not name is rejected. Only files named in
# `proofs/withheld.json` may be missing. The manifest's own SHA-256, printed last, is the seal digest.

sha256sum --check --strict --quiet manifest-sha256.txt tagmanifest-sha256.txt
sha512sum --check --strict --quiet manifest-sha512.txt
python3 -I - > "$WORK/sealed.txt" <<'EOF'
import json, os, re, sys

listed = [(one["path"], one["sha256"]) for one in json.load(open("data/manifest.json", encoding="utf-8"))["files"]]
line = re.compile(r"data/[A-Za-z0-9._/-]+  [0-9a-f]{64}")
sealed = {path for path, digest in listed if line.fullmatch(f"{path}  {digest}")}
withheld = set()
if os.path.exists("proofs/withheld.json"):
    withheld = set(json.load(open("proofs/withheld.json", encoding="utf-8"))["files"])
here = {os.path.join(folder, name).replace(os.sep, "/") for folder, _, names in os.walk("data") for name in names}
if len(sealed) != len(listed) or not withheld <= sealed - {"data/facts.json"}:
    sys.exit("the manifest lists a file twice or as no file can be, or a file is withheld that can't be")
left = re.compile(r"(?is)(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)")
for name in sorted(filter(left.fullmatch, here)):
    print(f"left by a file manager, vouched for by nobody: {name}", file=sys.stderr)
wrong = {name for name in here ^ sealed if not left.fullmatch(name)} - {"data/manifest.json"} - (withheld - here)
if wrong:
    sys.exit(f"not sealed, or missing: {sorted(wrong)}")
for path, digest in listed:
    if path in here:
        print(digest, path, sep="  ")
EOF
sha256sum --check --strict --quiet "$WORK/sealed.txt"
sha256sum data/manifest.json
