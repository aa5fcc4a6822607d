/* The files of a bundle, from the ZIP that the software writes or from the folder it was unpacked into, their digests,
   and JSON in its one form. Text of a bundle is whatever a stranger wrote. */

/** A check failed; the message is the sentence for the reader. */
class Broken extends Error {}

/** This page cannot check it. */
class Unchecked extends Error {}

/** What was given is no bundle at all. */
class NoBundle extends Error {}

/** Numbers and names of the format, as the modules define them that write and verify it. */
const CONSTANTS = JSON.parse(document.getElementById("constants").textContent);
const { MAX_ENTRIES, MAX_NAME, MAX_JSON, MAX_DEPTH } = CONSTANTS;
const MAX_FILE = 512 << 20;
const MAX_AT_ONCE = 64 << 20;
const COMMAND = "exhibit verify";

function must(holds, problem) {
  if (!holds) throw new Broken(problem);
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);
const utf8 = (text) => new TextEncoder().encode(text);
const quoted = (text) => JSON.stringify(text.slice(0, 80));

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function textOf(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Broken(`${what} is not UTF-8.`);
  }
}

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** The bytes of the one base64 form of something, or null. */
function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

const digest = async (name, bytes) => new Uint8Array(await crypto.subtle.digest(name, bytes));
const sha256 = (bytes) => digest("SHA-256", bytes);

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (let place = 0; place < bytes.length; place++) value = CRC_TABLE[(value ^ bytes[place]) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Canonical JSON (RFC 8785); throws Broken for what readers could take in two ways (RFC 7493). */
function canonicalText(value, what = "JSON", depth = 0) {
  must(depth <= MAX_DEPTH, `${what} is nested too deeply.`);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalText(item, what, depth + 1)).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const fields = Object.keys(value).sort().map((name) => `${canonicalText(name, what)}:${canonicalText(value[name], what, depth + 1)}`);
    return `{${fields.join(",")}}`;
  }
  must(typeof value !== "string" || value.isWellFormed(), `${what} contains an incomplete character.`);
  must(typeof value !== "number" || Math.abs(value) < 2 ** 53, `${what} contains a number that is too large.`);
  return JSON.stringify(value);
}

const canonical = (value) => utf8(canonicalText(value));

function parsed(bytes, what) {
  must(bytes.length <= MAX_JSON, `${what} has ${bytes.length} bytes, more than the ${MAX_JSON} that are read.`);
  const text = textOf(bytes, what);
  try {
    return [JSON.parse(text), text];
  } catch {
    throw new Broken(`${what} is not readable JSON.`);
  }
}

/** JSON in its one canonical form: every reader sees the same. */
function parseCanonical(bytes, what) {
  const [value, text] = parsed(bytes, what);
  must(canonicalText(value, what) === text, `${what} is not in canonical form (RFC 8785).`);
  return value;
}

/** JSON written in any way, with no name twice in one object. */
function parseJson(bytes, what) {
  const [value, text] = parsed(bytes, what);
  canonicalText(value, what);
  const names = (one) => (one !== null && typeof one === "object" ? Object.values(one).reduce((sum, item) => sum + names(item), Array.isArray(one) ? 0 : Object.keys(one).length) : 0);
  const written = Array.from(text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)).filter((match) => match[1]).length;
  must(written === names(value), `${what} has a duplicate name in one object.`);
  return value;
}

/** Whether a time that has the form of one is on the calendar. */
function isMoment(text) {
  const time = new Date(text);
  return text >= "1000" && !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}

/** The JSON Schemas of the formats that this page reads; only the keywords that they use are known. */
const SCHEMAS = JSON.parse(document.getElementById("schemas").textContent);

/** Check plain data against the schema of a format; throws Broken naming the place. */
function checkSchema(value, format, what) {
  const whole = SCHEMAS[format];
  const wrong = (where, wanted) => {
    throw new Broken(`${where} must be ${wanted}.`);
  };
  const check = (item, schema, where) => {
    if (schema.$ref) return check(item, whole.$defs[schema.$ref.split("/").pop()], where);
    if (schema.anyOf) return item === null ? undefined : check(item, schema.anyOf[0], where);
    if (schema.enum) return schema.enum.includes(item) ? undefined : wrong(where, schema.enum.join(" or "));
    if (schema.type === "object") return checkObject(item, schema, where);
    if (schema.type === "array") return checkArray(item, schema, where);
    return checkScalar(item, schema, where);
  };
  const checkObject = (item, schema, where) => {
    if (item === null || typeof item !== "object" || Array.isArray(item)) wrong(where, "an object");
    if (!schema.properties) return;
    const [known, written] = [schema.properties.format?.enum, item.format];
    must(!known || typeof written !== "string" || known.includes(written), `${where} was written in the format ${quoted(String(written))}, which this version of Exhibit does not read.`);
    for (const name of Object.keys(item)) must(Object.hasOwn(schema.properties, name), `${where} has an unknown field ${quoted(name)}.`);
    for (const name of schema.required) must(Object.hasOwn(item, name), `${where} lacks the field ${quoted(name)}.`);
    for (const name of Object.keys(item)) check(item[name], schema.properties[name], `${where}: ${name}`);
  };
  const checkArray = (item, schema, where) => {
    if (!Array.isArray(item)) wrong(where, "an array");
    if (schema.prefixItems && item.length !== schema.prefixItems.length) wrong(where, `an array of ${schema.prefixItems.length}`);
    item.forEach((one, place) => check(one, schema.prefixItems ? schema.prefixItems[place] : schema.items, `${where}[${place}]`));
  };
  const checkScalar = (item, schema, where) => {
    const kind = schema.type === "integer" ? Number.isSafeInteger(item) : typeof item === schema.type;
    if (!kind) wrong(where, { string: "text", boolean: "true or false", integer: "a whole number", number: "a number" }[schema.type]);
    if (item < schema.minimum) wrong(where, `at least ${schema.minimum}`);
    if (schema.pattern && !(new RegExp(schema.pattern).test(item) && (!schema.pattern.endsWith("Z$") || isMoment(item)))) wrong(where, "written in its one form");
  };
  check(value, whole, what);
  return value;
}

const SEGMENT = "[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?";
const NAME = new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`);
const RESERVED = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\/|$)/i;
const LEFT_OVER = /^(?:[^]*\/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

/** Names that can lie side by side in a folder on any system. */
function checkNames(names, what) {
  const [seen, folders] = [new Set(), new Set()];
  for (const name of names) {
    must(name.length <= MAX_NAME && NAME.test(name) && !RESERVED.test(name), `${what} contains a name that is not allowed in a bundle: ${quoted(name)}.`);
    const folded = name.toLowerCase();
    must(!seen.has(folded), `${what} has the name ${name} twice.`);
    seen.add(folded);
    folded.split("/").forEach((_, depth, parts) => depth && folders.add(parts.slice(0, depth).join("/")));
  }
  for (const name of seen) must(!folders.has(name), `${what} has ${name} both as a file and as a folder.`);
}

/** A folder, as the browser gives it: files with their paths. */
function folderBundle(title, entries) {
  if (!entries.some(({ name }) => name === "bagit.txt")) throw new NoBundle(`${title} is a folder without bagit.txt. Choose the folder that contains bagit.txt.`);
  must(entries.length <= MAX_ENTRIES, `The folder has more than ${MAX_ENTRIES} files.`);
  const [files, leftOver] = [entries.filter(({ name }) => !LEFT_OVER.test(name)), entries.filter(({ name }) => LEFT_OVER.test(name))];
  const names = files.map(({ name }) => name).sort();
  checkNames(names, "The folder");
  const blobs = new Map(files.map(({ name, file }) => [name, file]));
  const read = async (name) => {
    checkSize(name, blobs.get(name).size);
    return new Uint8Array(await blobs.get(name).arrayBuffer());
  };
  return { title, names, leftOver: leftOver.map(({ name }) => name).sort(), isZip: false, blob: (name) => blobs.get(name), read };
}

function checkSize(name, size) {
  if (size > MAX_FILE) throw new Unchecked(`${name} has ${size} bytes, more than this page reads.`);
}

/** The parts of a ZIP by the bytes of their numbers (APPNOTE.TXT 6.3.10, 4.3). */
const SHARED = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
const [HEADER, ENTRY, END] = [[4, ...SHARED], [4, 1, 1, ...SHARED, 2, 2, 2, 4, 4], [4, 2, 2, 2, 2, 4, 4, 2]];

const record = (widths, values) => Uint8Array.from(values.flatMap((value, place) => Array.from({ length: widths[place] }, (_, at) => Math.floor(value / 256 ** at) & 255)));
const shared = ({ name, size, crc }) => [20, 0, 0, 0, 0x21, crc, size, size, name.length, 0]; // stored, dated 1980-01-01
const zipHeader = (entry) => concat(record(HEADER, [0x04034b50, ...shared(entry)]), utf8(entry.name));
const zipEntry = (entry) => concat(record(ENTRY, [0x02014b50, 20, 3, ...shared(entry), 0, 0, 0, 0o100644 * 65536, entry.offset]), utf8(entry.name));

/** The one ZIP that the software writes: members stored back to back in the order of their names, and nothing besides.
    Any other is left alone, for whatever could be read in two ways is another. */
async function zipBundle(file) {
  const whole = file.size <= MAX_AT_ONCE ? new Uint8Array(await file.arrayBuffer()) : null;
  const bytes = async (start, end) => whole?.slice(Math.max(0, start), Math.max(0, end)) ?? new Uint8Array(await file.slice(Math.max(0, start), Math.max(0, end)).arrayBuffer());
  const other = (why) => new Unchecked(`${file.name} is not a ZIP written by Exhibit: ${why}. Another program created it, it contains several bundles, or it was damaged or changed. Unpack it and choose the folder that contains bagit.txt, or use ${COMMAND}.`);
  const tail = await bytes(file.size - 22, file.size);
  const isZip = [await bytes(0, 4), tail.subarray(0, 4)].some((mark) => mark[0] === 0x50 && mark[1] === 0x4b);
  if (!isZip) throw new NoBundle(`${file.name} is not a ZIP. Choose the ZIP as downloaded, or the folder that contains bagit.txt.`);
  const view = new DataView(tail.buffer);
  const [count, length, start] = tail.length === 22 ? [view.getUint16(10, true), view.getUint32(12, true), view.getUint32(16, true)] : [0, 0, 0];
  if (!count || count > MAX_ENTRIES || length > MAX_ENTRIES * 256 || start + length !== file.size - 22) throw other("its end record does not match its directory");
  const directory = await bytes(start, start + length);
  const entries = [];
  const numbers = new DataView(directory.buffer);
  for (let place = 0, offset = 0; entries.length < count; ) {
    if (place + 46 > length) throw other("its directory is truncated");
    const [crc, size, nameLength] = [numbers.getUint32(place + 16, true), numbers.getUint32(place + 24, true), numbers.getUint16(place + 28, true)];
    const name = String.fromCharCode(...directory.subarray(place + 46, place + 46 + nameLength));
    if (!NAME.test(name) || (entries.length && entries.at(-1).name >= name)) throw other("its file names or their order differ");
    entries.push({ name, size, crc, offset, data: offset + 30 + nameLength });
    place += 46 + nameLength;
    offset += 30 + nameLength + size;
  }
  const last = entries.at(-1);
  const expected = concat(...entries.map(zipEntry), record(END, [0x06054b50, 0, 0, count, count, length, start, 0]));
  if (last.data + last.size !== start || !same(concat(directory, tail), expected)) throw other("its directory contains different data");
  const names = entries.map(({ name }) => name);
  if (!names.includes("bagit.txt")) throw new NoBundle(`${file.name} is a ZIP without a bundle.`);
  checkNames(names, "The ZIP");
  const members = new Map(entries.map((entry) => [entry.name, entry]));
  const blob = (name) => file.slice(members.get(name).data, members.get(name).data + members.get(name).size);
  const read = async (name) => {
    const entry = members.get(name);
    checkSize(name, entry.size);
    const found = await bytes(entry.offset, entry.data + entry.size);
    const [head, data] = [found.subarray(0, entry.data - entry.offset), found.subarray(entry.data - entry.offset)];
    must(same(head, zipHeader(entry)), `The ZIP describes ${name} differently before its bytes and in its directory.`);
    must(crc32(data) === entry.crc, `${name} does not have the CRC-32 that the ZIP declares.`);
    return data;
  };
  return { title: file.name, names, leftOver: [], isZip: true, blob, read };
}
