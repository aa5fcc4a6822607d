# Statements of partners
#
# Needs: `openssl`, `python3`, `PARTNERS`, `data/sightings/**/cocapture.json`
#
# A partner's statement about what it saw is an entry of its log. Get the keys of such logs from their operators, and
# make sure that the partner is not the opposing party. The commands check entry, position, checkpoint and signature,
# and print what the statement has in common with the capture; compare times and addresses yourself.
#
# If a web archive was requested, `data/sightings/**/web-archive.json` names its copy: open `address` and compare it
# with the capture. The file itself is the installation's word.

python3 -I - <<'EOF'
import base64, glob, hashlib, json, os, re, subprocess, sys

def digest(data):
    return hashlib.sha256(data).digest()

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

MARKUP = re.compile(rb"(?is)<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1[^>]*(?:>|\Z)|\Z)|<[^>]*(?:>|\Z)")
keys = {}
for vkey in open(os.environ["PARTNERS"], encoding="utf-8").read().split():
    name, identity, encoded = vkey.split("+", 2)
    raw = base64.b64decode(encoded)
    assert raw[:1] == b"\x01" and digest(name.encode() + b"\n" + raw).hex()[:8] == identity, vkey
    keys[vkey] = raw[1:]
work, found, challenges = os.environ["WORK"], 0, set()
for path in sorted(glob.glob("data/sightings/*/*/cocapture.json")):
    record = json.load(open(path, encoding="utf-8"))
    assert record["challenge"] not in challenges, f"{path} answers for another capture"
    challenges.add(record["challenge"])
    for answer in record["answers"]:
        sealed, name = answer["sealed"], answer["log"].partition("+")[0]
        if sealed is None or answer["log"] not in keys:
            print(f"{path}: {name}: {answer['missing'] or 'no key of this log is given'}")
            continue
        said, index, last = sealed["statement"], sealed["sequence"], sealed["size"] - 1
        assert index <= last, "no such entry"
        assert said["challenge"] == record["challenge"], f"{path} answers for another capture"
        commitment = digest(bytes.fromhex(sealed["salt"]) + canonical(said)).hex()
        value = digest(b"\0" + canonical({"commitment": commitment, "time": sealed["time"], "type": "cocapture"}))
        for step in map(bytes.fromhex, sealed["path"]):  # RFC 9162, 2.1.3.2
            assert last, "the proof is too long"
            if index % 2 or index == last:
                value = digest(b"\1" + step + value)
                while not index % 2 and index:
                    index, last = index // 2, last // 2
            else:
                value = digest(b"\1" + value + step)
            index, last = index // 2, last // 2
        body, _, lines = sealed["checkpoint"].rpartition("\n\n")
        origin, size, root = body.split("\n")[:3]
        assert (origin, int(size), base64.b64decode(root)) == (name, sealed["size"], value) and not last, "another head"
        identity = bytes.fromhex(answer["log"].split("+")[1])
        (signature,) = [base64.b64decode(line.split()[2]) for line in lines.splitlines() if line.split()[1] == name
                        and base64.b64decode(line.split()[2])[:4] == identity]
        parts = {"key": bytes.fromhex("302a300506032b6570032100") + keys[answer["log"]],
                 "message": body.encode() + b"\n", "signature": signature[4:]}
        for part, data in parts.items():
            open(f"{work}/partner.{part}", "wb").write(data)
        line = f"openssl pkeyutl -verify -pubin -keyform DER -inkey {work}/partner.key -rawin"
        line += f" -in {work}/partner.message -sigfile {work}/partner.signature"
        subprocess.run(line.split(), check=True, stdout=subprocess.DEVNULL)
        folder, same = os.path.dirname(path), []
        for image in glob.glob(f"{folder}/image.*"):
            same += ["picture"] * (digest(open(image, "rb").read()).hex() == (said["picture"] or {}).get("sha256"))
        for page in glob.glob(f"{folder}/page.html"):
            data = open(page, "rb").read()
            same += ["page"] * (digest(data).hex() == said["page"]["sha256"])
            same += ["text"] * (digest(b" ".join(MARKUP.sub(b" ", data).split())).hex() == said["text"])
        assert set(same) <= set(answer["agrees"]), f"{path} says otherwise of what agrees"
        about = f"{said['page']['url']} and {(said['picture'] or {}).get('url')}, at {said['started']}"
        print(f"{name} saw {about}; the same: {', '.join(same) or 'nothing'}")
        found += "picture" in same
sys.exit(not found)
EOF
