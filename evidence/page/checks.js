/* Checks on this page: every byte, the owner's signature, the log and its log witnesses. All other checks are listed as
   not checked. The checks must be a subset of those of `exhibit verify`. */

const { MANIFEST, FACTS, TAG_MANIFEST, SIGNATURE, KEY, COUNTERSIGNATURES, ANCHORS, ENTRY_FILE, INCLUSION, CHECKPOINT, CONSISTENCY, WITHHELD, RENEWALS, MAX_NOTE, MAX_RECEIPT, ED25519_SPKI } = CONSTANTS;
const EXHIBIT_SHEET = "data/exhibit.pdf";
const BAG_FILES = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", TAG_MANIFEST];
const KNOWN_TOOLS = JSON.parse(document.getElementById("tools").textContent);
const TOOLS = Object.keys(KNOWN_TOOLS);

const makePassed = (name, sentence, details = {}) => ({ name, state: "passed", sentence, ...details });
const makeFailed = (name, sentence) => ({ name, state: "failed", sentence });
const makeNotChecked = (name, sentence) => ({ name, state: "not checked", sentence });
const getDevelopmentLabel = (pin) => (pin.development ? { development: pin.label } : {});
const formatNames = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
const formatTime = (time) => `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** Invisible characters, and letters that are always blank. */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{16fe4}]/gu;
const hasVisibleLetter = (name) => /[\p{L}\p{N}]/u.test(normalizeName(name));

/** Normalize a name so that names that look the same compare as equal. */
const normalizeName = (name) => name.normalize("NFKC").toLowerCase().normalize("NFKC").replace(INVISIBLE, (character) => (/\s/.test(character) ? " " : "")).split(/\s+/).filter(Boolean).join(" ");

/** Run a check and return its result: passed with a sentence, or the state and message of the error. */
async function runCheck(name, inspect) {
  try {
    const result = await inspect(name);
    return typeof result === "string" ? makePassed(name, result) : result;
  } catch (error) {
    if (error instanceof NotCheckedError) return makeNotChecked(name, error.message);
    return makeFailed(name, error instanceof CheckFailedError ? error.message : "A file cannot be read.");
  }
}

/** A bundle whose files have been hashed. */
class Inspection {
  constructor(bundle, trust) {
    Object.assign(this, { bundle, trust, digests: new Map(), readErrors: new Map(), sizeErrors: new Map(), withheldPaths: new Set() });
  }

  async measure(progress) {
    for (const [index, name] of this.bundle.names.entries()) {
      await progress(index, this.bundle.names.length, name);
      try {
        const bytes = await this.bundle.read(name);
        const [sha256Digest, sha512Digest] = await Promise.all([sha256(bytes), computeDigest("SHA-512", bytes)]);
        this.digests.set(name, { size: bytes.length, sha256: toHex(sha256Digest), sha512: toHex(sha512Digest) });
      } catch (error) {
        (error instanceof NotCheckedError ? this.sizeErrors : this.readErrors).set(name, error instanceof CheckFailedError || error instanceof NotCheckedError ? error.message : `${name} cannot be read.`);
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
    ensure(paths.every((path, index) => path.startsWith("data/") && (!index || paths[index - 1] < path)), "The manifest's files are not sorted, or are outside data/.");
    ensure(paths.includes(FACTS), `The manifest does not list ${FACTS}.`);
    const standIns = files.filter(({ role, stand_in }) => role === "stand-in" && stand_in === null).map(({ path }) => path);
    ensure(files.every(({ stand_in }) => stand_in === null || standIns.includes(stand_in)), "The manifest refers to a replacement file that it does not list as one.");
    ensure(key.algorithm === "Ed25519", "The sealing key is not an Ed25519 key.");
    ensure(["operator", "owner"].includes(key.holder), `Unknown holder of the sealing key: ${quote(key.holder)}.`);
    const withheldFiles = this.has(WITHHELD) ? (await this.readJson(WITHHELD, "withheld")).files : [];
    this.withheldPaths = new Set(withheldFiles);
    ensure(this.withheldPaths.size === withheldFiles.length, `${WITHHELD} lists a file twice.`);
    this.filesByPath = new Map(files.map((file) => [file.path, file]));
    this.seal = this.digests.get(MANIFEST).sha256;
  }

  has(name) {
    return this.bundle.names.includes(name);
  }

  /** List the sealed files that are withheld and absent from this copy. */
  listAbsentPaths() {
    return [...this.filesByPath.keys()].filter((path) => this.withheldPaths.has(path) && !this.has(path));
  }

  /** Return whether the manifest lists this file and the bundle contains exactly its bytes. */
  isSealed(name) {
    const [expected, actual] = [this.filesByPath.get(name), this.digests.get(name)];
    return Boolean(expected && actual) && ["size", "sha256", "sha512"].every((field) => expected[field] === actual[field]);
  }

  async read(name, limit = MAX_JSON) {
    if (this.sizeErrors.has(name)) throw new NotCheckedError(this.sizeErrors.get(name));
    ensure(this.digests.has(name), this.readErrors.get(name) || `${name} is missing.`);
    ensure(this.digests.get(name).size <= limit, `${name} has more than the ${limit} bytes that are read.`);
    return this.bundle.read(name);
  }

  async readJson(name, format) {
    return checkSchema(parseCanonical(await this.read(name), name), format, name);
  }
}

/** Run all checks of a bundle: `{outcome, sentence, checks, remaining, inspection, facts}`. */
async function checkBundle(bundle, trust, progress) {
  const inspection = new Inspection(bundle, trust);
  await inspection.measure(progress);
  const container = [await runCheck("container", () => checkContainer(inspection))];
  const manifest = await runCheck("manifest", async () => {
    await inspection.readManifest();
    return `Canonical JSON (RFC 8785) that lists ${inspection.filesByPath.size} files; seal digest ${inspection.seal}.`;
  });
  if (manifest.state !== "passed") return buildVerdict([...container, manifest], [], inspection, null);
  const [facts, factChecks] = await checkFacts(inspection);
  const checks = [...container, manifest, ...factChecks, ...(await checkContents(inspection)), ...(await checkSigners(inspection)), ...(await checkLog(inspection, facts))];
  const isLogged = ["entry", "inclusion"].every((name) => checks.some((check) => check.name === name && check.state === "passed"));
  const [receipts, records] = await checkReceipts(inspection, isLogged);
  return buildVerdict([...checks, ...receipts], listRemainingChecks(inspection, facts, records), inspection, facts);
}

function checkContainer({ bundle, readErrors, sizeErrors }) {
  ensure(!readErrors.size, [...readErrors.values()][0]);
  if (sizeErrors.size) throw new NotCheckedError([...sizeErrors.values()][0]);
  if (!bundle.isZip) throw new NotCheckedError("An unpacked folder has no ZIP container to compare.");
  return "The ZIP is byte-for-byte identical to the ZIP written for these contents.";
}

/** Return the sealed record, or null if it is malformed, and those of the checks `facts`, `party` and `confirmed` that did not pass. Other content of the record is displayed without checks. */
async function checkFacts(inspection) {
  let facts = null;
  const readCheck = await runCheck("facts", async () => {
    if (!inspection.isSealed(FACTS)) throw new NotCheckedError("The sealed record is missing or differs from the sealed file.");
    const sealedFacts = await inspection.readJson(FACTS, "facts");
    const { matter } = inspection.manifest;
    ensure(sealedFacts.owner.name === matter.owner && sealedFacts.number === matter.case && sealedFacts.bundle === matter.bundle, "The sealed record and the manifest name different owners, cases or bundles.");
    ensure(hasVisibleLetter(sealedFacts.owner.name), "The owner's name in the sealed record has no visible character.");
    facts = sealedFacts;
    return "";
  });
  if (readCheck.state !== "passed") return [null, [readCheck]];
  const checks = [await runCheck("party", () => checkSite(facts)), await runCheck("confirmed", () => checkDecision(facts))];
  return [facts, checks.filter(({ state }) => state !== "passed")];
}

/** Return the normalized host of a URL, or an empty string. */
function getHost(url) {
  try {
    return new URL(url).hostname.replace(/\.$/, "");
  } catch {
    return "";
  }
}

/** Check that the pages are on the site's host. The command checks who controls subdomains and accounts. */
function checkSite({ party, sightings, matches }) {
  if (party.kind === "none" && !sightings.length && !matches.length) {
    ensure(!party.name, "The record of a work without sightings names a site.");
    return "";
  }
  const urls = sightings.flatMap((sighting) => [sighting.page_url, sighting.image_url, sighting.final_url]);
  for (const url of urls.filter((url) => getHost(url))) {
    const { username, password } = new URL(url);
    ensure(!username && !password, `A URL contains a user name, which could be mistaken for a host: ${quote(url.slice(0, 200))}.`);
  }
  ensure(["domain", "account"].includes(party.kind), `Unknown kind of site: ${quote(party.kind)}.`);
  ensure(hasVisibleLetter(party.name), "The site in the sealed record has no name.");
  if (party.kind === "account") return "";
  const siteHost = getHost(`http://${party.name.trim()}/`);
  if (!siteHost) throw new NotCheckedError(`${quote(party.name)} cannot be read as a host.`);
  const otherHosts = [...new Set(sightings.map((sighting) => getHost(sighting.page_url)))].filter((host) => host && host !== siteHost && !host.endsWith(`.${siteHost}`));
  ensure(!otherHosts.length, `The sealed record names the site ${quote(party.name)}, but a page is on ${formatNames(otherHosts)}.`);
  const subdomains = [...new Set(sightings.map((sighting) => getHost(sighting.page_url)))].filter((host) => host && host !== siteHost);
  if (subdomains.length) throw new NotCheckedError(`${formatNames(subdomains)} is under ${quote(party.name)}. ${COMMAND} checks whether anyone can register a name there.`);
  return "";
}

/** Check that the decision is valid and names the person who made it. Only the installation states that this person made it. */
function checkDecision({ decision, sightings, matches, licence_check: licenceCheck }) {
  const isOpen = decision.decision === "open";
  ensure(["open", "confirmed", "licensed", "dismissed"].includes(decision.decision), `Unknown decision: ${quote(decision.decision)}.`);
  ensure(isOpen === (decision.at === null), "An open case has a decision time, or a decided case has none.");
  ensure(isOpen || sightings.length || matches.length, "The record of a work without sightings contains a decision.");
  const isNamed = decision.demonstration || hasVisibleLetter(decision.by.split(" (token ")[0]);
  ensure(decision.decision !== "confirmed" || licenceCheck.covered || isNamed, "The case is marked as “not licensed”, but no person is named.");
  return "";
}

/** Return the checks `files`, `file:PATH` for each file, `bag` and `tools`. */
async function checkContents(inspection) {
  const files = [...inspection.filesByPath.values()].map((file) => runCheck(`file:${file.path}`, (name) => checkFile(inspection, file, name)));
  return [await runCheck("files", () => checkListing(inspection)), ...(await Promise.all(files)), await runCheck("bag", () => checkBag(inspection)), checkTools(inspection)];
}

function checkListing({ bundle, filesByPath, withheldPaths, sizeErrors }) {
  const allowed = [...BAG_FILES, ...TOOLS];
  const extra = bundle.names.filter((name) => (name.startsWith("data/") ? !filesByPath.has(name) && name !== MANIFEST : !name.startsWith("proofs/") && !allowed.includes(name)));
  const expected = [...[...filesByPath.keys()].filter((name) => !withheldPaths.has(name)), MANIFEST, ...allowed, SIGNATURE, ...KEY];
  const missing = expected.filter((name) => !bundle.names.includes(name)).sort();
  const invalidNames = [...withheldPaths].filter((name) => !filesByPath.has(name) || [FACTS, ...bundle.names].includes(name));
  ensure(!invalidNames.length, "The list of withheld files contains files that are present or must not be withheld.");
  const differences = [extra.length && `${extra.length} extra (${formatNames(extra)})`, missing.length && `${missing.length} missing (${formatNames(missing)})`].filter(Boolean);
  ensure(!differences.length, `The bundle does not contain the expected files: ${differences.join(", ")}.`);
  if (sizeErrors.size) throw new NotCheckedError(`${formatNames([...sizeErrors.keys()])} is too large for this page.`);
  const leftOverNote = bundle.leftOver.length ? `; not part of the bundle: ${bundle.leftOver.length} files left by a file manager: ${formatNames(bundle.leftOver)}` : "";
  return `All ${filesByPath.size + 1 - withheldPaths.size} sealed files are present${leftOverNote}.`;
}

function checkFile(inspection, file, name) {
  const { digests, withheldPaths, readErrors, sizeErrors } = inspection;
  if (sizeErrors.has(file.path)) throw new NotCheckedError(sizeErrors.get(file.path));
  const actual = digests.get(file.path);
  if (!actual && withheldPaths.has(file.path) && !readErrors.has(file.path)) return makeNotChecked(name, `Withheld from this copy; its digest is sealed${file.stand_in ? `; replaced by ${file.stand_in}` : ""}.`);
  ensure(actual, readErrors.get(file.path) || "The file is missing.");
  ensure(inspection.isSealed(file.path), `The file differs from the sealed file: SHA-256 is ${actual.sha256}, not ${file.sha256}.`);
  return `${file.size} bytes, SHA-256 ${file.sha256}, SHA-512 matches.`;
}

/** Check that the bag's own files (RFC 8493) match those derived from the other files. */
async function checkBag(inspection) {
  const { manifest, manifestBytes, digests, bundle, readErrors, sizeErrors } = inspection;
  if (sizeErrors.size) throw new NotCheckedError([...sizeErrors.values()][0]);
  const tagNames = bundle.names.filter((name) => !name.startsWith("data/"));
  for (const name of tagNames) ensure(digests.has(name), readErrors.get(name));
  const absentPaths = inspection.listAbsentPaths();
  const manifestFile = { path: MANIFEST, size: manifestBytes.length, sha256: inspection.seal, sha512: digests.get(MANIFEST).sha512 };
  const payload = [manifestFile, ...manifest.files.filter(({ path }) => !absentPaths.includes(path))].sort((left, right) => (left.path < right.path ? -1 : 1));
  const toLines = (pairs) => toUtf8(pairs.map(([value, path]) => `${value}  ${path}\n`).join(""));
  const info = {
    "Bag-Software-Agent": `${manifest.software.name} ${manifest.software.version}`,
    "Bagging-Date": manifest.sealed_at.slice(0, 10),
    "External-Identifier": `sha-256:${manifestFile.sha256}`,
    "Payload-Oxum": `${payload.reduce((sum, { size }) => sum + size, 0)}.${payload.length}`,
  };
  const files = new Map([
    ["bagit.txt", toUtf8("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")],
    ["bag-info.txt", toUtf8(Object.entries(info).map(([key, value]) => `${key}: ${value.split(/[ \t\r\n]+/).filter(Boolean).join(" ")}\n`).join(""))],
    ["manifest-sha256.txt", toLines(payload.map((file) => [file.sha256, file.path]))],
    ["manifest-sha512.txt", toLines(payload.map((file) => [file.sha512, file.path]))],
  ]);
  const tags = tagNames.filter((name) => !BAG_FILES.includes(name)).map((name) => [digests.get(name).sha256, name]);
  for (const [name, bytes] of files) tags.push([toHex(await sha256(bytes)), name]);
  files.set(TAG_MANIFEST, toLines(tags.sort((left, right) => (left[1] < right[1] ? -1 : 1))));
  for (const [name, bytes] of files) {
    ensure(digests.has(name), `${name} is missing.`);
    ensure(digests.get(name).sha256 === toHex(await sha256(bytes)), `${name} does not match the files.`);
  }
  return `A BagIt bag (RFC 8493) whose ${tagNames.length - BAG_FILES.length} files outside data/ have the listed digests.`;
}

function checkTools({ digests }) {
  const unknownTools = TOOLS.filter((name) => !digests.has(name) || !KNOWN_TOOLS[name].includes(digests.get(name).sha256));
  if (unknownTools.length) return makeNotChecked("tools", `${unknownTools.join(" and ")} in the bundle is not known to this page. Do not run it without reading it.`);
  return makePassed("tools", "VERIFY.md and verify.py are known to this page.");
}

const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const FIELD_PRIME = 2n ** 255n - 19n;
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** The y coordinates of all eight points whose order divides 8: a signature by such a key is valid for many messages. */
const SMALL_ORDER = new Set(CONSTANTS.SMALL_ORDER.map(BigInt));

/** Return whether 32 bytes are the canonical encoding of a point (RFC 8032, 5.1.2) that is not of small order. */
function isSoundPoint(bytes) {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return bytes.length === 32 && y < FIELD_PRIME && !SMALL_ORDER.has(y);
}

/** Return whether a signature is valid under the strict rules (docs/reference/bundle-format.md, Keys and signatures). */
async function verifyEd25519(key, signature, message) {
  const [point, factor] = [signature.slice(0, 32), signature.slice(32)];
  if (signature.length !== 64 || ![key, point].every(isSoundPoint) || littleEndian(factor) >= GROUP_ORDER) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new NotCheckedError("This browser does not support Ed25519 signatures.");
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** Find the pinned key with this public key and use. */
const findPinnedKey = (trust, key, use) => trust.keys.find((candidate) => candidate.public === key && (candidate.use || "sealing") === use);

/** Return the checks `signature`, `key` and `countersignature:ID` for each counter-signature. */
async function checkSigners(inspection) {
  const checks = [await runCheck("signature", () => checkSignature(inspection)), await runCheck("key", (name) => checkKey(inspection, name))];
  const names = inspection.bundle.names.filter((name) => name.startsWith(COUNTERSIGNATURES)).map((name) => name.slice(COUNTERSIGNATURES.length));
  const stems = [...new Set(names.map((name) => name.split(".")[0]))].sort();
  if (stems.length > 64 || names.some((name) => !/^[0-9a-f]{16}\.(pem|sig)$/.test(name)))
    return [...checks, makeFailed("countersignatures", `${COUNTERSIGNATURES} contains other files, or more than 64 signatures.`)];
  for (const stem of stems) checks.push(await runCheck(`countersignature:${stem}`, (name) => checkCountersignature(inspection, stem, name)));
  return checks;
}

async function checkSignature(inspection) {
  const key = inspection.manifest.key.public;
  ensure(await verifyEd25519(fromHex(key), await inspection.read(SIGNATURE, 64), inspection.manifestBytes), "The Ed25519 signature over data/manifest.json is invalid.");
  return `The Ed25519 signature (RFC 8032) over data/manifest.json by key ${key.slice(0, 16)} is valid.`;
}

const toPem = (key) => toUtf8(`-----BEGIN PUBLIC KEY-----\n${toBase64(concat(fromHex(ED25519_SPKI), key))}\n-----END PUBLIC KEY-----\n`);

async function checkKey(inspection, name) {
  const { key, matter } = inspection.manifest;
  ensure(isSoundPoint(fromHex(key.public)), "The manifest's key is not secure: it is of small order, or not in canonical form (RFC 8032).");
  const files = [toCanonicalBytes(key), toPem(fromHex(key.public))];
  for (const [index, file] of KEY.entries()) ensure(equalBytes(await inspection.read(file), files[index]), `${file} is not the key in the manifest.`);
  const pin = findPinnedKey(inspection.trust, key.public, "sealing");
  if (!pin) throw new NotCheckedError(`No owner on the trust list has the key ${key.public.slice(0, 16)}. Its owner is unknown.`);
  ensure(pin.owner === matter.owner, `The trust list assigns the key to ${pin.owner}, not to the owner in the manifest.`);
  if (pin.revoked) throw new NotCheckedError(`The key of ${pin.owner} was revoked at ${formatTime(new Date(pin.revoked))}. ${COMMAND} checks whether a timestamp covers this signature before that time.`);
  return makePassed(name, `The trust list names this key as the sealing key of ${pin.owner}. According to the manifest, the ${key.holder} holds it.`, { by: pin.owner, ...getDevelopmentLabel(pin) });
}

async function checkCountersignature(inspection, stem, name) {
  const pem = await inspection.read(`${COUNTERSIGNATURES}${stem}.pem`, 4096);
  const key = (fromBase64(decodeText(pem, `${stem}.pem`).split("\n")[1] || "") || new Uint8Array()).slice(12);
  if (!equalBytes(pem, toPem(key))) throw new NotCheckedError(`${COUNTERSIGNATURES}${stem}.pem is not an Ed25519 public key in the expected format.`);
  ensure(await verifyEd25519(key, await inspection.read(`${COUNTERSIGNATURES}${stem}.sig`, 64), inspection.manifestBytes), "The counter-signature over data/manifest.json is invalid.");
  ensure(toHex(key).startsWith(stem), `${COUNTERSIGNATURES}${stem}.pem is not the key in its file name.`);
  const pin = findPinnedKey(inspection.trust, toHex(key), "device");
  if (!pin) throw new NotCheckedError(`The signature is valid, but no owner on the trust list has the device key ${stem}.`);
  ensure(pin.owner === inspection.manifest.matter.owner, `The trust list assigns the device key to ${pin.owner}, not to the owner in the manifest.`);
  if (pin.revoked) throw new NotCheckedError(`The device key was revoked at ${formatTime(new Date(pin.revoked))}, and the bundle does not prove when this was signed.`);
  return makePassed(name, `The Ed25519 signature over data/manifest.json by a device key of ${pin.owner} is valid. According to the trust list, only the owner holds that key.`, { by: pin.owner, ...getDevelopmentLabel(pin) });
}

const leafHash = (bytes) => sha256(concat(Uint8Array.of(0), bytes));
const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));
const halve = (number) => Math.floor(number / 2);

/** Compute two roots from a node and its proof: of the whole tree (`fullRoot`) and of the part up to the node (`partialRoot`). Return null if the proof has the wrong length (RFC 9162, 2.1.3.2 and 2.1.4.2). */
async function computeRoots(node, index, last, path) {
  let [fullRoot, partialRoot] = [node, node];
  for (const sibling of path) {
    if (last === 0 || sibling.length !== 32) return null;
    if (index % 2 || index === last) {
      [fullRoot, partialRoot] = [await nodeHash(sibling, fullRoot), await nodeHash(sibling, partialRoot)];
      for (; index && index % 2 === 0; index /= 2) last = halve(last);
    } else fullRoot = await nodeHash(fullRoot, sibling);
    [index, last] = [halve(index), halve(last)];
  }
  return last === 0 ? { fullRoot, partialRoot } : null;
}

/** Return whether a root includes an entry (RFC 9162, 2.1.3.2). */
async function isIncluded(leaf, index, size, path, root) {
  const roots = index < size ? await computeRoots(leaf, index, size - 1, path) : null;
  return roots !== null && equalBytes(roots.fullRoot, root);
}

/** Return whether a tree extends an earlier tree (RFC 9162, 2.1.4.2). */
async function isExtension(earlier, later, path) {
  if (earlier.size === later.size) return !path.length && equalBytes(earlier.root, later.root);
  if (earlier.size === 0) return !path.length && equalBytes(earlier.root, await sha256(new Uint8Array()));
  if (earlier.size > later.size) return false;
  let [index, last] = [earlier.size - 1, later.size - 1];
  for (; index % 2; index = halve(index)) last = halve(last);
  const [node, ...remainingPath] = index ? path : [earlier.root, ...path];
  const roots = node ? await computeRoots(node, index, last, remainingPath) : null;
  return roots !== null && equalBytes(roots.partialRoot, earlier.root) && equalBytes(roots.fullRoot, later.root);
}

/** Parse a checkpoint (C2SP tlog-checkpoint). Its signatures are not checked here. */
function parseNote(text) {
  const ensureNote = (condition) => ensure(condition, "The checkpoint is not a signed note with a name, a size and a root.");
  ensureNote(typeof text === "string" && text.length <= MAX_NOTE && !/[\x00-\x09\x0b-\x1f\ud800-\udfff]/u.test(text));
  const separator = text.lastIndexOf("\n\n");
  ensureNote(separator >= 0 && text.endsWith("\n") && separator + 2 < text.length);
  const body = text.slice(0, separator + 1);
  const [origin, size = "", root = ""] = body.split("\n");
  const raw = fromBase64(root);
  ensureNote(/^[!-*,-~]{1,200}$/.test(origin) && /^(0|[1-9][0-9]{0,18})$/.test(size) && raw && raw.length === 32 && Number.isSafeInteger(Number(size)));
  const lines = text.slice(separator + 2, -1).split("\n").map((line) => /^— ([^\s\x85]+) (\S+)$/.exec(line));
  const signatures = lines.map((match) => ({ name: match && match[1], raw: match && fromBase64(match[2]) }));
  ensureNote(lines.length <= 64 && signatures.every(({ raw: bytes }) => bytes && bytes.length >= 5));
  return { text, body, origin, size: Number(size), root: raw, signatures };
}

/** Parse the verifier key of a log (algorithm 1) or a log witness (4) in the form name+key id+base64. Return null if it is invalid. */
async function parseVerifierKey(vkey, algorithm = 1) {
  const [name, identity, ...keyParts] = vkey.split("+");
  const raw = fromBase64(keyParts.join("+"));
  if (!/^[!-*,-~]{1,200}$/.test(name) || !raw || raw.length !== 33 || raw[0] !== algorithm || !isSoundPoint(raw.slice(1))) return null;
  const keyId = (await sha256(concat(toUtf8(`${name}\n`), raw))).slice(0, 4);
  return toHex(keyId) === identity ? { name, keyId, key: raw.slice(1) } : null;
}

/** Find the signatures of a note that name this key. */
const findSignatures = (note, { name, keyId }) => note.signatures.filter((line) => line.name === name && equalBytes(line.raw.slice(0, 4), keyId)).map(({ raw }) => raw.slice(4));

/** Return the checks `entry`, `inclusion`, `checkpoint` and `consistency`. */
async function checkLog(inspection, facts) {
  if (!inspection.has(ENTRY_FILE)) return ["entry", "inclusion", "checkpoint", "consistency"].map((name) => makeNotChecked(name, "The bundle contains no log entry of the seal."));
  const readLogFiles = async () => {
    const entry = await inspection.readJson(ENTRY_FILE, "entry");
    const inclusion = await inspection.readJson(INCLUSION, "inclusion");
    ensure(inclusion.index === entry.sequence, "The inclusion proof is for a different entry.");
    return { entry, inclusion, note: parseNote(decodeText(await inspection.read(CHECKPOINT, MAX_NOTE), CHECKPOINT)) };
  };
  const run = (name, check) => runCheck(name, async () => check(inspection, await readLogFiles(), facts));
  return [await run("entry", checkEntry), await run("inclusion", checkInclusion), await run("checkpoint", checkCheckpoint), await run("consistency", checkConsistency)];
}

async function checkEntry(inspection, { entry }) {
  ensure(entry.type === "seal", `The log entry is a ${entry.type}, not a seal.`);
  const commitment = toHex(await sha256(concat(fromHex(entry.salt), toCanonicalBytes(entry.opening))));
  ensure(commitment === entry.commitment, "The log entry does not match its opening.");
  const expected = { key: inspection.manifest.key.public, manifest: inspection.seal, signature: toHex(await inspection.read(SIGNATURE, 64)) };
  ensure(toCanonicalText(entry.opening) === toCanonicalText(expected), "The log entry is for a different seal.");
  return `Entry ${entry.sequence} of the log, dated ${formatTime(new Date(entry.time))}, commits to the seal digest, the key and the signature.`;
}

async function checkInclusion(_, { entry, inclusion, note }) {
  const leaf = await leafHash(toCanonicalBytes({ commitment: entry.commitment, time: entry.time, type: entry.type }));
  const isProven = inclusion.size === note.size && (await isIncluded(leaf, entry.sequence, note.size, inclusion.path.map(fromHex), note.root));
  ensure(isProven, "The checkpoint does not include the entry (RFC 9162, 2.1.3.2).");
  return `The checkpoint of ${note.size} entries includes entry ${entry.sequence} (RFC 9162).`;
}

async function checkCheckpoint({ trust }, { note }) {
  for (const log of trust.logs) {
    const verifierKey = await parseVerifierKey(log.vkey);
    const signatures = note.origin === verifierKey.name ? findSignatures(note, verifierKey) : [];
    for (const signature of signatures) ensure(await verifyEd25519(verifierKey.key, signature, toUtf8(note.body)), `The signature of ${verifierKey.name} on the checkpoint is invalid.`);
    if (signatures.length) return makePassed("checkpoint", `Signed by the key of the log ${note.origin} on the trust list. The log had ${note.size} entries.`, { by: note.origin, ...getDevelopmentLabel(log) });
  }
  throw new NotCheckedError(`The trust list contains no log with the name ${quote(note.origin)} and a key that signed this checkpoint.`);
}

async function checkConsistency(inspection, { note }, facts) {
  if (!facts) throw new NotCheckedError("The sealed record cannot be read.");
  const toArray = (value) => (Array.isArray(value) ? value : []);
  const proofs = [facts.work?.registration, ...toArray(facts.work?.further_registrations), ...toArray(facts.sightings).map((sighting) => sighting?.slice?.log), facts.decision?.passkey?.key, facts.decision?.passkey?.log];
  const earlierCheckpoints = [...new Set(proofs.filter(Boolean).map((proof) => proof.checkpoint))].map(parseNote);
  if (!earlierCheckpoints.length) throw new NotCheckedError("The sealed files contain no earlier checkpoint.");
  const proofEntries = inspection.has(CONSISTENCY) ? await inspection.readJson(CONSISTENCY, "consistency") : [];
  const paths = new Map(proofEntries.map(({ size, path }) => [size, path.map(fromHex)]));
  ensure([...paths.keys()].every((size) => earlierCheckpoints.some((earlier) => earlier.size === size)), "The bundle contains a consistency proof from a checkpoint that is not in the sealed files.");
  for (const earlier of earlierCheckpoints) {
    ensure(paths.has(earlier.size) || earlier.size === note.size, `The bundle lacks the required consistency proof from the checkpoint of ${earlier.size} entries.`);
    ensure(await isExtension(earlier, note, paths.get(earlier.size) || []), `The log of ${note.size} entries does not continue the log of ${earlier.size} entries.`);
  }
  return `The checkpoint is a consistent extension of all ${earlierCheckpoints.length} earlier ones in the bundle (RFC 9162, 2.1.4).`;
}

/** Return the checks `anchor:FILE` for each cosignature of the bundle's checkpoint, with `cosigned` if the trust list requires it, and the receipts that were not checked. */
async function checkReceipts(inspection, isLogged) {
  let records = [];
  const receiptsCheck = await runCheck("anchors", async () => {
    if (inspection.has(ANCHORS)) records = await inspection.readJson(ANCHORS, "anchors");
    const isUnique = (names) => names.length <= 64 && new Set(names).size === names.length;
    ensure(isUnique(records.map(({ file }) => file)), `${ANCHORS} lists a receipt twice, or more than 64.`);
    ensure(records.every(({ material }) => isUnique(material)), `${ANCHORS} lists an additional file of a receipt twice, or more than 64 files.`);
    return "";
  });
  if (receiptsCheck.state !== "passed") return [[receiptsCheck], []];
  const checkpointDigest = inspection.digests.get(CHECKPOINT)?.sha256;
  const isOwnCosignature = (receipt) => isLogged && receipt.kind === "cosignature" && receipt.digest === checkpointDigest && !receipt.material.length;
  const checks = [];
  for (const receipt of records.filter(isOwnCosignature)) checks.push(await runCheck(`anchor:${receipt.file.split("/").pop()}`, (name) => checkCosignature(inspection, receipt, name)));
  const required = inspection.trust.requires?.cosigners ?? 0;
  const passedChecks = checks.filter(({ state }) => state === "passed");
  const cosignerNames = [...new Map(passedChecks.map((check) => [normalizeName(check.by), check.by])).values()].sort();
  const summary = `${cosignerNames.length} of ${required} required log witnesses of the trust list have cosigned the checkpoint${cosignerNames.length ? `: ${formatNames(cosignerNames)}` : ""}.`;
  const cosignedCheck = cosignerNames.length >= required ? makePassed("cosigned", summary) : makeNotChecked("cosigned", summary);
  return [[...checks, ...(required ? [cosignedCheck] : [])], records.filter((receipt) => !isOwnCosignature(receipt))];
}

/** Find the pinned log witness that cosigned the checkpoint, and the time (C2SP tlog-cosignature). The receipt is the checkpoint's text with an additional line. */
async function checkCosignature(inspection, { file, digest: checkpointDigest }, name) {
  const text = decodeText(await inspection.read(file, MAX_RECEIPT), "The cosigned checkpoint");
  const note = parseNote(text);
  const checkpointText = text.slice(0, text.slice(0, -1).lastIndexOf("\n") + 1);
  ensure(toHex(await sha256(toUtf8(checkpointText))) === checkpointDigest, "The cosignature is for a different checkpoint.");
  for (const witness of inspection.trust.cosigners || []) {
    const verifierKey = await parseVerifierKey(witness.vkey, 4);
    const times = [];
    for (const signature of findSignatures(note, verifierKey)) {
      const seconds = signature.length === 72 ? Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)) : 0;
      const isTime = seconds > 0 && seconds < 253370764800;
      ensure(isTime && (await verifyEd25519(verifierKey.key, signature.slice(8), toUtf8(`cosignature/v1\ntime ${seconds}\n${note.body}`))), `The cosignature of ${verifierKey.name} on the checkpoint is invalid.`);
      times.push(seconds);
    }
    if (times.length) return makePassed(name, `${witness.name} cosigned the checkpoint of ${note.size} entries at ${formatTime(new Date(1000 * Math.min(...times)))}.`, { by: witness.name, ...getDevelopmentLabel(witness) });
  }
  throw new NotCheckedError(`The trust list contains no log witness with the name ${quote(note.signatures.at(-1).name)} and this key.`);
}

/** List the checks that only the command runs, by subject. */
function listRemainingChecks(inspection, facts, records) {
  const count = (value) => (Array.isArray(value) ? value.length : 0);
  const sightings = facts && count(facts.sightings) ? facts.sightings : [];
  const visits = sightings.reduce((sum, sighting) => sum + count(sighting?.captures), 0);
  const rows = [
    facts && ["facts", "Integrity and consistency of the sealed record."],
    ...records.map(({ file, kind, service }) => [`anchor:${file.split("/").pop()}`, `Timestamp receipt (${kind.slice(0, 40)}); name of the service in the bundle: ${quote(service)}.`]),
    ["time", "Time of existence, according to timestamp services."],
    ["order", "Contradictions between the times in the bundle."],
    ["registration", "Log entry of the registration of the work."],
    sightings.length && ["slice", `Log entries of the crawl. Sightings: ${sightings.length}.`],
    visits && ["capture", `Records of visits: exchanges, web archives, visits by partners. Visits: ${visits}.`],
    ["pictures", "Formats and sizes of the pictures, compared with the sealed record."],
    facts && count(facts.matches) && ["match", `Matches recomputed from their pictures, with probabilities and log-odds. Matches: ${count(facts.matches)}.`],
    facts?.decision?.passkey && ["decision", "Passkey signature of the decision."],
    facts && count(facts.work?.attachments) && ["document", `Active content in the owner's PDFs. Documents: ${count(facts.work.attachments)}.`],
    inspection.has(RENEWALS) && ["renewal", "Consistency of later checkpoints with this one."],
    ["sheet", "Exhibit sheet, drawings and text, regenerated from the sealed record."],
  ];
  return rows.filter(Boolean).map(([name, sentence]) => makeNotChecked(name, sentence));
}

/** Build the verdict. Its sentence always includes the number of checks that were not run. */
function buildVerdict(checks, remaining, inspection, facts) {
  const failures = checks.filter(({ state }) => state === "failed").map(({ name }) => name);
  const isOptional = (name) => ["container", "tools"].includes(name) || /^(anchor|countersignature):/.test(name);
  const absentPaths = inspection.seal ? inspection.listAbsentPaths() : [];
  const unproven = checks.filter(({ name, state }) => state === "not checked" && !isOptional(name) && !absentPaths.includes(name.slice(5))).map(({ name }) => name);
  const outcome = failures.length ? "failed" : unproven.length ? "incomplete" : "holds";
  const remainingNote = remaining.length ? ` Checks that only ${COMMAND} runs: ${remaining.length}.` : "";
  const development = [...new Set(checks.map((check) => check.development).filter(Boolean))];
  const formatShortList = (list) => `${list.slice(0, 5).join(", ")}${list.length > 5 ? ` and ${list.length - 5} more` : ""}`;
  const sentence = {
    failed: `Failed: ${formatShortList(failures)}.`,
    incomplete: `No check failed, but the following is not proven: ${formatShortList(unproven)}.`,
    holds: "Verified: all sealed files in this copy, the signature, and the log entry.",
  }[outcome];
  const withheldNote = absentPaths.length ? ` Sealed files that are withheld from this copy: ${absentPaths.length}.` : "";
  const developmentNote = development.length ? ` This result is based on development keys, which have no legal weight: ${development.join("; ")}.` : "";
  return { outcome, sentence: sentence + remainingNote + withheldNote + developmentNote, checks, remaining, inspection, facts };
}

/** List position, key and identity of each trust list entry with an Ed25519 key. A log that was restarted keeps its key. */
async function listIdentities({ logs, partners = [], cosigners = [], keys }) {
  const identities = [];
  for (const [index, { vkey, operator = "" }] of logs.entries()) identities.push([`logs ${index + 1}`, toHex((await parseVerifierKey(vkey)).key), JSON.stringify(["log", operator])]);
  for (const [index, { vkey, operator }] of partners.entries()) {
    const { name, key } = await parseVerifierKey(vkey);
    identities.push([`partners ${index + 1}`, toHex(key), JSON.stringify(["partner", operator || name])]);
  }
  for (const [index, { vkey, name }] of cosigners.entries()) identities.push([`cosigners ${index + 1}`, toHex((await parseVerifierKey(vkey, 4)).key), JSON.stringify(["cosigner", name])]);
  for (const [index, key] of keys.entries()) identities.push([`keys ${index + 1}`, key.public, JSON.stringify([key.use || "sealing", key.owner, key.revoked ?? null])]);
  return identities;
}

/** Parse and check a trust list; throws CheckFailedError. Only the command uses its certificates and chains. */
async function readTrust(bytes) {
  const trust = checkSchema(parseJson(bytes, "The trust list"), "trust", "The trust list");
  const [cosigners, partners, ledgers] = [trust.cosigners || [], trust.partners || [], trust.ledgers || []];
  const pins = [...trust.authorities, ...trust.chains, ...ledgers, ...cosigners];
  ensure([...pins, ...trust.logs, ...trust.keys, ...partners].every((pin) => !pin.development || pin.label), "The trust list has a development entry without a label.");
  const countDistinct = (list) => new Set(list.map(({ name }) => normalizeName(name))).size;
  const [requiredServices, requiredCosigners] = [trust.requires?.timestamps ?? 1, trust.requires?.cosigners ?? 0];
  ensure(requiredServices >= 1 && requiredServices <= Math.max(countDistinct(pins), 1), `The trust list requires ${requiredServices} timestamp services but lists ${countDistinct(pins)}.`);
  ensure(requiredCosigners >= 0 && requiredCosigners <= countDistinct(cosigners), `The trust list requires ${requiredCosigners} cosigners but lists ${countDistinct(cosigners)}.`);
  for (const { vkey } of [...trust.logs, ...partners]) ensure(await parseVerifierKey(vkey), `The trust list has ${quote(vkey)}, which is not a log's public key.`);
  for (const { vkey } of cosigners) ensure(await parseVerifierKey(vkey, 4), `The trust list has ${quote(vkey)}, which is not the public key of a log witness.`);
  ensure(trust.keys.every((key) => isSoundPoint(fromHex(key.public))), "The trust list has a key that is not secure: it is of small order, or not in canonical form.");
  const seenKeys = new Map();
  for (const [position, key, identity] of await listIdentities(trust)) {
    const [firstPosition, firstIdentity] = seenKeys.get(key) ?? [position, identity];
    ensure(firstIdentity === identity, `The trust list: ${firstPosition} and ${position} have the same key. Each key can have only one role and one name.`);
    seenKeys.set(key, [firstPosition, firstIdentity]);
  }
  return trust;
}
