/* Reads the files of a bundle from an Exhibit ZIP or an unpacked folder, computes digests, and parses canonical JSON.
   All text in a bundle is untrusted. */

/** A failed check. The message is displayed to the user. */
class CheckFailedError extends Error {}

/** A check that this page cannot run. */
class NotCheckedError extends Error {}

/** The selected files are not a bundle. */
class NotBundleError extends Error {}

/** Constants of the bundle format, taken from the Python modules that write and verify bundles. */
const CONSTANTS = JSON.parse(document.getElementById("constants").textContent);
const { MAX_ENTRIES, MAX_NAME, MAX_JSON, MAX_DEPTH } = CONSTANTS;
const MAX_FILE = 512 << 20;
const MAX_BUFFERED = 64 << 20;
const COMMAND = "exhibit verify";

function ensure(condition, message) {
  if (!condition) throw new CheckFailedError(message);
}

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const equalBytes = (left, right) => left.length === right.length && left.every((byte, index) => byte === right[index]);
const toUtf8 = (text) => new TextEncoder().encode(text);
const quote = (text) => JSON.stringify(text.slice(0, 80));

function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

function decodeText(bytes, label) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckFailedError(`${label} is not UTF-8.`);
  }
}

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Decode canonical base64; return null for any other text. */
function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

const computeDigest = async (name, bytes) => new Uint8Array(await crypto.subtle.digest(name, bytes));
const sha256 = (bytes) => computeDigest("SHA-256", bytes);

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (let index = 0; index < bytes.length; index++) value = CRC_TABLE[(value ^ bytes[index]) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Encode canonical JSON (RFC 8785); throws CheckFailedError for values that are ambiguous (RFC 7493). */
function toCanonicalText(value, label = "JSON", depth = 0) {
  ensure(depth <= MAX_DEPTH, `${label} contains JSON that is nested too deeply.`);
  if (Array.isArray(value)) return `[${value.map((item) => toCanonicalText(item, label, depth + 1)).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const fields = Object.keys(value).sort().map((name) => `${toCanonicalText(name, label)}:${toCanonicalText(value[name], label, depth + 1)}`);
    return `{${fields.join(",")}}`;
  }
  ensure(typeof value !== "string" || value.isWellFormed(), `${label} contains an incomplete character.`);
  ensure(typeof value !== "number" || Math.abs(value) < 2 ** 53, `${label} contains a number that is too large.`);
  return JSON.stringify(value);
}

const toCanonicalBytes = (value) => toUtf8(toCanonicalText(value));

function decodeJson(bytes, label) {
  ensure(bytes.length <= MAX_JSON, `${label} has ${bytes.length} bytes, more than the ${MAX_JSON} that are read.`);
  const text = decodeText(bytes, label);
  try {
    return [JSON.parse(text), text];
  } catch {
    throw new CheckFailedError(`${label} is not readable JSON.`);
  }
}

/** Parse JSON that must be in canonical form, so that all parsers read the same values. */
function parseCanonical(bytes, label) {
  const [value, text] = decodeJson(bytes, label);
  ensure(toCanonicalText(value, label) === text, `${label} is not in canonical form (RFC 8785).`);
  return value;
}

/** Parse JSON in any form, without duplicate names in an object. */
function parseJson(bytes, label) {
  const [value, text] = decodeJson(bytes, label);
  toCanonicalText(value, label);
  const countNames = (node) => (node !== null && typeof node === "object" ? Object.values(node).reduce((sum, item) => sum + countNames(item), Array.isArray(node) ? 0 : Object.keys(node).length) : 0);
  const writtenCount = Array.from(text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)).filter((match) => match[1]).length;
  ensure(writtenCount === countNames(value), `${label} has a duplicate name in one object.`);
  return value;
}

/** Return whether a well-formed time exists in the calendar. */
function isValidTime(text) {
  const time = new Date(text);
  return text >= "1000" && !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}

/** JSON Schemas of the formats that this page reads. Only the keywords used in them are supported. */
const SCHEMAS = JSON.parse(document.getElementById("schemas").textContent);

/** Check data against the schema of a format; throws CheckFailedError with the path of the invalid value. */
function checkSchema(value, format, label) {
  const rootSchema = SCHEMAS[format];
  const fail = (path, expected) => {
    throw new CheckFailedError(`${path} must be ${expected}.`);
  };
  const check = (item, schema, path) => {
    if (schema.$ref) return check(item, rootSchema.$defs[schema.$ref.split("/").pop()], path);
    if (schema.anyOf) return item === null ? undefined : check(item, schema.anyOf[0], path);
    if (schema.enum) return schema.enum.includes(item) ? undefined : fail(path, schema.enum.join(" or "));
    if (schema.type === "object") return checkObject(item, schema, path);
    if (schema.type === "array") return checkArray(item, schema, path);
    return checkScalar(item, schema, path);
  };
  const checkObject = (item, schema, path) => {
    if (item === null || typeof item !== "object" || Array.isArray(item)) fail(path, "an object");
    if (!schema.properties) return;
    const [knownFormats, writtenFormat] = [schema.properties.format?.enum, item.format];
    ensure(!knownFormats || typeof writtenFormat !== "string" || knownFormats.includes(writtenFormat), `${path} was written in the format ${quote(String(writtenFormat))}, which this version of Exhibit does not read.`);
    for (const name of Object.keys(item)) ensure(Object.hasOwn(schema.properties, name), `${path} has an unknown field ${quote(name)}.`);
    for (const name of schema.required) ensure(Object.hasOwn(item, name), `${path} lacks the field ${quote(name)}.`);
    for (const name of Object.keys(item)) check(item[name], schema.properties[name], `${path}: ${name}`);
  };
  const checkArray = (item, schema, path) => {
    if (!Array.isArray(item)) fail(path, "an array");
    if (schema.prefixItems && item.length !== schema.prefixItems.length) fail(path, `an array of ${schema.prefixItems.length}`);
    item.forEach((element, index) => check(element, schema.prefixItems ? schema.prefixItems[index] : schema.items, `${path}[${index}]`));
  };
  const checkScalar = (item, schema, path) => {
    const hasType = schema.type === "integer" ? Number.isSafeInteger(item) : typeof item === schema.type;
    if (!hasType) fail(path, { string: "text", boolean: "true or false", integer: "a whole number", number: "a number" }[schema.type]);
    if (item < schema.minimum) fail(path, `at least ${schema.minimum}`);
    if (schema.pattern && !(new RegExp(schema.pattern).test(item) && (!schema.pattern.endsWith("Z$") || isValidTime(item)))) fail(path, "written in canonical form");
  };
  check(value, rootSchema, label);
  return value;
}

const SEGMENT = "[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?";
const NAME = new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`);
const RESERVED = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\/|$)/i;
const FILE_MANAGER_FILE = /^(?:[^]*\/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

/** Check that all names can be stored together in a folder on any operating system. */
function checkNames(names, label) {
  const [seen, folders] = [new Set(), new Set()];
  for (const name of names) {
    ensure(name.length <= MAX_NAME && NAME.test(name) && !RESERVED.test(name), `${label} contains a name that is not allowed in a bundle: ${quote(name)}.`);
    const lowerName = name.toLowerCase();
    ensure(!seen.has(lowerName), `${label} has the name ${name} twice.`);
    seen.add(lowerName);
    lowerName.split("/").forEach((_, depth, parts) => depth && folders.add(parts.slice(0, depth).join("/")));
  }
  for (const name of seen) ensure(!folders.has(name), `${label} has ${name} both as a file and as a folder.`);
}

/** Open an unpacked bundle from the browser's list of files with paths. */
function openFolder(title, entries) {
  if (!entries.some(({ name }) => name === "bagit.txt")) throw new NotBundleError(`${title} is a folder without bagit.txt. Choose the folder that contains bagit.txt.`);
  ensure(entries.length <= MAX_ENTRIES, `The folder has more than ${MAX_ENTRIES} files.`);
  const [files, leftOver] = [entries.filter(({ name }) => !FILE_MANAGER_FILE.test(name)), entries.filter(({ name }) => FILE_MANAGER_FILE.test(name))];
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
  if (size > MAX_FILE) throw new NotCheckedError(`${name} has ${size} bytes, more than this page reads.`);
}

/** Widths in bytes of the fields of ZIP records (APPNOTE.TXT 6.3.10, 4.3). */
const SHARED_WIDTHS = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
const [HEADER, ENTRY, END] = [[4, ...SHARED_WIDTHS], [4, 1, 1, ...SHARED_WIDTHS, 2, 2, 2, 4, 4], [4, 2, 2, 2, 2, 4, 4, 2]];

const encodeRecord = (widths, values) => Uint8Array.from(values.flatMap((value, index) => Array.from({ length: widths[index] }, (_, byteIndex) => Math.floor(value / 256 ** byteIndex) & 255)));
const sharedFields = ({ name, size, crc }) => [20, 0, 0, 0, 0x21, crc, size, size, name.length, 0]; // stored, dated 1980-01-01
const encodeLocalHeader = (entry) => concat(encodeRecord(HEADER, [0x04034b50, ...sharedFields(entry)]), toUtf8(entry.name));
const encodeDirectoryEntry = (entry) => concat(encodeRecord(ENTRY, [0x02014b50, 20, 3, ...sharedFields(entry), 0, 0, 0, 0o100644 * 65536, entry.offset]), toUtf8(entry.name));

/** Open a ZIP in the exact form that Exhibit writes: members stored without compression or gaps, sorted by name, and no
    other data. Any other ZIP is not checked, because ZIP readers could interpret it differently. */
async function openZip(file) {
  const content = file.size <= MAX_BUFFERED ? new Uint8Array(await file.arrayBuffer()) : null;
  const readBytes = async (start, end) => content?.slice(Math.max(0, start), Math.max(0, end)) ?? new Uint8Array(await file.slice(Math.max(0, start), Math.max(0, end)).arrayBuffer());
  const unsupportedZip = (why) => new NotCheckedError(`${file.name} is not a ZIP written by Exhibit: ${why}. Another program created it, it contains several bundles, or it was damaged or changed. Unpack it and choose the folder that contains bagit.txt, or use ${COMMAND}.`);
  const tail = await readBytes(file.size - 22, file.size);
  const isZip = [await readBytes(0, 4), tail.subarray(0, 4)].some((magic) => magic[0] === 0x50 && magic[1] === 0x4b);
  if (!isZip) throw new NotBundleError(`${file.name} is not a ZIP. Choose the ZIP as downloaded, or the folder that contains bagit.txt.`);
  const endView = new DataView(tail.buffer);
  const [count, length, start] = tail.length === 22 ? [endView.getUint16(10, true), endView.getUint32(12, true), endView.getUint32(16, true)] : [0, 0, 0];
  if (!count || count > MAX_ENTRIES || length > MAX_ENTRIES * 256 || start + length !== file.size - 22) throw unsupportedZip("its end record does not match its central directory");
  const directory = await readBytes(start, start + length);
  const entries = [];
  const directoryView = new DataView(directory.buffer);
  for (let position = 0, offset = 0; entries.length < count; ) {
    if (position + 46 > length) throw unsupportedZip("its central directory is truncated");
    const [crc, size, nameLength] = [directoryView.getUint32(position + 16, true), directoryView.getUint32(position + 24, true), directoryView.getUint16(position + 28, true)];
    const name = String.fromCharCode(...directory.subarray(position + 46, position + 46 + nameLength));
    if (!NAME.test(name) || (entries.length && entries.at(-1).name >= name)) throw unsupportedZip("its file names or their order differ");
    entries.push({ name, size, crc, offset, data: offset + 30 + nameLength });
    position += 46 + nameLength;
    offset += 30 + nameLength + size;
  }
  const lastEntry = entries.at(-1);
  const expected = concat(...entries.map(encodeDirectoryEntry), encodeRecord(END, [0x06054b50, 0, 0, count, count, length, start, 0]));
  if (lastEntry.data + lastEntry.size !== start || !equalBytes(concat(directory, tail), expected)) throw unsupportedZip("its central directory contains additional or different data");
  const names = entries.map(({ name }) => name);
  if (!names.includes("bagit.txt")) throw new NotBundleError(`${file.name} is a ZIP without a bundle.`);
  checkNames(names, "The ZIP");
  const members = new Map(entries.map((entry) => [entry.name, entry]));
  const blob = (name) => file.slice(members.get(name).data, members.get(name).data + members.get(name).size);
  const read = async (name) => {
    const entry = members.get(name);
    checkSize(name, entry.size);
    const entryBytes = await readBytes(entry.offset, entry.data + entry.size);
    const [header, data] = [entryBytes.subarray(0, entry.data - entry.offset), entryBytes.subarray(entry.data - entry.offset)];
    ensure(equalBytes(header, encodeLocalHeader(entry)), `The ZIP describes ${name} differently before its bytes and in its directory.`);
    ensure(crc32(data) === entry.crc, `${name} does not have the CRC-32 that the ZIP declares.`);
    return data;
  };
  return { title: file.name, names, leftOver: [], isZip: true, blob, read };
}
