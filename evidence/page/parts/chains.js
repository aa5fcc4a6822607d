/* Certificates (RFC 5280), and the profile by which a chain of them counts, as evidence/anchors/rfc3161/certificates.py has it. */

const MAX_POOL = 16;
const [MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT] = [2048, 4096, 2 ** 32 - 1];
const HASHES = Object.fromEntries(["SHA-256", "SHA-384", "SHA-512"].map((name, place) => [oid(`2.16.840.1.101.3.4.2.${place + 1}`), name]));
const [RSA, RSA_PSS, MGF1, EC] = ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8", "1.2.840.10045.2.1"].map(oid);
const SCHEMES = Object.fromEntries(
  Object.values(HASHES).flatMap((hash, place) => [
    [oid(`1.2.840.113549.1.1.${place + 11}`), { kind: RSA, hash }],
    [oid(`1.2.840.10045.4.3.${place + 2}`), { kind: EC, hash }],
  ]),
);
const CURVES = { [oid("1.2.840.10045.3.1.7")]: ["P-256", 32], [oid("1.3.132.0.34")]: ["P-384", 48], [oid("1.3.132.0.35")]: ["P-521", 66] };
const [BASIC, USAGE, CONSTRAINTS, PURPOSE] = ["2.5.29.19", "2.5.29.15", "2.5.29.30", "2.5.29.37"].map(oid);
const KNOWN_CRITICAL = [BASIC, USAGE, PURPOSE, ...["2.5.29.14", "2.5.29.17", "2.5.29.18", "2.5.29.31", "2.5.29.32", "2.5.29.35"].map(oid)];
const [STAMPING, ANY_PURPOSE, COMMON_NAME] = ["1.3.6.1.5.5.7.3.8", "2.5.29.37.0", "2.5.4.3"].map(oid);

/** A certificate, as far as a chain needs it. */
function readCertificate(bytes) {
  const [signed, algorithm, signature] = fields(der(bytes), "30 30 03");
  const [version, serial, inner, issuer, validity, subject, key, , , held] = fields(signed, "a0? 02 30 30 30 30 30 81? 82? a3?");
  if (!same(inner.encoded, algorithm.encoded) || (version && numberIn(fields(version, "02", 0xa0)[0].content, 2) === 0)) throw unreadable();
  const extensions = held ? readExtensions(fields(held, "30", 0xa3)[0]) : new Map();
  const [[from, rest], [until, more]] = fields(validity, "17|18 17|18").map(timeOf);
  if (rest || more) throw unreadable();
  return {
    bytes, from, until, extensions, algorithm, key, id: hex(bytes), serial: hex(serial.encoded), signed: signed.encoded, signature: bitsOf(signature),
    issuer: hex(issuer.encoded), subject: hex(subject.encoded), name: commonName(subject),
  };
}

/** Extensions by kind: whether each is critical, and its value as octets. */
function readExtensions(held) {
  const found = new Map();
  for (const one of held.inside) {
    const [kind, critical, value] = fields(one, "06 01? 04");
    if (found.has(hex(kind.content))) throw unreadable();
    found.set(hex(kind.content), { critical: Boolean(critical && critical.content[0]), value: value.content });
  }
  return found;
}

/** The last common name of a subject, for a reader. */
function commonName(subject) {
  let found = "an unnamed key";
  for (const pair of subject.inside.flatMap((each) => each.inside))
    if (pair.inside.length === 2 && hex(pair.inside[0].content) === COMMON_NAME) found = new TextDecoder().decode(pair.inside[1].content);
  return found.slice(0, 120);
}

/** The certificates in files of PEM or DER, each once. */
function readCertificates(files) {
  const found = new Map();
  for (const bytes of files) {
    const text = new TextDecoder("latin1").decode(bytes);
    const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)].map((block) => fromBase64(block[1].replace(/[ \t\r\n]/g, "")));
    const loaded = text.includes("-----BEGIN") ? blocks : [bytes];
    if (!loaded.length || loaded.includes(null)) throw new Broken("A certificate can't be read.");
    for (const one of loaded.map(readCertificate)) found.set(one.id, one);
  }
  return [...found.values()];
}

/** The pinned root at which the shortest chain of signatures from the signer ends, over issuers without a fault, or null. */
async function findRoot(signer, roots, pool, fault = () => "") {
  const [ends, everyone] = [new Set(roots.map(({ id }) => id)), distinct([...roots, ...pool])];
  const seen = new Set([signer.id]);
  for (let [level, below] = [[signer], 0]; level.length; below++) {
    const above = [];
    for (const subject of level)
      for (const issuer of everyone) {
        if (issuer.subject !== subject.issuer || (!ends.has(issuer.id) && seen.has(issuer.id))) continue;
        if (!(await isIssued(issuer, subject)) || fault(issuer, below)) continue;
        if (ends.has(issuer.id)) return issuer;
        seen.add(issuer.id);
        above.push(issuer);
      }
    level = above;
  }
  return null;
}

const distinct = (certificates) => [...new Map(certificates.map((one) => [one.id, one])).values()];

/** Why a certificate may not stamp at a moment, or nothing (RFC 3161, 2.3). */
function faultOfSigner(one, time) {
  const purpose = one.extensions.get(PURPOSE);
  if (!purpose || !purpose.critical || purposesIn(purpose.value).join() !== STAMPING) return `${one.name} isn't for stamping times alone`;
  const usage = usagesOf(one);
  if (usage !== null && (!(usage & 0xc000) || usage & ~0xc000)) return `${one.name} may be used for something else than signatures`;
  return faultOf(one, time);
}

/** Why a certificate may not stand above so many others at a moment, or nothing (RFC 5280, 6.1). */
function faultOfIssuer(one, time, below) {
  const basic = one.extensions.get(BASIC);
  if (!basic) return `${one.name} isn't an authority`;
  const [isAuthority, longest] = fields(der(basic.value), "01? 02?");
  if (!isAuthority || isAuthority.content[0] === 0) return `${one.name} isn't an authority`;
  if (longest && numberIn(longest.content, MAX_EXPONENT) < below) return `${one.name} may not stand so high above`;
  const usage = usagesOf(one);
  if (usage !== null && !(usage & 0x0400)) return `${one.name} may not sign certificates`;
  if (one.extensions.has(CONSTRAINTS)) return `${one.name} limits names, which isn't followed here`;
  const purpose = one.extensions.get(PURPOSE);
  if (purpose && !purposesIn(purpose.value).some((kind) => kind === STAMPING || kind === ANY_PURPOSE)) return `${one.name} isn't an authority for stamping times`;
  return faultOf(one, time);
}

function faultOf(one, time) {
  if (time < one.from || time > one.until) return `${one.name} wasn't valid at the time of the stamp`;
  for (const [kind, { critical }] of one.extensions) if (critical && !KNOWN_CRITICAL.includes(kind)) return `${one.name} says something critical that isn't known here`;
  return "";
}

function purposesIn(value) {
  const held = der(value);
  if (held.tag !== 0x30 || held.inside.some((one) => one.tag !== 0x06)) throw unreadable();
  return held.inside.map((one) => hex(one.content));
}

/** The bits of key usage, the first one as 0x8000; null when nothing is said. */
function usagesOf(one) {
  if (!one.extensions.has(USAGE)) return null;
  const held = der(one.extensions.get(USAGE).value);
  if (held.tag !== 0x03) throw unreadable();
  return ((held.content[1] || 0) << 8) | (held.content[2] || 0);
}

/** Refuse a certificate that came along and was changed: nobody of its issuer's name has signed it, or its signature stands under another text as well. */
async function checkPool(pool, roots) {
  const everyone = distinct([...pool, ...roots]);
  const bySignature = new Map(everyone.map((one) => [hex(one.signature), one.id]));
  for (const one of pool) {
    if (bySignature.get(hex(one.signature)) !== one.id) throw new Broken(`Two certificates carry one signature, so one was changed: ${one.name}.`);
    if (roots.some(({ id }) => id === one.id) || !schemeOf(one.algorithm, null)) continue;
    const named = everyone.filter((issuer) => issuer.subject === one.issuer && keyOf(issuer.key));
    let signed = !named.length;
    for (const issuer of named) signed = signed || (await isIssued(issuer, one));
    if (!signed) throw new Broken(`A certificate that came with the timestamp was changed: ${one.name}.`);
  }
}

const issued = new Map();

/** Whether the issuer's name and key stand behind a certificate; computed once for each pair. */
async function isIssued(issuer, subject) {
  if (issuer.subject !== subject.issuer) return false;
  const pair = `${issuer.id} ${subject.id}`;
  if (issued.size > 4096) issued.clear();
  if (!issued.has(pair)) issued.set(pair, await signatureHolds(issuer.key, subject.algorithm, subject.signature, subject.signed, null));
  return issued.get(pair);
}

/** Kind and parameters of an AlgorithmIdentifier. */
function algorithmOf(one) {
  const [kind, parameters = null] = one.inside;
  if (one.tag !== 0x30 || !kind || one.inside.length > 2 || kind.tag !== 0x06) throw unreadable();
  return [hex(kind.content), parameters];
}

/** The hash of an AlgorithmIdentifier; nothing for one that isn't accepted. */
function hashOf(one) {
  const [kind, parameters] = algorithmOf(one);
  return !parameters || parameters.tag === 0x05 ? HASHES[kind] : undefined;
}

/** Kind, hash and length of the salt of a kind of signature, or null. */
function schemeOf(algorithm, announced) {
  try {
    const [kind, parameters] = algorithmOf(algorithm);
    const plain = !parameters || parameters.tag === 0x05;
    if (SCHEMES[kind]) return !parameters || (plain && SCHEMES[kind].kind === RSA) ? SCHEMES[kind] : null;
    if (kind === RSA && announced && plain) return { kind: RSA, hash: announced };
    if (kind !== RSA_PSS || !parameters || announced) return null; // openssl reads no stamp signed so
    const [[named], [mask], [salt]] = fields(parameters, "a0 a1 a2").map((one) => (one.inside.length === 1 ? one.inside : []));
    const [[mgf, of], hash] = [algorithmOf(mask), hashOf(named)];
    if (!hash || mgf !== MGF1 || !of || hashOf(of) !== hash || salt.tag !== 0x02) return null;
    return { kind: RSA_PSS, hash, saltLength: numberIn(salt.content, 64) };
  } catch (error) {
    if (error instanceof Broken || error instanceof TypeError) return null;
    throw error;
  }
}

/** An accepted key: RSA of 2048 to 4096 bits, or a point of one of three curves; else null. */
function keyOf(key) {
  try {
    const [algorithm, held] = fields(key, "30 03");
    const [[kind, parameters], data] = [algorithmOf(algorithm), bitsOf(held)];
    if (kind === RSA && parameters && parameters.tag === 0x05) {
      const [modulus, exponent] = fields(der(data), "02 02").map((one) => one.content);
      const open = numberIn(exponent, MAX_EXPONENT);
      const start = modulus[0] === 0 ? 1 : 0;
      const size = 8 * (modulus.length - start) - Math.clz32(modulus[start]) + 24;
      return modulus[0] < 128 && size >= MIN_RSA_BITS && size <= MAX_RSA_BITS && modulus[modulus.length - 1] & 1 && open % 2 === 1 && open > 1 ? { kind: RSA } : null;
    }
    const [curve, width] = (kind === EC && parameters && parameters.tag === 0x06 && CURVES[hex(parameters.content)]) || [];
    return curve && data[0] === 4 && data.length === 1 + 2 * width ? { kind: EC, curve, width } : null;
  } catch (error) {
    if (error instanceof Broken) return null;
    throw error;
  }
}

/** Whether a signature of an accepted kind, by a key of one, holds; throws Unchecked for what this browser can't compute. */
async function signatureHolds(keyInfo, algorithm, signature, data, announced) {
  const [scheme, key] = [schemeOf(algorithm, announced), keyOf(keyInfo)];
  if (!scheme || !key || key.kind !== (scheme.kind === EC ? EC : RSA) || (announced && scheme.hash !== announced)) return false;
  const name = { [EC]: "ECDSA", [RSA]: "RSASSA-PKCS1-v1_5", [RSA_PSS]: "RSA-PSS" }[scheme.kind];
  try {
    const bytes = key.kind === EC ? fixedWidth(signature, key.width) : signature;
    const imported = await crypto.subtle.importKey("spki", keyInfo.encoded, { name, hash: scheme.hash, namedCurve: key.curve }, false, ["verify"]);
    return await crypto.subtle.verify({ name, hash: scheme.hash, saltLength: scheme.saltLength }, imported, bytes, data);
  } catch (error) {
    if (error instanceof Broken || error.name === "DataError") return false;
    throw new Unchecked(`This browser can't check signatures of the kind ${name} ${key.curve || ""}.`);
  }
}

/** An ECDSA signature as WebCrypto wants it: two numbers of fixed width instead of DER. */
function fixedWidth(signature, width) {
  return concat(
    ...fields(der(signature), "02 02").map(({ content }) => {
      const number = content[0] === 0 ? content.subarray(1) : content;
      if (number.length > width || content[0] > 127) throw unreadable();
      return concat(new Uint8Array(width - number.length), number);
    }),
  );
}
