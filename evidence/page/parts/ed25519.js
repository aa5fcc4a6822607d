/* Ed25519 (RFC 8032): by the browser where it can, else by the equations of section 5.1. Only verifying: nothing is secret. */

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (value, modulus = P) => ((value % modulus) + modulus) % modulus;

function power(base, exponent, modulus = P) {
  let result = 1n;
  for (let factor = mod(base, modulus); exponent; exponent >>= 1n) {
    if (exponent & 1n) result = mod(result * factor, modulus);
    factor = mod(factor * factor, modulus);
  }
  return result;
}

const inverse = (value) => power(value, P - 2n);
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** A point in extended coordinates from its 32 bytes (RFC 8032, 5.1.3), or null. */
function point(bytes) {
  const number = littleEndian(bytes);
  const sign = number >> 255n;
  const y = number & ((1n << 255n) - 1n);
  if (y >= P) return null;
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x) === mod(-u)) x = mod(x * ROOT_OF_MINUS_ONE);
  else if (mod(v * x * x) !== u) return null;
  if (x === 0n && sign) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

/** RFC 8032, 5.1.4. */
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(factor, one, none = [0n, 1n, 1n, 0n], sum = add) {
  let result = none;
  for (let current = one; factor; factor >>= 1n) {
    if (factor & 1n) result = sum(result, current);
    current = sum(current, current);
  }
  return result;
}

/** RFC 8032, 5.1.7, without the browser's help. */
async function verifyEd25519Here(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const [a, r, s] = [point(key), point(signature.slice(0, 32)), littleEndian(signature.slice(32))];
  if (!a || !r || s >= L) return false;
  const base = point(fromHex(`58${"66".repeat(31)}`));
  const k = littleEndian(await digest("SHA-512", concat(signature.slice(0, 32), key, message))) % L;
  const [left, right] = [multiply(s, base), add(r, multiply(k, a))];
  return mod(left[0] * right[2]) === mod(right[0] * left[2]) && mod(left[1] * right[2]) === mod(right[1] * left[2]);
}

const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
/** The y of all eight points whose order divides 8: one signature by such a key holds for many messages. */
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_8, P - ORDER_8]);

/** Whether 32 bytes are the one encoding of a y (RFC 8032, 5.1.2), and not that of a point of small order. */
function isSoundPoint(bytes) {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return bytes.length === 32 && y < P && !SMALL_ORDER.has(y);
}

/** Whether a signature holds, strictly: sound points, and S below the group's order. */
async function verifyEd25519(key, signature, message) {
  if (!isSoundPoint(key) || signature.length !== 64 || !isSoundPoint(signature.slice(0, 32)) || littleEndian(signature.slice(32)) >= L) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
  } catch {
    return verifyEd25519Here(key, signature, message);
  }
}
