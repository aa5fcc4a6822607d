/* RFC 3161 replies: read strictly, their signature checked, and their chain of certificates followed to a pinned root. */

const MAX_CERTIFICATES = 32;
const HASHES = {
  "1.3.14.3.2.26": "SHA-1",
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const RSA_SIGNATURES = {
  "1.2.840.113549.1.1.5": "SHA-1",
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const ECDSA_SIGNATURES = { "1.2.840.10045.4.1": "SHA-1", "1.2.840.10045.4.3.2": "SHA-256", "1.2.840.10045.4.3.3": "SHA-384", "1.2.840.10045.4.3.4": "SHA-512" };
const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48], "1.3.132.0.35": ["P-521", 66] };
const [RSA, RSA_PSS, EC, ED25519] = ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1", "1.3.101.112"];

const unreadable = () => new Broken("The timestamp reply can't be read.");

/** One element of DER (X.690): its tag, and where head and body lie. */
function element(bytes, start, limit) {
  if (start + 2 > limit) throw unreadable();
  let length = bytes[start + 1];
  let body = start + 2;
  if (length >= 128) {
    const count = length & 127;
    if (count === 0 || count > 4 || body + count > limit) throw unreadable();
    length = 0;
    for (let place = 0; place < count; place++) length = length * 256 + bytes[body++];
  }
  const end = body + length;
  if (end > limit) throw unreadable();
  return { tag: bytes[start], bytes, start, body, end };
}

function der(bytes) {
  const whole = element(bytes, 0, bytes.length);
  if (whole.end !== bytes.length) throw unreadable();
  return whole;
}

function inside(one) {
  const found = [];
  for (let place = one.body; place < one.end; place = found[found.length - 1].end) found.push(element(one.bytes, place, one.end));
  return found;
}

function expect(one, tag) {
  if (!one || one.tag !== tag) throw unreadable();
  return one;
}

const content = (one) => one.bytes.slice(one.body, one.end);
const encoded = (one) => one.bytes.slice(one.start, one.end);

function oid(one) {
  const numbers = [];
  let value = 0;
  for (const byte of content(expect(one, 6))) {
    value = value * 128 + (byte & 127);
    if (byte < 128) {
      numbers.push(value);
      value = 0;
    }
  }
  const first = Math.min(2, Math.floor(numbers[0] / 40));
  return [first, numbers[0] - 40 * first, ...numbers.slice(1)].join(".");
}

/** UTCTime or GeneralizedTime, in UTC. */
function timeOf(one) {
  const text = new TextDecoder().decode(content(one));
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text);
  if (!match || (one.tag !== 0x17 && one.tag !== 0x18) || (one.tag === 0x17) !== (match[1].length === 2)) throw unreadable();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const full = match[1].length === 4 ? year : year + (year < 50 ? 2000 : 1900);
  return new Date(Date.UTC(full, month - 1, day, hour, minute, second) + Math.floor(Number(match[7] || 0) * 1000));
}

/** A certificate (RFC 5280, 4.1), as far as a chain needs it. */
function readCertificate(bytes) {
  const [signed, algorithm, signature] = inside(expect(der(bytes), 0x30));
  const fields = inside(expect(signed, 0x30));
  if (fields[0].tag === 0xa0) fields.shift();
  const [serial, , issuer, validity, subject, key] = fields;
  const [from, until] = inside(validity).map(timeOf);
  const extensions = new Map();
  const last = fields[fields.length - 1];
  if (last.tag === 0xa3)
    for (const one of inside(inside(last)[0])) {
      const parts = inside(one);
      extensions.set(oid(parts[0]), { critical: parts.length === 3 && content(parts[1])[0] !== 0, value: der(content(parts[parts.length - 1])) });
    }
  return {
    bytes, from, until, extensions, algorithm, key, serial: hex(encoded(serial)),
    signed: encoded(signed), signature: content(expect(signature, 3)).slice(1), issuer: hex(encoded(issuer)), subject: hex(encoded(subject)), names: subject,
  };
}

/** The last common name of a subject, for a reader. */
function nameOf(certificate) {
  let found = "an unnamed key";
  for (const set of inside(certificate.names))
    for (const pair of inside(set)) {
      const [kind, value] = inside(pair);
      if (oid(kind) === "2.5.4.3") found = new TextDecoder().decode(content(value));
    }
  return found.slice(0, 120);
}

/** The certificates in PEM or DER. */
function readCertificates(bytes) {
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.includes("-----BEGIN")) return [readCertificate(bytes)];
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)];
  if (!blocks.length) throw new Broken("A certificate can't be read.");
  return blocks.map((block) => {
    const raw = fromBase64(block[1].replace(/\s/g, ""));
    if (!raw) throw new Broken("A certificate can't be read.");
    return readCertificate(raw);
  });
}

/** An ECDSA signature as WebCrypto wants it: two numbers of fixed width instead of DER. */
function fixedWidth(signature, width) {
  return concat(
    ...inside(expect(der(signature), 0x30)).map((one) => {
      let number = content(expect(one, 2));
      while (number.length > 1 && number[0] === 0) number = number.slice(1);
      if (number.length > width) throw unreadable();
      return concat(new Uint8Array(width - number.length), number);
    }),
  );
}

/** Whether a signature by the key of a certificate holds; throws Unchecked for what this browser can't compute. */
async function signatureHolds(keyInfo, algorithm, hashName, signature, data) {
  const [kind, keyParameters] = inside(inside(keyInfo)[0]);
  const [named, parameters] = inside(algorithm);
  const [key, scheme] = [oid(kind), oid(named)];
  const verify = async (parts, use, bytes) => {
    try {
      const imported = await crypto.subtle.importKey("spki", encoded(keyInfo), parts, false, ["verify"]);
      return await crypto.subtle.verify(use, imported, bytes, data);
    } catch (error) {
      if (error.name === "DataError") return false;
      throw new Unchecked(`This browser can't check signatures of the kind ${scheme}.`);
    }
  };
  if (key === RSA && scheme === RSA_PSS) {
    const { hash, saltLength } = pssParameters(parameters);
    return verify({ name: "RSA-PSS", hash }, { name: "RSA-PSS", saltLength }, signature);
  }
  if (key === RSA && (RSA_SIGNATURES[scheme] || scheme === RSA)) {
    const hash = RSA_SIGNATURES[scheme] || hashName;
    return verify({ name: "RSASSA-PKCS1-v1_5", hash }, "RSASSA-PKCS1-v1_5", signature);
  }
  if (key === EC && (ECDSA_SIGNATURES[scheme] || scheme === EC) && CURVES[oid(keyParameters)]) {
    const [namedCurve, width] = CURVES[oid(keyParameters)];
    const hash = ECDSA_SIGNATURES[scheme] || hashName;
    return verify({ name: "ECDSA", namedCurve }, { name: "ECDSA", hash }, fixedWidth(signature, width));
  }
  if (key === ED25519 && scheme === ED25519) return verifyEd25519(content(inside(keyInfo)[1]).slice(1), signature, data);
  throw new Unchecked(`This page doesn't know signatures of the kind ${scheme}.`);
}

function pssParameters(parameters) {
  const found = { hash: "SHA-1", saltLength: 20 };
  for (const one of inside(parameters)) {
    const [value] = inside(one);
    if (one.tag === 0xa0) found.hash = HASHES[oid(inside(value)[0])];
    if (one.tag === 0xa2) found.saltLength = content(value).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  if (!found.hash) throw new Unchecked("This page doesn't know the hash of a signature.");
  return found;
}

/** A reply that is whole in itself: one signer, whose certificate the signature names, and whose signature holds. */
async function readReply(bytes) {
  if (bytes.length > 1 << 20) throw new Broken("The timestamp reply is too long.");
  const [status, token] = inside(expect(der(bytes), 0x30));
  if (![0, 1].includes(content(inside(status)[0])[0]) || !token) throw new Broken("The authority refused to stamp.");
  const [kind, wrapped] = inside(token);
  if (oid(kind) !== "1.2.840.113549.1.7.2") throw unreadable();
  const parts = inside(inside(expect(wrapped, 0xa0))[0]);
  if (![3, 4, 5].includes(content(expect(parts[0], 2))[0])) throw new Broken("The timestamp reply has a version that can't be.");
  const [infoKind, infoWrapped] = inside(parts[2]);
  const info = content(expect(inside(infoWrapped)[0], 4));
  const certificates = parts.filter((one) => one.tag === 0xa0).flatMap(inside).slice(0, MAX_CERTIFICATES).map((one) => readCertificate(encoded(one)));
  const signers = inside(expect(parts[parts.length - 1], 0x31));
  if (oid(infoKind) !== "1.2.840.113549.1.9.16.1.4" || signers.length !== 1) throw new Broken("The timestamp reply holds no timestamp by exactly one signer.");
  const [, , imprint, , time] = inside(expect(der(info), 0x30));
  const [hash, stamped] = inside(imprint);
  if (HASHES[oid(inside(hash)[0])] !== "SHA-256") throw new Broken("The timestamp isn't about a SHA-256 digest.");
  const signer = await checkSigner(inside(signers[0]), certificates, info, inside(expect(parts[1], 0x31)));
  return { digest: hex(content(expect(stamped, 4))), time: timeOf(expect(time, 0x18)), signer, certificates };
}

async function checkSigner(fields, certificates, info, announced) {
  const [version, identity, digestAlgorithm, attributes, algorithm, signature] = fields;
  const hash = HASHES[oid(inside(digestAlgorithm)[0])];
  const values = new Map(inside(expect(attributes, 0xa0)).map((one) => [oid(inside(one)[0]), inside(inside(one)[1])[0]]));
  const contentType = values.get("1.2.840.113549.1.9.3");
  if (!announced.some((one) => oid(inside(one)[0]) === oid(inside(digestAlgorithm)[0]))) throw unreadable();
  if (!hash || hash === "SHA-1" || !contentType || oid(contentType) !== "1.2.840.113549.1.9.16.1.4")
    throw new Broken("The timestamp is signed in a way that isn't accepted.");
  const stated = values.get("1.2.840.113549.1.9.4");
  if (!stated || !same(await digest(hash, info), content(stated))) throw new Broken("The timestamp's content was changed after it was signed.");
  const named = await namedCertificate(values, certificates);
  const [byName, number] = [content(version)[0] === 1, content(version).length];
  const isMeant = identity.tag === 0x30 ? byName && hex(content(identity)) === named.issuer + named.serial : identity.tag === 0x80 && content(version)[0] === 3;
  if (number !== 1 || !isMeant) throw new Broken("The timestamp names two certificates as the signer's.");
  const signed = concat(Uint8Array.of(0x31), encoded(attributes).slice(1));
  if (!(await signatureHolds(named.key, algorithm, hash, content(expect(signature, 4)), signed))) throw new Broken("The timestamp's signature doesn't hold.");
  return named;
}

/** The certificate that the signed attributes name first, by its hash (RFC 2634, RFC 5035). */
async function namedCertificate(values, certificates) {
  const second = values.get("1.2.840.113549.1.9.16.2.47");
  const first = values.get("1.2.840.113549.1.9.16.2.12");
  if (!second && !first) throw unreadable();
  const entry = inside(inside(inside(second || first)[0])[0]);
  const hash = !second ? "SHA-1" : entry[0].tag === 0x30 ? HASHES[oid(inside(entry[0])[0])] : "SHA-256";
  const wanted = content(entry.find((one) => one.tag === 4));
  for (const one of certificates) if (hash && same(await digest(hash, one.bytes), wanted)) return one;
  throw new Broken("The certificate that the timestamp names isn't in the reply.");
}

async function isIssued(issuer, subject) {
  if (issuer.subject !== subject.issuer) return false;
  return signatureHolds(issuer.key, subject.algorithm, null, subject.signature, subject.signed);
}

/** The same, false where it can't be computed here; why is then kept in `gaps`. */
async function seemsIssued(issuer, subject, gaps) {
  try {
    return await isIssued(issuer, subject);
  } catch (error) {
    if (!(error instanceof Unchecked)) return false;
    gaps.push(error);
    return false;
  }
}

/** Refuse a certificate that came along and was changed: nobody of its issuer's name has signed it, or its signature stands under another text as well. */
async function checkPool(pool, roots) {
  const bySignature = new Map([...pool, ...roots].map((one) => [hex(one.signature), hex(one.bytes)]));
  for (const one of pool) {
    if (bySignature.get(hex(one.signature)) !== hex(one.bytes)) throw new Broken(`Two certificates carry one signature, so one was changed: ${nameOf(one)}.`);
    const named = [...pool, ...roots].filter((issuer) => issuer.subject === one.issuer);
    const gaps = [];
    let signed = false;
    for (const issuer of named) signed = signed || (await seemsIssued(issuer, one, gaps));
    if (named.length && !signed && !gaps.length) throw new Broken(`A certificate that came with the timestamp was changed: ${nameOf(one)}.`);
  }
}

/** The certificates from the signer to one of the roots, or null. */
async function chainTo(roots, pool, signer, gaps) {
  const open = [[signer]];
  const seen = new Set([hex(signer.bytes)]);
  while (open.length) {
    const path = open.pop();
    const end = path[path.length - 1];
    for (const root of roots) if (await seemsIssued(root, end, gaps)) return [...path, root];
    for (const one of pool)
      if (!seen.has(hex(one.bytes)) && (await seemsIssued(one, end, gaps))) {
        seen.add(hex(one.bytes));
        open.push([...path, one]);
      }
  }
  return null;
}

/** What RFC 5280 and RFC 3161 ask of a chain: validity at the stamp's own time, authorities that are ones, the purpose. */
function checkChain(chain, time) {
  const wrong = (what) => new Broken(`The timestamp's chain of certificates doesn't hold: ${what}.`);
  chain.forEach((one, place) => {
    if (time < one.from || time > one.until) throw wrong(`${nameOf(one)} wasn't valid at the time of the stamp`);
    if (place === 0) return;
    const basic = one.extensions.get("2.5.29.19");
    const parts = basic ? inside(basic.value) : [];
    if (!parts.length || parts[0].tag !== 1 || content(parts[0])[0] === 0) throw wrong(`${nameOf(one)} isn't an authority`);
    if (parts[1] && content(parts[1])[0] < place - 1) throw wrong(`${nameOf(one)} may not stand so high above`);
    const usage = one.extensions.get("2.5.29.15");
    if (usage && !(content(usage.value)[1] & 4)) throw wrong(`${nameOf(one)} may not sign certificates`);
  });
  const purpose = chain[0].extensions.get("2.5.29.37");
  const kinds = purpose ? inside(purpose.value).map(oid) : [];
  if (!purpose || !purpose.critical || kinds.length !== 1 || kinds[0] !== "1.3.6.1.5.5.7.3.8") throw wrong(`${nameOf(chain[0])} isn't for stamping times alone`);
}

/** The pinned authority that stamped a digest, and when: `{authority, time}`. */
async function checkReply(reply, wanted, helpers, trust) {
  let stamp;
  try {
    stamp = await readReply(reply);
  } catch (error) {
    throw error instanceof Broken || error instanceof Unchecked ? error : unreadable();
  }
  if (stamp.digest !== wanted) throw new Broken(`The timestamp is about another digest: ${stamp.digest}.`);
  const pool = [...stamp.certificates, ...helpers.flatMap(readCertificates)];
  if (pool.length > 2 * MAX_CERTIFICATES) throw new Broken(`More than ${2 * MAX_CERTIFICATES} certificates came with the timestamp.`);
  const gaps = [];
  for (const authority of trust.authorities) {
    const roots = authority.certificates.flatMap((text) => readCertificates(utf8(text)));
    const chain = await chainTo(roots, pool, stamp.signer, gaps);
    if (chain) {
      await checkPool(pool, roots);
      checkChain(chain, stamp.time);
      return { authority, time: stamp.time };
    }
  }
  if (gaps.length) throw gaps[0];
  throw new UnknownWitness(`The timestamp is signed by ${nameOf(stamp.signer)}, which no pinned root vouches for.`);
}
