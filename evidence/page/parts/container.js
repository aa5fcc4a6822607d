/* The files of a bundle: in a folder, or in a ZIP that anybody may have made, read by the one profile of
   docs/bundle-format.md (APPNOTE.TXT 6.3.10): whatever two programs could read in different ways is refused. */

const MAX_ENTRIES = 10000;
const MAX_EXPANSION = 100;
const FREE_EXPANSION = 64 << 20;
const MAX_FILE = 512 << 20;
const SEGMENT = "[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?";
const NAME = new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`);
const RESERVED = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\/|$)/i;
/** Any plain name, such as "bundle (2)", that leads nowhere else on any system, and a path of such names. */
const PLAIN = "[^\\x00-\\x1f\\x7f/\\\\:]*[^\\x00-\\x1f\\x7f/\\\\: .]";
const PATH = new RegExp(`^${PLAIN}(?:/${PLAIN})*/?$`, "u");
const LEFT_OVER = /^(?:[^]*\/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;
/** Who packed: FAT, Unix, Windows in three numbers, macOS. */
const SYSTEMS = [0, 3, 10, 11, 14, 19];
/** How hard was packed, sizes behind the data, names in UTF-8. */
const DESCRIBED = 0x08;
const FLAGS = 0x0806 | DESCRIBED;
/** Extra fields that hold times and owners and nothing else: kind, length, and so many bytes. */
const EXTRA = /^(?:\n\0 \0.{32}|UT(?:\x05\0.{5}|\t\0.{9}|\r\0.{13})|UX(?:\x08\0.{8}|\x0c\0.{12})|Ux(?:\0\0|\x04\0.{4})|ux\x0b\0.{11})*$/s;

/** The parts of a ZIP by the bytes of their numbers: version, flags, method, time, date, CRC-32, both sizes, lengths of
    name and extra fields are what a file's header and its directory entry share. */
const SHARED = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
const [HEADER, ENTRY_HEAD, END] = [[4, ...SHARED], [4, 1, 1, ...SHARED, 2, 2, 2, 4, 4], [4, 2, 2, 2, 2, 4, 4, 2]];

/** Little-endian numbers from a place on, not a number beyond the end. */
function numbersAt(bytes, place, widths) {
  return widths.map((width) => {
    place += width;
    return Array.from({ length: width }, (_, back) => bytes[place - 1 - back]).reduce((sum, byte) => sum * 256 + byte, 0);
  });
}

const record = (widths, values) => Uint8Array.from(values.flatMap((value, place) => Array.from({ length: widths[place] }, (_, at) => Math.floor(value / 256 ** at) & 255)));

/** What was given is no bundle at all. */
class NoBundle extends Error {}

/** Names that can lie side by side in a folder on any system. */
function checkNames(names, what) {
  for (const name of names)
    if (name.length > 200 || !NAME.test(name) || RESERVED.test(name))
      throw new Broken(`${what} has a name that a bundle can't have: ${JSON.stringify(name.slice(0, 80))}.`);
  checkPlaces(names, what);
}

/** No two names (those of folders end with "/") lead to one place on any system. */
function checkPlaces(names, what) {
  const seen = new Set();
  const folders = new Set();
  for (const name of names) {
    const folded = name.toLowerCase();
    if (seen.has(folded)) throw new Broken(`${what} has the name ${name} twice.`);
    seen.add(folded);
    const parts = folded.split("/");
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join("/"));
  }
  for (const name of seen) if (folders.has(name)) throw new Broken(`${what} has ${name} both as a file and as a folder.`);
}

/** The bundle's files by name, without a folder around everything in a ZIP, what is unusual, and what file managers left, by name and as it lies there. */
function tidy(entries, what) {
  const isZip = what === "The ZIP";
  if (isZip) checkPlaces(entries.map((entry) => entry.name), what);
  const all = entries.filter((entry) => !entry.name.endsWith("/"));
  const leftOver = all.filter((entry) => LEFT_OVER.test(entry.name));
  let files = all.filter((entry) => !LEFT_OVER.test(entry.name));
  const remarks = [];
  const tops = new Set(files.map((entry) => entry.name.split("/")[0]));
  const [top] = tops;
  if (isZip && tops.size === 1 && files.some((entry) => entry.name === `${top}/bagit.txt`)) {
    files = files.map((entry) => ({ ...entry, name: entry.name.slice(top.length + 1) }));
    remarks.push("everything lies in a folder of its own");
  }
  checkNames(files.map((entry) => entry.name), what);
  const [names, beside] = [files, leftOver].map((group) => group.map((entry) => entry.name).sort());
  return { files: new Map(files.map((entry) => [entry.name, entry])), names, remarks, leftOver: beside, notRead: leftOver };
}

/** A folder, as the browser gives it: files with their paths. */
class FolderBundle {
  constructor(name, files) {
    if (files.length > MAX_ENTRIES) throw new Broken(`The folder has more than ${MAX_ENTRIES} files.`);
    if (!files.some((entry) => entry.name === "bagit.txt")) throw new NoBundle(`${name} is a folder without bagit.txt. Choose the folder that holds bagit.txt.`);
    Object.assign(this, { title: name, ...tidy(files, "The folder") });
  }

  async read(name, limit = MAX_FILE) {
    const { file } = this.files.get(name);
    if (file.size > limit) throw new Unchecked(`${name} has ${file.size} bytes, more than this page reads; use the Python verifier.`);
    return new Uint8Array(await file.arrayBuffer());
  }

  /** A folder has no bytes of its own to compare. */
  async isAsWritten() {
    return null;
  }
}

/** A ZIP, read by its central directory, within limits. */
class ZipBundle {
  static async open(file, title = file.name) {
    const bundle = new ZipBundle();
    bundle.title = title;
    bundle.file = file;
    const entries = await bundle.readDirectory();
    const total = entries.reduce((sum, entry) => sum + entry.size, 0);
    if (total > FREE_EXPANSION + MAX_EXPANSION * file.size)
      throw new Broken(`The ZIP of ${file.size} bytes would unpack to ${total}, which no bundle does.`);
    Object.assign(bundle, tidy(entries, "The ZIP"));
    for (const entry of bundle.notRead) await bundle.unpacked(entry, MAX_FILE);
    return bundle;
  }

  async read(name, limit = MAX_FILE) {
    return this.unpacked(this.files.get(name), limit);
  }

  async unpacked(entry, limit) {
    if (entry.size > limit) throw new Unchecked(`${entry.name} has ${entry.size} bytes, more than this page reads; use the Python verifier.`);
    const packed = this.file.slice(entry.data, entry.data + entry.packed);
    const bytes = entry.method === 0 ? new Uint8Array(await packed.arrayBuffer()) : await unpack(packed, entry);
    if (bytes.length !== entry.size) throw new Broken(`${entry.name} doesn't hold the ${entry.size} bytes that the ZIP declares.`);
    if (crc32(bytes) !== entry.crc) throw new Broken(`${entry.name} doesn't have the CRC-32 that the ZIP declares.`);
    return bytes;
  }

  /** Whether the ZIP is byte for byte the one that its contents give; `measured` has size and CRC-32 by name. */
  async isAsWritten(measured) {
    const directory = [];
    let offset = 0;
    for (const name of this.names) {
      const { size, crc } = measured.get(name);
      const entry = this.files.get(name);
      const head = zipHeader(name, size, crc);
      if (entry.method !== 0 || entry.data !== offset + head.length || !same(await this.bytes(offset, head.length), head)) return false;
      directory.push(zipDirectoryEntry(name, size, crc, offset));
      offset += head.length + size;
    }
    const packed = concat(...directory);
    const tail = concat(packed, zipEnd(directory.length, packed.length, offset));
    return this.file.size === offset + tail.length && same(await this.bytes(offset, tail.length), tail);
  }

  async bytes(start, length) {
    return new Uint8Array(await this.file.slice(start, start + length).arrayBuffer());
  }

  async readDirectory() {
    const [start, count] = await this.readEnd();
    const raw = await this.bytes(start, this.file.size - start);
    const marks = { 0x0201: 0, 0x0605: 0, 0x0606: 0, 0x0706: 0 };
    for (let place = 0; place + 4 <= raw.length; place++)
      if (raw[place] === 0x50 && raw[place + 1] === 0x4b && (raw[place + 2] | (raw[place + 3] << 8)) in marks) marks[raw[place + 2] | (raw[place + 3] << 8)]++;
    if (marks[0x0201] !== count || marks[0x0605] !== 1 || marks[0x0606] || marks[0x0706]) throw differs("has a directory with other structures inside");
    const entries = [];
    const directory = raw.subarray(0, raw.length - 22);
    let place = 0;
    for (let number = 0; number < count; number++) {
      entries.push(readDirectoryEntry(directory, place));
      place = entries[number].next;
    }
    if (place !== directory.length) throw differs("has something between its directory and its end");
    await this.placeFiles(entries, start);
    return entries;
  }

  /** Where the directory starts, and of how many members. */
  async readEnd() {
    const length = this.file.size;
    const tail = await this.bytes(Math.max(0, length - 22 - 0xffff), 22 + 0xffff);
    const isEnd = (at) => at >= 0 && tail[at] === 0x50 && tail[at + 1] === 0x4b && tail[at + 2] === 5 && tail[at + 3] === 6;
    if (hex(await this.bytes(0, 4)) !== "504b0304" && !tail.some((_, at) => isEnd(at)))
      throw new NoBundle(`${this.title} isn't a ZIP. Give the ZIP as it was downloaded, or the folder that holds bagit.txt.`);
    if (!isEnd(tail.length - 22)) throw new Broken("The ZIP's end is missing or damaged, or something follows it.");
    const [, disk, firstDisk, here, count, size, start, comment] = numbersAt(tail, tail.length - 22, END);
    if (size > MAX_ENTRIES * 1024) throw new Broken("The ZIP's directory is larger than any bundle's.");
    if (count > MAX_ENTRIES) throw new Broken(`The ZIP has more than ${MAX_ENTRIES} files.`);
    if (!count || disk || firstDisk || here !== count || comment || start + size !== length - 22) throw differs("has an end that doesn't fit its directory");
    return [start, count];
  }

  /** Where each file's bytes begin: members lie back to back in the directory's order, from the first byte on. */
  async placeFiles(entries, limit) {
    let reached = 0;
    for (const entry of entries) {
      const shown = JSON.stringify(entry.name.slice(0, 80));
      if (entry.offset < reached) throw new Broken(`The ZIP has files that overlap: ${shown}.`);
      if (entry.offset > reached) throw differs(`has a gap before ${shown}, or another order in its directory`);
      entry.data = await this.readHeader(entry, shown);
      reached = entry.data + entry.packed;
      if (entry.flags & DESCRIBED) {
        const [mark, ...stated] = numbersAt(await this.bytes(reached, 16), 0, [4, 4, 4, 4]);
        if (mark !== 0x08074b50 || !agree(stated, entry)) throw differs(`says something else of ${shown} behind its bytes`);
        reached += 16;
      }
      if (reached > limit) throw new Broken(`The ZIP has a file that ends outside of it: ${shown}.`);
    }
    if (reached !== limit) throw differs("has a gap before its directory");
  }

  /** Where the packed bytes begin, behind a header that says what the directory says. */
  async readHeader(entry, shown) {
    const head = await this.bytes(entry.offset, 30);
    const [mark, , , , , , crc, packed, size, nameLength, extraLength] = numbersAt(head, 0, HEADER);
    if (head.length !== 30 || mark !== 0x04034b50) throw new Broken(`The ZIP's own header of ${shown} is damaged.`);
    const rest = await this.bytes(entry.offset + 30, nameLength + extraLength);
    const alike = same(head.subarray(4, 14), entry.fields) && same(rest.subarray(0, nameLength), entry.rawName);
    const whole = rest.length === nameLength + extraLength && isTimes(rest.subarray(nameLength));
    if (!alike || !whole || !agree([crc, packed, size], entry, entry.flags & DESCRIBED))
      throw differs(`says one thing of ${shown} before its bytes and another in its directory`);
    return entry.offset + 30 + rest.length;
  }
}

const differs = (what) => new Broken(`The ZIP ${what}, which programs read in different ways; unpack it and check the folder.`);
const agree = (stated, { crc, packed, size }, mayLack = 0) => [crc, packed, size].every((value, at) => stated[at] === value || (mayLack && stated[at] === 0));

function readDirectoryEntry(raw, place) {
  const [mark, , system, version, flags, method, , , crc, packed, size, nameLength, extraLength, comment, disk, , attributes, offset] = numbersAt(raw, place, ENTRY_HEAD);
  if (place + 46 > raw.length || mark !== 0x02014b50) throw differs("has a damaged directory");
  const nameEnd = place + 46 + nameLength;
  const next = nameEnd + extraLength;
  const rawName = raw.subarray(place + 46, nameEnd);
  const name = entryName(rawName);
  const entry = { name, rawName, flags, method, crc, packed, size, offset, next, fields: raw.subarray(place + 6, place + 16) };
  const shown = JSON.stringify(name.slice(0, 80));
  if (next > raw.length || comment || disk || !isTimes(raw.subarray(nameEnd, next))) throw differs(`says more of ${shown} than times and owners`);
  if (flags & 0x2041) throw new Broken(`The ZIP has an encrypted file: ${shown}.`);
  if (method !== 0 && method !== 8) throw new Broken(`${shown} is packed by method ${method}; unpack the ZIP and check the folder.`);
  if (flags & ~FLAGS || version > 20 || !SYSTEMS.includes(system)) throw differs(`wants more of its readers for ${shown} than plain unpacking`);
  if (flags & DESCRIBED && method === 0) throw differs(`doesn't say before its bytes where ${shown} ends`);
  if (method === 0 && packed !== size) throw differs(`states two sizes of ${shown}`);
  checkMode(entry, attributes, shown);
  return entry;
}

/** A name that ends with a slash is a folder, and no other is; links and devices are neither. */
function checkMode({ name, packed }, attributes, shown) {
  const isFolder = name.endsWith("/");
  const kind = (attributes >>> 16) & 0o170000;
  if (kind === 0o120000) throw new Broken(`The ZIP has a link instead of a file: ${shown}.`);
  if ((kind && kind !== (isFolder ? 0o040000 : 0o100000)) || (!isFolder && attributes & 0x18) || (isFolder && packed))
    throw differs(`has ${shown} both as a file and as something else`);
}

/** A member's name: UTF-8, and leading nowhere else on any system. */
function entryName(bytes) {
  let name;
  try {
    name = textOf(bytes, "A name");
  } catch {
    throw differs("has a name that isn't UTF-8");
  }
  if (!PATH.test(name) || name.startsWith("\ufeff")) throw new Broken(`The ZIP has a name that a bundle can't have: ${JSON.stringify(name.slice(0, 80))}.`);
  return name;
}

const isTimes = (extra) => EXTRA.test(Array.from(extra, (byte) => String.fromCharCode(byte)).join(""));

async function unpack(packed, entry) {
  const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const pieces = [];
  let count = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return concat(...pieces);
      count += value.length;
      if (count > entry.size) break;
      pieces.push(value);
    }
  } catch {
    throw new Broken(`${entry.name} can't be unpacked.`);
  }
  await reader.cancel();
  throw new Broken(`${entry.name} doesn't hold the ${entry.size} bytes that the ZIP declares.`);
}

/** The shared numbers of a file that is stored and dated 1980-01-01. */
const shared = (name, size, crc) => [20, 0, 0, 0, 0x21, crc, size, size, name.length, 0];

const zipHeader = (name, size, crc) => concat(record(HEADER, [0x04034b50, ...shared(name, size, crc)]), utf8(name));

const zipDirectoryEntry = (name, size, crc, offset) =>
  concat(record(ENTRY_HEAD, [0x02014b50, 20, 3, ...shared(name, size, crc), 0, 0, 0, 0o100644 * 65536, offset]), utf8(name));

const zipEnd = (count, size, offset) => record(END, [0x06054b50, 0, 0, count, count, size, offset, 0]);
