/* The check `decision`: whose passkey signed it, where the log's entry of the decision says that one did; see evidence/verify/checks/decision.py. */

const ASSERTION = "data/decision.json";
const DECISION_DOMAIN = "exhibit decision v1\n";
const FRESH = 5 * 60 * 1000;
const MAX_PART = 4096;
const ECDSA_SHA256 = "300a06082a8648ce3d040302";
const RSA_SHA256 = "300d06092a864886f70d01010b0500";

async function decisionCheck(inspection, own, facts, name) {
  const { file, digest: stated, log, key } = facts.decision.passkey;
  must(file === ASSERTION, `A passkey's answer lies in ${ASSERTION}.`);
  if (inspection.leftOut().includes(file)) throw new Unchecked(`${file} is withheld from this copy.`);
  must(inspection.sealed(file), `${file} isn't there as it was sealed.`);
  const assertion = await inspection.readJson(file, "assertion");
  const { statement } = assertion;
  const problem = (await logProofProblem(log, "decision")) || (await logProofProblem(key, "key"));
  must(!problem, problem);
  mustBeDecision(facts, stated, log, statement);
  await mustBeKey(key, log, assertion);
  await mustBeSigned(assertion);
  for (const proof of [log, key]) {
    const unknown = await unvouched(inspection, own, name, proof);
    if (unknown) return unknown;
  }
  const seen = new Set(facts.sightings.map((one) => one.picture.digest));
  const counted = [...seen].filter((one) => statement.subject.pictures.includes(one)).length;
  const counter = parseInt(assertion.authenticator_data.slice(66, 74), 16);
  const words = `Signed at ${moment(new Date(facts.decision.at))} on ${statement.site} by a passkey whose device verified the person; it stands in the log since ${key.time.slice(0, 10)}, entry ${key.sequence}, as one of ${statement.by}. That it is this person's is the installation's word. Counter ${counter}; the statement names ${counted} of ${seen.size} pictures seen.`;
  return passed(name, words, { by: parseNote(log.checkpoint).origin });
}

/** Entry, statement and facts have to be about one decision of this case. */
function mustBeDecision({ owner, number, work, party, bundle, sightings, decision }, stated, { opening, time }, statement) {
  must(opening.assertion === stated, "The decision's entry names another passkey's answer, or none.");
  must(opening.decision === "confirmed" && decision.decision === "confirmed" && decision.at === time, "The decision's entry is about another decision than the facts.");
  const { subject } = statement;
  const told = [statement.act, statement.owner, subject.case, subject.work, subject.party, subject.bundle];
  must(equal(told.map((one) => one ?? null), ["confirm", owner.name, number, work.number, party.name, bundle]), "The statement that was signed is about another decision.");
  const { pictures } = subject;
  must(Array.isArray(pictures) && pictures.every((one) => typeof one === "string"), "The statement names no pictures.");
  must(sightings.some((one) => pictures.includes(one.picture.digest)), "The statement that was signed is about other pictures.");
  must(decision.by.split(" (token ")[0] === statement.by, "The statement that was signed names somebody else.");
  must(Math.abs(microseconds(time) - microseconds(statement.time)) <= FRESH * 1000, `The statement is of ${statement.time}: too far from the decision.`);
}

const microseconds = (text) => new Date(text).getTime() * 1000 + Number(text.slice(23, 26));

async function mustBeKey({ opening, sequence }, log, { key, statement }) {
  const told = [opening.use, opening.key, opening.member].map((one) => one ?? null);
  const same = equal(told, ["passkey", hex(await sha256(fromHex(key))), statement.by]);
  must(same && ["created", "noted"].includes(opening.what), "The key's entry is about another passkey.");
  must(sequence < log.sequence, "The key's entry doesn't come before the decision's.");
}

/** The passkey has to have signed exactly this statement, on its site, and to have verified the person (WebAuthn Level 2, 7.2). */
async function mustBeSigned({ statement, key, authenticator_data, client_data, signature }) {
  const [data, client] = [fromHex(authenticator_data), fromHex(client_data)];
  must(data.length >= 37 && data.length <= MAX_PART && client.length <= MAX_PART, "The passkey's answer is too short or too long.");
  must(same(data.slice(0, 32), await sha256(utf8(statement.site))), "The passkey is for another site than the statement names.");
  must((data[32] & 0x45) === 0x05, "The device doesn't say that it verified the person.");
  const said = parseJson(client, "the client data");
  const wanted = toBase64(await sha256(concat(utf8(DECISION_DOMAIN), canonical(statement)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  must(said !== null && said.type === "webauthn.get" && said.challenge === wanted, "The passkey signed something else than the statement.");
  must([undefined, false].includes(said.crossOrigin) && isOriginOf(said.origin, statement.site), "The passkey was asked by another site than the statement names.");
  must(key.length <= 2 * MAX_PART, "The passkey's key can't be read.");
  const info = der(fromHex(key));
  const known = keyOf(info);
  must(known && (known.kind === RSA || known.curve === "P-256"), "The passkey's key is of a kind that isn't accepted.");
  const algorithm = der(fromHex(known.kind === RSA ? RSA_SHA256 : ECDSA_SHA256));
  const holds = await signatureHolds(info, algorithm, fromHex(signature), concat(data, await sha256(client)), null);
  must(holds, "The passkey's signature doesn't hold.");
}

function isOriginOf(origin, site) {
  const found = typeof origin === "string" && /^https?:\/\/([a-z0-9.-]{1,253})(:[0-9]{1,5})?$/.exec(origin);
  if (!found || !(found[1] === site || found[1].endsWith(`.${site}`))) return false;
  return origin.startsWith("https://") || site === "localhost";
}
