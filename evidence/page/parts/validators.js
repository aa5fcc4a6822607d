/* Who sealed a block of a consortium's chain (QBFT, IBFT 2.0): the addresses that signed its header, recovered on secp256k1 (SEC 1, 4.1.6). */

const MAX_SEALS = 256;
const FIELD = 2n ** 256n - 2n ** 32n - 977n;
const GROUP = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const GENERATOR = [0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n, 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n, 1n];

const within = (value) => mod(value, FIELD);

/** The double of a point in Jacobian coordinates. */
function doubled([x, y, z]) {
  const [s, m] = [within(4n * x * y * y), within(3n * x * x)];
  const twice = within(m * m - 2n * s);
  return [twice, within(m * (s - twice) - 8n * y ** 4n), within(2n * y * z)];
}

/** The sum of two points in Jacobian coordinates; a third one of zero is the point at infinity. */
function summed(one, other) {
  const [[x1, y1, z1], [x2, y2, z2]] = [one, other];
  if (!z1 || !z2) return z1 ? one : other;
  const [u1, u2, s1, s2] = [within(x1 * z2 * z2), within(x2 * z1 * z1), within(y1 * z2 ** 3n), within(y2 * z1 ** 3n)];
  if (u1 === u2) return s1 === s2 ? doubled(one) : [0n, 1n, 0n];
  const [h, r] = [u2 - u1, s2 - s1];
  const v = within(u1 * h * h);
  const x = within(r * r - h ** 3n - 2n * v);
  return [x, within(r * (v - x) - s1 * h ** 3n), within(h * z1 * z2)];
}

const multiple = (factor, one) => multiply(mod(factor, GROUP), one, [0n, 1n, 0n], summed);
const bigEndian = (bytes) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const in32 = (number) => fromHex(number.toString(16).padStart(64, "0"));

/** The address that signed 32 bytes with a seal, in hexadecimal digits, or null. */
function signerOf(digest, seal) {
  const [r, s, parity] = [bigEndian(seal.slice(0, 32)), bigEndian(seal.slice(32, 64)), seal[64]];
  if (seal.length !== 65 || parity > 1 || !(r && r < GROUP && s && s < GROUP)) return null;
  const square = within(r ** 3n + 7n);
  const y = power(square, (FIELD + 1n) / 4n, FIELD);
  if (within(y * y) !== square) return null;
  const inverted = power(r, GROUP - 2n, GROUP);
  const point = [r, y % 2n === BigInt(parity) ? y : FIELD - y, 1n];
  const [x, found, z] = summed(multiple(-bigEndian(digest) * inverted, GENERATOR), multiple(s * inverted, point));
  if (!z) return null;
  const over = power(z, FIELD - 2n, FIELD);
  return hex(keccak256(concat(in32(within(x * over ** 2n)), in32(within(found * over ** 3n)))).slice(12));
}

/** A number's big-endian bytes, none of zero. */
function shortest(number) {
  const bytes = [];
  for (let rest = number; rest; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

function rlpEncoded(item) {
  const inside = Array.isArray(item) ? concat(...item.map(rlpEncoded)) : item;
  if (!Array.isArray(item) && inside.length === 1 && inside[0] < 0x80) return inside;
  const base = Array.isArray(item) ? 0xc0 : 0x80;
  if (inside.length < 56) return concat(Uint8Array.of(base + inside.length), inside);
  const size = shortest(inside.length);
  return concat(Uint8Array.of(base + 55 + size.length, ...size), inside);
}

/** The addresses whose seals stand in the extra data that a node told of a block with this header's fields. */
function sealersOf(fields, told) {
  let extra = [];
  try {
    extra = rlp(told);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
  }
  const forms = extra.length === 5 && Array.isArray(extra) ? [[[...extra.slice(0, 3), new Uint8Array(), []], [...extra.slice(0, 4), []]], [extra.slice(0, 3), extra.slice(0, 4)]] : [];
  for (const [hashed, covered] of forms) {
    const seals = listOf(extra[4]);
    if (Array.isArray(fields[12]) || !same(rlpEncoded(hashed), fields[12])) continue;
    if (seals.length > MAX_SEALS) throw new Broken(`The block has ${seals.length} seals, more than the ${MAX_SEALS} that are read.`);
    const digest = keccak256(rlpEncoded([...fields.slice(0, 12), rlpEncoded(covered), ...fields.slice(13)]));
    return new Set(seals.map((seal) => signerOf(digest, bytesOf(seal))).filter(Boolean));
  }
  throw new Broken("The seals of the block's validators don't belong to its header.");
}
