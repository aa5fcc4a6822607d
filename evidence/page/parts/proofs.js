/* Checks of what surrounds the seal: signature, key, place in the log and later checkpoints that continue it, witnesses of time. */

const ENTRY = "proofs/log/entry.json";
const CHECKPOINT = "proofs/log/checkpoint";
const CONSISTENCY = "proofs/log/consistency.json";
const ANCHORS = "proofs/anchors/index.json";
const RENEWALS = "proofs/log/renewals.json";
const MAX_RENEWALS = 16;
const MAX_RECEIPT = 1 << 20;
/** By so many milliseconds the time in a Bitcoin block's header may be too early. */
const CLOCKS = 2 * 60 * 60 * 1000;

const moment = (time) => time.toISOString().slice(0, 19).replace("T", " ") + " UTC";

/** `signature` and `key`. */
const checkSignature = async (inspection) => [await checked("signature", () => signatureOf(inspection)), await checked("key", (name) => keyCheck(inspection, name))];

async function signatureOf(inspection) {
  const key = inspection.manifest.key.public;
  const signature = await inspection.read("proofs/signature", 64);
  must(await verifyEd25519(fromHex(key), signature, inspection.manifestBytes), "The Ed25519 signature over data/manifest.json doesn't hold.");
  return `Ed25519 (RFC 8032) over data/manifest.json by key ${key.slice(0, 16)} holds.`;
}

async function keyCheck(inspection, name) {
  const { key, matter } = inspection.manifest;
  must(isSoundPoint(fromHex(key.public)), "The manifest's key is a point of small order, or isn't in its one form (RFC 8032).");
  const spki = toBase64(concat(fromHex(ED25519_SPKI), fromHex(key.public)));
  const expected = { "proofs/key.json": canonical(key), "proofs/key.pem": utf8(`-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`) };
  for (const [file, bytes] of Object.entries(expected)) must(same(await inspection.read(file), bytes), `${file} isn't the key that the manifest states.`);
  const pinned = pinnedKey(inspection.trust, key.public, "sealing");
  if (!pinned) throw new UnknownWitness(`no pinned owner has the key ${key.public.slice(0, 16)}.`);
  must(pinned.owner === matter.owner, `The key is pinned as that of ${pinned.owner}, not of the owner in the manifest.`);
  return passed(name, `Pinned as the sealing key of ${pinned.owner}, held by the ${key.holder}.`, { by: pinned.owner, ...developmentOf(pinned) });
}

/** `entry`, `inclusion`, `checkpoint` and `consistency`. */
async function checkLog(inspection, facts) {
  const names = ["entry", "inclusion", "checkpoint", "consistency"];
  if (!inspection.has(ENTRY)) return names.map((name) => notChecked(name, "The bundle holds no log entry of the seal."));
  let proof, note;
  try {
    proof = await readLogProof(inspection);
    note = parseNote(proof.checkpoint);
  } catch (error) {
    return names.slice(0, 3).map((name) => checkOf(name, error));
  }
  return [
    await checked("entry", () => entryOf(inspection, proof)),
    (await isUnder(proof, note))
      ? passed("inclusion", `Entry ${proof.sequence} is included under the root of ${note.size} entries (RFC 9162).`)
      : failed("inclusion", "The entry isn't included under the checkpoint's root (RFC 9162, 2.1.3.2)."),
    await noteCheck(inspection.trust, "checkpoint", note),
    await checked("consistency", (name) => consistencyCheck(inspection, facts, note, name)),
  ];
}

/** The seal's log proof. */
async function readLogProof(inspection) {
  const entry = await inspection.readJson(ENTRY, "entry");
  const { index, size, path } = await inspection.readJson("proofs/log/inclusion.json", "inclusion");
  must(index === entry.sequence, "The inclusion proof is about another entry.");
  return { ...entry, size, path, checkpoint: await readCheckpoint(inspection) };
}

const readCheckpoint = async (inspection) => textOf(await inspection.read(CHECKPOINT, 1 << 16), CHECKPOINT);

async function entryOf(inspection, proof) {
  must(proof.type === "seal", `The log's entry is about a ${proof.type}, not a seal.`);
  must(await opens(proof), "The log's entry commits to something else than its opening.");
  const signature = hex(await inspection.read("proofs/signature", 64));
  const about = { key: inspection.manifest.key.public, manifest: inspection.seal, signature };
  must(equal(proof.opening, about), "The log's entry is about another seal.");
  return `Entry ${proof.sequence} of the log commits to seal digest, key and signature.`;
}

/** Whether the commitment of an entry is that of its salt and opening. */
const opens = async (proof) => hex(await sha256(concat(fromHex(proof.salt), canonical(proof.opening)))) === proof.commitment;

/** The leaf of an entry, and whether it lies under a checkpoint's root. */
const leafOf = (proof) => leafHash(canonical({ commitment: proof.commitment, time: proof.time, type: proof.type }));

async function isUnder(proof, note) {
  return proof.size === note.size && isIncluded(await leafOf(proof), proof.sequence, note.size, proof.path.map(fromHex), note.root);
}

const noteCheck = (trust, name, note) =>
  checked(name, async () => {
    const log = await pinnedLogOf(note, trust);
    return passed(name, `Signed by the pinned key of ${note.origin}: ${note.size} entries.`, { by: note.origin, ...developmentOf(log) });
  });

/** Every log proof that the facts hold, by the name of its check. */
function proofsInFacts(facts) {
  const proofs = [facts.work.registration, ...(facts.work.further_registrations || [])].filter(Boolean).map((proof) => ["registration", proof]);
  for (const one of facts.sightings) if (one.slice) proofs.push([`slice:${two(one.number)}`, one.slice.log]);
  const { passkey } = facts.decision;
  if (passkey) proofs.push(["passkey", passkey.key], ["decision", passkey.log]);
  return proofs;
}

async function consistencyPaths(inspection) {
  if (!inspection.has(CONSISTENCY)) return new Map();
  const proofs = await inspection.readJson(CONSISTENCY, "consistency");
  return new Map(proofs.map((proof) => [proof.size, proof.path.map(fromHex)]));
}

async function consistencyCheck(inspection, facts, note, name) {
  const earlier = facts ? [...new Set(proofsInFacts(facts).map(([, proof]) => proof.checkpoint))].map(parseNote) : [];
  const paths = await consistencyPaths(inspection);
  if (!earlier.length) return notChecked(name, "The sealed files hold no earlier checkpoint.");
  for (const old of earlier) {
    if (!paths.has(old.size) && old.size !== note.size) return notChecked(name, `The bundle holds no proof from the checkpoint of ${old.size} entries on.`);
    const continued = await isContinued(old.size, note.size, old.root, note.root, paths.get(old.size) || []);
    must(continued, `The log of ${note.size} entries doesn't continue that of ${old.size}.`);
  }
  const names = [...new Set(earlier.map((old) => old.origin))].filter((origin) => origin !== note.origin).sort().join(", ");
  const broken = names ? ` Of these some are of ${names.slice(0, 80)}: the log's name before a break.` : "";
  return `The checkpoint continues all ${earlier.length} earlier ones in the bundle (RFC 9162, 2.1.4).${broken}`;
}

/** The bundle's checkpoint, what shows that it continues earlier ones, and whether a pinned log signed it; or null. */
async function ownCheckpoint(inspection) {
  try {
    const note = parseNote(await readCheckpoint(inspection));
    const paths = await consistencyPaths(inspection);
    return { note, paths, signed: (await noteCheck(inspection.trust, "checkpoint", note)).state === "passed" };
  } catch {
    return null;
  }
}

/** Whether the bundle's checkpoint is shown to continue an earlier one. */
const continues = (own, old) => isContinued(old.size, own.note.size, old.root, own.note.root, own.paths.get(old.size) || []);

/** Whether `entry` and `inclusion` passed: only then the bundle's checkpoint has to do with its seal. */
const isLogged = (checks) => ["entry", "inclusion"].every((name) => checks.some((check) => check.name === name && check.state === "passed"));

/** One `renewal:` for each later checkpoint; nothing when the bundle holds none. */
async function checkRenewals(inspection) {
  if (!inspection.has(RENEWALS)) return [];
  let records;
  try {
    records = await readRenewals(inspection);
  } catch (error) {
    return [checkOf("renewals", error)];
  }
  const checks = [];
  for (const record of records) checks.push(await checked(`renewal:${record.size}`, () => renewalOf(inspection, record)));
  return checks;
}

/** What witnesses of the renewals that hold were given, with words for it. */
async function renewed(inspection) {
  const found = new Map();
  if (!inspection.has(RENEWALS) || !inspection.has(CHECKPOINT)) return found;
  for (const record of await readRenewals(inspection))
    if ((await checked("renewal", () => renewalOf(inspection, record))).state === "passed")
      found.set(hex(await sha256(await inspection.read(record.file, 1 << 16))), `later checkpoint of ${record.size} entries`);
  return found;
}

async function readRenewals(inspection) {
  const records = await inspection.readJson(RENEWALS, "renewals");
  if (records.length > MAX_RENEWALS || new Set(records.map((record) => record.size)).size !== records.length)
    throw new Broken(`${RENEWALS} lists a checkpoint twice, or more than ${MAX_RENEWALS}.`);
  return records;
}

async function renewalOf(inspection, record) {
  const own = parseNote(await readCheckpoint(inspection));
  const later = parseNote(textOf(await inspection.read(record.file, 1 << 16), record.file));
  must(later.size === record.size && later.size > own.size, `The checkpoint of ${later.size} entries isn't the later one that is listed.`);
  const continued = await isContinued(own.size, later.size, own.root, later.root, record.path.map(fromHex));
  must(continued, `The log of ${later.size} entries doesn't continue that of ${own.size}.`);
  return `The later checkpoint of ${later.size} entries continues the bundle's own (RFC 9162, 2.1.4).`;
}

/** `checks`: one `anchor:` for each receipt, and `time`; `logged`: the earliest time by which the log held the seal with its signature. */
async function checkWitnesses(inspection, facts, logged) {
  let records = [];
  let subjects = new Map();
  try {
    const unrelated = logged ? "" : "unrelated ";
    subjects = new Map([...(await renewed(inspection))].map(([value, words]) => [value, unrelated + words]));
    if (inspection.has(ANCHORS)) records = await inspection.readJson(ANCHORS, "anchors");
    if (records.length > 64 || new Set(records.map((record) => record.file)).size !== records.length) throw new Broken(`${ANCHORS} lists a receipt twice, or more than 64.`);
    if (records.some(({ material }) => material.length > 64 || new Set(material).size !== material.length)) throw new Broken(`${ANCHORS} lists material of a receipt twice, or more than 64 of it.`);
    for (const [name, proof] of facts ? proofsInFacts(facts) : []) {
      const value = hex(await sha256(utf8(proof.checkpoint)));
      if (!subjects.has(value)) subjects.set(value, `checkpoint of ${name}`);
    }
    if (inspection.has(CHECKPOINT)) subjects.set(hex(await sha256(utf8(await readCheckpoint(inspection)))), `${unrelated}checkpoint`);
    subjects.set(inspection.seal, "manifest");
  } catch (error) {
    return { checks: [checkOf("anchors", error), notChecked("time", "The list of receipts can't be read.")], logged: null, pairs: [] };
  }
  const unread = checkUnread(inspection, records);
  const checks = [];
  for (const record of records) {
    const check = await checked(`anchor:${record.file.split("/").pop()}`, (name) => receiptCheck(inspection, record, subjects, name));
    const called = check.state === "failed" || check.sentence.includes(record.witness) ? "" : ` The bundle calls this witness ${JSON.stringify(record.witness.slice(0, 60))}.`;
    checks.push({ subject: subjects.get(record.digest), kind: record.kind, check: { ...check, sentence: check.sentence + called } });
  }
  const earliest = (pattern, asked) => timeCheck(checks.filter(({ subject }) => pattern.test(subject)).map(({ check }) => check), asked);
  const time = earliest(/^(manifest$|checkpoint$|later checkpoint)/, inspection.trust.requires?.witnesses ?? 1);
  const cosigned = cosignedCheck(inspection.trust, checks.filter(({ kind, subject }) => kind === "cosignature" && /^(checkpoint$|later checkpoint)/.test(subject)));
  return { checks: [...unread, ...checks.map(({ check }) => check), ...cosigned, time], logged: earliest(/^(checkpoint$|later checkpoint)/, 1).time || null, pairs: checks };
}

/** `cosigned`: whether so many pinned witnesses have cosigned a head over the seal as the list asks for, if it asks. */
function cosignedCheck(trust, checks) {
  const [asked, pinned] = [trust.requires?.cosigners ?? 0, new Set((trust.cosigners || []).map(({ name }) => name))];
  if (!asked) return [];
  const good = checks.map(({ check }) => check).filter((check) => check.state === "passed" && pinned.has(check.by));
  const found = [...new Set(good.map(({ by }) => by))].sort();
  const said = `${found.length} of ${pinned.size} pinned witnesses have cosigned a head over the seal${found.length ? `: ${found.join(", ").slice(0, 200)}` : ""}`;
  const development = good.map((check) => check.development).find(Boolean);
  if (found.length >= asked) return [passed("cosigned", `${said}.`, development ? { development } : {})];
  return [notChecked("cosigned", `${said}, and the trust list asks for ${asked}.`)];
}

/** `proofs`, when some file under `proofs/` is read by no check: nobody vouches for it. */
function checkUnread({ bundle }, records) {
  const known = new Set([...ALWAYS, ENTRY, "proofs/log/inclusion.json", CHECKPOINT, CONSISTENCY, ANCHORS, "proofs/withheld.json", ...records.flatMap((record) => [record.file, ...record.material])]);
  const isLater = (name) => bundle.names.includes(RENEWALS) && (name === RENEWALS || /^proofs\/log\/checkpoint-[0-9]+$/.test(name));
  const unread = bundle.names.filter((name) => name.startsWith("proofs/") && !known.has(name) && !isLater(name) && !name.startsWith(COUNTERSIGNATURES));
  return unread.length ? [notChecked("proofs", `Nobody vouches for ${some(unread)}: no check reads it.`)] : [];
}

/** What came with a receipt; certificates and revocation lists are named by their own SHA-256. */
async function materialOf(inspection, record) {
  const material = [];
  for (const path of record.material) {
    const [file, bytes] = [path.split("/").pop(), await inspection.read(path, MAX_RECEIPT)];
    const named = /^(?:certificate|crl)-([0-9a-f]{16})\.pem$/.exec(file);
    if (named && !hex(await sha256(bytes)).startsWith(named[1])) throw new Broken(`${file} was changed: its name states another SHA-256.`);
    material.push([file, bytes]);
  }
  return material;
}

async function receiptCheck(inspection, record, subjects, name) {
  must(subjects.has(record.digest), "The receipt is listed for a digest that is nothing in this bundle.");
  const what = subjects.get(record.digest);
  const proof = await inspection.read(record.file, MAX_RECEIPT);
  const material = await materialOf(inspection, record);
  if (record.kind === "rfc3161") {
    const helpers = material.filter(([file]) => file.startsWith("certificate-")).map(([, bytes]) => bytes);
    const { authority, time, latest, qualified } = await checkReply(proof, record.digest, helpers, inspection.trust);
    const bound = latest > time ? `: it existed no later than ${moment(latest)}.` : ".";
    return passed(name, `${authority.name} (RFC 3161) stamped the ${what} at ${moment(time)}${bound}${qualified}`, { time: latest, by: authority.name, ...developmentOf(authority) });
  }
  if (record.kind === "evm") {
    const { ledger, number, time, sealed } = checkLedger(proof, record.digest, inspection.trust);
    return passed(name, `Block ${number} of ${ledger.name}, dated ${moment(time)},${sealed} holds a log of the ${what}.`, { time, by: ledger.name, ...developmentOf(ledger) });
  }
  if (record.kind === "cosignature") {
    const { witness, note, time } = await checkCosigned(proof, record.digest, inspection.trust);
    return passed(name, `${witness.name} cosigned the ${what} of ${note.size} entries at ${moment(time)}.`, { time, by: witness.name, ...developmentOf(witness) });
  }
  if (record.kind !== "opentimestamps") return notChecked(name, `This page doesn't read receipts of the kind ${JSON.stringify(record.kind.slice(0, 40))}; use the Python verifier.`);
  const headers = new Map(material.map(([file, bytes]) => [/^block-(0|[1-9][0-9]{0,8})\.header$/.exec(file), bytes]).filter(([match]) => match).map(([match, bytes]) => [Number(match[1]), bytes]));
  const { chain, height, time, others } = await checkBlocks(proof, record.digest, headers, inspection.trust);
  const also = others.length ? ` The proof also names ${others.join(", ").slice(0, 200)}, which isn't needed.` : "";
  const dated = `dated ${moment(time)} (the clocks of blocks are right within some two hours)`;
  const latest = new Date(time.getTime() + CLOCKS);
  return passed(name, `Block ${height} of ${chain.name}, ${dated}, attests the ${what}: it existed no later than ${moment(latest)}.${also}`, { time: latest, by: chain.name, ...developmentOf(chain) });
}

/** The earliest time that a pinned witness states for the whole, one with legal weight first; passed when so many different ones state one. */
function timeCheck(checks, asked) {
  const good = checks.filter((check) => check.time);
  if (!good.length) {
    const kinds = checks.length ? `${UNKNOWN}: no receipt of ${checks.length} is by a pinned witness` : "no receipt of this seal is there";
    return notChecked("time", `${kinds}, so nothing shows since when it exists.`);
  }
  const [first] = good.sort((one, other) => Boolean(one.development) - Boolean(other.development) || one.time - other.time);
  const { time, development, by } = first;
  const sentence = `All of it existed no later than ${moment(time)} (${first.name.split(":")[1]}).`;
  const count = new Set(good.map((one) => one.by)).size;
  const few = ` ${count} pinned witnesses state a time, and the trust list asks for ${asked}.`;
  return { ...(count < asked ? notChecked("time", sentence + few) : passed("time", sentence)), time, by, ...(development ? { development } : {}) };
}
