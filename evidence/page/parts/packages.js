/* What holds bundles and is none, such as a Bundle for the court: each bundle in it is opened by itself. A package may be
   written by any program, so that its directory is read without the strictness of a bundle's own ZIP. */

const MOST_INSIDE = 1000;
const MOST_ZIPS = 4;

/** The ways to open what somebody gave, `[open, title]` each: the bundle, or those that lie in a package. */
async function opensOf(file, title = file.name, depth = 1) {
  const entries = await entriesOf(file);
  if (!entries || isBundle(entries.map(({ name }) => name))) return [[() => ZipBundle.open(file, title), title]];
  const inside = entries.filter(({ name }) => /\.zip$/i.test(name) && !LEFT_OVER.test(name));
  const unpacked = entries.filter(({ name }) => name.endsWith("/bagit.txt")).map(({ name }) => name.slice(0, -10));
  if (!inside.length && !unpacked.length) return [refused(title, `${title} is a ZIP in which no bundle lies. Give a bundle's ZIP as it was downloaded, or the folder that holds bagit.txt.`)];
  if (depth >= MOST_ZIPS || inside.length > MOST_INSIDE) return [refused(title, `${title} holds more than this page opens. Unpack it, and give the bundles in it one by one.`)];
  const opens = unpacked.map((name) => refused(`${title}/${name}`, `${title} holds the unpacked bundle ${name}. Unpack the ZIP, and give that folder.`));
  for (const { name, method, flags, packed, offset } of inside) {
    const called = `${title}/${name}`;
    if (method || flags & 1) opens.push(refused(called, `${title} holds ${name}, packed. Unpack ${title}, and give the ZIPs in it, all at once or one by one.`));
    else opens.push(...(await opensOf(await storedIn(file, offset, packed), called, depth + 1)));
  }
  return opens;
}

/** The ways to open the bundles in a folder: itself, those unpacked below it, and ZIPs. */
async function opensBelow(name, entries) {
  if (entries.some((entry) => entry.name === "bagit.txt")) return [[async () => new FolderBundle(name, entries), name]];
  const folders = entries.filter((entry) => entry.name.endsWith("/bagit.txt")).map((entry) => entry.name.slice(0, -9));
  const below = (folder) => entries.filter((entry) => entry.name.startsWith(folder)).map((entry) => ({ ...entry, name: entry.name.slice(folder.length) }));
  const opens = folders.map((folder) => [async () => new FolderBundle(`${name}/${folder.slice(0, -1)}`, below(folder)), `${name}/${folder}`]);
  const zips = entries.filter((entry) => /\.zip$/i.test(entry.name) && !LEFT_OVER.test(entry.name) && !folders.some((folder) => entry.name.startsWith(folder)));
  for (const entry of zips.slice(0, MOST_INSIDE)) opens.push(...(await opensOf(entry.file, `${name}/${entry.name}`)));
  return opens.length ? opens : [[async () => new FolderBundle(name, entries), name]];
}

const refused = (title, sentence) => [
  async () => {
    throw new NoBundle(sentence);
  },
  title,
];

/** Whether these files are a bundle's, also with a folder around everything. */
function isBundle(names) {
  const files = names.filter((name) => !name.endsWith("/") && !LEFT_OVER.test(name));
  const tops = [...new Set(files.map((name) => name.split("/")[0]))];
  const starts = ["", ...(tops.length === 1 ? [`${tops[0]}/`] : [])];
  return starts.some((start) => ["bagit.txt", MANIFEST].some((name) => files.includes(start + name)));
}

/** A file that is stored in a ZIP, as it lies there. */
async function storedIn(file, offset, packed) {
  const head = new Uint8Array(await file.slice(offset, offset + 30).arrayBuffer());
  const [, , , , , , , , , nameLength, extraLength] = numbersAt(head, 0, HEADER);
  const start = offset + 30 + nameLength + extraLength;
  return file.slice(start, start + packed);
}

/** The members of any ZIP by its directory, or null where it can't be read: then the strict reader says why. */
async function entriesOf(file) {
  const tail = new Uint8Array(await file.slice(Math.max(0, file.size - 22 - 0xffff)).arrayBuffer());
  let at = tail.length - 22;
  while (at >= 0 && !(tail[at] === 0x50 && tail[at + 1] === 0x4b && tail[at + 2] === 5 && tail[at + 3] === 6)) at--;
  if (at < 0) return null;
  const [, , , , count, size, start] = numbersAt(tail, at, END);
  if (count > MAX_ENTRIES || size > MAX_ENTRIES * 1024 || start + size > file.size) return null;
  const raw = new Uint8Array(await file.slice(start, start + size).arrayBuffer());
  const [entries, text] = [[], new TextDecoder()];
  for (let place = 0, number = 0; number < count; number++) {
    if (place + 46 > raw.length) return null;
    const [mark, , , , flags, method, , , , packed, , nameLength, extraLength, comment, , , , offset] = numbersAt(raw, place, ENTRY_HEAD);
    if (mark !== 0x02014b50 || offset + packed > file.size) return null;
    entries.push({ name: text.decode(raw.subarray(place + 46, place + 46 + nameLength)), method, flags, packed, offset });
    place += 46 + nameLength + extraLength + comment;
  }
  return entries;
}
