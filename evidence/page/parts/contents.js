/* Checks of bytes: manifest, sealed files, bag, tools and container. */

const MANIFEST = "data/manifest.json";
const FACTS = "data/facts.json";
const TAG_MANIFEST = "tagmanifest-sha256.txt";
const BAG = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", TAG_MANIFEST];
const TOOLS = ["VERIFY.md", "verify.py"];
const KNOWN_TOOLS = JSON.parse(document.getElementById("tools").textContent);
const ALWAYS = ["proofs/signature", "proofs/key.json", "proofs/key.pem"];
const UNKNOWN = "unknown witness";

const passed = (name, sentence, more = {}) => ({ name, state: "passed", sentence, ...more });
const failed = (name, sentence) => ({ name, state: "failed", sentence });
const notChecked = (name, sentence) => ({ name, state: "not checked", sentence });

/** What an error says of a check. */
function checkOf(name, error) {
  if (error instanceof UnknownWitness) return notChecked(name, `${UNKNOWN}: ${error.message}`);
  if (error instanceof Unchecked) return notChecked(name, error.message);
  if (error instanceof Broken) return failed(name, error.message);
  return failed(name, "A file can't be read.");
}

/** A check: what looking gives, passed with a sentence; or what an error says. */
async function checked(name, look) {
  try {
    const found = await look(name);
    return typeof found === "string" ? passed(name, found) : found;
  } catch (error) {
    return checkOf(name, error);
  }
}

const developmentOf = (pinned) => (pinned.development ? { development: pinned.label } : {});
const two = (number) => String(number).padStart(2, "0");
const some = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");

/** A bundle under inspection: its files, each hashed once, and what was read from them. */
class Inspection {
  constructor(bundle, trust) {
    this.bundle = bundle;
    this.trust = trust;
    this.measured = new Map();
    this.broken = new Map();
    this.large = new Map();
    this.withheld = new Set();
    this.absent = new Map();
    this.decoded = new Map();
  }

  async measure(progress) {
    for (const [place, name] of this.bundle.names.entries()) {
      await progress(place, this.bundle.names.length, name);
      try {
        const bytes = await this.bundle.read(name);
        const [first, second] = await Promise.all([sha256(bytes), digest("SHA-512", bytes)]);
        this.measured.set(name, { size: bytes.length, crc: crc32(bytes), sha256: hex(first), sha512: hex(second) });
      } catch (error) {
        (error instanceof Unchecked ? this.large : this.broken).set(name, error.message);
      }
    }
  }

  async readManifest() {
    this.manifestBytes = await this.read(MANIFEST);
    this.manifest = parseCanonical(this.manifestBytes, MANIFEST);
    if (this.manifest === null || this.manifest.format !== "exhibit-bundle/1") throw new Broken(`${MANIFEST} isn't in the format exhibit-bundle/1.`);
    checkSchema(this.manifest, "manifest", MANIFEST);
    checkManifest(this.manifest);
    this.seal = this.measured.get(MANIFEST).sha256;
    this.listed = new Map(this.manifest.files.map((file) => [file.path, file]));
    if (!this.measured.has("proofs/withheld.json")) return;
    const { files } = await this.readJson("proofs/withheld.json", "withheld");
    this.withheld = new Set(files);
    if (this.withheld.size < files.length) throw new Broken("proofs/withheld.json names a file twice.");
  }

  has(name) {
    return this.measured.has(name) || this.broken.has(name) || this.large.has(name);
  }

  /** The sealed files that this copy withholds and doesn't hold. */
  leftOut() {
    return this.manifest.files.map((file) => file.path).filter((path) => this.withheld.has(path) && !this.has(path));
  }

  /** Why this copy doesn't hold a file that it needn't hold, in a sentence; empty where it has to. */
  whyNot(name) {
    if (this.has(name)) return "";
    if (this.absent.has(name)) return `${name} is ${leftOutWords(this.absent.get(name))}.`;
    return this.withheld.has(name) ? `${name} is withheld from this copy.` : "";
  }

  /** Whether the manifest lists this file and the bundle holds exactly its bytes. */
  sealed(name) {
    return this.listed.has(name) && this.measured.has(name) && this.listed.get(name).sha256 === this.measured.get(name).sha256;
  }

  async read(name, limit = MAX_JSON) {
    if (!this.measured.has(name)) throw new Broken(this.broken.get(name) || this.large.get(name) || `${name} is missing.`);
    if (this.measured.get(name).size > limit) throw new Broken(`${name} has ${this.measured.get(name).size} bytes, more than the ${limit} that are read.`);
    return this.bundle.read(name, limit);
  }

  async readJson(name, format) {
    return checkSchema(parseCanonical(await this.read(name), name), format, name);
  }
}

const WHY_LEFT_OUT = {
  reported: "reported as illegal",
  purged: "removed by the operator",
  expired: "the time for which it was kept had ended",
  removed: "taken off by the owner",
  never: "its bytes were never kept",
  lost: "its bytes were missing when it was sealed, and nobody had removed them",
};

/** Why a file was left out when the bundle was sealed. */
function leftOutWords({ why, since }) {
  return `not in this bundle: ${WHY_LEFT_OUT[why]}${since ? ` on ${since.slice(0, 10)}` : ""}`;
}

/** A check for each file that the facts say isn't in the bundle. */
function leftOutChecks(facts) {
  return (facts.left_out || []).map((gone) => notChecked(`file:${gone.file}`, `N${leftOutWords(gone).slice(1)}; the facts state its SHA-256, ${gone.digest}.`));
}

function checkManifest(manifest) {
  const paths = manifest.files.map((file) => file.path);
  checkNames([MANIFEST, ...paths], "The manifest");
  const sorted = [...paths].sort();
  if (paths.some((path, place) => path !== sorted[place] || !path.startsWith("data/"))) throw new Broken("The manifest's files aren't sorted, or lie outside of data/.");
  if (!paths.includes(FACTS)) throw new Broken(`The manifest doesn't list ${FACTS}.`);
  const standIns = manifest.files.filter((file) => file.role === "stand-in" && file.stand_in === null).map((file) => file.path);
  if (manifest.files.some((file) => ![null, ...standIns].includes(file.stand_in))) throw new Broken("The manifest names a stand-in that it doesn't list as one.");
  if (manifest.key.algorithm !== "Ed25519" || manifest.key.public.length !== 64) throw new Broken("the sealing key isn't an Ed25519 key");
  if (manifest.files.some((file) => file.sha512.length !== 128)) throw new Broken("The manifest states a digest that can't be.");
}

/** `files`, one `file:` each, `bag` and `tools`. */
async function checkContents(inspection) {
  return [checkListing(inspection), ...inspection.manifest.files.map((file) => checkFile(inspection, file)), await checkBag(inspection), checkTools(inspection)];
}

function checkListing({ manifest, bundle, withheld, large }) {
  const listed = new Set([...manifest.files.map((file) => file.path), MANIFEST]);
  const allowed = new Set([...BAG, ...TOOLS]);
  const extra = bundle.names.filter((name) => (name.startsWith("data/") ? !listed.has(name) : !name.startsWith("proofs/") && !allowed.has(name)));
  const wanted = [...[...listed].filter((name) => !withheld.has(name)), ...allowed, ...ALWAYS];
  const missing = wanted.filter((name) => !bundle.names.includes(name)).sort();
  if ([...withheld].some((name) => [FACTS, MANIFEST, ...bundle.names].includes(name) || !listed.has(name)))
    return failed("files", "The list of withheld files names files that are there, or that can't be withheld.");
  if (extra.length || missing.length) {
    const words = [extra.length ? `${extra.length} extra (${some(extra)})` : "", missing.length ? `${missing.length} missing (${some(missing)})` : ""];
    return failed("files", `The bundle doesn't hold the files it should: ${words.filter(Boolean).join(", ")}.`);
  }
  if (large.size) return notChecked("files", `${some([...large.keys()])} is too large for this page; use the Python verifier.`);
  const held = withheld.size ? `; withheld from this copy: ${some([...withheld].sort())}` : "";
  const told = `All ${listed.size - withheld.size} sealed files are there${held}`;
  const beside = bundle.leftOver.length
    ? `; beside the bundle lie ${bundle.leftOver.length} that a file manager left and nobody vouches for: ${some(bundle.leftOver)}`
    : ", and no other outside of proofs/";
  return passed("files", `${told}${beside}.`);
}

function checkFile({ measured, withheld, broken, large }, file) {
  const name = `file:${file.path}`;
  const found = measured.get(file.path);
  if (large.has(file.path)) return notChecked(name, large.get(file.path));
  if (!found && withheld.has(file.path) && !broken.has(file.path))
    return notChecked(name, `Withheld from this copy; its digest is sealed${file.stand_in ? `; ${file.stand_in} stands in for it` : ""}.`);
  if (!found) return failed(name, broken.get(file.path) || "The file is missing.");
  if (found.size !== file.size || found.sha256 !== file.sha256 || found.sha512 !== file.sha512)
    return failed(name, `The bytes aren't those that were sealed: SHA-256 is ${found.sha256}, not ${file.sha256}.`);
  return passed(name, `${file.size} bytes, SHA-256 ${file.sha256}, SHA-512 agrees.`);
}

/** The bag's own files (RFC 8493), which follow from everything else. */
async function bagFiles(inspection) {
  const { manifest, manifestBytes, measured, bundle } = inspection;
  const leftOut = inspection.leftOut();
  const present = manifest.files.filter((file) => !leftOut.includes(file.path));
  const own = { path: MANIFEST, size: manifestBytes.length, sha256: hex(await sha256(manifestBytes)), sha512: hex(await digest("SHA-512", manifestBytes)) };
  const all = [own, ...present].sort((one, other) => (one.path < other.path ? -1 : 1));
  const lines = (pairs) => utf8(pairs.map(([value, path]) => `${value}  ${path}\n`).join(""));
  const info = {
    "Bag-Software-Agent": `${manifest.software.name} ${manifest.software.version}`,
    "Bagging-Date": manifest.sealed_at.slice(0, 10),
    "External-Identifier": `sha-256:${own.sha256}`,
    "Payload-Oxum": `${all.reduce((sum, file) => sum + file.size, 0)}.${all.length}`,
  };
  const files = new Map([
    ["bagit.txt", utf8("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")],
    ["bag-info.txt", utf8(Object.entries(info).map(([key, value]) => `${key}: ${value.split(/[ \t\r\n]+/).filter(Boolean).join(" ")}\n`).join(""))],
    ["manifest-sha256.txt", lines(all.map((file) => [file.sha256, file.path]))],
    ["manifest-sha512.txt", lines(all.map((file) => [file.sha512, file.path]))],
  ]);
  const tags = bundle.names.filter((name) => !name.startsWith("data/") && !BAG.includes(name)).map((name) => [measured.get(name).sha256, name]);
  for (const [name, bytes] of files) tags.push([hex(await sha256(bytes)), name]);
  files.set(TAG_MANIFEST, lines(tags.sort((one, other) => (one[1] < other[1] ? -1 : 1))));
  return files;
}

async function checkBag(inspection) {
  const outside = inspection.bundle.names.filter((name) => !name.startsWith("data/"));
  for (const name of outside) if (!inspection.measured.has(name)) return failed("bag", inspection.broken.get(name) || inspection.large.get(name));
  for (const [name, bytes] of await bagFiles(inspection)) {
    const found = inspection.measured.get(name);
    if (!found) return failed("bag", `${name} is missing.`);
    if (found.sha256 !== hex(await sha256(bytes))) return failed("bag", `${name} doesn't fit the files.`);
  }
  return passed("bag", `A BagIt bag (RFC 8493) whose ${outside.length - BAG.length} files outside of data/ have their listed digests.`);
}

function checkTools({ measured }) {
  const unknown = TOOLS.filter((name) => !measured.has(name) || !KNOWN_TOOLS[name].includes(measured.get(name).sha256));
  if (unknown.length) return notChecked("tools", `${unknown.join(" and ")} in the bundle isn't one this verifier knows: don't run it unread.`);
  return passed("tools", "VERIFY.md and verify.py are those that this verifier knows.");
}

async function checkContainer({ bundle, measured, broken, large }, others) {
  if (broken.size) return failed("container", [...broken.values()][0]);
  if (large.size) return notChecked("container", "A file is too large for this page.");
  const written = await bundle.isAsWritten(measured);
  if (written === null) return notChecked("container", "An unpacked folder has no container to compare.");
  if (written) return passed("container", "The ZIP is byte for byte the one that these contents give.");
  const remarks = bundle.remarks.length ? ` (${bundle.remarks.join("; ")})` : "";
  if (others.some((check) => check.state === "failed")) return failed("container", `The ZIP isn't the one that was written${remarks}, and other checks failed too.`);
  return passed("container", `container changed, evidence intact: the ZIP isn't the one that was written${remarks}.`);
}
