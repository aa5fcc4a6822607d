/* Renewals: later checkpoints that continue the bundle's own, so that their receipts witness the seal too. */

const RENEWALS = "proofs/log/renewals.json";
const MAX_RENEWALS = 16;

/** One `renewal:` for each later checkpoint; nothing when the bundle holds none. */
async function checkRenewals(inspection) {
  if (!inspection.has(RENEWALS)) return [];
  let records;
  try {
    records = await readRenewals(inspection);
  } catch (error) {
    return [checkOf("renewals", error)];
  }
  const checks = [];
  for (const record of records) checks.push(await checked(`renewal:${record.size}`, () => renewalOf(inspection, record)));
  return checks;
}

/** What witnesses of the renewals that hold were given, with words for it. */
async function renewed(inspection) {
  const found = new Map();
  if (!inspection.has(RENEWALS) || !inspection.has(CHECKPOINT)) return found;
  for (const record of await readRenewals(inspection))
    if ((await checked("renewal", () => renewalOf(inspection, record))).state === "passed")
      found.set(hex(await sha256(await inspection.read(record.file, 1 << 16))), `later checkpoint of ${record.size} entries`);
  return found;
}

async function readRenewals(inspection) {
  const records = await inspection.readJson(RENEWALS, "renewals");
  if (records.length > MAX_RENEWALS || new Set(records.map((record) => record.size)).size !== records.length)
    throw new Broken(`${RENEWALS} lists a checkpoint twice, or more than ${MAX_RENEWALS}.`);
  return records;
}

async function renewalOf(inspection, record) {
  const own = parseNote(await readCheckpoint(inspection));
  const later = parseNote(textOf(await inspection.read(record.file, 1 << 16), record.file));
  must(later.size === record.size && later.size > own.size, `The checkpoint of ${later.size} entries isn't the later one that is listed.`);
  const continued = await isContinued(own.size, later.size, own.root, later.root, record.path.map(fromHex));
  must(continued, `The log of ${later.size} entries doesn't continue that of ${own.size}.`);
  return `The later checkpoint of ${later.size} entries continues the bundle's own (RFC 9162, 2.1.4).`;
}
