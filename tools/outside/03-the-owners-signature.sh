# The owner's signature
#
# Needs: `openssl`, `xxd`, `python3`
#
# OpenSSL 3. Shows that the holder of the key named in the manifest signed it; `proofs/key.pem` was not signed, so it
# is only compared. Ask the owner through another channel whose key it is. The Python lines reject points of small
# order and points in a non-canonical encoding, under some of which one signature matches every file.

key=$(python3 -I -c 'import json; print(json.load(open("data/manifest.json", encoding="utf-8"))["key"]["public"])')
python3 -I - "$key" <<'EOF'
import sys

p, order_8 = 2**255 - 19, 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
y = int.from_bytes(bytes.fromhex(sys.argv[1]), "little") & ~(1 << 255)
assert len(sys.argv[1]) == 64 and y < p and y not in {0, 1, p - 1, order_8, p - order_8}, "no key to trust"
EOF
printf "302a300506032b6570032100$key" | xxd -r -p | openssl pkey -pubin -inform DER -out "$WORK/owner.pem"
openssl pkeyutl -verify -pubin -inkey "$WORK/owner.pem" -rawin -in data/manifest.json -sigfile proofs/signature
cmp "$WORK/owner.pem" proofs/key.pem
echo "signed by $key"
