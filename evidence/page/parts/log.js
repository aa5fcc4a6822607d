/* The log: Merkle proofs of RFC 9162, and checkpoints as C2SP signed notes. */

const leafHash = (bytes) => sha256(concat(Uint8Array.of(0), bytes));
const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

/** Where the subtree lies that a proof starts from (an entry's leaf, or the `whole` one that ends with it), and the subtrees beside its way up, lowest first. */
function wayUp(index, size, whole) {
  const siblings = [];
  let [begin, end] = [0, size];
  while (!(end === index + 1 && (whole || end - begin === 1))) {
    let step = 1;
    while (step * 2 < end - begin) step *= 2;
    siblings.unshift(index < begin + step ? [begin + step, end] : [begin, begin + step]);
    [begin, end] = index < begin + step ? [begin, begin + step] : [begin + step, end];
  }
  return { begin, end, siblings };
}

/** The hashes that a proof gives, by range of leaves: `begin-end`; see evidence/log/merkle.py. */
async function provenRanges(index, size, path, value, whole) {
  if (!(index >= 0 && index < size)) return new Map();
  let { begin, end, siblings } = wayUp(index, size, whole);
  if (whole && begin) [value, ...path] = path;
  if (path.length !== siblings.length || !value) return new Map();
  const shown = new Map([[`${begin}-${end}`, value]]);
  for (const [place, [first, last]] of siblings.entries()) {
    shown.set(`${first}-${last}`, path[place]);
    value = first === end ? await nodeHash(value, path[place]) : await nodeHash(path[place], value);
    [begin, end] = [Math.min(begin, first), Math.max(end, last)];
    shown.set(`${begin}-${end}`, value);
  }
  return shown;
}

/** Whether an entry lies under a root (RFC 9162, 2.1.3). */
async function isIncluded(leaf, index, size, path, root) {
  const shown = await provenRanges(index, size, path, leaf, false);
  return shown.size > 0 && same(shown.get(`0-${size}`), root);
}

/** Whether a tree continues an earlier one (RFC 9162, 2.1.4): of one proof the whole gives the new root, what lies to the left of the end the old one. */
async function isContinued(old, fresh, oldRoot, newRoot, path) {
  if (old < 0 || old > fresh) return false;
  if (old === fresh) return !path.length && same(oldRoot, newRoot);
  if (old === 0) return !path.length && same(oldRoot, await sha256(new Uint8Array()));
  const shown = await provenRanges(old - 1, fresh, path, oldRoot, true);
  if (!shown.size || !same(shown.get(`0-${fresh}`), newRoot)) return false;
  const { begin, siblings } = wayUp(old - 1, fresh, true);
  let current = shown.get(`${begin}-${old}`);
  for (const [first, last] of siblings) if (last <= begin) current = await nodeHash(shown.get(`${first}-${last}`), current);
  return same(current, oldRoot);
}

/** A checkpoint as read, its signatures not yet checked. */
function parseNote(text) {
  const wrong = (what) => new Broken(`The checkpoint isn't a signed note: it ${what}.`);
  if (text.length > 1 << 16 || /[\x00-\x09\x0b-\x1f]/.test(text)) throw wrong("is too long or holds control characters");
  const place = text.lastIndexOf("\n\n");
  if (place < 0 || !text.endsWith("\n") || place + 2 >= text.length) throw wrong("has no signature lines");
  const body = text.slice(0, place + 1);
  const [origin, size, root = ""] = body.split("\n");
  const raw = fromBase64(root);
  if (!/^[!-*,-~]{1,200}$/.test(origin) || !/^(0|[1-9][0-9]{0,18})$/.test(size || "") || !raw || raw.length !== 32 || !Number.isSafeInteger(Number(size)))
    throw wrong("doesn't state a name, a size and a root");
  const lines = text.slice(place + 2, -1).split("\n");
  if (lines.length > 64) throw wrong("has too many signatures");
  return { text, body, origin, size: Number(size), root: raw, signatures: lines.map(noteSignature) };
}

function noteSignature(line) {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const raw = match && fromBase64(match[2]);
  if (!raw || raw.length < 5) throw new Broken("The checkpoint has a signature line that can't be read.");
  return { name: match[1], keyId: raw.slice(0, 4), signature: raw.slice(4) };
}

/** The public key of a log (algorithm 1) or a witness (4) in its text form: name+key id+base64 of algorithm and key. */
async function parseVerifierKey(vkey, algorithm = 1) {
  const [name, identity, ...rest] = vkey.split("+");
  const raw = fromBase64(rest.join("+"));
  if (!name || !raw || raw.length !== 33 || raw[0] !== algorithm || !isSoundPoint(raw.slice(1))) return null;
  const keyId = (await sha256(concat(utf8(`${name}\n`), raw))).slice(0, 4);
  return hex(keyId) === identity ? { name, keyId, key: raw.slice(1) } : null;
}

/** The signatures under a note that name a key. */
const signaturesOf = (note, { name, keyId }) => note.signatures.filter((line) => line.name === name && same(line.keyId, keyId)).map(({ signature }) => signature);

/** Whether a note is of the log with a key, and signed by it; throws Broken when a signature doesn't hold. */
async function isSignedBy(note, known) {
  const signatures = note.origin === known.name ? signaturesOf(note, known) : [];
  for (const signature of signatures) must(await verifyEd25519(known.key, signature, utf8(note.body)), `The signature of ${known.name} under the checkpoint doesn't hold.`);
  return signatures.length > 0;
}

/** The pinned log that signed a note; throws Broken when its signature doesn't hold, UnknownWitness when nobody did. */
async function pinnedLogOf(note, trust) {
  for (const log of trust.logs) {
    const known = await parseVerifierKey(log.vkey);
    if (!known) throw new Broken("A log's public key on the trust list can't be read.");
    if (await isSignedBy(note, known)) return log;
  }
  throw new UnknownWitness(`no pinned key belongs to the log ${JSON.stringify(note.origin.slice(0, 80))}.`);
}

/** The pinned witness that cosigned the head whose text has a digest, and when (C2SP tlog-cosignature): the receipt is that text with one more line. */
async function checkCosigned(proof, wanted, trust) {
  const text = textOf(proof, "the cosigned head");
  const note = parseNote(text);
  const own = text.slice(0, text.slice(0, -1).lastIndexOf("\n") + 1);
  if (hex(await sha256(utf8(own))) !== wanted) throw new Broken("The cosignature is under another head.");
  for (const witness of trust.cosigners || []) {
    const known = await parseVerifierKey(witness.vkey, 4);
    const times = [];
    for (const signature of signaturesOf(note, known)) {
      const seconds = signature.length === 72 ? Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)) : 0;
      const signed = utf8(`cosignature/v1\ntime ${seconds}\n${note.body}`);
      if (!(seconds > 0 && seconds < 253370764800 && (await verifyEd25519(known.key, signature.slice(8), signed))))
        throw new Broken(`The cosignature of ${known.name} under the checkpoint doesn't hold.`);
      times.push(seconds);
    }
    if (times.length) return { witness, note, time: new Date(1000 * Math.min(...times)) };
  }
  throw new UnknownWitness(`no pinned witness is ${JSON.stringify(note.signatures[note.signatures.length - 1].name.slice(0, 80))}.`);
}
