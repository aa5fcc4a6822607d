/* All checks of a bundle in their order, and what follows from them. */

/** Grade by grade `{needed, beside, by}`, from evidence/verdict/grades.py; those that always count, and those that count where a list names them. */
const { grades: GRADES, always: ALWAYS_ASKED, named: BY_NAME } = JSON.parse(document.getElementById("grades").textContent);
const OUTCOMES = { complete: 0, failed: 1, incomplete: 4 };

/** Every check of a bundle: `{checks, seal, withheld, inspection, facts, times, views}`. */
async function checkBundle(bundle, trust, progress) {
  const inspection = new Inspection(bundle, trust);
  await inspection.measure(progress);
  try {
    await inspection.readManifest();
  } catch (error) {
    const check = checkOf("manifest", error);
    return { checks: [await checkContainer(inspection, [failed("manifest", "")]), check], seal: null, withheld: [], inspection, facts: null, times: [], views: [] };
  }
  const lists = `Canonical JSON (RFC 8785) that lists ${inspection.manifest.files.length} files; seal digest ${inspection.seal}.`;
  const checks = [passed("manifest", lists), ...(await checkContents(inspection))];
  const [facts, check] = await readFacts(inspection);
  const log = await checkLog(inspection, facts);
  const witnessed = await checkWitnesses(inspection, facts, isLogged(log));
  const seal = isLogged(log) ? await readLogProof(inspection) : null;
  const [order, times] = orderCheck(inspection, facts, seal, witnessed.pairs);
  const version = versionChecks(inspection, facts, witnessed.checks);
  const views = await viewsOf(inspection, facts, seal);
  const heads = splitViews(views).slice(0, 1).map(({ sentence }) => failed("heads", sentence));
  checks.push(...(check.state === "passed" ? leftOutChecks(facts) : []), check, ...(await checkSignature(inspection)), ...log, ...(await checkRenewals(inspection)), ...witnessed.checks, order, ...version, ...heads, ...(await checkSigners(inspection, witnessed.logged)));
  const sound = facts && check.state === "passed" ? facts : null;
  if (sound) checks.push(...(await checkCase(inspection, sound, progress)));
  return { checks: [await checkContainer(inspection, checks), ...checks], seal: inspection.seal, withheld: inspection.leftOut(), inspection, facts: sound, times, views };
}

/** The grades that a bundle has anything of, or that are asked for: `{name, state, by, required}`. */
function gradesOf(checks, asked) {
  const among = (check, names) => names.includes(check.name) || names.includes(`${check.name}?`) || (check.name.includes(":") && names.includes(`${check.name.split(":")[0]}:`));
  const found = [];
  for (const [name, { needed, beside, by }] of Object.entries(GRADES)) {
    const mine = checks.filter((check) => among(check, needed));
    const all = [...mine, ...checks.filter((check) => among(check, beside))];
    const required = asked ? ALWAYS_ASKED.includes(name) || asked.includes(name) : !BY_NAME.includes(name);
    if (!mine.length && !ALWAYS_ASKED.includes(name) && !(asked && required)) continue;
    const whole = mine.length && needed.every((one) => /[:?]$/.test(one) || mine.some((check) => check.name === one));
    const good = whole && mine.every((check) => check.state !== "not checked");
    const outcome = all.some((check) => check.state === "failed") ? "failed" : good ? "passed" : "not checked";
    const who = [...new Set(all.map((check) => check.by).filter(Boolean))].join(", ");
    const seen = all.find((check) => check.name === SEEN)?.by;
    found.push({ name, state: outcome, by: outcome === "passed" ? seen || by.replace("{}", who) : "", required });
  }
  return found;
}

/** What follows: `{outcome, exitCode, sentence, existed, development, grades}`. */
function verdictOf(checks, withheld, trust, times) {
  const failures = checks.filter((check) => check.state === "failed").map((check) => check.name);
  const grades = gradesOf(checks, trust.requires?.grades);
  const open = grades.filter((grade) => grade.state !== "passed");
  const [lacking, beside] = [true, false].map((required) => open.filter((grade) => grade.required === required).map(({ name }) => name));
  const outcome = failures.length ? "failed" : lacking.length ? "incomplete" : "complete";
  const { time: existed = null, by } = checks.find((check) => check.name === "time") || {};
  const said = times.length ? " Earlier times in it rest on the log and the operator's clock alone." : "";
  const unasked = beside.length ? ` Not shown, and not asked for: ${beside.join(", ")}.` : "";
  const development = [...new Set(checks.map((check) => check.development).filter(Boolean))];
  const sentences = {
    failed: `Failed: ${failures.slice(0, 5).join(", ")}${failures.length > 5 ? ` and ${failures.length - 5} more` : ""}.`,
    incomplete: `Incomplete: nothing failed; not shown: ${lacking.join(", ")}.`,
    complete: `Complete: nothing failed, and all of it existed no later than ${existed ? moment(existed) : ""} by the word of ${by}.${said}${unasked}`,
  };
  const container = checks.find((check) => check.name === "container");
  const changed = container?.sentence.startsWith("container changed") ? " Container changed, evidence intact." : "";
  const labels = development.length ? ` It rests on witnesses for development, which have no legal weight: ${development.join("; ")}.` : "";
  const { sentence: earlier } = checks.find((check) => check.name === "version" && check.state === "passed") || {};
  const count = withheld.length;
  const held = count ? ` ${count > 1 ? `${count} sealed files are` : "1 sealed file is"} withheld from this copy.` : "";
  const gone = checks.filter((check) => check.sentence.startsWith("Not in this bundle: ")).length;
  const absent = gone ? ` ${gone > 1 ? `${gone} files aren't` : "1 file isn't"} in this bundle since it was sealed.` : "";
  return { outcome, exitCode: OUTCOMES[outcome], sentence: sentences[outcome] + (earlier ? ` ${earlier}` : "") + held + absent + changed + labels, existed, withheld, development, grades };
}

/** A trust list, read as strictly as a bundle; throws Broken. */
async function readTrust(bytes) {
  const trust = parseJson(bytes, "The trust list");
  checkSchema(trust, "trust", "The trust list");
  if (trust.format !== "exhibit-trust/1") throw new Broken("The trust list isn't in the format exhibit-trust/1.");
  const cosigners = trust.cosigners || [];
  const pins = [...trust.authorities, ...trust.chains, ...(trust.ledgers || []), ...cosigners];
  const all = [...pins, ...trust.logs, ...trust.keys, ...(trust.partners || [])];
  const [witnesses, known] = [pins, cosigners].map((of) => new Set(of.map(({ name }) => name)).size);
  const asked = trust.requires?.witnesses ?? 1;
  if (asked < 1 || asked > Math.max(witnesses, 1)) throw new Broken(`The trust list asks for ${asked} witnesses and pins ${witnesses}.`);
  const wanted = trust.requires?.cosigners ?? 0;
  if (wanted < 0 || wanted > known) throw new Broken(`The trust list asks for ${wanted} cosigners and pins ${known}.`);
  if (all.some((entry) => entry.development && !entry.label)) throw new Broken("The trust list has an entry for development without a label.");
  for (const { name, validators = [], quorum = 0 } of trust.ledgers || []) {
    const count = validators.length;
    const wrong = validators.some((address) => address.length !== 40) || new Set(validators).size !== count || !(2 * count <= 3 * quorum && quorum <= count);
    if (wrong) throw new Broken(`The trust list's validators of ${name} aren't different addresses, or its quorum isn't between two thirds of them and all.`);
  }
  for (const authority of trust.authorities) readCertificates([...authority.certificates, ...(authority.qualified || [])].map(utf8));
  for (const log of [...trust.logs, ...(trust.partners || [])])
    if (!(await parseVerifierKey(log.vkey))) throw new Broken(`The trust list has ${JSON.stringify(log.vkey.slice(0, 80))}, which isn't a log's public key.`);
  for (const { vkey } of cosigners)
    if (!(await parseVerifierKey(vkey, 4))) throw new Broken(`The trust list has ${JSON.stringify(vkey.slice(0, 80))}, which isn't the public key of a witness of logs.`);
  if (trust.keys.some((key) => !isSoundPoint(fromHex(key.public)))) throw new Broken("The trust list has a key of small order, or one that isn't in its one form.");
  return trust;
}
