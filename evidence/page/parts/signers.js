/* Who signed besides, and until when a key counted: counter-signatures, and keys that were revoked. */

const COUNTERSIGNATURES = "proofs/countersignatures/";
const ED25519_SPKI = "302a300506032b6570032100";

/** The pinned key of this use with this public half. */
const pinnedKey = (trust, key, use) => trust.keys.find((one) => one.public === key && (one.use || "sealing") === use);

/** `revoked`, when the pinned sealing key has been revoked, and one `countersignature:` for each. */
async function checkSigners(inspection, logged) {
  const key = pinnedKey(inspection.trust, inspection.manifest.key.public, "sealing");
  const checks = key && key.revoked ? [judged(new Date(key.revoked), logged)] : [];
  const names = inspection.bundle.names.filter((name) => name.startsWith(COUNTERSIGNATURES)).map((name) => name.slice(COUNTERSIGNATURES.length));
  const stems = [...new Set(names.map((name) => name.split(".")[0]))].sort();
  if (stems.length > 64 || names.some((name) => !/^[0-9a-f]{16}\.(pem|sig)$/.test(name)))
    return [...checks, failed("countersignatures", `${COUNTERSIGNATURES} holds other files, or more than 64 signatures.`)];
  for (const stem of stems) checks.push(await checked(`countersignature:${stem}`, (name) => countersignatureCheck(inspection, stem, name)));
  return checks;
}

async function countersignatureCheck(inspection, stem, name) {
  const pem = textOf(await inspection.read(`${COUNTERSIGNATURES}${stem}.pem`, 4096), `${stem}.pem`);
  const signature = await inspection.read(`${COUNTERSIGNATURES}${stem}.sig`, 64);
  const match = /-----BEGIN PUBLIC KEY-----\s([^-]+)\s-----END PUBLIC KEY-----/.exec(pem);
  const spki = match && fromBase64(match[1].replace(/\s/g, ""));
  if (!spki || spki.length !== 44 || !hex(spki).startsWith(ED25519_SPKI)) throw new Broken(`${COUNTERSIGNATURES}${stem}.pem isn't an Ed25519 key.`);
  const key = spki.slice(12);
  if (!(await verifyEd25519(key, signature, inspection.manifestBytes))) throw new Broken("The counter-signature over data/manifest.json doesn't hold.");
  if (!hex(key).startsWith(stem)) throw new Broken(`${COUNTERSIGNATURES}${stem}.pem is another key than its name says.`);
  const pinned = pinnedKey(inspection.trust, hex(key), "device");
  if (!pinned) throw new UnknownWitness(`it holds, but no owner is pinned with the device key ${stem}.`);
  if (pinned.owner !== inspection.manifest.matter.owner) throw new Broken(`The device key is pinned as that of ${pinned.owner}, not of the owner in the manifest.`);
  if (pinned.revoked) return notChecked(name, `The device key was revoked at ${moment(new Date(pinned.revoked))}, and nothing in the bundle shows when this was signed.`);
  return passed(name, `Ed25519 over data/manifest.json by a device key of ${pinned.owner} holds; the owner alone holds that key.`, { by: pinned.owner, ...developmentOf(pinned) });
}

/** Whether a key that was revoked had signed before: only a witness can tell, the bundle's own times can't. */
function judged(revoked, logged) {
  const since = `The key was revoked at ${moment(revoked)}`;
  if (!logged) return failed("revoked", `${since}, and no pinned witness shows that the log held the signature before.`);
  if (logged >= revoked) return failed("revoked", `${since}, and the earliest pinned witness of the log is of ${moment(logged)}.`);
  return passed("revoked", `${since}; a pinned witness saw the log with the signature before, at ${moment(logged)}.`);
}
