# Decision signed with a passkey
#
# Needs: `openssl`, `python3`, `data/decision.json`
#
# The passkey's assertion signs a statement of this decision. The commands check it, and that the log entry of the
# decision names it. Whose key it is, and since when, is the installation's word: an entry of its log.

python3 -I - <<'EOF'
import base64, hashlib, json, os, subprocess

def digest(data):
    return hashlib.sha256(data).digest()

data = open("data/decision.json", "rb").read()
told = json.loads(data)
said = told["statement"]
words = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
challenge = base64.urlsafe_b64encode(digest(b"exhibit decision v1\n" + words)).rstrip(b"=").decode()
client, device = bytes.fromhex(told["client_data"]), bytes.fromhex(told["authenticator_data"])
asked = json.loads(client)
assert (asked["type"], asked["challenge"]) == ("webauthn.get", challenge), "the answer is to something else"
assert device[:32] == digest(said["site"].encode()), "the answer is for another site"
assert device[32] & 5 == 5, "the device doesn't say that it has verified anybody"
work = os.environ["WORK"]
parts = {"key": bytes.fromhex(told["key"]), "signature": bytes.fromhex(told["signature"]), "message": device + digest(client)}
for part, content in parts.items():
    open(f"{work}/decision.{part}", "wb").write(content)
line = f"openssl dgst -sha256 -keyform DER -verify {work}/decision.key -signature {work}/decision.signature {work}/decision.message"
subprocess.run(line.split(), check=True, stdout=subprocess.DEVNULL)
decision = json.load(open("data/facts.json", encoding="utf-8"))["decision"]
assert decision["passkey"]["log"]["opening"]["assertion"] == digest(data).hex(), "the log's entry names another answer"
print(f"{said['by']} of {said['owner']}: {said['act']}, {json.dumps(said['subject'])}, asked at {said['time']}")
print(f"signed by the passkey {digest(bytes.fromhex(told['key'])).hex()}")
EOF
