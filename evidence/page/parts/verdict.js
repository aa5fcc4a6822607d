/* All checks of a bundle in their order, and what follows from them. */

const MINIMUM = ["manifest", "files", "signature", "inclusion", "time"];
const OUTCOMES = { complete: 0, failed: 1, incomplete: 4 };

/** Every check of a bundle: `{checks, seal, withheld, inspection, facts}`. */
async function checkBundle(bundle, trust, progress) {
  const inspection = new Inspection(bundle, trust);
  await inspection.measure(progress);
  try {
    await inspection.readManifest();
  } catch (error) {
    const check = checkOf("manifest", error);
    return { checks: [await checkContainer(inspection, [failed("manifest", "")]), check], seal: null, withheld: [], inspection, facts: null };
  }
  const lists = `Canonical JSON (RFC 8785) that lists ${inspection.manifest.files.length} files; seal digest ${inspection.seal}.`;
  const checks = [passed("manifest", lists), ...(await checkContents(inspection))];
  const [facts, check] = await readFacts(inspection);
  const log = await checkLog(inspection, facts);
  const witnessed = await checkWitnesses(inspection, facts, isLogged(log));
  checks.push(check, ...(await checkSignature(inspection)), ...log, ...(await checkRenewals(inspection)), ...witnessed.checks, ...(await checkSigners(inspection, witnessed.logged)));
  const sound = facts && check.state === "passed" ? facts : null;
  if (sound) checks.push(...(await checkCase(inspection, sound, progress)));
  return { checks: [await checkContainer(inspection, checks), ...checks], seal: inspection.seal, withheld: inspection.leftOut(), inspection, facts: sound };
}

/** What follows: `{outcome, exitCode, sentence, existed, development}`. */
function verdictOf(checks, withheld) {
  const failures = checks.filter((check) => check.state === "failed").map((check) => check.name);
  const good = new Set(checks.filter((check) => check.state === "passed").map((check) => check.name));
  const lacking = MINIMUM.filter((name) => !good.has(name));
  const outcome = failures.length ? "failed" : lacking.length ? "incomplete" : "complete";
  const existed = checks.find((check) => check.name === "time")?.time || null;
  const development = [...new Set(checks.map((check) => check.development).filter(Boolean))];
  const sentences = {
    failed: `Failed: ${failures.slice(0, 5).join(", ")}${failures.length > 5 ? ` and ${failures.length - 5} more` : ""}.`,
    incomplete: `Incomplete: nothing failed; not shown: ${lacking.join(", ")}.`,
    complete: `Complete: nothing failed, and all of it existed no later than ${existed ? moment(existed) : ""}.`,
  };
  const container = checks.find((check) => check.name === "container");
  const changed = container?.sentence.startsWith("container changed") ? " Container changed, evidence intact." : "";
  const labels = development.length ? ` It rests on witnesses for development, which have no legal weight: ${development.join("; ")}.` : "";
  const count = withheld.length;
  const held = count ? ` ${count > 1 ? `${count} sealed files are` : "1 sealed file is"} withheld from this copy.` : "";
  return { outcome, exitCode: OUTCOMES[outcome], sentence: sentences[outcome] + held + changed + labels, existed, withheld, development };
}

/** A trust list, read as strictly as a bundle; throws Broken. */
async function readTrust(text) {
  let trust;
  try {
    trust = JSON.parse(text);
  } catch {
    throw new Broken("The trust list isn't JSON that can be read.");
  }
  checkSchema(trust, "trust", "The trust list");
  if (trust.format !== "exhibit-trust/1") throw new Broken("The trust list isn't in the format exhibit-trust/1.");
  const all = [...trust.authorities, ...trust.chains, ...(trust.ledgers || []), ...trust.logs, ...trust.keys];
  if (all.some((entry) => entry.development && !entry.label)) throw new Broken("The trust list has an entry for development without a label.");
  for (const authority of trust.authorities) for (const pem of authority.certificates) readCertificates(utf8(pem));
  for (const log of trust.logs)
    if (!(await parseVerifierKey(log.vkey))) throw new Broken(`The trust list has ${JSON.stringify(log.vkey.slice(0, 80))}, which isn't a log's public key.`);
  return trust;
}
