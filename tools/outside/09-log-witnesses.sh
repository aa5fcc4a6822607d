# Log witnesses
#
# Needs: `openssl`, `python3`, `WITNESSES`, `proofs/anchors/*.cosigned`
#
# A log witness verified that the checkpoint continues the one it saw before, and signed it with the time ([C2SP
# tlog-cosignature](https://c2sp.org/tlog-cosignature)). Each file is a checkpoint with the witness's signature as its
# last line. Get the keys from the operators of the witnesses.

python3 -I - <<'EOF'
import base64, glob, hashlib, os, subprocess, sys, time

keys = {}
for vkey in open(os.environ["WITNESSES"], encoding="utf-8").read().split():
    name, identity, encoded = vkey.split("+", 2)
    raw = base64.b64decode(encoded)
    assert raw[:1] == b"\x04" and hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == identity, vkey
    keys[name, bytes.fromhex(identity)] = raw[1:]
heads = {open(path, "rb").read() for path in glob.glob("proofs/log/checkpoint*")}
work, found = os.environ["WORK"], 0
for path in sorted(glob.glob("proofs/anchors/*.cosigned")):
    lines = open(path, "rb").read().splitlines(keepends=True)
    head = b"".join(lines[:-1])
    assert head in heads, f"{path} is about another head"
    _, name, encoded = lines[-1].decode().split()
    signed = base64.b64decode(encoded)
    if (name, signed[:4]) not in keys:
        print(f"{path}: no key of {name} is given")
        continue
    seconds = int.from_bytes(signed[4:12], "big")
    parts = {
        "key": bytes.fromhex("302a300506032b6570032100") + keys[name, signed[:4]],
        "message": f"cosignature/v1\ntime {seconds}\n".encode() + head.rpartition(b"\n\n")[0] + b"\n",
        "signature": signed[12:],
    }
    for part, data in parts.items():
        open(f"{work}/cosigned.{part}", "wb").write(data)
    line = f"openssl pkeyutl -verify -pubin -keyform DER -inkey {work}/cosigned.key -rawin"
    line += f" -in {work}/cosigned.message -sigfile {work}/cosigned.signature"
    subprocess.run(line.split(), check=True, stdout=subprocess.DEVNULL)
    print(f"{name} saw the head of {head.split()[1].decode()} entries at {time.strftime('%F %T', time.gmtime(seconds))} UTC")
    found += 1
sys.exit(not found)
EOF
