/* RFC 3161 replies: read strictly, their signature checked, and their chain of certificates followed to a pinned root. */

const [MAX_REPLY, MAX_ACCURACY] = [1 << 20, 3600];
const [SIGNED_DATA, STAMP, CONTENT_TYPE, MESSAGE_DIGEST, NAMED, NAMED_BY_SHA1] = [
  "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4",
  "1.2.840.113549.1.9.16.2.47", "1.2.840.113549.1.9.16.2.12",
].map(oid);

/** A reply that is whole in itself: one signer, whose certificate the signature names, and whose signature holds. */
async function readReply(bytes) {
  if (bytes.length > MAX_REPLY) throw new Broken("The timestamp reply is too long.");
  const [status, token] = fields(der(bytes), "30 30?");
  if (!["020100", "020101"].includes(hex(status.inside[0].encoded)) || !token) throw new Broken("The authority refused to stamp.");
  const [kind, wrapped] = fields(token, "06 a0");
  const [version, announced, content, certificates, , signers] = fields(wrapped.inside[0], "02 31 30 a0? a1? 31");
  if (hex(kind.content) !== SIGNED_DATA || wrapped.inside.length !== 1 || !["03", "04", "05"].includes(hex(version.content)))
    throw new Broken("The timestamp reply has a version that can't be.");
  const [contentType, held] = fields(content, "06 a0");
  const [{ content: info }] = fields(held, "04", 0xa0);
  if (hex(contentType.content) !== STAMP || signers.inside.length !== 1) throw new Broken("The timestamp reply holds no timestamp by exactly one signer.");
  if (certificates.inside.length > MAX_POOL) throw new Broken(`More than ${MAX_POOL} certificates came with the timestamp.`);
  const known = certificates.inside.map((one) => readCertificate(one.encoded));
  const [number, , imprint, , at, accuracy, , , , further] = fields(der(info), "02 06 30 02 18 30? 01? 02? a0? a1?");
  const [algorithm, stamped] = fields(imprint, "30 04");
  if (hex(number.content) !== "01" || hashOf(algorithm) !== "SHA-256" || stamped.content.length !== 32) throw new Broken("The timestamp is of another version, or isn't about a SHA-256 digest.");
  if (further && [...readExtensions(further).values()].some(({ critical }) => critical)) throw new Broken("The timestamp says something critical that isn't known here.");
  const [time, latest] = timesOf(at, accuracy);
  const signer = await checkSigner(signers.inside[0], known, info, announced);
  return { digest: hex(stamped.content), time, latest, signer, certificates: known };
}

/** When it was stamped, in whole seconds, and by when at the latest; both in milliseconds. */
function timesOf(at, accuracy) {
  const [time, nanoseconds] = timeOf(at);
  const parts = accuracy ? fields(accuracy, "02? 80? 81?") : [null, null, null];
  const [seconds, milli, micro] = parts.map((one, place) => (one ? numberIn(one.content, place ? 999 : 2 ** 31) : 0));
  if (seconds > MAX_ACCURACY) throw new Broken(`The authority's clock may be off by ${seconds} seconds, by its own word.`);
  const latest = time + 1000 * (seconds + Math.ceil((nanoseconds + milli * 1e6 + micro * 1000) / 1e9));
  if (latest >= Date.UTC(10000, 0)) throw unreadable();
  return [time, latest];
}

async function checkSigner(signerInfo, known, info, announced) {
  const [version, identity, digested, attributes, algorithm, signature] = fields(signerInfo, "02 30 30 a0 30 04 a1?");
  const parts = attributes.inside.map((one) => fields(one, "06 31"));
  const values = new Map(parts.map(([kind, held]) => [hex(kind.content), held.inside[0]]));
  const order = attributes.inside.map((one) => hex(one.encoded));
  if (values.size !== parts.length || parts.some(([, held]) => held.inside.length !== 1) || order.join() !== [...order].sort().join()) throw unreadable();
  const hash = hashOf(digested);
  if (!hash || !announced.inside.map(hashOf).includes(hash) || hex(values.get(CONTENT_TYPE).content) !== STAMP) throw new Broken("The timestamp is signed in a way that isn't accepted.");
  const stated = values.get(MESSAGE_DIGEST);
  if (stated.tag !== 0x04 || !same(await digest(hash, info), stated.content)) throw new Broken("The timestamp's content was changed after it was signed.");
  const named = await namedCertificate(values, known);
  if (hex(version.content) !== "01" || hex(identity.content) !== named.issuer + named.serial) throw new Broken("The timestamp names two certificates as the signer's.");
  const signed = concat(Uint8Array.of(0x31), attributes.encoded.subarray(1));
  if (!(await signatureHolds(named.key, algorithm, signature.content, signed, hash))) throw new Broken("The timestamp's signature doesn't hold, or is of a kind that isn't accepted.");
  return named;
}

/** The certificate that all signed attributes that name one name first, by its hash (RFC 2634, RFC 5035). */
async function namedCertificate(values, known) {
  const kinds = [NAMED, NAMED_BY_SHA1].filter((kind) => values.has(kind));
  for (const one of kinds.length ? known : []) {
    let meant = true;
    for (const kind of kinds) meant = meant && (await isMeant(one, kind, values.get(kind).inside[0].inside[0]));
    if (meant) return one;
  }
  throw new Broken("The certificate that the timestamp names isn't in the reply.");
}

async function isMeant(certificate, kind, entry) {
  const [algorithm, wanted] = kind === NAMED ? fields(entry, "30? 04 30?") : [null, ...fields(entry, "04 30?")];
  const hash = kind === NAMED_BY_SHA1 ? "SHA-1" : algorithm ? hashOf(algorithm) : "SHA-256";
  return Boolean(hash) && same(await digest(hash, certificate.bytes), wanted.content);
}

/** What is wrong with an issuer above so many others at a moment, if anything; noted among the faults. */
function judging(time, faults) {
  return (issuer, below) => {
    let found;
    try {
      found = faultOfIssuer(issuer, time, below);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      found = `${issuer.name} can't be read`;
    }
    faults.push(found);
    return found;
  };
}

/** Whether a stamp is by one of these certificates, or by one that they stand above: those of a trusted list. */
async function leadsTo({ signer, time }, listed, pool) {
  return listed.some(({ id }) => id === signer.id) || Boolean(await findRoot(signer, listed, pool, judging(time, [])));
}

async function checkChain({ signer, time }, roots, pool) {
  const faults = [faultOfSigner(signer, time)];
  const fault = judging(time, faults);
  if (faults[0] || !(await findRoot(signer, roots, pool, fault))) throw new Broken(`The timestamp's chain of certificates doesn't hold: ${faults.find(Boolean)}.`);
}

/** The pinned authority that stamped a digest, when, by when it existed, and whether the list names it as qualified, in words: `{authority, time, latest, qualified}`. */
async function checkReply(reply, wanted, helpers, trust) {
  let stamp;
  try {
    stamp = await readReply(reply);
  } catch (error) {
    throw error instanceof Broken || error instanceof Unchecked ? error : new Broken("The timestamp reply can't be read.");
  }
  if (stamp.digest !== wanted) throw new Broken(`The timestamp is about another digest: ${stamp.digest}.`);
  const pool = distinct([...stamp.certificates, ...readCertificates(helpers)]);
  if (pool.length > MAX_POOL) throw new Broken(`More than ${MAX_POOL} certificates came with the timestamp.`);
  let broken = null;
  for (const authority of trust.authorities)
    try {
      const roots = readCertificates(authority.certificates.map(utf8));
      if (!(await findRoot(stamp.signer, roots, pool))) continue;
      await checkPool(pool, roots);
      await checkChain(stamp, roots, pool);
      const listed = authority.qualified && readCertificates(authority.qualified.map(utf8));
      const qualified = listed ? ` The trust list ${(await leadsTo(stamp, listed, pool)) ? "names" : "doesn't name"} it as qualified.` : "";
      return { authority, time: new Date(stamp.time), latest: new Date(stamp.latest), qualified };
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      broken = broken || error; // by another pinned authority's roots it may hold
    }
  if (broken) throw broken;
  throw new UnknownWitness(`The timestamp is signed by ${stamp.signer.name}, which no pinned root vouches for.`);
}
