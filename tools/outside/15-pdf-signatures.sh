# PDF signatures
#
# Needs: `pdfsig`, `ByteRange:data/*.pdf`
#
# Only documents with a signature are examined. `pdfsig` reports whether each signature is valid; whether it knows the
# certificate depends on your machine.

for document in data/*.pdf; do
  grep -q -a /ByteRange "$document" || continue
  pdfsig -nocert "$document" | tee "$WORK/signatures.txt"
  grep -q "Signature is Valid" "$WORK/signatures.txt"
  ! grep -q "Signature is Invalid\|Digest Mismatch" "$WORK/signatures.txt"
done
