# Bitcoin blocks
#
# Needs: `ots`, `NODE`, `proofs/anchors/*.ots`
#
# With your own node, this also shows that the block is on the chain. `OTS_CHAIN` is empty, or `--btc-regtest` for a
# test chain.

checked=0
for proof in proofs/anchors/*.ots; do
  case ${proof##*/} in
    manifest-*) what=data/manifest.json ;;
    checkpoint-*) what=proofs/log/checkpoint ;;
    later-*) size=${proof##*/later-}; what=proofs/log/checkpoint-${size%%-*} ;;
    *) echo "$proof is about an earlier checkpoint in data/"; continue ;;
  esac
  digest=$(sha256sum "$what" | cut -d ' ' -f 1)
  ots --no-cache ${OTS_CHAIN-} --bitcoin-node "$NODE" verify -d "$digest" "$proof"
  checked=$((checked + 1))
done
test "$checked" -gt 0
