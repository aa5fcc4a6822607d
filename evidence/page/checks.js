/* Checks on this page: every byte, the owner's signature, the log and its witnesses. Everything else it names as not
   checked. It may know less than `exhibit verify`, and never more. */

const { MANIFEST, FACTS, TAG_MANIFEST, SIGNATURE, KEY, COUNTERSIGNATURES, ANCHORS, ENTRY_FILE, INCLUSION, CHECKPOINT, CONSISTENCY, WITHHELD, RENEWALS, MAX_NOTE, MAX_RECEIPT, ED25519_SPKI } = CONSTANTS;
const SHEET = "data/exhibit.pdf";
const BAG = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", TAG_MANIFEST];
const KNOWN_TOOLS = JSON.parse(document.getElementById("tools").textContent);
const TOOLS = Object.keys(KNOWN_TOOLS);

const passed = (name, sentence, more = {}) => ({ name, state: "passed", sentence, ...more });
const failed = (name, sentence) => ({ name, state: "failed", sentence });
const notChecked = (name, sentence) => ({ name, state: "not checked", sentence });
const developmentOf = (pinned) => (pinned.development ? { development: pinned.label } : {});
const some = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
const moment = (time) => `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** Signs that nobody sees, and letters that are blank on every page. */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{16fe4}]/gu;
const hasVisibleLetter = (name) => /[\p{L}\p{N}]/u.test(folded(name));

/** A name without what readers do not tell apart: those that are equal are one. */
const folded = (name) => name.normalize("NFKC").toLowerCase().normalize("NFKC").replace(UNSEEN, (sign) => (/\s/.test(sign) ? " " : "")).split(/\s+/).filter(Boolean).join(" ");

/** What looking gives: passed with a sentence, or what an error says. */
async function checked(name, look) {
  try {
    const found = await look(name);
    return typeof found === "string" ? passed(name, found) : found;
  } catch (error) {
    if (error instanceof Unchecked) return notChecked(name, error.message);
    return failed(name, error instanceof Broken ? error.message : "A file cannot be read.");
  }
}

/** A bundle with every file hashed once. */
class Inspection {
  constructor(bundle, trust) {
    Object.assign(this, { bundle, trust, measured: new Map(), broken: new Map(), large: new Map(), withheld: new Set() });
  }

  async measure(progress) {
    for (const [place, name] of this.bundle.names.entries()) {
      await progress(place, this.bundle.names.length, name);
      try {
        const bytes = await this.bundle.read(name);
        const [first, second] = await Promise.all([sha256(bytes), digest("SHA-512", bytes)]);
        this.measured.set(name, { size: bytes.length, sha256: hex(first), sha512: hex(second) });
      } catch (error) {
        (error instanceof Unchecked ? this.large : this.broken).set(name, error instanceof Broken || error instanceof Unchecked ? error.message : `${name} cannot be read.`);
      }
    }
  }

  async readManifest() {
    this.manifestBytes = await this.read(MANIFEST);
    this.manifest = parseCanonical(this.manifestBytes, MANIFEST);
    checkSchema(this.manifest, "manifest", MANIFEST);
    const { files, key } = this.manifest;
    const paths = files.map(({ path }) => path);
    checkNames([MANIFEST, ...paths], "The manifest");
    must(paths.every((path, place) => path.startsWith("data/") && (!place || paths[place - 1] < path)), "The manifest's files are not sorted, or lie outside of data/.");
    must(paths.includes(FACTS), `The manifest does not list ${FACTS}.`);
    const standIns = files.filter(({ role, stand_in }) => role === "stand-in" && stand_in === null).map(({ path }) => path);
    must(files.every(({ stand_in }) => stand_in === null || standIns.includes(stand_in)), "The manifest names a replacement file that it does not list as such.");
    must(key.algorithm === "Ed25519", "The sealing key is not an Ed25519 key.");
    must(["operator", "owner"].includes(key.holder), `Unknown holder of the sealing key: ${quoted(key.holder)}.`);
    const named = this.has(WITHHELD) ? (await this.readJson(WITHHELD, "withheld")).files : [];
    this.withheld = new Set(named);
    must(this.withheld.size === named.length, `${WITHHELD} names a file twice.`);
    this.listed = new Map(files.map((file) => [file.path, file]));
    this.seal = this.measured.get(MANIFEST).sha256;
  }

  has(name) {
    return this.bundle.names.includes(name);
  }

  /** The sealed files that this copy withholds and does not hold. */
  leftOut() {
    return [...this.listed.keys()].filter((path) => this.withheld.has(path) && !this.has(path));
  }

  /** Whether the manifest lists this file and the bundle holds exactly its bytes. */
  isSealed(name) {
    const [listed, found] = [this.listed.get(name), this.measured.get(name)];
    return Boolean(listed && found) && ["size", "sha256", "sha512"].every((field) => listed[field] === found[field]);
  }

  async read(name, limit = MAX_JSON) {
    if (this.large.has(name)) throw new Unchecked(this.large.get(name));
    must(this.measured.has(name), this.broken.get(name) || `${name} is missing.`);
    must(this.measured.get(name).size <= limit, `${name} has more than the ${limit} bytes that are read.`);
    return this.bundle.read(name);
  }

  async readJson(name, format) {
    return checkSchema(parseCanonical(await this.read(name), name), format, name);
  }
}

/** Every check of a bundle: `{outcome, sentence, checks, left, inspection, facts}`. */
async function checkBundle(bundle, trust, progress) {
  const inspection = new Inspection(bundle, trust);
  await inspection.measure(progress);
  const container = [await checked("container", () => containerOf(inspection))];
  const manifest = await checked("manifest", async () => {
    await inspection.readManifest();
    return `Canonical JSON (RFC 8785) that lists ${inspection.listed.size} files; seal digest ${inspection.seal}.`;
  });
  if (manifest.state !== "passed") return verdictOf([...container, manifest], [], inspection, null);
  const [facts, wrong] = await factsOf(inspection);
  const checks = [...container, manifest, ...wrong, ...(await checkContents(inspection)), ...(await checkSigners(inspection)), ...(await checkLog(inspection, facts))];
  const isLogged = ["entry", "inclusion"].every((name) => checks.some((check) => check.name === name && check.state === "passed"));
  const [receipts, records] = await checkReceipts(inspection, isLogged);
  return verdictOf([...checks, ...receipts], leftOf(inspection, facts, records), inspection, facts);
}

function containerOf({ bundle, broken, large }) {
  must(!broken.size, [...broken.values()][0]);
  if (large.size) throw new Unchecked([...large.values()][0]);
  if (!bundle.isZip) throw new Unchecked("An unpacked folder has no ZIP container to compare.");
  return "The ZIP is byte-for-byte identical to the ZIP written for these contents.";
}

/** The sealed record where it has its form, else null, and the checks that it does not pass: `facts`, `party`, `confirmed`. What it says besides is shown and not checked. */
async function factsOf(inspection) {
  let facts = null;
  const read = await checked("facts", async () => {
    if (!inspection.isSealed(FACTS)) throw new Unchecked("The sealed record is missing or differs from the sealed file.");
    const sealed = await inspection.readJson(FACTS, "facts");
    const { matter } = inspection.manifest;
    must(sealed.owner.name === matter.owner && sealed.number === matter.case && sealed.bundle === matter.bundle, "The facts and the manifest name different cases.");
    must(hasVisibleLetter(sealed.owner.name), "The owner's name in the facts has no visible character.");
    facts = sealed;
    return "";
  });
  if (read.state !== "passed") return [null, [read]];
  const checks = [await checked("party", () => partyOf(facts)), await checked("confirmed", () => decisionOf(facts))];
  return [facts, checks.filter(({ state }) => state !== "passed")];
}

/** A host as addresses write it, or an empty string. */
function hostOf(address) {
  try {
    return new URL(address).hostname.replace(/\.$/, "");
  } catch {
    return "";
  }
}

/** Whether the pages lie on the party's own host; whether a name below it is somebody else's is for the command, and whose an account is. */
function partyOf({ party, sightings, matches }) {
  if (party.kind === "none" && !sightings.length && !matches.length) {
    must(!party.name, "The record of a work without sightings names a site.");
    return "";
  }
  const named = sightings.flatMap((one) => [one.page_url, one.image_url, one.final_url]);
  for (const address of named.filter((one) => hostOf(one))) {
    const { username, password } = new URL(address);
    must(!username && !password, `A URL contains a user name, which could be mistaken for a host: ${quoted(address.slice(0, 200))}.`);
  }
  must(["domain", "account"].includes(party.kind), `Unknown kind of site: ${quoted(party.kind)}.`);
  must(hasVisibleLetter(party.name), "The site in the facts has no name.");
  if (party.kind === "account") return "";
  const own = hostOf(`http://${party.name.trim()}/`);
  if (!own) throw new Unchecked(`${quoted(party.name)} cannot be read as a host.`);
  const others = [...new Set(sightings.map((one) => hostOf(one.page_url)))].filter((host) => host && host !== own && !host.endsWith(`.${own}`));
  must(!others.length, `The facts name the site ${quoted(party.name)}, but a page is on ${some(others)}.`);
  const below = [...new Set(sightings.map((one) => hostOf(one.page_url)))].filter((host) => host && host !== own);
  if (below.length) throw new Unchecked(`${some(below)} is under ${quoted(party.name)}. ${COMMAND} checks whether anyone can register a name there.`);
  return "";
}

/** Whether the decision is one that there is, and names who took it; that it is that person's is the installation's word. */
function decisionOf({ decision, sightings, matches, licence_check: search }) {
  const isOpen = decision.decision === "open";
  must(["open", "confirmed", "licensed", "cleared"].includes(decision.decision), `Unknown decision: ${quoted(decision.decision)}.`);
  must(isOpen === (decision.at === null), "An open case has a decision time, or a decided case has none.");
  must(isOpen || sightings.length || matches.length, "The record of a work without sightings states a decision.");
  const isNamed = decision.demonstration || hasVisibleLetter(decision.by.split(" (token ")[0]);
  must(decision.decision !== "confirmed" || search.covered || isNamed, "The case was confirmed, but no person is named.");
  return "";
}

/** `files`, one `file:` each, `bag` and `tools`. */
async function checkContents(inspection) {
  const files = [...inspection.listed.values()].map((file) => checked(`file:${file.path}`, (name) => fileOf(inspection, file, name)));
  return [await checked("files", () => listingOf(inspection)), ...(await Promise.all(files)), await checked("bag", () => bagOf(inspection)), toolsOf(inspection)];
}

function listingOf({ bundle, listed, withheld, large }) {
  const allowed = [...BAG, ...TOOLS];
  const extra = bundle.names.filter((name) => (name.startsWith("data/") ? !listed.has(name) && name !== MANIFEST : !name.startsWith("proofs/") && !allowed.includes(name)));
  const wanted = [...[...listed.keys()].filter((name) => !withheld.has(name)), MANIFEST, ...allowed, SIGNATURE, ...KEY];
  const missing = wanted.filter((name) => !bundle.names.includes(name)).sort();
  const wrong = [...withheld].filter((name) => !listed.has(name) || [FACTS, ...bundle.names].includes(name));
  must(!wrong.length, "The list of withheld files contains files that are present or must not be withheld.");
  const words = [extra.length && `${extra.length} extra (${some(extra)})`, missing.length && `${missing.length} missing (${some(missing)})`].filter(Boolean);
  must(!words.length, `The bundle does not contain the expected files: ${words.join(", ")}.`);
  if (large.size) throw new Unchecked(`${some([...large.keys()])} is too large for this page.`);
  const beside = bundle.leftOver.length ? `; not part of the bundle: ${bundle.leftOver.length} files left by a file manager: ${some(bundle.leftOver)}` : "";
  return `All ${listed.size + 1 - withheld.size} sealed files are present${beside}.`;
}

function fileOf(inspection, file, name) {
  const { measured, withheld, broken, large } = inspection;
  if (large.has(file.path)) throw new Unchecked(large.get(file.path));
  const found = measured.get(file.path);
  if (!found && withheld.has(file.path) && !broken.has(file.path)) return notChecked(name, `Withheld from this copy; its digest is sealed${file.stand_in ? `; ${file.stand_in} stands in for it` : ""}.`);
  must(found, broken.get(file.path) || "The file is missing.");
  must(inspection.isSealed(file.path), `The file differs from the sealed file: SHA-256 is ${found.sha256}, not ${file.sha256}.`);
  return `${file.size} bytes, SHA-256 ${file.sha256}, SHA-512 agrees.`;
}

/** The bag's own files (RFC 8493) follow from everything else. */
async function bagOf(inspection) {
  const { manifest, manifestBytes, measured, bundle, broken, large } = inspection;
  if (large.size) throw new Unchecked([...large.values()][0]);
  const outside = bundle.names.filter((name) => !name.startsWith("data/"));
  for (const name of outside) must(measured.has(name), broken.get(name));
  const leftOut = inspection.leftOut();
  const own = { path: MANIFEST, size: manifestBytes.length, sha256: inspection.seal, sha512: measured.get(MANIFEST).sha512 };
  const all = [own, ...manifest.files.filter(({ path }) => !leftOut.includes(path))].sort((one, other) => (one.path < other.path ? -1 : 1));
  const lines = (pairs) => utf8(pairs.map(([value, path]) => `${value}  ${path}\n`).join(""));
  const info = {
    "Bag-Software-Agent": `${manifest.software.name} ${manifest.software.version}`,
    "Bagging-Date": manifest.sealed_at.slice(0, 10),
    "External-Identifier": `sha-256:${own.sha256}`,
    "Payload-Oxum": `${all.reduce((sum, { size }) => sum + size, 0)}.${all.length}`,
  };
  const files = new Map([
    ["bagit.txt", utf8("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")],
    ["bag-info.txt", utf8(Object.entries(info).map(([key, value]) => `${key}: ${value.split(/[ \t\r\n]+/).filter(Boolean).join(" ")}\n`).join(""))],
    ["manifest-sha256.txt", lines(all.map((file) => [file.sha256, file.path]))],
    ["manifest-sha512.txt", lines(all.map((file) => [file.sha512, file.path]))],
  ]);
  const tags = outside.filter((name) => !BAG.includes(name)).map((name) => [measured.get(name).sha256, name]);
  for (const [name, bytes] of files) tags.push([hex(await sha256(bytes)), name]);
  files.set(TAG_MANIFEST, lines(tags.sort((one, other) => (one[1] < other[1] ? -1 : 1))));
  for (const [name, bytes] of files) {
    must(measured.has(name), `${name} is missing.`);
    must(measured.get(name).sha256 === hex(await sha256(bytes)), `${name} does not match the files.`);
  }
  return `A BagIt bag (RFC 8493) whose ${outside.length - BAG.length} files outside data/ have the listed digests.`;
}

function toolsOf({ measured }) {
  const unknown = TOOLS.filter((name) => !measured.has(name) || !KNOWN_TOOLS[name].includes(measured.get(name).sha256));
  if (unknown.length) return notChecked("tools", `${unknown.join(" and ")} in the bundle is not known to this page. Do not run it without reading it.`);
  return passed("tools", "VERIFY.md and verify.py are known to this page.");
}

const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
/** The y of all eight points whose order divides 8: one signature by such a key holds for many messages. */
const SMALL_ORDER = new Set(CONSTANTS.SMALL_ORDER.map(BigInt));

/** Whether 32 bytes are the one encoding of a y (RFC 8032, 5.1.2), and not that of a point of small order. */
function isSoundPoint(bytes) {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return bytes.length === 32 && y < P && !SMALL_ORDER.has(y);
}

/** Whether a signature holds, strictly (docs/reference/bundle-format.md, Keys and signatures). */
async function verifyEd25519(key, signature, message) {
  const [point, factor] = [signature.slice(0, 32), signature.slice(32)];
  if (signature.length !== 64 || ![key, point].every(isSoundPoint) || littleEndian(factor) >= L) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new Unchecked("This browser does not support Ed25519 signatures.");
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** The pinned key of this use with this public half. */
const pinnedKey = (trust, key, use) => trust.keys.find((one) => one.public === key && (one.use || "sealing") === use);

/** `signature`, `key` and one `countersignature:` for each. */
async function checkSigners(inspection) {
  const checks = [await checked("signature", () => signatureOf(inspection)), await checked("key", (name) => keyOf(inspection, name))];
  const names = inspection.bundle.names.filter((name) => name.startsWith(COUNTERSIGNATURES)).map((name) => name.slice(COUNTERSIGNATURES.length));
  const stems = [...new Set(names.map((name) => name.split(".")[0]))].sort();
  if (stems.length > 64 || names.some((name) => !/^[0-9a-f]{16}\.(pem|sig)$/.test(name)))
    return [...checks, failed("countersignatures", `${COUNTERSIGNATURES} contains other files, or more than 64 signatures.`)];
  for (const stem of stems) checks.push(await checked(`countersignature:${stem}`, (name) => countersignatureOf(inspection, stem, name)));
  return checks;
}

async function signatureOf(inspection) {
  const key = inspection.manifest.key.public;
  must(await verifyEd25519(fromHex(key), await inspection.read(SIGNATURE, 64), inspection.manifestBytes), "The Ed25519 signature over data/manifest.json is invalid.");
  return `The Ed25519 signature (RFC 8032) over data/manifest.json by key ${key.slice(0, 16)} is valid.`;
}

const pemOf = (key) => utf8(`-----BEGIN PUBLIC KEY-----\n${toBase64(concat(fromHex(ED25519_SPKI), key))}\n-----END PUBLIC KEY-----\n`);

async function keyOf(inspection, name) {
  const { key, matter } = inspection.manifest;
  must(isSoundPoint(fromHex(key.public)), "The manifest's key is a point of small order, or not in canonical form (RFC 8032).");
  const files = [canonical(key), pemOf(fromHex(key.public))];
  for (const [place, file] of KEY.entries()) must(same(await inspection.read(file), files[place]), `${file} is not the key that the manifest states.`);
  const pinned = pinnedKey(inspection.trust, key.public, "sealing");
  if (!pinned) throw new Unchecked(`No owner on the trust list has the key ${key.public.slice(0, 16)}. Its owner is unknown.`);
  must(pinned.owner === matter.owner, `The key is pinned for ${pinned.owner}, not for the owner in the manifest.`);
  if (pinned.revoked) throw new Unchecked(`The key of ${pinned.owner} was revoked at ${moment(new Date(pinned.revoked))}. ${COMMAND} checks whether a timestamp covers this signature before that time.`);
  return passed(name, `Pinned as the sealing key of ${pinned.owner}, held by the ${key.holder}.`, { by: pinned.owner, ...developmentOf(pinned) });
}

async function countersignatureOf(inspection, stem, name) {
  const pem = await inspection.read(`${COUNTERSIGNATURES}${stem}.pem`, 4096);
  const key = (fromBase64(textOf(pem, `${stem}.pem`).split("\n")[1] || "") || new Uint8Array()).slice(12);
  if (!same(pem, pemOf(key))) throw new Unchecked(`${COUNTERSIGNATURES}${stem}.pem is not an Ed25519 key as the software writes it.`);
  must(await verifyEd25519(key, await inspection.read(`${COUNTERSIGNATURES}${stem}.sig`, 64), inspection.manifestBytes), "The counter-signature over data/manifest.json is invalid.");
  must(hex(key).startsWith(stem), `${COUNTERSIGNATURES}${stem}.pem is not the key that its name states.`);
  const pinned = pinnedKey(inspection.trust, hex(key), "device");
  if (!pinned) throw new Unchecked(`It is valid, but no owner on the trust list has the device key ${stem}.`);
  must(pinned.owner === inspection.manifest.matter.owner, `The device key is pinned for ${pinned.owner}, not for the owner in the manifest.`);
  if (pinned.revoked) throw new Unchecked(`The device key was revoked at ${moment(new Date(pinned.revoked))}, and the bundle does not prove when this was signed.`);
  return passed(name, `The Ed25519 signature over data/manifest.json by a device key of ${pinned.owner} is valid; only the owner holds that key.`, { by: pinned.owner, ...developmentOf(pinned) });
}

const leafHash = (bytes) => sha256(concat(Uint8Array.of(0), bytes));
const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));
const half = (number) => Math.floor(number / 2);

/** The roots that a proof gives going up from a node: of the tree of `size`, and of the part up to the node alone; null when it has another length (RFC 9162, 2.1.3.2 and 2.1.4.2). */
async function rootsOf(node, index, last, path) {
  let [whole, part] = [node, node];
  for (const beside of path) {
    if (last === 0 || beside.length !== 32) return null;
    if (index % 2 || index === last) {
      [whole, part] = [await nodeHash(beside, whole), await nodeHash(beside, part)];
      for (; index && index % 2 === 0; index /= 2) last = half(last);
    } else whole = await nodeHash(whole, beside);
    [index, last] = [half(index), half(last)];
  }
  return last === 0 ? { whole, part } : null;
}

/** Whether an entry lies under a root (RFC 9162, 2.1.3.2). */
async function isIncluded(leaf, index, size, path, root) {
  const roots = index < size ? await rootsOf(leaf, index, size - 1, path) : null;
  return roots !== null && same(roots.whole, root);
}

/** Whether a tree continues an earlier one (RFC 9162, 2.1.4.2). */
async function isContinued(old, fresh, path) {
  if (old.size === fresh.size) return !path.length && same(old.root, fresh.root);
  if (old.size === 0) return !path.length && same(old.root, await sha256(new Uint8Array()));
  if (old.size > fresh.size) return false;
  let [index, last] = [old.size - 1, fresh.size - 1];
  for (; index % 2; index = half(index)) last = half(last);
  const [node, ...rest] = index ? path : [old.root, ...path];
  const roots = node ? await rootsOf(node, index, last, rest) : null;
  return roots !== null && same(roots.part, old.root) && same(roots.whole, fresh.root);
}

/** A checkpoint as read (C2SP tlog-checkpoint), its signatures not yet checked. */
function parseNote(text) {
  const isNote = (holds) => must(holds, "The checkpoint is not a signed note with a name, a size and a root.");
  isNote(typeof text === "string" && text.length <= MAX_NOTE && !/[\x00-\x09\x0b-\x1f\ud800-\udfff]/u.test(text));
  const place = text.lastIndexOf("\n\n");
  isNote(place >= 0 && text.endsWith("\n") && place + 2 < text.length);
  const body = text.slice(0, place + 1);
  const [origin, size = "", root = ""] = body.split("\n");
  const raw = fromBase64(root);
  isNote(/^[!-*,-~]{1,200}$/.test(origin) && /^(0|[1-9][0-9]{0,18})$/.test(size) && raw && raw.length === 32 && Number.isSafeInteger(Number(size)));
  const lines = text.slice(place + 2, -1).split("\n").map((line) => /^— ([^\s\x85]+) (\S+)$/.exec(line));
  const signatures = lines.map((match) => ({ name: match && match[1], raw: match && fromBase64(match[2]) }));
  isNote(lines.length <= 64 && signatures.every(({ raw: bytes }) => bytes && bytes.length >= 5));
  return { text, body, origin, size: Number(size), root: raw, signatures };
}

/** The public key of a log (algorithm 1) or a witness (4) in its text form, name+key id+base64, or null. */
async function parseVerifierKey(vkey, algorithm = 1) {
  const [name, identity, ...rest] = vkey.split("+");
  const raw = fromBase64(rest.join("+"));
  if (!/^[!-*,-~]{1,200}$/.test(name) || !raw || raw.length !== 33 || raw[0] !== algorithm || !isSoundPoint(raw.slice(1))) return null;
  const keyId = (await sha256(concat(utf8(`${name}\n`), raw))).slice(0, 4);
  return hex(keyId) === identity ? { name, keyId, key: raw.slice(1) } : null;
}

/** The signatures under a note that name a key. */
const signaturesOf = (note, { name, keyId }) => note.signatures.filter((line) => line.name === name && same(line.raw.slice(0, 4), keyId)).map(({ raw }) => raw.slice(4));

/** `entry`, `inclusion`, `checkpoint` and `consistency`. */
async function checkLog(inspection, facts) {
  if (!inspection.has(ENTRY_FILE)) return ["entry", "inclusion", "checkpoint", "consistency"].map((name) => notChecked(name, "The bundle contains no log entry of the seal."));
  const read = async () => {
    const entry = await inspection.readJson(ENTRY_FILE, "entry");
    const inclusion = await inspection.readJson(INCLUSION, "inclusion");
    must(inclusion.index === entry.sequence, "The inclusion proof is for a different entry.");
    return { entry, inclusion, note: parseNote(textOf(await inspection.read(CHECKPOINT, MAX_NOTE), CHECKPOINT)) };
  };
  const look = (name, of) => checked(name, async () => of(inspection, await read(), facts));
  return [await look("entry", entryOf), await look("inclusion", inclusionOf), await look("checkpoint", checkpointOf), await look("consistency", consistencyOf)];
}

async function entryOf(inspection, { entry }) {
  must(entry.type === "seal", `The log entry is a ${entry.type}, not a seal.`);
  const commitment = hex(await sha256(concat(fromHex(entry.salt), canonical(entry.opening))));
  must(commitment === entry.commitment, "The log entry does not match its opening.");
  const about = { key: inspection.manifest.key.public, manifest: inspection.seal, signature: hex(await inspection.read(SIGNATURE, 64)) };
  must(canonicalText(entry.opening) === canonicalText(about), "The log entry is for a different seal.");
  return `Entry ${entry.sequence} of the log, dated ${moment(new Date(entry.time))}, commits to seal digest, key and signature.`;
}

async function inclusionOf(_, { entry, inclusion, note }) {
  const leaf = await leafHash(canonical({ commitment: entry.commitment, time: entry.time, type: entry.type }));
  const isUnder = inclusion.size === note.size && (await isIncluded(leaf, entry.sequence, note.size, inclusion.path.map(fromHex), note.root));
  must(isUnder, "The entry is not included under the root of the checkpoint (RFC 9162, 2.1.3.2).");
  return `Entry ${entry.sequence} is included under the root of ${note.size} entries (RFC 9162).`;
}

async function checkpointOf({ trust }, { note }) {
  for (const log of trust.logs) {
    const known = await parseVerifierKey(log.vkey);
    const signatures = note.origin === known.name ? signaturesOf(note, known) : [];
    for (const signature of signatures) must(await verifyEd25519(known.key, signature, utf8(note.body)), `The signature of ${known.name} on the checkpoint is invalid.`);
    if (signatures.length) return passed("checkpoint", `Signed by the pinned key of ${note.origin}: ${note.size} entries.`, { by: note.origin, ...developmentOf(log) });
  }
  throw new Unchecked(`No log on the trust list is ${quoted(note.origin)} with a key that signed this checkpoint.`);
}

async function consistencyOf(inspection, { note }, facts) {
  if (!facts) throw new Unchecked("The sealed record cannot be read.");
  const listOf = (value) => (Array.isArray(value) ? value : []);
  const proofs = [facts.work?.registration, ...listOf(facts.work?.further_registrations), ...listOf(facts.sightings).map((one) => one?.slice?.log), facts.decision?.passkey?.key, facts.decision?.passkey?.log];
  const earlier = [...new Set(proofs.filter(Boolean).map((proof) => proof.checkpoint))].map(parseNote);
  if (!earlier.length) throw new Unchecked("The sealed files contain no earlier checkpoint.");
  const listed = inspection.has(CONSISTENCY) ? await inspection.readJson(CONSISTENCY, "consistency") : [];
  const paths = new Map(listed.map(({ size, path }) => [size, path.map(fromHex)]));
  must([...paths.keys()].every((size) => earlier.some((old) => old.size === size)), "The bundle contains a consistency proof from a checkpoint that is not in the sealed files.");
  for (const old of earlier) {
    must(paths.has(old.size) || old.size === note.size, `The bundle lacks the required consistency proof from the checkpoint of ${old.size} entries.`);
    must(await isContinued(old, note, paths.get(old.size) || []), `The log of ${note.size} entries does not continue the log of ${old.size} entries.`);
  }
  return `The checkpoint continues all ${earlier.length} earlier ones in the bundle (RFC 9162, 2.1.4).`;
}

/** One `anchor:` for each cosignature of the bundle's checkpoint, `cosigned` where the trust list asks for it; and the list of all receipts. */
async function checkReceipts(inspection, isLogged) {
  let records = [];
  const readable = await checked("anchors", async () => {
    if (inspection.has(ANCHORS)) records = await inspection.readJson(ANCHORS, "anchors");
    const once = (names) => names.length <= 64 && new Set(names).size === names.length;
    must(once(records.map(({ file }) => file)), `${ANCHORS} lists a receipt twice, or more than 64.`);
    must(records.every(({ material }) => once(material)), `${ANCHORS} lists material of a receipt twice, or more than 64 files.`);
    return "";
  });
  if (readable.state !== "passed") return [[readable], []];
  const own = inspection.measured.get(CHECKPOINT)?.sha256;
  const isOurs = (one) => isLogged && one.kind === "cosignature" && one.digest === own && !one.material.length;
  const checks = [];
  for (const one of records.filter(isOurs)) checks.push(await checked(`anchor:${one.file.split("/").pop()}`, (name) => cosignatureOf(inspection, one, name)));
  const asked = inspection.trust.requires?.cosigners ?? 0;
  const good = checks.filter(({ state }) => state === "passed");
  const by = [...new Map(good.map((check) => [folded(check.by), check.by])).values()].sort();
  const said = `${by.length} of ${asked} log witnesses required by the trust list have cosigned the checkpoint${by.length ? `: ${some(by)}` : ""}.`;
  const cosigned = by.length >= asked ? passed("cosigned", said) : notChecked("cosigned", said);
  return [[...checks, ...(asked ? [cosigned] : [])], records.filter((one) => !isOurs(one))];
}

/** A pinned witness that cosigned the checkpoint, and when (C2SP tlog-cosignature): the receipt is its text with one more line. */
async function cosignatureOf(inspection, { file, digest: wanted }, name) {
  const text = textOf(await inspection.read(file, MAX_RECEIPT), "The cosigned checkpoint");
  const note = parseNote(text);
  const own = text.slice(0, text.slice(0, -1).lastIndexOf("\n") + 1);
  must(hex(await sha256(utf8(own))) === wanted, "The cosignature is for a different checkpoint.");
  for (const witness of inspection.trust.cosigners || []) {
    const known = await parseVerifierKey(witness.vkey, 4);
    const times = [];
    for (const signature of signaturesOf(note, known)) {
      const seconds = signature.length === 72 ? Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)) : 0;
      const isTime = seconds > 0 && seconds < 253370764800;
      must(isTime && (await verifyEd25519(known.key, signature.slice(8), utf8(`cosignature/v1\ntime ${seconds}\n${note.body}`))), `The cosignature of ${known.name} on the checkpoint is invalid.`);
      times.push(seconds);
    }
    if (times.length) return passed(name, `${witness.name} cosigned the checkpoint of ${note.size} entries at ${moment(new Date(1000 * Math.min(...times)))}.`, { by: witness.name, ...developmentOf(witness) });
  }
  throw new Unchecked(`No log witness on the trust list is ${quoted(note.signatures.at(-1).name)}.`);
}

/** What is left to the command, by subject. */
function leftOf(inspection, facts, records) {
  const count = (of) => (Array.isArray(of) ? of.length : 0);
  const sightings = facts && count(facts.sightings) ? facts.sightings : [];
  const visits = sightings.reduce((sum, one) => sum + count(one?.captures), 0);
  const rows = [
    facts && ["facts", "Integrity and consistency of the sealed record."],
    ...records.map(({ file, kind, witness }) => [`anchor:${file.split("/").pop()}`, `Timestamp receipt (${kind.slice(0, 40)}); name of the service in the bundle: ${quoted(witness)}.`]),
    ["time", "Time of existence, according to timestamp services."],
    ["order", "Contradictions between the times in the bundle."],
    ["registration", "Log entry of the registration of the work."],
    sightings.length && ["slice", `Log entries of the crawl. Sightings: ${sightings.length}.`],
    visits && ["capture", `Records of visits: exchanges, web archives, visits by partners. Visits: ${visits}.`],
    ["pictures", "Pictures compared with the record."],
    facts && count(facts.matches) && ["match", `Matches recomputed from their pictures, with probability and odds. Matches: ${count(facts.matches)}.`],
    facts?.decision?.passkey && ["decision", "Passkey signature of the decision."],
    facts && count(facts.work?.attachments) && ["document", `Active content in the owner's PDFs. Documents: ${count(facts.work.attachments)}.`],
    inspection.has(RENEWALS) && ["renewal", "Consistency of later checkpoints with this one."],
    ["sheet", "Exhibit sheet, drawings and sentences regenerated from the record."],
  ];
  return rows.filter(Boolean).map(([name, sentence]) => notChecked(name, sentence));
}

/** What follows. It is never said that everything passed: what is left stands in the same sentence. */
function verdictOf(checks, left, inspection, facts) {
  const failures = checks.filter(({ state }) => state === "failed").map(({ name }) => name);
  const optional = (name) => ["container", "tools"].includes(name) || /^(anchor|countersignature):/.test(name);
  const withheld = inspection.seal ? inspection.leftOut() : [];
  const open = checks.filter(({ name, state }) => state === "not checked" && !optional(name) && !withheld.includes(name.slice(5))).map(({ name }) => name);
  const outcome = failures.length ? "failed" : open.length ? "incomplete" : "holds";
  const rest = left.length ? ` ${left.length} checks require ${COMMAND}.` : "";
  const development = [...new Set(checks.map((check) => check.development).filter(Boolean))];
  const names = (list) => `${list.slice(0, 5).join(", ")}${list.length > 5 ? ` and ${list.length - 5} more` : ""}`;
  const sentence = {
    failed: `Failed: ${names(failures)}.`,
    incomplete: `No check failed, but the following is not proven: ${names(open)}.`,
    holds: "Verified: every byte, the owner's signature, and the log entry.",
  }[outcome];
  const held = withheld.length ? ` Sealed files that are withheld from this copy: ${withheld.length}.` : "";
  const labels = development.length ? ` It is based on development keys, which have no legal weight: ${development.join("; ")}.` : "";
  return { outcome, sentence: sentence + rest + held + labels, checks, left, inspection, facts };
}

/** Of each line of a trust list with an Ed25519 key: where it stands, the key, and who that is. A log that began anew kept its key. */
async function identitiesOf({ logs, partners = [], cosigners = [], keys }) {
  const found = [];
  for (const [index, { vkey, operator = "" }] of logs.entries()) found.push([`logs ${index + 1}`, hex((await parseVerifierKey(vkey)).key), JSON.stringify(["log", operator])]);
  for (const [index, { vkey, operator }] of partners.entries()) {
    const { name, key } = await parseVerifierKey(vkey);
    found.push([`partners ${index + 1}`, hex(key), JSON.stringify(["partner", operator || name])]);
  }
  for (const [index, { vkey, name }] of cosigners.entries()) found.push([`cosigners ${index + 1}`, hex((await parseVerifierKey(vkey, 4)).key), JSON.stringify(["cosigner", name])]);
  for (const [index, key] of keys.entries()) found.push([`keys ${index + 1}`, key.public, JSON.stringify([key.use || "sealing", key.owner, key.revoked ?? null])]);
  return found;
}

/** A trust list; throws Broken. Certificates and chains on it are for the command. */
async function readTrust(bytes) {
  const trust = checkSchema(parseJson(bytes, "The trust list"), "trust", "The trust list");
  const [cosigners, partners, ledgers] = [trust.cosigners || [], trust.partners || [], trust.ledgers || []];
  const pins = [...trust.authorities, ...trust.chains, ...ledgers, ...cosigners];
  must([...pins, ...trust.logs, ...trust.keys, ...partners].every((one) => !one.development || one.label), "The trust list has a development entry without a label.");
  const distinct = (list) => new Set(list.map(({ name }) => folded(name))).size;
  const [witnesses, wanted] = [trust.requires?.witnesses ?? 1, trust.requires?.cosigners ?? 0];
  must(witnesses >= 1 && witnesses <= Math.max(distinct(pins), 1), `The trust list requires ${witnesses} timestamp services but pins ${distinct(pins)}.`);
  must(wanted >= 0 && wanted <= distinct(cosigners), `The trust list requires ${wanted} cosigners but pins ${distinct(cosigners)}.`);
  for (const { vkey } of [...trust.logs, ...partners]) must(await parseVerifierKey(vkey), `The trust list has ${quoted(vkey)}, which is not a log's public key.`);
  for (const { vkey } of cosigners) must(await parseVerifierKey(vkey, 4), `The trust list has ${quoted(vkey)}, which is not the public key of a log witness.`);
  must(trust.keys.every((key) => isSoundPoint(fromHex(key.public))), "The trust list has a key of small order or not in canonical form.");
  const known = new Map();
  for (const [line, key, identity] of await identitiesOf(trust)) {
    const [first, other] = known.get(key) ?? [line, identity];
    must(other === identity, `The trust list: ${first} and ${line} have the same key. A key has one role and one name.`);
    known.set(key, [first, other]);
  }
  return trust;
}
