/* Checks of the case itself: facts against the sealed files, what crawls recorded, matches and probabilities computed anew. */

const DECLARED = ["title", "author", "first_publication", "registered_at", "registrations", "rights_statement"];
/* What an entry names only where something is said; earlier facts don't state it. */
const DECLARED_LATER = ["created", "credit", "holder"];
const HELD = ["low-information", "plain", "collage", "page", "negative", "lens", "pieces", "hash", "mark", "series", "derived"];
const MOST_COMPUTED = 200;
const MOST_CALIBRATIONS = 16;
const SUMMED = "A page in a browser doesn't sum the odds; `exhibit verify` does it.";
const FIRST_NETWORK = "descriptor@1";
const DRAWINGS = ["overlay", "side_by_side", "difference", "points"];
const FIGURES = {
  "log-inliers": (one) => Math.log1p(one.inliers),
  dense: (one) => one.dense,
  hash: (one) => Math.max(0, 1 - one.hamming / 128),
  "overlap-work": (one) => one.overlap_work,
  "overlap-picture": (one) => one.overlap_picture,
  placed: (one) => Number(stated(one.in_place)),
  "in-place": (one) => one.in_place || 0,
  drift: (one) => Math.min(one.drift || 0, 2),
  imprecise: (one) => Number(one.reasons.includes("imprecise")),
  "shared-overlay": (one) => Number(one.reasons.includes("shared-overlay")),
};
const stated = (value) => value !== null && value !== undefined;
const equal = (one, other) => canonicalText(one) === canonicalText(other);

/** The facts, or null, and `facts`: whether they fit manifest and files. */
async function readFacts(inspection) {
  let facts = null;
  const check = await checked("facts", async () => {
    facts = await inspection.readJson(FACTS, "facts");
    const problem = await factsProblem(inspection, facts);
    must(!problem, problem);
    inspection.absent = absentOf(facts);
    const left = inspection.absent.size ? ` but ${inspection.absent.size} of which they say why not` : "";
    return `The facts fit the manifest, and every file they name is sealed${left} (sightings: ${facts.sightings.length}, matches: ${facts.matches.length}).`;
  });
  return [facts, check];
}

async function factsProblem({ manifest, listed }, facts) {
  const { matter } = manifest;
  if (facts.owner.name !== matter.owner || facts.number !== matter.case || facts.bundle !== matter.bundle) return "The facts are about another case than the manifest.";
  if (!equal(facts.software, manifest.software)) return "The facts state other software than the manifest.";
  const absent = absentOf(facts);
  for (const [path, value] of namedFiles(facts).filter(([path]) => !absent.has(path)))
    if (!listed.has(path) || (value && listed.get(path).sha256 !== value)) return `The facts name ${path}, which isn't sealed, or with another digest.`;
  const loose = leftOutProblem(listed, facts);
  if (loose) return loose;
  for (const picture of [...facts.work.pictures, ...facts.sightings.map((one) => one.picture)].filter(({ file }) => !absent.has(file)))
    if (listed.get(picture.file).size !== picture.size) return `The facts state another size of ${picture.file} than the manifest.`;
  for (const [path, value] of derivedFiles(facts))
    if (!listed.has(path) || listed.get(path).sha256 !== hex(await sha256(canonical(value)))) return `${path} says something else than the facts.`;
  return looseMatch(facts);
}

const absentOf = (facts) => new Map((facts.left_out || []).map((gone) => [gone.file, gone]));

/** What is wrong with what the facts say is left out: captured files, pictures and documents that aren't sealed, each once. */
function leftOutProblem(listed, facts) {
  const pictures = [...facts.work.pictures, ...facts.sightings.map((one) => one.picture), ...facts.work.attachments];
  const may = new Map(pictures.map(({ file, digest }) => [file, digest]));
  for (const path of facts.sightings.flatMap(({ captures }) => captures.flatMap(({ files }) => files))) may.set(path, null);
  if (absentOf(facts).size < (facts.left_out || []).length) return "The facts say twice that a file is left out.";
  for (const { file, digest } of facts.left_out || []) {
    if (!may.has(file) || ![null, digest].includes(may.get(file))) return `The facts say that ${file} is left out, which can't be, or has another digest.`;
    if (listed.has(file)) return `The facts say that ${file} is left out, and it is sealed.`;
  }
  return "";
}

/** Every path that the facts name, with the digest where they state one. */
function namedFiles(facts) {
  const pictures = [...facts.work.pictures, ...facts.sightings.map((one) => one.picture)];
  const named = [...pictures, ...facts.work.attachments, ...(facts.calibrations || []), ...(facts.weighings || [])].map((one) => [one.file, one.digest]);
  for (const sighting of facts.sightings) {
    for (const capture of sighting.captures) named.push(...capture.files.map((path) => [path, null]));
    if (sighting.provenance?.file) named.push([sighting.provenance.file, null]);
  }
  if (facts.decision.passkey) named.push([facts.decision.passkey.file, facts.decision.passkey.digest]);
  for (const match of facts.matches) named.push(...DRAWINGS.filter((role) => stated(match[role])).map((role) => [match[role], null]));
  return named;
}

/** A part of the facts as it is sealed beside them: without what may be absent, and holds what its absence means. */
function withoutDefaults(value, kind) {
  const walk = (item, schema) => {
    if (schema.$ref) return walk(item, SCHEMAS.facts.$defs[schema.$ref.split("/").pop()]);
    if (schema.anyOf) return item === null ? null : walk(item, schema.anyOf[0]);
    if (Array.isArray(item)) return item.map((one, place) => walk(one, schema.prefixItems ? schema.prefixItems[place] : schema.items));
    if (!schema.properties) return item;
    const told = Object.entries(item).filter(([name, of]) => !(Object.hasOwn(schema.properties[name], "default") && equal(of, schema.properties[name].default)));
    return Object.fromEntries(told.map(([name, of]) => [name, walk(of, schema.properties[name])]));
  };
  return walk(value, { $ref: kind });
}

/** The files that repeat parts of the facts. */
function derivedFiles(facts) {
  const files = facts.matches.map((match) => [`data/matches/${two(match.number)}/alignment.json`, withoutDefaults(match, "MatchFacts")]);
  for (const one of facts.sightings) if (one.slice) files.push([`data/sightings/${two(one.number)}/slice.json`, withoutDefaults(one.slice, "SliceProof")]);
  if (facts.work.registration) files.push(["data/work/registration.json", withoutDefaults(facts.work.registration, "LogProof")]);
  return files;
}

/** What a match points at that isn't there, or an empty string. */
function looseMatch(facts) {
  const registered = new Set(facts.work.pictures.map((picture) => picture.digest));
  const seen = new Map(facts.sightings.map((one) => [one.number, one.picture.digest]));
  if (seen.size !== facts.sightings.length || new Set(facts.matches.map((one) => one.number)).size !== facts.matches.length)
    return "Two sightings or two matches have the same number.";
  const weighed = (facts.weighings || []).map(({ pipeline }) => pipeline);
  if (new Set(weighed).size !== weighed.length) return "Two weighings are of one version of the comparison.";
  for (const match of facts.matches) {
    if (new Set(match.sightings).size !== match.sightings.length) return `Match ${match.number} names a sighting twice.`;
    const fits = match.sightings.length && match.sightings.every((number) => seen.get(number) === match.picture);
    if (!registered.has(match.work_picture) || !fits) return `Match ${match.number} is about a picture that no sighting of the case shows.`;
    if (stated(match.verification.probability) !== Boolean(calibrationOf(facts, match))) return `Match ${match.number} states a probability without its calibration, or the other way round.`;
  }
  return "";
}

const calibrationOf = (facts, match) => (facts.calibrations || []).find((one) => one.digest === match.verification.calibration);

/** `registration` and those of each picture, one `slice:` for each sighting, one `match:` and `probability:` for each match. */
async function checkCase(inspection, facts, progress) {
  const own = await ownCheckpoint(inspection);
  const checks = await registrationChecks(inspection, own, facts);
  for (const sighting of facts.sightings) checks.push(await checked(`slice:${two(sighting.number)}`, (name) => sliceCheck(inspection, own, sighting, name)));
  if (facts.decision.passkey) checks.push(await checked("decision", (name) => decisionCheck(inspection, own, facts, name)));
  checks.push(...(await checkCaptures(inspection, facts)), ...(await checkCocaptures(inspection, facts)), ...(await checkWebArchives(inspection, facts)), await picturesCheck(inspection, facts));
  if (facts.party.kind !== "none" && !(facts.sightings.length && facts.matches.length)) checks.push(notChecked("slice:00", "The facts of a case hold no sighting or no match."));
  const calibrations = await readCalibrations(inspection, facts);
  for (const [place, match] of facts.matches.entries()) {
    await progress(place, facts.matches.length, `match ${match.number}`);
    checks.push(await matchCheck(inspection, facts, match, place));
    if (stated(match.verification.probability)) checks.push(probabilityCheck(match, calibrations));
    if (stated(match.verification.related) || stated(match.verification.exposure)) checks.push(notChecked(`odds:${two(match.number)}`, SUMMED));
  }
  checks.push(...remadeChecks(inspection, facts), restCheck(inspection, facts));
  return checks;
}

/** What is wrong with an entry, its opening or its inclusion, or an empty string. */
async function logProofProblem(proof, kind) {
  if (proof.type !== kind) return `The log's entry is about a ${proof.type}, not a ${kind}.`;
  if (!(await opens(proof))) return "The log's entry commits to something else.";
  return (await isUnder(proof, parseNote(proof.checkpoint))) ? "" : "The entry isn't included under the checkpoint's root.";
}

/**
 * Why the checkpoint over an earlier entry doesn't count, or null when it does: when a pinned log signed it, or the
 * bundle's own checkpoint that continues it. A log that nobody knows could state any time.
 */
async function unvouched(inspection, own, name, proof) {
  const note = parseNote(proof.checkpoint);
  const signed = await noteCheck(inspection.trust, name, note);
  if (signed.state === "failed") return signed;
  const continued = own !== null && (await continues(own, note));
  if (signed.state === "passed" || (continued && own.signed)) return null;
  return notChecked(name, `${UNKNOWN}: no pinned log signed its checkpoint, ${continued ? "nor the bundle's own, which continues it" : "and the bundle's own doesn't continue it"}.`);
}

/** `registration` of the work, and `registration:` of each picture of it: each needs an entry of its own. */
async function registrationChecks(inspection, own, facts) {
  const { registration, pictures, further_registrations: further = [] } = facts.work;
  const name = "registration";
  const known = new Set(pictures.map((picture) => picture.digest));
  const checks = [];
  if (!registration) checks.push(notChecked(name, "The bundle holds no log entry of the registration."));
  else if (further.some((proof) => !known.has(proof.opening.picture))) checks.push(failed(name, "The facts hold a registration of a picture that isn't one of the work's."));
  else checks.push(await checked(name, () => registrationCheck(inspection, own, name, facts, registration)));
  for (const [place, picture] of pictures.entries()) {
    const found = [registration, ...further].find((proof) => proof && proof.opening.picture === picture.digest);
    const numbered = `${name}:${two(place + 1)}`;
    checks.push(found ? await checked(numbered, () => registrationCheck(inspection, own, numbered, facts, found)) : notChecked(numbered, "No entry of the log that the bundle holds is about this picture."));
  }
  return checks;
}

async function registrationCheck(inspection, own, name, facts, proof) {
  const problem = (await logProofProblem(proof, "registration")) || registrationProblem(facts, proof);
  if (problem) return failed(name, problem);
  const unknown = await unvouched(inspection, own, name, proof);
  if (unknown) return unknown;
  if (!Object.hasOwn(proof.opening, "owner_name")) return notChecked(name, `Entry ${proof.sequence} of the log doesn't state whose registration it is.`);
  const shown = new Set(facts.matches.filter((match) => match.work_picture === proof.opening.picture).flatMap((match) => match.sightings));
  const [seen] = facts.sightings.filter((one) => shown.has(one.number)).map((one) => one.first_seen).filter(Boolean).sort();
  const late = seen && seen < proof.time ? ` A copy had been seen before, at ${moment(new Date(seen))}.` : "";
  return passed(name, `Entry ${proof.sequence} of the log, dated ${proof.time.slice(0, 10)}, commits to owner, work and picture.${late}`, { by: parseNote(proof.checkpoint).origin });
}

function registrationProblem({ owner, work }, { opening, salt }) {
  const has = (name) => Object.hasOwn(opening, name);
  if (!work.pictures.some((picture) => picture.digest === opening.picture)) return "The log's entry is about another picture than those of the work.";
  if (has("owner_name") && opening.owner_name !== owner.name) return "The log's entry states another owner than the facts.";
  const isFirst = work.registration?.salt === salt;
  const whole = isFirst && has("owner_name");
  const told = DECLARED.filter((name) => whole || has(name)).map((name) => [name, has(name) ? opening[name] : null]);
  told.push(...DECLARED_LATER.filter((name) => whole || (isFirst && work[name])).map((name) => [name, has(name) ? opening[name] : ""]));
  if (has("owner_name") || has("work")) told.push(["number", Number.isSafeInteger(opening.work) ? String(opening.work) : opening.work ?? null]);
  const wrong = told.find(([name, value]) => !equal(work[name] ?? "", value));
  return wrong ? `The log's entry states another ${wrong[0]} than the facts.` : "";
}

async function sliceCheck(inspection, own, sighting, name) {
  const proof = sighting.slice;
  if (!proof) return notChecked(name, "The bundle holds no log entry of the crawl that saw this picture.");
  const problem = (await sliceProblem(sighting, proof)) || (await logProofProblem(proof.log, "slice"));
  if (problem) return failed(name, problem);
  const seen = proof.record.seen;
  const place = `record ${proof.index + 1} of ${proof.count}, entry ${proof.log.sequence} of the log`;
  const beyond = sighting.first_seen !== seen || sighting.last_seen !== seen ? " First and last seen beyond that aren't shown by it." : "";
  const told = seen ? moment(new Date(seen)) : sighting.period || "no time that its archive states";
  const words = `The crawl recorded this sighting as of ${told}: ${place}.${beyond}`;
  return (await unvouched(inspection, own, name, proof.log)) || passed(name, words, { by: parseNote(proof.log.checkpoint).origin });
}

async function sliceProblem(sighting, proof) {
  const record = proof.record;
  const alike = ["page_url", "image_url", "final_url", "status"].every((field) => sighting[field] === record[field]);
  if (!alike || sighting.picture.digest !== record.picture) return "The crawl's record is about another sighting than the facts.";
  const server = ({ headers, peer, certificate }) => [headers, peer, certificate ?? ""];
  if (!equal(server(sighting), server(record))) return "The crawl's record states other headers or another server than the facts.";
  const moments = [sighting.first_seen, record.seen, sighting.last_seen];
  const inside = moments.every(Boolean) ? moments[0] <= moments[1] && moments[1] <= moments[2] : !moments.some(Boolean);
  if (!inside || (sighting.period ?? "") !== (record.period ?? "")) return "The crawl's record has a time outside of first and last seen.";
  const { root, count } = proof.log.opening;
  if (count !== proof.count || typeof root !== "string" || !/^[0-9a-f]{64}$/.test(root)) return "The slice's entry doesn't state a root and a count that fit.";
  if (!(await isIncluded(await leafHash(canonical(withoutDefaults(record, "SightingRecord"))), proof.index, proof.count, proof.path.map(fromHex), fromHex(root))))
    return "The sighting isn't included in the slice that the log's entry commits to.";
  return "";
}

const registeredOf = (facts, match) => facts.work.pictures.find((one) => one.digest === match.work_picture);
const foundOf = (facts, match) => facts.sightings.find((one) => one.picture.digest === match.picture).picture;

/** What a match says of mirroring, turning and areas otherwise than its alignment, or an empty string. */
function turnProblem(facts, match) {
  const one = match.verification;
  const { width, height } = foundOf(facts, match);
  if (!stated(one.transform)) {
    const more = one.overlap_work || one.overlap_picture || one.further?.length || one.pieces?.length || one.survival?.length || DRAWINGS.some((role) => stated(match[role]));
    return one.rotation !== 0 || one.mirrored || more ? "The match states what only an alignment shows, and has none." : "";
  }
  const t = one.transform.flat();
  const [x, y, weight] = move(t, width / 2, height / 2);
  const slope = (row, column) => (t[3 * row + column] - ([x, y][row] / weight) * t[6 + column]) / weight;
  const [a, b, c, d] = [slope(0, 0), slope(0, 1), slope(1, 0), slope(1, 1)];
  const area = a * d - b * c;
  if (!Number.isFinite(area) || !area) return "";
  const sign = area < 0 ? -1 : 1;
  const rotation = Math.round((Math.atan2((c / area) * sign, (d / area) * sign) * 180) / Math.PI);
  const away = Math.abs(one.rotation - rotation) % 360;
  if (area < 0 === one.mirrored && Math.min(away, 360 - away) <= 1 && -180 < one.rotation && one.rotation <= 180) return "";
  return `The alignment gives ${rotation}° and ${area < 0 ? "a" : "no"} mirroring, not as sealed.`;
}

function sameBytesCheck(name, facts, match) {
  const one = match.verification;
  const [work, found] = [registeredOf(facts, match), foundOf(facts, match)];
  const moved = stated(one.transform) && one.transform.flat().some((value, place) => value !== (place % 4 ? 0 : 1));
  const partly = stated(one.transform) && [one.dense, one.overlap_work, one.overlap_picture].some((share) => share !== 1);
  if (work.width !== found.width || work.height !== found.height || moved || partly) return failed(name, "Pictures with the same bytes have figures that only other pictures can have.");
  return passed(name, "The picture seen has exactly the bytes of the registered one.");
}

async function matchCheck(inspection, facts, match, place) {
  const name = `match:${two(match.number)}`;
  const sealed = match.verification;
  const said = facts.made_with ? turnProblem(facts, match) : "";
  if (said) return failed(name, said);
  if (match.work_picture === match.picture) return sameBytesCheck(name, facts, match);
  if (!stated(sealed.transform)) return notChecked(name, "No alignment was sealed, so there is nothing to compute anew.");
  if (place >= MOST_COMPUTED) return notChecked(name, `Only the first ${MOST_COMPUTED} matches are computed anew.`);
  try {
    const [found, registered] = await picturesOf(inspection, facts, match);
    const transform = sealed.transform.flat();
    const [work, picture] = [...(sealed.further || []), sealed.transform].map((one) => overlaps(one.flat(), found.full, registered.full)).at(-1);
    if (!(Math.max(Math.abs(work - sealed.overlap_work), Math.abs(picture - sealed.overlap_picture)) <= 0.01))
      return failed(name, `The alignment covers ${work.toFixed(3)} and ${picture.toFixed(3)} of the pictures, not as sealed.`);
    if (!canvasTellsTheTruth()) return notChecked(name, "This browser disturbs what a page reads from pictures (a protection against tracking), so nothing could be computed.");
    const dense = denseSimilarity(found, registered, transform, sealed.pieces);
    const words = `sealed similarity ${sealed.dense.toFixed(3)}, recomputed ${dense.toFixed(3)}`;
    const away = !(Math.abs(dense - sealed.dense) <= 0.05);
    if (away && READ_OTHERWISE.test(sealed.pipeline) && (found.animated || registered.animated)) return notChecked(name, `${sealed.pipeline} measured another picture of such files than is shown of them.`);
    if (away) return failed(name, `The pictures and the alignment don't give the sealed figure: ${words}.`);
    const reduced = found.reduced || registered.reduced ? " A reduced picture stood in for a withheld one; that it shows the same is the sealer's word." : "";
    const map = sealed.survival?.length ? " What survives cell by cell isn't computed by this page." : "";
    return passed(name, `Warping one picture onto the other gives the sealed figure: ${words}.${map}${reduced}`);
  } catch (error) {
    return error instanceof Unchecked ? notChecked(name, `The similarity couldn't be computed anew. ${error.message}`) : checkOf(name, error);
  }
}

/** The calibrations that the facts name, each read once: by its digest, or the check that stands for all that rest on it. */
async function readCalibrations(inspection, facts) {
  const known = new Map();
  for (const match of facts.matches) {
    const file = stated(match.verification.probability) && calibrationOf(facts, match);
    if (!file || known.has(file.digest)) continue;
    const more = () => notChecked("probability", `Only ${MOST_CALIBRATIONS} calibrations are read.`);
    known.set(file.digest, known.size < MOST_CALIBRATIONS ? await readCalibration(inspection, file) : more());
  }
  return known;
}

async function readCalibration(inspection, file) {
  if (inspection.withheld.has(file.file)) return notChecked("probability", `${file.file} is withheld from this copy.`);
  try {
    const calibration = parseCanonical(await inspection.read(file.file), file.file);
    checkSchema(calibration, "calibration", file.file);
    checkCalibration(calibration, file.file);
    const told = { name: calibration.name, made: calibration.made, data: calibration.data, ...calibration.bounds };
    if (stated(file.prior) || file.photographs) Object.assign(told, { prior: calibration.prior, photographs: calibration.photographs });
    if (inspection.measured.get(file.file).sha256 !== file.digest || Object.keys(told).some((field) => !equal(told[field], file[field])))
      return failed("probability", `${file.file} isn't the calibration that the facts state.`);
    return calibration;
  } catch (error) {
    return checkOf("probability", error);
  }
}

/** What a schema can't say of a calibration. */
function checkCalibration({ figures, weights, knots, prior, bounds, network }, what) {
  if (network === FIRST_NETWORK) throw new Broken(`${what} names the network that is left out.`);
  const rises = knots.every(([score, value], place) => !place || (knots[place - 1][0] < score && knots[place - 1][1] <= value));
  const named = new Set(figures).size === figures.length && figures.length === weights.length && figures.every((name) => Object.hasOwn(FIGURES, name));
  const inside = knots.length && knots[0][1] >= 0 && knots[knots.length - 1][1] <= 1 && prior > 0 && prior < 1;
  if (!rises || !named || !inside) throw new Broken(`${what} contradicts itself.`);
  for (const bound of Object.values(bounds))
    if (atMostInAMillion(bound.failed, bound.photographs) !== bound.at_most_in_a_million) throw new Broken(`${what} states another bound than its counts give.`);
}

/** One million times the one-sided 95% bound of Clopper and Pearson, rounded up. */
function atMostInAMillion(count, trials) {
  if (!(count >= 0 && count <= trials)) throw new Broken("A calibration counts more false alarms than photographs.");
  if (count === trials) return 1e6;
  if (count > 1e5) throw new Unchecked("The calibration counts more false alarms than this page computes a bound from.");
  let [low, high] = [count / trials, 1];
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    let [term, sum] = [trials * Math.log1p(-middle), 0];
    for (let place = 0; place <= count; place++) {
      sum += Math.exp(term);
      term += Math.log((trials - place) / (place + 1)) + Math.log(middle) - Math.log1p(-middle);
    }
    [low, high] = sum > 0.05 ? [middle, high] : [low, middle];
  }
  return Math.min(1e6, Math.ceil(((low + high) / 2) * 1e6 - 1e-6));
}

function probabilityCheck(match, calibrations) {
  const name = `probability:${two(match.number)}`;
  const calibration = calibrations.get(match.verification.calibration);
  if (calibration.state) return { ...calibration, name };
  const found = probabilityBy(calibration, match.verification);
  const sealed = match.verification.probability;
  if (found === null) return failed(name, "The calibration says nothing of such figures.");
  if (!Number.isFinite(found)) return failed(name, "The figures are beyond what can be computed.");
  const words = `sealed ${sealed.toFixed(4)}, recomputed ${found.toFixed(4)}`;
  if (!(Math.abs(found - sealed) <= 0.0002)) return failed(name, `The figures and the calibration don't give the sealed probability: ${words}.`);
  return passed(name, `The figures and the calibration ${calibration.name} give the sealed probability: ${words}.`);
}

/** A weighted sum of figures, and the straight lines between the knots; null for what the calibration doesn't measure. */
function probabilityBy(calibration, figures) {
  if (figures.pipeline !== calibration.pipeline || figures.reasons.some((reason) => HELD.includes(reason))) return null;
  const { weights, knots } = calibration;
  const score = calibration.figures.reduce((sum, name, place) => sum + weights[place] * FIGURES[name](figures), calibration.intercept);
  if (!Number.isFinite(score)) return NaN;
  let [left, low] = knots[0];
  if (score <= left) return low;
  for (const [right, high] of knots) {
    if (score < right) return low + ((high - low) * (score - left)) / (right - left);
    [left, low] = [right, high];
  }
  return low;
}
