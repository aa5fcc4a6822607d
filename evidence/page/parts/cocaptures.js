/* Captures seen by two: whether a partner's statement is its own, of this visit, and agrees with it. The definitions are
   those of evidence/facts/cocapture.py and evidence/verify/checks/cocaptures.py. And what a web archive told at a capture. */

const SEEN = "seen-twice";
const MAX_PARTNERS = 16;
const MOST_ANSWERS = 400;
const MAX_TOLD = 65536;
const [VISIT_WITHIN, VISIT_CLOCKS] = [60_000, 300_000];
const COMPARED = { picture: "bytes of the picture", page: "bytes of the page", text: "text of the page", location: "address", status: "status", certificate: "certificate", server: "server", language: "language", consent: "consent banner" };

/** `seen-twice:NN-N-K` for the Kth partner that was asked at a capture, and `seen-twice`: whether one saw each sighting's picture. */
async function checkCocaptures(inspection, facts) {
  const [checks, known, seen, own] = [[], new Set(), new Map(facts.sightings.map(({ number }) => [number, []])), await ownNames(inspection, facts)];
  const visits = cocaptured(inspection, facts);
  let count = 0;
  for (const visit of visits) {
    const record = await checked(`${SEEN}:${visit.numbers}`, async () => {
      const found = await readCocapture(inspection, visit.path);
      must(found.answers.length <= MAX_PARTNERS, `${visit.path} holds more than ${MAX_PARTNERS} answers.`);
      must(!known.has(found.challenge), `${visit.path} has the challenge of another capture.`);
      return found;
    });
    if (record.state) {
      checks.push(record);
      continue;
    }
    known.add(record.challenge);
    for (const [place, answer] of record.answers.entries()) {
      const name = `${SEEN}:${visit.numbers}-${place + 1}`;
      const look = () => answerCheck({ inspection, own, known }, visit, record.challenge, answer, name);
      const check = ++count > MOST_ANSWERS ? notChecked(name, `Only the first ${MOST_ANSWERS} answers are looked at.`) : await checked(name, look);
      if (check.state === "passed") seen.get(visit.sighting.number).push(check.by);
      checks.push(check);
    }
  }
  return visits.length ? [...checks, await seenByAll(inspection, seen)] : checks;
}

async function seenByAll(inspection, seen) {
  const alone = [...seen].filter(([, by]) => !by.length).map(([number]) => two(number)).join(", ");
  if (alone) return notChecked(SEEN, `No pinned partner saw the picture of sighting ${alone} at a capture.`);
  const theirs = [...new Set([...seen.values()].flat())];
  const run = `${[await ownOperator(inspection), ...theirs.slice(0, -1)].join(", ")} and ${theirs.at(-1)}`;
  const by = `seen by ${{ 1: "two", 2: "three" }[theirs.length] || "several"}, run by ${run}`;
  return passed(SEEN, `Each sighting's picture was ${by}.`, { by });
}

async function answerCheck({ inspection, own, known }, visit, challenge, answer, name) {
  const { sealed, log } = answer;
  const { trust } = inspection;
  const called = JSON.stringify(answer.name.slice(0, 60));
  must((sealed === null) === Boolean(answer.missing), `The answer of ${called} is there and missing at once.`);
  if (!sealed) throw new Unchecked(`${called} was asked to visit with it; its answer is missing: ${JSON.stringify(answer.missing.slice(0, 40))}.`);
  const key = await parseVerifierKey(log);
  must(key, `The key of ${called} can't be read.`);
  const mine = trust.logs.filter((one) => own.has(one.vkey.split("+")[0]));
  const keys = await Promise.all(mine.map((one) => parseVerifierKey(one.vkey)));
  must(!own.has(key.name) && !keys.some((one) => one && same(one.key, key.key)), "The partner is the log of this bundle: nobody else saw the page.");
  await mustAnswer(sealed, key, own, visit, challenge);
  for (const place of [`${log} ${sealed.sequence}`, `${log} ${visit.path}`]) {
    must(!known.has(place), "The statement is there twice.");
    known.add(place);
  }
  const [agrees, differs] = await compareVisits(inspection, visit, sealed.statement);
  must(equal([agrees, differs], [answer.agrees, answer.differs]), "What agrees and differs isn't what follows from both.");
  const pin = (trust.partners || []).find((one) => one.vkey === log);
  if (!pin) throw new UnknownWitness(`no pinned partner has the log ${JSON.stringify(key.name.slice(0, 80))}.`);
  if (pin.operator && mine.some((one) => one.operator === pin.operator)) throw new Unchecked(`${pin.operator} runs both logs, as the trust list says: nobody else saw the page.`);
  const by = pin.operator || key.name;
  const [good, other] = [agrees, differs].map((names) => names.map((one) => COMPARED[one]).join(", ") || "nothing");
  const said = `${by} visited with it at ${moment(new Date(sealed.statement.started))}. The same: ${good}. Different: ${other}.`;
  if (!agrees.includes("picture")) throw new Unchecked(`${said} It didn't see this picture.`);
  return passed(name, said, { by, ...developmentOf(pin) });
}

/** Throws Broken unless a log with this key holds the statement, as the answer to what was asked. */
async function mustAnswer({ statement, ...proof }, key, own, { sighting, stated }, challenge) {
  const note = parseNote(proof.checkpoint);
  const commitment = hex(await sha256(concat(fromHex(proof.salt), canonical(statement))));
  must(await isUnder({ ...proof, type: "cocapture", commitment }, note), "The entry isn't included under the checkpoint's root.");
  must(await isSignedBy(note, key), "Another key than the partner's has signed the head over its statement.");
  must(statement.format === "exhibit-cocapture/1", "The statement isn't in the format exhibit-cocapture/1.");
  must(own.has(statement.asked_by), "The statement answers another log.");
  must(statement.challenge === challenge, "The statement answers another challenge: it is of another capture.");
  const picture = sighting.image_url.slice(0, 5).toLowerCase() === "data:" ? "" : sighting.image_url;
  must(statement.page.url === sighting.page_url && (statement.picture?.url ?? "") === picture, "The statement is about another page or picture.");
  const [begun, started, entered] = [stated.started, statement.started, proof.time].map((time) => Date.parse(time));
  const last = begun + VISIT_WITHIN + VISIT_CLOCKS;
  const within = begun - VISIT_CLOCKS <= started && statement.started <= statement.finished && Date.parse(statement.finished) <= last;
  must(within && started - VISIT_CLOCKS <= entered && entered <= last, "The statement is of another time than the capture.");
}

/** What agrees and what differs between a statement and the capture that it was made with. */
async function compareVisits(inspection, visit, said) {
  const [network, page] = ["network", "page"].map((role) => fileOf(inspection, visit.stated, role));
  must(network, "The capture lacks the record of its surroundings.");
  const { exchanges } = checkSchema(parseJson(await sealedBytes(inspection, network), network), "network", network);
  const bytes = page && !inspection.absent.has(page) ? await sealedBytes(inspection, page) : null;
  const own = exchanges.filter(({ url }) => url === said.page.final_url).at(-1);
  const pairs = { location: [said.page.final_url, own ? own.url : exchanges.length ? "elsewhere" : null] };
  const digest = bytes && (await digestOf(bytes));
  pairs.page = [said.page.sha256, digest];
  pairs.picture = said.picture ? [said.picture.sha256, visit.stated.image] : [visit.stated.image, digest && digest === said.page.sha256 ? visit.stated.image : null];
  if (bytes && said.text) {
    const text = signsOf(bytes);
    const language = /<html\b[^>]*?\blang[\t-\r ]*=[\t-\r ]*["']?([a-z0-9-]{1,35})/i.exec(text.slice(0, 4096))?.[1].toLowerCase();
    pairs.text = [said.text, await digestOf(Uint8Array.from(pageText(text), (sign) => sign.charCodeAt(0)))];
    pairs.language = [said.language || null, language ?? null];
    pairs.consent = [said.consent, /cookie|consent/i.test(text)];
  }
  if (own) Object.assign(pairs, { status: [said.page.status, own.status], server: [said.page.server || null, own.peer.address], certificate: [said.page.certificate, own.tls?.chain[0]?.sha256 ?? null] });
  const both = Object.keys(COMPARED).filter((name) => pairs[name] && !pairs[name].includes(null));
  return [true, false].map((agrees) => both.filter((name) => (pairs[name][0] === pairs[name][1]) === agrees));
}

/** Bytes, each as the sign of its number. */
function signsOf(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1 << 14) text += String.fromCharCode(...bytes.subarray(at, at + (1 << 14)));
  return text;
}

/** A page's text: markup, scripts and styles each become a space, and white space between words one. */
function pageText(page) {
  const plain = page.replace(/<!--[^]*?(?:-->|$)|<(script|style)\b[^]*?(?:<\/\1[^>]*(?:>|$)|$)|<[^>]*(?:>|$)/gi, " ");
  return plain.split(/[\t-\r ]+/).filter(Boolean).join(" ");
}

/** The names of the log that holds the bundle's entries, those before a break too. */
async function ownNames(inspection, facts) {
  const names = new Set();
  const notes = [...proofsInFacts(facts).map(([, { checkpoint }]) => checkpoint), await readCheckpoint(inspection).catch(() => "")];
  for (const text of notes)
    try {
      names.add(parseNote(text).origin);
    } catch {
      continue;
    }
  return names;
}

async function ownOperator(inspection) {
  try {
    const { origin } = parseNote(await readCheckpoint(inspection));
    return inspection.trust.logs.find((one) => one.vkey.split("+")[0] === origin && one.operator)?.operator || origin;
  } catch {
    return "an unknown log";
  }
}

/** `web-archive:NN-N`: what a web archive told at the Nth capture of sighting NN; it never passes. */
async function checkWebArchives(inspection, facts) {
  const look = async ({ sighting, stated, path }) => {
    must((await sealedBytes(inspection, path)).length <= MAX_TOLD, `${path} has more than ${MAX_TOLD} bytes.`);
    const { archive, missing, address } = await inspection.readJson(path, "web-archive");
    const found = /^(https?:\/\/[A-Za-z0-9.:-]{1,300})\/web\/([0-9]{14})\/(https?:\/\/[!-~]{1,9000})$/.exec(address);
    must(missing ? !address : found?.[1] === archive, "It names no page of this archive, nor why there is none.");
    const who = archive === "https://web.archive.org" ? "The Internet Archive" : `The archive ${JSON.stringify(archive.slice(0, 80))}`;
    if (missing) throw new Unchecked(`${who} was asked to save the page; its answer is missing: ${JSON.stringify(missing.slice(0, 40))}.`);
    const other = plainUrl(found[3]) === plainUrl(sighting.page_url) ? "" : " It isn't the address of the page.";
    const time = found[2].replace(/(....)(..)(..)(..)(..)(..)/, "$1-$2-$3 $4:$5:$6 UTC");
    throw new Unchecked(`${who} told that it saved the page at ${time}: ${address} (not checked here).${other}`);
  };
  const visits = cocaptured(inspection, facts, "web-archive").slice(0, MOST_ANSWERS);
  return Promise.all(visits.map((visit) => checked(`web-archive:${visit.numbers}`, () => look(visit))));
}

/** Every statement of a partner in the bundle that can be read, as a proof. */
async function statedByPartners(inspection, facts) {
  const found = [];
  for (const { path } of facts ? cocaptured(inspection, facts) : [])
    try {
      for (const { sealed } of (await readCocapture(inspection, path)).answers.slice(0, MAX_PARTNERS))
        if (sealed) found.push({ ...sealed, type: "cocapture", commitment: hex(await sha256(concat(fromHex(sealed.salt), canonical(sealed.statement)))) });
    } catch {
      continue; // `seen-twice` says so
    }
  return found.slice(0, MOST_ANSWERS);
}

/** The captures at which partners, or an archive, were asked: `{numbers, sighting, stated, path}`. */
function cocaptured(inspection, facts, role = "cocapture") {
  const every = facts.sightings.flatMap((sighting) => sighting.captures.map((stated, place) => ({ numbers: `${two(sighting.number)}-${place + 1}`, sighting, stated })));
  return every.map((visit) => ({ ...visit, path: fileOf(inspection, visit.stated, role) })).filter(({ path }) => path);
}

const fileOf = ({ listed, absent }, { files }, role) => files.find((path) => (absent.get(path) || listed.get(path))?.role === role);

async function readCocapture(inspection, path) {
  await sealedBytes(inspection, path);
  return inspection.readJson(path, "cocapture");
}

async function sealedBytes(inspection, path) {
  if (inspection.large.has(path)) throw new Unchecked(inspection.large.get(path));
  if (!inspection.sealed(path)) throw new Unchecked(inspection.whyNot(path) || `${path} isn't in this copy as it was sealed.`);
  return inspection.read(path, MAX_WARC);
}
