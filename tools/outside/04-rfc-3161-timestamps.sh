# RFC 3161 timestamps
#
# Needs: `openssl`, `date`, `ROOTS`, `proofs/anchors/*.tsr`
#
# Each timestamp is judged at its own time, by your roots and by the included revocation lists. The file name states
# what it covers: the manifest or the log's checkpoint. A timestamp of an authority that you do not trust fails here,
# correctly. openssl ignores `Accuracy:`, which `openssl ts -reply -in STAMP -text` shows: add it to the time, and
# reject a timestamp with more than an hour. [Other differences](trust-list.md#rfc-3161-timestamps).

cat proofs/material/certificate-*.pem > "$WORK/chain.pem"
cat "$ROOTS" > "$WORK/trust.pem"
lists=
for list in proofs/material/crl-*.pem; do
  if [ -e "$list" ]; then cat "$list" >> "$WORK/trust.pem"; lists=-crl_check_all; fi
done
checked=0
for stamp in proofs/anchors/*.tsr; do
  case ${stamp##*/} in
    manifest-*) what=data/manifest.json ;;
    checkpoint-*) what=proofs/log/checkpoint ;;
    later-*) size=${stamp##*/later-}; what=proofs/log/checkpoint-${size%%-*} ;;
    *) echo "$stamp is about an earlier checkpoint in data/"; continue ;;
  esac
  stated=$(openssl ts -reply -in "$stamp" -text | sed -n 's/^Time stamp: //p' | sed 's/\.[0-9]*//')
  openssl ts -verify -data "$what" -in "$stamp" -CAfile "$WORK/trust.pem" -untrusted "$WORK/chain.pem" \
    $lists -attime "$(date -u -d "$stated" +%s)"
  echo "$what existed at $stated, by $stamp"
  checked=$((checked + 1))
done
test "$checked" -gt 0
