/* Bytes, digests and JSON: what all other parts use. */

/** A check failed; the message is the sentence for the reader. */
class Broken extends Error {}

/** It holds together, but nobody on the trust list vouches for it. */
class UnknownWitness extends Error {}

/** It can't be checked here, or not yet. */
class Unchecked extends Error {}

function must(holds, problem) {
  if (!holds) throw new Broken(problem);
}

const MAX_JSON = 16 << 20;
const MAX_DEPTH = 64;

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Broken("A hexadecimal number can't be read.");
  return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
}

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);

const utf8 = (text) => new TextEncoder().encode(text);

function textOf(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Broken(`${what} isn't UTF-8.`);
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

/** Canonical JSON (RFC 8785): names sorted by UTF-16 code units, numbers and text as ECMAScript writes them. */
function canonicalText(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const fields = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonicalText(value[name])}`);
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value);
}

const canonical = (value) => utf8(canonicalText(value));

/** JSON in its one canonical form: so every reader sees the same. */
function parseCanonical(bytes, what) {
  const value = parseJson(bytes, what);
  if (canonicalText(value) !== textOf(bytes, what)) throw new Broken(`${what} isn't in its one canonical form (RFC 8785).`);
  return value;
}

/** JSON that every reader reads alike: no byte order mark, no name twice, no half characters, no number beyond 2**53. */
function parseJson(bytes, what) {
  if (bytes.length > MAX_JSON) throw new Broken(`${what} has ${bytes.length} bytes, more than the ${MAX_JSON} that are read.`);
  const text = textOf(bytes, what);
  checkBrackets(text, what);
  const value = parsed(text, what);
  checkPlain(value, what);
  return value;
}

function parsed(text, what) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Broken(`${what} isn't JSON that can be read.`);
  }
}

/** Count brackets before anything recursive looks at the text, and look for names that stand twice in one object. */
function checkBrackets(text, what) {
  const open = [];
  let start = 0;
  let name = "";
  for (let place = 0; place < text.length; place++) {
    const sign = text[place];
    if (sign === '"') {
      for (start = place++; place < text.length && text[place] !== '"'; place++) if (text[place] === "\\") place++;
      name = text.slice(start, place + 1);
    } else if (sign === "{" || sign === "[") {
      if (open.push(sign === "{" ? new Set() : null) > MAX_DEPTH) throw new Broken(`${what} is nested too deeply.`);
    } else if (sign === "}" || sign === "]") open.pop();
    else if (sign === ":" && open.at(-1)) {
      const key = parsed(name, what);
      if (open.at(-1).has(key)) throw new Broken(`${what} has a name twice in one object.`);
      open.at(-1).add(key);
    }
  }
}

/** Refuse half a surrogate pair, and numbers beyond 2**53 (RFC 7493). */
function checkPlain(value, what) {
  if (typeof value === "string" && /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value))
    throw new Broken(`${what} holds half a character.`);
  if (typeof value === "number" && Math.abs(value) >= 2 ** 53) throw new Broken(`${what} holds too large a number.`);
  if (Array.isArray(value)) value.forEach((item) => checkPlain(item, what));
  else if (value !== null && typeof value === "object")
    for (const name of Object.keys(value)) {
      checkPlain(name, what);
      checkPlain(value[name], what);
    }
}

/** Whether a time that has the form of one is on the calendar. */
function isMoment(text) {
  const time = new Date(text);
  return text >= "1000" && !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 19) === text.slice(0, 19);
}

/** The JSON Schemas of all formats, made from the code that writes them; only the keywords that they use are known. */
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
    if (!schema.properties) return Object.keys(item).forEach((name) => schema.additionalProperties && check(item[name], schema.additionalProperties, `${where}: ${name}`));
    for (const name of Object.keys(item))
      if (!Object.hasOwn(schema.properties, name)) throw new Broken(`${where} has an unknown field ${JSON.stringify(name.slice(0, 80))}.`);
    for (const name of schema.required)
      if (!Object.hasOwn(item, name)) throw new Broken(`${where} lacks the field ${JSON.stringify(name)}.`);
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
