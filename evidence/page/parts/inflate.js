/* Inflating what stands in recorded exchanges (RFC 1950 to 1952), as zlib does: a browser's own stream doesn't tell where
   what is packed ends, nor what of it came before it broke off. */

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const FIXED = [...Array(144).fill(8), ...Array(112).fill(9), ...Array(24).fill(7), ...Array(8).fill(8)];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const notPacked = () => new Broken("A recorded response can't be unpacked.");

/** The packed bytes ended early: no error, for what came until then counts. */
class Ended extends Error {}

/** How many codes of each length there are, and the symbols in their order; one that nobody needs may be incomplete. */
function codesOf(lengths, { partial = false } = {}) {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]++;
  const used = lengths.length - counts[0];
  let left = 1;
  for (let length = 1; length < 16; length++) if ((left = left * 2 - counts[length]) < 0) throw notPacked();
  if (left && !(partial && (used === 0 || (used === 1 && counts[1] === 1)))) throw notPacked();
  const symbols = Array.from(lengths.keys()).filter((symbol) => lengths[symbol]).sort((one, other) => lengths[one] - lengths[other] || one - other);
  return { counts, symbols };
}

/** Bytes of a deflate stream from a place on: `{bytes, end}`; `end` is null where it breaks off. Throws Broken when it is damaged or too long. */
function inflate(data, start, most) {
  let [out, size, at, held, bits] = [new Uint8Array(1 << 16), 0, start, 0, 0];
  const take = (count) => {
    for (; bits < count; bits += 8) {
      if (at >= data.length) throw new Ended();
      held |= data[at++] << bits;
    }
    const value = held & ((1 << count) - 1);
    held >>>= count;
    bits -= count;
    return value;
  };
  const put = (byte) => {
    if (size === most) throw notPacked();
    if (size === out.length) out = concat(out, new Uint8Array(size));
    out[size++] = byte;
  };
  const symbolOf = ({ counts, symbols }) => {
    for (let [length, code, first, index] = [1, 0, 0, 0]; length < 16; length++) {
      code |= take(1);
      if (code - counts[length] < first) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw notPacked();
  };
  const stored = () => {
    [held, bits] = [0, 0];
    const length = take(16);
    if ((take(16) ^ length) !== 0xffff) throw notPacked();
    for (let place = 0; place < length; place++) put(take(8));
  };
  const tables = () => {
    const [literals, distances, count] = [take(5) + 257, take(5) + 1, take(4) + 4];
    const first = Array(19).fill(0);
    for (let place = 0; place < count; place++) first[ORDER[place]] = take(3);
    const [codes, lengths] = [codesOf(first), []];
    while (lengths.length < literals + distances) {
      const symbol = symbolOf(codes);
      if (symbol === 16 && !lengths.length) throw notPacked();
      const [value, times] = symbol < 16 ? [symbol, 1] : symbol === 16 ? [lengths.at(-1), 3 + take(2)] : [0, symbol === 17 ? 3 + take(3) : 11 + take(7)];
      lengths.push(...Array(times).fill(value));
    }
    if (lengths.length > literals + distances || !lengths[256] || literals > 286 || distances > 30) throw notPacked();
    return [codesOf(lengths.slice(0, literals), { partial: true }), codesOf(lengths.slice(literals), { partial: true })];
  };
  const packed = ([literals, distances]) => {
    for (let symbol = symbolOf(literals); symbol !== 256; symbol = symbolOf(literals)) {
      if (symbol < 256) put(symbol);
      else {
        const place = symbol - 257;
        if (place > 28) throw notPacked();
        const length = LENGTHS[place] + take(place < 8 || place === 28 ? 0 : (place >> 2) - 1);
        const far = symbolOf(distances);
        if (far > 29) throw notPacked();
        const back = (far < 4 ? far : (2 + (far & 1)) << ((far >> 1) - 1)) + 1 + take(far < 4 ? 0 : (far >> 1) - 1);
        if (back > size) throw notPacked();
        for (let copied = 0; copied < length; copied++) put(out[size - back]);
      }
    }
  };
  try {
    for (let last = 0; !last; ) {
      last = take(1);
      const kind = take(2);
      if (kind === 3) throw notPacked();
      if (kind) packed(kind === 1 ? [codesOf(FIXED), codesOf(Array(32).fill(5))] : tables());
      else stored();
    }
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    at = null;
  }
  return { bytes: out.subarray(0, size), end: at };
}

/** One member of gzip: `{bytes, end}`. */
function inflateGzip(data, start, most) {
  const [flags, view] = [data[start + 3], new DataView(data.buffer, data.byteOffset, data.length)];
  if ([0x1f, 0x8b, 8].some((byte, place) => start + place < data.length && data[start + place] !== byte) || flags & 0xe0) throw notPacked();
  let at = start + 10;
  if (flags & 4 && at + 2 <= data.length) at += 2 + view.getUint16(at, true);
  for (const flag of [8, 16]) if (flags & flag) at = data.indexOf(0, at) + 1 || data.length;
  if (flags & 2 && at + 2 <= data.length && view.getUint16(at, true) !== (crc32(data.subarray(start, at)) & 0xffff)) throw notPacked();
  const { bytes, end } = inflate(data, at + (flags & 2), most);
  if (end === null || end + 8 > data.length) return { bytes, end: data.length };
  if (view.getUint32(end, true) !== crc32(bytes) || view.getUint32(end + 4, true) !== bytes.length) throw notPacked();
  return { bytes, end: end + 8 };
}

/** A deflate stream, with the frame of zlib or without. */
function inflateZlib(data, most) {
  if (data.length < 2 || (data[0] & 15) !== 8 || ((data[0] << 8) | data[1]) % 31) return inflate(data, 0, most);
  if (data[0] >> 4 > 7 || data[1] & 32) throw notPacked();
  const { bytes, end } = inflate(data, 2, most);
  let [low, high] = [1, 0];
  for (const byte of bytes) [low, high] = [(low + byte) % 65521, (high + low + byte) % 65521];
  if (end !== null && end + 4 <= data.length && new DataView(data.buffer, data.byteOffset + end, 4).getUint32(0) !== high * 65536 + low) throw notPacked();
  return { bytes, end };
}
