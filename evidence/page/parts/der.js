/* DER (X.690), read strictly, as evidence/anchors/rfc3161/der.py reads it: what has two forms, or goes on behind its end, isn't read at all. */

const [MAX_DER_DEPTH, MAX_ELEMENTS] = [24, 20000];
const unreadable = () => new Broken("It isn't DER that can be read.");

/** The one element that these bytes are: its tag, all its bytes, those behind its head, and what lies in it when it is constructed. */
function der(bytes) {
  const one = element(bytes, 0, bytes.length, MAX_DER_DEPTH, { count: MAX_ELEMENTS });
  if (one.encoded.length !== bytes.length) throw unreadable();
  return one;
}

function element(bytes, start, limit, depth, left) {
  if (start + 2 > limit || depth === 0 || --left.count < 0) throw unreadable();
  const tag = bytes[start];
  let [length, body] = [bytes[start + 1], start + 2];
  if (length > 127) {
    const size = length & 127;
    if (size === 0 || size > 3 || body + size > limit || bytes[body] === 0) throw unreadable();
    length = bytes.subarray(body, body + size).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < 128) throw unreadable();
    body += size;
  }
  const end = body + length;
  const holds = tag & 32 || [0x10, 0x11].includes(tag & 31);
  if (end > limit || (tag & 31) === 31 || tag === 0 || (tag < 0x40 && holds && tag !== 0x30 && tag !== 0x31)) throw unreadable();
  const inside = [];
  for (let place = body; tag & 32 && place < end; place += inside[inside.length - 1].encoded.length) inside.push(element(bytes, place, end, depth - 1, left));
  const content = bytes.subarray(body, end);
  if (tag < 0x40 && !hasOneForm(tag, content)) throw unreadable();
  return { tag, encoded: bytes.subarray(start, end), content, inside };
}

/** Whether a value of a universal type is written as DER writes it, for those types that leave a choice. */
function hasOneForm(tag, content) {
  const [first, second] = content;
  const last = content[content.length - 1];
  if (tag === 0x01) return content.length === 1 && (first === 0 || first === 255);
  if (tag === 0x02 || tag === 0x0a) return content.length > 0 && !(content.length > 1 && ((first === 0 && second < 128) || (first === 255 && second > 127)));
  if (tag === 0x03) return first === 0 || (first < 8 && content.length > 1 && (last & ((1 << first) - 1)) === 0);
  if (tag === 0x05) return content.length === 0;
  if (tag === 0x06) return content.length > 0 && last < 128 && content.every((byte, place) => byte !== 128 || (place > 0 && content[place - 1] > 127));
  return true;
}

/** What lies in an element, by tags in their order, such as `02 30|80 a0?`; null for what isn't there. */
function fields(one, pattern, tag = 0x30) {
  if (one.tag !== tag) throw unreadable();
  const left = [...one.inside];
  const found = pattern.split(" ").map((part) => {
    if (left.length && part.replace("?", "").split("|").includes(hex([left[0].tag]))) return left.shift();
    if (part.endsWith("?")) return null;
    throw unreadable();
  });
  if (left.length) throw unreadable();
  return found;
}

/** An object identifier as the hexadecimal of its content, in which all are compared. */
function oid(dotted) {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const groups = (number) => (number < 128 ? [number] : [...groups(Math.floor(number / 128)).map((byte) => byte | 128), number % 128]);
  return hex([40 * first + second, ...rest].flatMap(groups));
}

/** A whole number from 0 to `most`. */
function numberIn(content, most) {
  if (!content.length || (content[0] === 0 && content.length > 1 && content[1] < 128) || content[0] > 127) throw unreadable();
  const value = content.reduce((sum, byte) => sum * 256 + byte, 0);
  if (value > most) throw unreadable();
  return value;
}

/** The bytes of a BIT STRING that fills them. */
function bitsOf(one) {
  if (one.tag !== 0x03 || one.content[0] !== 0) throw unreadable();
  return one.content.subarray(1);
}

/** A UTCTime or GeneralizedTime of the years 1950 to 9999: milliseconds of whole seconds, and nanoseconds besides. */
function timeOf(one) {
  const match = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(new TextDecoder("latin1").decode(one.content));
  if (!match || match[1].length !== { 0x17: 2, 0x18: 4 }[one.tag]) throw unreadable();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const full = one.tag === 0x18 ? year : year + (year < 50 ? 2000 : 1900);
  const time = Date.UTC(full, month - 1, day, hour, minute, second);
  const written = `${full}-${match.slice(2, 4).join("-")}T${match.slice(4, 7).join(":")}`;
  if (full < 1950 || new Date(time).toISOString().slice(0, 19) !== written) throw unreadable();
  return [time, Number((match[7] || "").padEnd(9, "0"))];
}
