/* The files of a bundle: in a ZIP that anybody may have made (APPNOTE.TXT 6.3.10), or in a folder. */

const MAX_ENTRIES = 10000;
const MAX_EXPANSION = 100;
const FREE_EXPANSION = 64 << 20;
const MAX_FILE = 512 << 20;
const FULL32 = 0xffffffff;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const RESERVED = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\/|$)/i;
/** A folder around everything: any plain name, such as "bundle (2)", that leads nowhere else on any system. */
const TOP = /^[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]$/;
const JUNK = ["__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"];

/** What was given is no bundle at all. */
class NoBundle extends Error {}

const isJunk = (name) => name.split("/").some((part) => JUNK.includes(part) || part.startsWith("._"));

/** Names that can lie side by side in a folder on any system. */
function checkNames(names, what) {
  const seen = new Set();
  const folders = new Set();
  for (const name of names) {
    if (name.length > 200 || !NAME.test(name) || RESERVED.test(name))
      throw new Broken(`${what} has a name that a bundle can't have: ${JSON.stringify(name.slice(0, 80))}.`);
    const folded = name.toLowerCase();
    if (seen.has(folded)) throw new Broken(`${what} has the name ${name} twice.`);
    seen.add(folded);
    const parts = folded.split("/");
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join("/"));
  }
  for (const name of seen) if (folders.has(name)) throw new Broken(`${what} has ${name} both as a file and as a folder.`);
}

/** Leave out folders and what file managers add, and take off one folder around everything. */
function tidy(entries, what) {
  const remarks = entries.filter((entry) => isJunk(entry.name)).map((entry) => `${entry.name} was left by a file manager`);
  let files = entries.filter((entry) => !entry.name.endsWith("/") && !isJunk(entry.name));
  const tops = new Set(files.map((entry) => entry.name.split("/")[0]));
  const [top] = tops;
  if (tops.size === 1 && TOP.test(top) && files.some((entry) => entry.name === `${top}/bagit.txt`)) {
    files = files.map((entry) => ({ ...entry, name: entry.name.slice(top.length + 1) }));
    remarks.push("everything lies in a folder of its own");
  }
  checkNames(files.map((entry) => entry.name), what);
  return { files, remarks };
}

/** A folder, as the browser gives it: files with their paths. */
class FolderBundle {
  constructor(name, files) {
    if (files.length > MAX_ENTRIES) throw new Broken(`The folder has more than ${MAX_ENTRIES} files.`);
    const tidied = tidy(files, "The folder");
    this.title = name;
    this.files = new Map(tidied.files.map((entry) => [entry.name, entry.file]));
    if (!this.files.has("bagit.txt")) throw new NoBundle(`${name} is a folder without bagit.txt. Choose the folder that holds bagit.txt.`);
    this.names = [...this.files.keys()].sort();
    this.remarks = tidied.remarks;
  }

  size(name) {
    return this.files.get(name).size;
  }

  async read(name, limit = MAX_FILE) {
    return wholeFile(this.files.get(name), name, limit);
  }

  /** A folder has no bytes of its own to compare. */
  async isAsWritten() {
    return null;
  }
}

async function wholeFile(file, name, limit) {
  if (file.size > limit) throw new Unchecked(`${name} has ${file.size} bytes, more than this page reads; use the Python verifier.`);
  return new Uint8Array(await file.arrayBuffer());
}

/** A ZIP, read by its central directory, within limits, and without trusting a checksum. */
class ZipBundle {
  static async open(file) {
    const bundle = new ZipBundle();
    bundle.title = file.name;
    bundle.file = file;
    const entries = await bundle.readDirectory();
    const tidied = tidy(entries, "The ZIP");
    const total = tidied.files.reduce((sum, entry) => sum + entry.size, 0);
    if (total > FREE_EXPANSION + MAX_EXPANSION * file.size)
      throw new Broken(`The ZIP of ${file.size} bytes would unpack to ${total}, which no bundle does.`);
    bundle.entries = new Map(tidied.files.map((entry) => [entry.name, entry]));
    bundle.names = [...bundle.entries.keys()].sort();
    bundle.remarks = tidied.remarks;
    return bundle;
  }

  size(name) {
    return this.entries.get(name).size;
  }

  async read(name, limit = MAX_FILE) {
    const entry = this.entries.get(name);
    if (entry.size > limit) throw new Unchecked(`${name} has ${entry.size} bytes, more than this page reads; use the Python verifier.`);
    const packed = this.file.slice(entry.data, entry.data + entry.packed);
    const bytes = entry.method === 0 ? new Uint8Array(await packed.arrayBuffer()) : await unpack(packed, entry);
    if (bytes.length !== entry.size) throw new Broken(`${name} doesn't hold the ${entry.size} bytes that the ZIP declares.`);
    return bytes;
  }

  /** Whether the ZIP is byte for byte the one that its contents give; `measured` has size and CRC-32 by name. */
  async isAsWritten(measured) {
    const directory = [];
    let offset = 0;
    for (const name of this.names) {
      const { size, crc } = measured.get(name);
      const entry = this.entries.get(name);
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

  async view(start, length) {
    const bytes = await this.bytes(start, length);
    return new DataView(bytes.buffer);
  }

  async readDirectory() {
    const { end, start, shift } = await this.findDirectory();
    if (end - start > MAX_ENTRIES * 1024) throw new Broken("The ZIP's directory is larger than any bundle's.");
    const raw = await this.bytes(start, end - start);
    const entries = [];
    let place = 0;
    while (place + 46 <= raw.length && new DataView(raw.buffer, place).getUint32(0, true) === 0x02014b50) {
      const entry = readDirectoryEntry(raw, place);
      entry.offset += shift;
      entries.push(entry);
      place = entry.next;
      if (entries.length > MAX_ENTRIES) throw new Broken(`The ZIP has more than ${MAX_ENTRIES} files.`);
    }
    await this.placeFiles(entries.filter((entry) => !entry.name.endsWith("/")), start);
    return entries;
  }

  async findDirectory() {
    const length = this.file.size;
    const tail = await this.bytes(Math.max(0, length - 22 - 0xffff), 22 + 0xffff);
    let found = tail.length - 4;
    while (found >= 0 && !(tail[found] === 0x50 && tail[found + 1] === 0x4b && tail[found + 2] === 5 && tail[found + 3] === 6)) found--;
    if (found < 0 && hex(await this.bytes(0, 4)) !== "504b0304") throw new NoBundle(`${this.title} isn't a ZIP. Give the ZIP as it was downloaded, or the folder that holds bagit.txt.`);
    if (found < 0 || found + 22 > tail.length) throw new Broken("The ZIP's end is missing or damaged.");
    const fields = new DataView(tail.buffer, found);
    let end = length - tail.length + found;
    let size = fields.getUint32(12, true);
    let offset = fields.getUint32(16, true);
    if (size === FULL32 || offset === FULL32) [end, size, offset] = await this.readEnd64(end);
    for (const start of [offset, end - size])
      if (start >= 0 && start <= end - 46 && (await this.view(start, 4)).getUint32(0, true) === 0x02014b50)
        return { end, start, shift: start === end - size ? start - offset : 0 };
    throw new Broken("The ZIP's directory can't be found.");
  }

  async readEnd64(end) {
    const locator = await this.view(Math.max(0, end - 20), 20);
    if (locator.byteLength === 20 && locator.getUint32(0, true) === 0x07064b50) {
      const place = Number(locator.getBigUint64(8, true));
      const fields = await this.view(place, 56);
      if (fields.byteLength === 56 && fields.getUint32(0, true) === 0x06064b50)
        return [place, Number(fields.getBigUint64(40, true)), Number(fields.getBigUint64(48, true))];
    }
    throw new Broken("The ZIP's end for large files is damaged.");
  }

  /** Where each file's bytes begin; files that overlap or end outside could be read in two ways. */
  async placeFiles(entries, limit) {
    let reached = 0;
    for (const entry of [...entries].sort((one, other) => one.offset - other.offset)) {
      const shown = JSON.stringify(entry.name.slice(0, 80));
      if (entry.offset < reached) throw new Broken(`The ZIP has files that overlap: ${shown}.`);
      if (entry.offset > limit) throw new Broken(`The ZIP has a file that lies outside of it: ${shown}.`);
      const head = await this.view(entry.offset, 30);
      if (head.byteLength !== 30 || head.getUint32(0, true) !== 0x04034b50) throw new Broken(`The ZIP's own header of ${shown} is damaged.`);
      entry.data = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
      reached = entry.data + entry.packed;
      if (reached > limit) throw new Broken(`The ZIP has a file that ends outside of it: ${shown}.`);
    }
  }
}

function readDirectoryEntry(raw, place) {
  const fields = new DataView(raw.buffer, place);
  const nameEnd = place + 46 + fields.getUint16(28, true);
  const extraEnd = nameEnd + fields.getUint16(30, true);
  const name = entryName(raw.subarray(place + 46, nameEnd));
  const shown = JSON.stringify(name.slice(0, 80));
  if (fields.getUint16(8, true) & 0x2041) throw new Broken(`The ZIP has an encrypted file: ${shown}.`);
  if (fields.getUint16(4, true) >> 8 === 3 && ((fields.getUint32(38, true) >>> 16) & 0o170000) === 0o120000)
    throw new Broken(`The ZIP has a link instead of a file: ${shown}.`);
  const method = fields.getUint16(10, true);
  if (method !== 0 && method !== 8) throw new Broken(`${shown} is packed by method ${method}, which isn't read here; unpack the ZIP first.`);
  const [size, packed, offset] = largeValues(raw.subarray(nameEnd, extraEnd), [24, 20, 42].map((at) => fields.getUint32(at, true)));
  return { name, method, size, packed, offset, next: extraEnd + fields.getUint16(32, true) };
}

/** A member's name; older programs write names in other encodings, of which none is a bundle's. */
function entryName(bytes) {
  try {
    return textOf(bytes, "A name");
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** Size, packed size and offset, with those that stand in the ZIP64 extra field put in (APPNOTE.TXT 4.5.3). */
function largeValues(extra, values) {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.length);
  let place = 0;
  while (place + 4 <= extra.length) {
    const length = view.getUint16(place + 2, true);
    if (view.getUint16(place, true) === 1) {
      let at = place + 4;
      for (let index = 0; index < 3; index++)
        if (values[index] === FULL32 && at + 8 <= Math.min(place + 4 + length, extra.length)) {
          values[index] = Number(view.getBigUint64(at, true));
          at += 8;
        }
    }
    place += 4 + length;
  }
  return values;
}

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

/** The fields that a file's header and its directory entry share: stored, dated 1980-01-01. */
function zipFields(view, at, name, size, crc) {
  view.setUint16(at, 20, true);
  view.setUint16(at + 8, 0x21, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
}

function zipHeader(name, size, crc) {
  const view = new DataView(new ArrayBuffer(30));
  view.setUint32(0, 0x04034b50, true);
  zipFields(view, 4, name, size, crc);
  return concat(new Uint8Array(view.buffer), utf8(name));
}

function zipDirectoryEntry(name, size, crc, offset) {
  const view = new DataView(new ArrayBuffer(46));
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, (3 << 8) | 20, true);
  zipFields(view, 6, name, size, crc);
  view.setUint32(38, ((0o100644 << 16) >>> 0), true);
  view.setUint32(42, offset, true);
  return concat(new Uint8Array(view.buffer), utf8(name));
}

function zipEnd(count, size, offset) {
  const view = new DataView(new ArrayBuffer(22));
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return new Uint8Array(view.buffer);
}
