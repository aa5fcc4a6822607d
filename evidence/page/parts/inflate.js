/* Inflating what stands in recorded exchanges (RFC 1950 to 1952), as zlib does: a browser's own stream doesn't tell where
   what is packed ends, nor what of it came before it broke off. */

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const FIXED = [...Array(144).fill(8), ...Array(112).fill(9), ...Array(24).fill(7), ...Array(8).fill(8)];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** How many bytes have been unpacked so far. */
const inflated = { bytes: 0 };

/** The packed bytes ended early: no error, for what came until then counts. */
class Ended extends Error {}

function packedWell(holds) {
  if (!holds) throw new Broken("A recorded response can't be unpacked.");
}

/** How many codes of each length there are, and the symbols in their order; a single code of one bit may stand alone, or none. */
function codesOf(lengths, mayLack = false) {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]++;
  const used = lengths.length - counts[0];
  const left = counts.slice(1).reduce((free, count) => (free < 0 ? free : free * 2 - count), 1);
  packedWell(left === 0 || (left > 0 && mayLack && used === counts[1] && used < 2));
  const symbols = Array.from(lengths.keys()).filter((symbol) => lengths[symbol]);
  return { counts, symbols: symbols.sort((one, other) => lengths[one] - lengths[other] || one - other) };
}

/** Bytes of a deflate stream from a place on: `{bytes, end}`; `end` is null where it breaks off. Throws Broken when it is damaged or too long. */
function inflate(data, start, most) {
  let [out, size, at, held, bits] = [new Uint8Array(1 << 10), 0, start, 0, 0];
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
    packedWell(size < most);
    if (size === out.length) out = concat(out, new Uint8Array(size));
    out[size++] = byte;
  };
  const next = ({ counts, symbols }) => {
    for (let [length, code, first, index] = [1, 0, 0, 0]; length < 16; length++) {
      code |= take(1);
      if (code - counts[length] < first) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    packedWell(false);
  };
  const stored = () => {
    [held, bits] = [0, 0];
    const length = take(16);
    packedWell((take(16) ^ length) === 0xffff);
    for (let place = 0; place < length; place++) put(take(8));
  };
  const tables = () => {
    const [literals, distances, count] = [take(5) + 257, take(5) + 1, take(4) + 4];
    packedWell(literals <= 286 && distances <= 30);
    const [first, lengths] = [Array(19).fill(0), []];
    for (const place of ORDER.slice(0, count)) first[place] = take(3);
    for (const codes = codesOf(first); lengths.length < literals + distances; ) {
      const symbol = next(codes);
      packedWell(symbol !== 16 || lengths.length);
      const times = symbol < 16 ? 1 : symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7);
      lengths.push(...Array(times).fill(symbol < 16 ? symbol : symbol === 16 ? lengths.at(-1) : 0));
    }
    packedWell(lengths.length === literals + distances && lengths[256]);
    return [codesOf(lengths.slice(0, literals), true), codesOf(lengths.slice(literals), true)];
  };
  const packed = ([literals, distances]) => {
    for (let symbol = next(literals); symbol !== 256; symbol = next(literals)) {
      if (symbol < 256) {
        put(symbol);
        continue;
      }
      const place = symbol - 257;
      packedWell(place < LENGTHS.length);
      const length = LENGTHS[place] + take(place < 8 || place === 28 ? 0 : (place >> 2) - 1);
      const far = next(distances);
      packedWell(far < 30);
      const back = 1 + (far < 4 ? far : ((2 + (far & 1)) << ((far >> 1) - 1)) + take((far >> 1) - 1));
      packedWell(back <= size);
      for (let copied = 0; copied < length; copied++) put(out[size - back]);
    }
  };
  try {
    for (let last = 0; !last; ) {
      last = take(1);
      const kind = take(2);
      packedWell(kind < 3);
      if (kind) packed(kind === 1 ? [codesOf(FIXED), codesOf(Array(32).fill(5))] : tables());
      else stored();
    }
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    at = null;
  } finally {
    inflated.bytes += size;
  }
  return { bytes: out.subarray(0, size), end: at };
}

/** One member of gzip: `{bytes, end}`. */
function inflateGzip(data, start, most) {
  const [flags, view] = [data[start + 3], new DataView(data.buffer, data.byteOffset, data.length)];
  packedWell([0x1f, 0x8b, 8].every((byte, place) => start + place >= data.length || data[start + place] === byte) && !(flags & 0xe0));
  let at = start + 10;
  if (flags & 4 && at + 2 <= data.length) at += 2 + view.getUint16(at, true);
  for (const flag of [8, 16]) if (flags & flag) at = data.indexOf(0, at) + 1 || data.length;
  packedWell(!(flags & 2) || at + 2 > data.length || view.getUint16(at, true) === (crc32(data.subarray(start, at)) & 0xffff));
  const { bytes, end } = inflate(data, at + (flags & 2), most);
  const sums = [crc32(bytes), bytes.length].map((sum, place) => end === null || end + 4 * place + 4 > data.length || view.getUint32(end + 4 * place, true) === sum);
  packedWell(sums.every(Boolean));
  return { bytes, end: end === null ? data.length : end + 8 };
}

/** A deflate stream, with the frame of zlib or without. */
function inflateZlib(data, most) {
  if (data.length < 2 || (data[0] & 15) !== 8 || ((data[0] << 8) | data[1]) % 31) return inflate(data, 0, most);
  packedWell(data[0] >> 4 < 8 && !(data[1] & 32));
  const { bytes, end } = inflate(data, 2, most);
  let [low, high] = [1, 0];
  for (const byte of bytes) [low, high] = [(low + byte) % 65521, (high + low + byte) % 65521];
  packedWell(end === null || end + 4 > data.length || new DataView(data.buffer, data.byteOffset + end, 4).getUint32(0) === high * 65536 + low);
  return { bytes, end };
}
