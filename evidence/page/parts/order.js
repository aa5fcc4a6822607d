/* The order of times, and whether heads of one log contradict each other. */

const SLACK = 60 * 60 * 1000;
const STATED_SINCE = "2026-11-22";
const OLDER = "It is of an earlier version: captures, drawings and the sheet weren't made to be held against the rest.";
const [LOG, CLOCK, DECLARATION] = ["log", "operator's clock", "declaration"];
const statedTime = (of, time, restsOn) => ({ of, time: new Date(time), rests_on: restsOn });
const inWords = (one) => `${one.of} ${moment(one.time)} by the ${one.rests_on}`;

/** `[check, times]`: `order`, and every time with whom it rests on. */
function orderCheck({ manifest }, facts, seal, witnesses) {
  const given = witnesses.filter(({ check }) => check.time).map(({ subject, check }) => statedTime(subject, check.time, check.by));
  const sealed = statedTime("sealed", manifest.sealed_at, CLOCK);
  const entry = seal ? [statedTime("entry", seal.time, LOG)] : [];
  const inside = facts ? timesInside(facts) : [];
  const pairs = [...inside.map((one) => [one, sealed]), ...entry.map((one) => [sealed, one])];
  for (const stated of given) {
    const held = stated.of.startsWith("checkpoint of ") ? inside.filter((one) => `checkpoint of ${one.of}` === stated.of) : [...inside, sealed, ...(stated.of === "manifest" ? [] : entry)];
    if (!stated.of.startsWith("unrelated")) pairs.push(...held.map((one) => [one, stated]));
  }
  try {
    if (facts) pairs.push(...steps(facts, inside));
    pairs.push(...inSequence([...(facts ? proofsInFacts(facts).map(([, proof]) => proof) : []), ...(seal ? [seal] : [])]));
  } catch (error) {
    return [checkOf("order", error), []];
  }
  const wrong = pairs.find(([earlier, later]) => earlier.time - later.time > SLACK);
  if (wrong) return [failed("order", `${inWords(wrong[0])}, can't be after ${inWords(wrong[1])}.`), []];
  const all = [...inside, sealed, ...entry];
  const told = all.filter((one) => ["registration", "slice:01", "sealed", "entry"].includes(one.of)).map(inWords).join("; ");
  const declared = facts ? [["first publication", facts.work.first_publication], ["creation", facts.work.created]] : [];
  const texts = declared.filter(([, text]) => text).map(([of, time]) => ({ of, time, rests_on: DECLARATION }));
  return [passed("order", `No time contradicts another by more than an hour: ${told}.`), [...given, ...all, ...texts]];
}

/** `version`, where the facts don't state what they were made with: whether the bundle is older than those that do. */
function versionChecks({ manifest }, facts, witnessed) {
  if (!facts || facts.made_with) return [];
  const lacks = `The facts lack what those since ${STATED_SINCE} state: what drawings and documents were made with`;
  if (manifest.sealed_at >= STATED_SINCE) return [failed("version", `${lacks}.`)];
  const { time } = witnessed.find((check) => check.name === "time");
  if (!time || time >= new Date(STATED_SINCE)) return [notChecked("version", `${lacks}; and no pinned witness shows that it is older.`)];
  return [passed("version", OLDER)];
}

/** Every time that the facts state, all of which lie before the seal. */
function timesInside(facts) {
  const times = [["registered", facts.work.registered_at, CLOCK], ...proofsInFacts(facts).map(([name, proof]) => [name, proof.time, LOG])];
  for (const one of facts.sightings) {
    times.push([`first seen:${two(one.number)}`, one.first_seen, CLOCK], [`last seen:${two(one.number)}`, one.last_seen, CLOCK]);
    times.push(...one.captures.map((capture) => [`captured:${two(one.number)}`, capture.finished, CLOCK]));
  }
  times.push(["registered by another", facts.work.earlier_registration, CLOCK]);
  times.push(["opened", facts.opened_at, CLOCK], ["decided", facts.decision.at, CLOCK], ["licences", facts.licence_check.checked_at, CLOCK], ["written", facts.written_at, CLOCK]);
  return times.filter(([, time]) => time).map((one) => statedTime(...one));
}

/** What comes before what within the facts. */
function steps(facts, inside) {
  const named = new Map(inside.map((one) => [one.of, one]));
  const names = [["registered", "registration"], ["opened", "decided"], ["opened", "written"], ["decided", "written"]];
  const pairs = [];
  for (const one of facts.sightings) {
    const number = two(one.number);
    names.push([`first seen:${number}`, `last seen:${number}`], [`first seen:${number}`, `slice:${number}`]);
    for (const capture of one.captures) {
      const visit = statedTime(`visit:${number}`, capture.started, CLOCK);
      if (one.first_seen) pairs.push([named.get(`first seen:${number}`), visit]);
      pairs.push([visit, statedTime("its end", capture.finished, CLOCK)]);
    }
    if (one.slice?.record.seen) pairs.push([statedTime(`record:${number}`, one.slice.record.seen, CLOCK), named.get(`slice:${number}`)]);
  }
  return [...pairs, ...names.map((pair) => pair.map((name) => named.get(name))).filter(([first, then]) => first && then)];
}

/** Each log's entries by their numbers, with the latest before: its times don't run backwards. */
function inSequence(proofs) {
  const placed = proofs.map((proof) => [parseNote(proof.checkpoint).origin, proof]).sort(([, one], [, other]) => one.sequence - other.sequence || (one.time < other.time ? -1 : 1));
  const [latest, pairs] = [new Map(), []];
  for (const [log, proof] of placed) {
    const [entry, before] = [statedTime(`entry ${proof.sequence}`, proof.time, LOG), latest.get(log)];
    if (before) pairs.push([before, entry]);
    latest.set(log, before && before.time >= entry.time ? before : entry);
  }
  return pairs;
}

/** Every head that a bundle holds, with what its proofs show; see evidence/verify/split_views.py. */
async function viewsOf(inspection, facts, seal) {
  const proofs = [...(facts ? proofsInFacts(facts).map(([, proof]) => proof) : []), ...(seal ? [seal] : [])];
  const told = [];
  const roots = new Map();
  for (const proof of await statedByPartners(inspection, facts)) told.push([proof.checkpoint, proof.sequence, await leafOf(proof), proof.path.map(fromHex), false]);
  for (const proof of proofs) {
    told.push([proof.checkpoint, proof.sequence, await leafOf(proof), proof.path.map(fromHex), false]);
    try {
      roots.set(proof.size, parseNote(proof.checkpoint).root);
    } catch {
      continue;
    }
  }
  const own = await ownCheckpoint(inspection);
  if (own) {
    for (const [size, path] of own.paths) told.push([own.note.text, size - 1, roots.get(size), path, true]);
    try {
      for (const record of inspection.has(RENEWALS) ? await readRenewals(inspection) : [])
        told.push([textOf(await inspection.read(record.file, 1 << 16), record.file), own.note.size - 1, own.note.root, record.path.map(fromHex), true]);
    } catch {
      // `renewals` says so
    }
  }
  const views = [];
  for (const [text, ...proof] of told) views.push(await viewOf(inspection, text, proof));
  return views.filter(Boolean);
}

async function viewOf({ bundle, trust }, text, [index, value, path, whole]) {
  try {
    const note = parseNote(text);
    const { state } = await noteCheck({ ...trust, logs: [...trust.logs, ...(trust.partners || [])] }, "", note);
    if (state === "failed") return null;
    const shown = await provenRanges(index, note.size, path, value, whole);
    const all = [0, note.size].join("-");
    const hashes = new Map([...(shown.has(all) && same(shown.get(all), note.root) ? shown : []), [all, note.root]]);
    return { bundle: bundle.title, origin: note.origin, pinned: state === "passed", note: text, hashes };
  } catch {
    return null;
  }
}

/** The contradictions among heads: `{views, sentence}`, one for each log and pair of heads. */
function splitViews(views) {
  const [known, found] = [new Map(), new Map()];
  for (const view of views)
    for (const [place, value] of view.hashes) {
      const key = JSON.stringify([view.origin, view.pinned, place]);
      const first = known.get(key) || view;
      known.set(key, first);
      const pair = JSON.stringify([first.note, view.note]);
      if (same(first.hashes.get(place), value) || found.has(pair)) continue;
      const [begin, end] = place.split("-").map(Number);
      const where = first.bundle === view.bundle ? `in ${view.bundle}` : `in ${first.bundle} and in ${view.bundle}`;
      const who = view.pinned ? "Its pinned key has signed both." : "No key of that log is pinned.";
      found.set(pair, { views: [first, view], sentence: `Split view: entries ${begin} to ${end - 1} of the log ${view.origin.slice(0, 80)} aren't the same under two heads ${where}. ${who}` });
    }
  return [...found.values()];
}
