/* What the reader sees. Text of a bundle only ever becomes text: no markup is made from it. */

const $ = (id) => document.getElementById(id);
let trust = JSON.parse($("trust").textContent);
const WORDS = JSON.parse($("words").textContent);
let running = 0;

/** An element with attributes, and with text or elements inside. */
function make(tag, attributes = {}, ...inside) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  one.append(...inside);
  return one;
}

/** Text of a stranger: control characters and marks that turn the direction of writing are shown as a replacement. */
const plain = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
const tell = (text) => ($("status").textContent = text);

const LABELS = { passed: "passed", failed: "FAILED", "not checked": "not checked" };
const HEADS = { holds: "No check on this page failed", incomplete: "Incomplete", failed: "Failed", "not-checked": "Not checked", "no-bundle": "Not a bundle" };
const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"];
const MOST_SHOWN = 24;

/** Check bundles, one after the other: `given` holds `[open, title]` of each. */
async function run(given) {
  const number = ++running;
  $("result").replaceChildren();
  $("result").removeAttribute("data-outcome");
  tell("Reading…");
  let last = performance.now();
  const progress = async (place, count, name) => {
    if (performance.now() - last < 50) return;
    last = performance.now();
    tell(`Checking ${place + 1} of ${count}: ${plain(name)}`);
    await new Promise((resolve) => setTimeout(resolve));
  };
  const sheets = [];
  for (const [open, title] of given) {
    const sheet = await open().then((bundle) => checkBundle(bundle, trust, progress)).then((found) => sheetOf(title, found)).catch((error) => sheetOf(title, refusalOf(error)));
    if (number !== running) return;
    sheets.push(sheet);
  }
  const worst = ["failed", "no-bundle", "not-checked", "incomplete", "holds"].find((one) => sheets.some((sheet) => sheet.dataset.outcome === one));
  tell("Done.");
  $("result").replaceChildren(...sheets);
  $("result").setAttribute("data-outcome", worst);
  $("result").querySelector(".banner").focus();
}

/** What is said of what cannot be opened. */
function refusalOf(error) {
  const outcome = error instanceof NoBundle ? "no-bundle" : error instanceof Unchecked ? "not-checked" : "failed";
  const isKnown = error instanceof NoBundle || error instanceof Unchecked || error instanceof Broken;
  const sentence = isKnown ? error.message : "The bundle cannot be read.";
  return { outcome, sentence, checks: outcome === "failed" ? [failed("container", sentence)] : [], left: [] };
}

/** The outcome, and what is shown of a bundle. */
function sheetOf(title, { outcome, sentence, checks, left, inspection, facts }) {
  const banner = make("section", { class: `banner ${outcome}`, tabindex: "-1", "aria-label": "Verdict" }, make("h2", {}, HEADS[outcome]), make("p", { class: "title" }, plain(title)), make("p", {}, plain(sentence)));
  const sheet = make("article", { "data-bundle": title, "data-outcome": outcome }, banner);
  if (left.length || outcome === "not-checked") sheet.append(commandFor(title));
  if (inspection?.seal) sheet.append(sealed(inspection, checks));
  if (facts) sheet.append(matter(facts), pictures(inspection, facts));
  if (checks.length) sheet.append(make("h2", {}, "Checks on this page"), table(checks));
  if (left.length) sheet.append(make("h2", {}, `Not checked on this page; use ${COMMAND}`), tableOf(left));
  return sheet;
}

function commandFor(title) {
  const name = /^[A-Za-z0-9._-]+$/.test(title) ? title : "BUNDLE.zip";
  return make("p", {}, "To run all checks: ", make("code", { class: "command" }, `${COMMAND} ${name}`), ". Without the software: ", make("code", {}, "python3 -I verify.py"), " in the unpacked bundle if ", make("code", {}, "tools"), " passed below; see also VERIFY.md in the bundle.");
}

const term = (list, name, ...value) => list.append(make("dt", {}, name), make("dd", {}, ...value));

/** The seal, who signed it, and where the log has it. */
function sealed({ manifest, seal }, checks) {
  const list = make("dl", {});
  const found = (name) => checks.find((check) => check.name === name);
  term(list, "Seal digest", make("code", {}, seal));
  const owner = found("key").by || "a key that is not on the trust list";
  term(list, "Signed by", found("signature").state === "passed" ? plain(owner) : make("strong", {}, "not proven"));
  term(list, "Sealed at (operator's clock)", moment(new Date(manifest.sealed_at)));
  for (const check of [found("entry"), ...checks.filter(({ name }) => name.startsWith("anchor:"))]) if (check?.state === "passed") term(list, check.by ? "Timestamped" : "Logged", plain(check.sentence));
  return make("section", {}, make("h2", {}, "The seal"), list);
}

/** Whose word a field of the facts is: this page holds none of them against anything. */
const saidBy = (path) => `${WORDS[path]}; not checked here`;

/** What the bundle is about, in the words that were sealed, each line with whose word it is. */
function matter(facts) {
  const { work = null, owner = null, party = null, decision = null } = facts;
  const sightings = Array.isArray(facts.sightings) ? facts.sightings.slice(0, 5) : [];
  const decided = typeof decision?.decision === "string" ? [decision.decision, decision.demonstration === true ? "by the demonstration setting" : typeof decision.by === "string" && decision.by && `by ${decision.by}`].filter(Boolean).join(" ") : "";
  const rows = [["Claimant", owner?.name, "owner.name"], ["Case", facts.number, "number"], ["Decision", decided, "decision.decision"], ["Work", work?.title, "work.title"], ["Author", work?.author, "work.author"], ["Site", party?.name, "party.name"], ["Public page of the work at the time of writing", work?.public_page, "work.public_page"]];
  for (const one of sightings) rows.push(["Page URL", one?.page_url || one?.image_url, "sightings[].page_url"], ["First retrieved at", typeof one?.first_seen === "string" && isMoment(one.first_seen) ? moment(new Date(one.first_seen)) : "", "sightings[].first_seen"], ["Origin stated in the found file", makingOf(one ?? {}), "sightings[].making.source_type"]);
  const list = make("dl", {});
  for (const [name, value, path] of rows) if (typeof value === "string" && value) term(list, name, plain(value), make("span", { class: "said" }, saidBy(path)));
  return make("section", {}, make("h2", {}, "Content of the sealed record"), make("p", { class: "small" }, "This page shows it as it was sealed, and checks none of it. Beside each line stands whose word it is."), list);
}

/** What a picture's file says of how it was made, as the sealed record states it; empty where it says nothing. */
function makingOf({ making, provenance }) {
  const actions = Array.isArray(provenance?.actions) ? provenance.actions.join(", ") : "";
  const said = { "digital source type (IPTC)": making?.source_type, "label of AI-generated content (GB 45438-2025)": making?.aigc, "actions (C2PA)": actions };
  return Object.entries(said).flatMap(([name, value]) => (value ? [`${name}: ${value}`] : [])).join("; ");
}

/** The registered pictures, the found ones and the drawings beside each other, and the sheet: only bytes that are those sealed. */
function pictures(inspection, facts) {
  const list = (value) => (Array.isArray(value) ? value.filter(Boolean) : []);
  const named = [
    ...list(facts.work?.pictures).map(({ file }) => [file, "Registered"]),
    ...list(facts.sightings).map(({ number, picture }) => [picture?.file, `Found, sighting ${number}`]),
    ...list(facts.matches).flatMap(({ number, side_by_side: beside, overlay }) => [[beside, `Match ${number}, side by side`], [overlay, `Match ${number}, overlay`]]),
  ];
  const figures = named.flatMap(([file, caption]) => figureOf(inspection, file, caption));
  const section = make("section", { class: "pictures" }, make("h2", {}, "Pictures"), make("p", { class: "small" }, "The sealed files. Whether one is a copy of the other is not checked here: compare them, and see the command above."));
  const more = figures.length > MOST_SHOWN ? [make("p", { class: "small" }, `${figures.length - MOST_SHOWN} more are not shown.`)] : [];
  section.append(make("div", { class: "figures" }, ...figures.slice(0, MOST_SHOWN).map((figure) => figure())), ...more);
  if (inspection.isSealed(SHEET)) section.append(make("p", {}, make("a", { href: addressOf(inspection, SHEET, "application/pdf"), target: "_blank", rel: "noopener" }, "Open the exhibit sheet (PDF)")));
  return section;
}

const addressOf = ({ bundle }, file, type) => URL.createObjectURL(new Blob([bundle.blob(file)], { type }));

/** None, or how to show a sealed picture, or the reduced one that stands in for it. */
function figureOf(inspection, file, caption) {
  const standIn = inspection.listed.get(file)?.stand_in;
  const [shown, words] = !inspection.isSealed(file) && standIn ? [standIn, `${caption} (reduced: the original is withheld)`] : [file, caption];
  const type = inspection.listed.get(shown)?.media_type;
  if (!inspection.isSealed(shown) || !PICTURES.includes(type)) return [];
  return [() => make("figure", {}, make("img", { src: addressOf(inspection, shown, type), alt: plain(words) }), make("figcaption", {}, plain(words)))];
}

/** The checks; files that passed are folded into one row. */
function table(checks) {
  const fine = checks.filter((check) => check.name.startsWith("file:") && check.state === "passed");
  const whole = tableOf(checks.filter((check) => !fine.includes(check)));
  if (!fine.length) return whole;
  return make("div", {}, whole, make("details", {}, make("summary", {}, `${fine.length} files are identical to the sealed files`), tableOf(fine)));
}

function tableOf(checks) {
  const heads = ["Check", "State", "Result"].map((head) => make("th", { scope: "col" }, head));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...checks.map(row)));
}

function row({ name, state, sentence, development }) {
  const label = development ? [make("span", { class: "label" }, plain(development))] : [];
  return make("tr", { class: state.replace(" ", "-"), "data-check": name, "data-state": state }, make("th", { scope: "row" }, plain(name)), make("td", { class: "state" }, LABELS[state]), make("td", {}, plain(sentence), ...label));
}

function showTrust() {
  const { dated, logs, keys, cosigners = [], note } = trust;
  $("trust-words").textContent = plain(`List of ${dated}. Owners' keys: ${keys.length}; logs: ${logs.length}; log witnesses: ${cosigners.length}. ${note}`);
}

async function useTrust(file) {
  try {
    must(file.size <= 1 << 20, "The trust list is too long.");
    trust = await readTrust(new Uint8Array(await file.arrayBuffer()));
    showTrust();
    tell("This trust list is now used. Verify the bundle again.");
  } catch (error) {
    tell(error instanceof Broken ? `The trust list cannot be used. ${plain(error.message)}` : "The trust list cannot be read.");
  }
}

/** The files below a dropped folder; some browsers refuse that for pages opened from a file. */
async function filesBelow(folder, path = "") {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length || found.length > MAX_ENTRIES) return found;
    for (const entry of entries) {
      if (entry.isDirectory) found.push(...(await filesBelow(entry, `${path}${entry.name}/`)));
      else found.push({ name: path + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    }
  }
}

async function droppedFolder(entry) {
  const files = await filesBelow(entry).catch(() => {
    throw new NoBundle("This browser cannot read a dropped folder. Use the button “Choose a folder”.");
  });
  return folderBundle(entry.name, files);
}

const chosenFolder = (files) => folderBundle(files[0].webkitRelativePath.split("/")[0], files.map((file) => ({ name: file.webkitRelativePath.split("/").slice(1).join("/"), file })));

function listen() {
  const chosen = (id, use) =>
    $(id).addEventListener("change", () => {
      const files = [...$(id).files];
      $(id).value = "";
      if (files.length) use(files);
    });
  chosen("zip", (files) => run(files.map((file) => [() => zipBundle(file), file.name])));
  chosen("folder", (files) => run([[async () => chosenFolder(files), files[0].webkitRelativePath.split("/")[0]]]));
  chosen("list", ([file]) => useTrust(file));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  window.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const opens = [...event.dataTransfer.files].map((file, place) => [() => (entries[place]?.isDirectory ? droppedFolder(entries[place]) : zipBundle(file)), file.name]);
    if (opens.length) run(opens);
  });
}

if (globalThis.crypto?.subtle && String.prototype.isWellFormed) {
  listen();
  showTrust();
  $("drop").hidden = false;
  tell("No bundle selected.");
} else tell(`This browser is too old for this page. Use a current Chromium, Firefox or Safari, or ${COMMAND}.`);
