/* Who signed besides, and until when a key counted: counter-signatures, and keys that were revoked. */

const COUNTERSIGNATURES = "proofs/countersignatures/";
const ED25519_SPKI = "302a300506032b6570032100";

/** The pinned key of this use with this public half. */
const pinnedKey = (trust, key, use) => trust.keys.find((one) => one.public === key && (one.use || "sealing") === use);

/** `revoked`, when the pinned sealing key has been revoked, and one `countersignature:` for each. */
async function checkSigners(inspection, seen) {
  const key = pinnedKey(inspection.trust, inspection.manifest.key.public, "sealing");
  const checks = key && key.revoked ? [judged("revoked", key, seen)] : [];
  const names = inspection.bundle.names.filter((name) => name.startsWith(COUNTERSIGNATURES));
  const stems = [...new Set(names.map((name) => name.split("/").pop().replace(/\.[^.]*$/, "")))].sort();
  if (stems.length > 64 || names.some((name) => !/\.(pem|sig)$/.test(name)))
    return [...checks, failed("countersignatures", `${COUNTERSIGNATURES} holds other files, or more than 64 signatures.`)];
  for (const stem of stems) checks.push(await countersignatureCheck(inspection, stem, seen));
  return checks;
}

async function countersignatureCheck(inspection, stem, seen) {
  const name = `countersignature:${stem}`;
  try {
    const pem = textOf(await inspection.read(`${COUNTERSIGNATURES}${stem}.pem`, 4096), `${stem}.pem`);
    const signature = await inspection.read(`${COUNTERSIGNATURES}${stem}.sig`, 64);
    const match = /-----BEGIN PUBLIC KEY-----\s([^-]+)\s-----END PUBLIC KEY-----/.exec(pem);
    const spki = match && fromBase64(match[1].replace(/\s/g, ""));
    if (!spki || spki.length !== 44 || !hex(spki).startsWith(ED25519_SPKI)) throw new Broken(`${COUNTERSIGNATURES}${stem}.pem isn't an Ed25519 key.`);
    const key = spki.slice(12);
    if (!(await verifyEd25519(key, signature, inspection.manifestBytes))) throw new Broken("The counter-signature over data/manifest.json doesn't hold.");
    const pinned = pinnedKey(inspection.trust, hex(key), "device");
    if (!pinned) throw new UnknownWitness(`it holds, but no owner is pinned with the device key ${stem}.`);
    if (pinned.owner !== inspection.manifest.matter.owner) throw new Broken(`The device key is pinned as that of ${pinned.owner}, not of the owner in the manifest.`);
    if (pinned.revoked) return judged(name, pinned, seen);
    return passed(name, `Ed25519 over data/manifest.json by a device key of ${pinned.owner} holds; the owner alone holds that key.`, developmentOf(pinned));
  } catch (error) {
    return checkOf(name, error);
  }
}

/** Whether a key that was revoked had signed before: only a witness can tell, the bundle's own times can't. */
function judged(name, key, seen) {
  const revoked = new Date(key.revoked);
  const since = `The key was revoked at ${moment(revoked)}`;
  if (!seen) return failed(name, `${since}, and no pinned witness shows that anything of this existed before.`);
  if (seen >= revoked) return failed(name, `${since}, and the earliest pinned witness is of ${moment(seen)}.`);
  return passed(name, `${since}; a pinned witness saw the seal before, at ${moment(seen)}.`);
}
