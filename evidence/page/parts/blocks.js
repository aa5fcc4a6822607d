/* OpenTimestamps proofs, and the work behind the Bitcoin blocks that they lead to. */

const OTS_MAGIC = concat(utf8("\0OpenTimestamps\0\0Proof\0"), fromHex("bf89e2e884e89294"));
const BITCOIN = "0588960d73d71901";
const PENDING = "83dfe30d2ef90c8e";
/** Bytes of a message and of an argument, as the library's. */
const MAX_MESSAGE = 4096;
const MAX_OTS = 1 << 18;
const DIFFICULTY_ONE = 0xffffn << 208n;

/** Reads the bytes of a proof in order. */
class OtsReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.place = 0;
  }

  take(count) {
    if (this.place + count > this.bytes.length) throw new Broken("The OpenTimestamps proof can't be read.");
    this.place += count;
    return this.bytes.slice(this.place - count, this.place);
  }

  number() {
    let [value, shift] = [0, 1];
    for (let place = 0; place < 7; place++, shift *= 128) {
      const [byte] = this.take(1);
      value += (byte & 127) * shift;
      if (byte === 0 && place > 0) break;
      if (byte < 128) return value;
    }
    throw new Broken("The OpenTimestamps proof can't be read: a number is too long.");
  }

  text(limit) {
    const length = this.number();
    if (length > limit) throw new Broken("The OpenTimestamps proof can't be read.");
    return this.take(length);
  }
}

/** What a proof leads to: `{digest, blocks: [{height, root}], others}`. */
async function readOts(bytes) {
  if (bytes.length > MAX_OTS) throw new Broken("The OpenTimestamps proof is too long.");
  const reader = new OtsReader(bytes);
  if (!same(reader.take(OTS_MAGIC.length), OTS_MAGIC) || reader.number() !== 1) throw new Broken("The OpenTimestamps proof can't be read.");
  if (reader.take(1)[0] !== 8) throw new Broken("The OpenTimestamps proof isn't about a SHA-256 digest.");
  const found = { digest: reader.take(32), blocks: [], others: new Set(), left: 4096 };
  await readTimestamp(reader, found.digest, found, 256);
  if (reader.place !== bytes.length) throw new Broken("The OpenTimestamps proof can't be read.");
  found.blocks.sort((one, other) => one.height - other.height);
  return found;
}

async function readTimestamp(reader, message, found, left) {
  if (left === 0) throw new Broken("The OpenTimestamps proof is nested too deeply.");
  for (;;) {
    let [tag] = reader.take(1);
    const more = tag === 0xff;
    if (more) [tag] = reader.take(1);
    if (tag === 0) readAttestation(reader, message, found);
    else await readTimestamp(reader, await applyOperation(tag, reader, message, found), found, left - 1);
    if (!more) return;
  }
}

function readAttestation(reader, message, found) {
  const kind = hex(reader.take(8));
  const payload = new OtsReader(reader.text(8192));
  if (kind !== PENDING && kind !== BITCOIN) return void found.others.add(`something of the kind ${kind}`);
  if (kind === PENDING) {
    const address = textOf(payload.text(1000), "A calendar's address");
    if (!/^[A-Za-z0-9._/:-]*$/.test(address)) throw new Broken("The OpenTimestamps proof can't be read.");
    found.others.add(address);
  }
  const height = kind === BITCOIN ? payload.number() : 0;
  if (payload.place !== payload.bytes.length) throw new Broken("The OpenTimestamps proof can't be read.");
  if (kind === BITCOIN) found.blocks.push({ height, root: message });
}

/** The next message. Calendars use these three operations alone. */
async function applyOperation(tag, reader, message, found) {
  if (--found.left < 0 || ![0x08, 0xf0, 0xf1].includes(tag)) throw new Broken("The OpenTimestamps proof can't be read.");
  if (tag === 0x08) return sha256(message);
  const argument = reader.text(MAX_MESSAGE);
  if (!argument.length || message.length + argument.length > MAX_MESSAGE) throw new Broken("The OpenTimestamps proof can't be read.");
  return tag === 0xf0 ? concat(message, argument) : concat(argument, message);
}

/** The 80 bytes at the head of a block, read. */
async function readHeader(bytes) {
  if (bytes.length !== 80) throw new Broken(`A block header has 80 bytes, not ${bytes.length}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 80);
  const bits = view.getUint32(72, true);
  const [exponent, mantissa] = [bits >>> 24, BigInt(bits & 0xffffff)];
  let target = 0n;
  if (mantissa <= 0x7fffffn && exponent <= 32)
    target = exponent >= 3 ? mantissa << BigInt(8 * (exponent - 3)) : mantissa >> BigInt(8 * (3 - exponent));
  const hash = await sha256(await sha256(bytes));
  return { root: bytes.slice(36, 68), time: new Date(view.getUint32(68, true) * 1000), target, hash, name: hex(hash.slice().reverse()) };
}

/** One pinned chain whose rule the attesting block meets: `{chain, height, time}`. */
async function checkBlocks(proof, wanted, headers, trust) {
  const found = await readOts(proof);
  if (hex(found.digest) !== wanted) throw new Broken(`The proof is about another digest: ${hex(found.digest)}.`);
  if (!found.blocks.length) throw new Unchecked("pending: The proof is still pending: no Bitcoin block attests it yet.");
  const held = [];
  let failure = null;
  for (const block of found.blocks)
    if (headers.has(block.height))
      try {
        held.push({ ...block, header: await checkBlock(block, headers.get(block.height)) });
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        failure = failure || error;
      }
  if (!held.length && failure) throw failure;
  if (!held.length) throw new Unchecked(`pending: The header of Bitcoin block ${found.blocks.map((block) => block.height).join(", ")} isn't at hand.`);
  for (const chain of trust.chains) {
    const good = held.find(({ header }) => isPinned(chain, header));
    if (good) return { chain, height: good.height, time: good.header.time, others: [...found.others].sort() };
  }
  throw new UnknownWitness(`block ${held[0].height} meets the rule of no pinned chain.`);
}

async function checkBlock(block, bytes) {
  const header = await readHeader(bytes);
  const work = littleEndian(header.hash);
  if (!(work > 0n && work <= header.target)) throw new Broken("The block header has no proof of work: it was changed, or made up.");
  if (!same(header.root, block.root)) throw new Broken(`The block ${header.name} doesn't hold what the proof leads to.`);
  return header;
}

function isPinned(chain, header) {
  if (chain.blocks.length ? !chain.blocks.includes(header.name) : chain.network !== "main") return false;
  return chain.network !== "main" || Number(header.target) * chain.minimum_difficulty <= Number(DIFFICULTY_ONE);
}
