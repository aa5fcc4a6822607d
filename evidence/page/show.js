/* The user interface. Text from a bundle is always inserted as text, never as markup. */

const $ = (id) => document.getElementById(id);
let trust = JSON.parse($("trust").textContent);
const SOURCES = JSON.parse($("words").textContent);
let currentRun = 0;

/** Create an element with attributes and children (text or elements). */
function createElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Replace control characters and bidirectional formatting characters in untrusted text. */
const sanitize = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
const showStatus = (text) => ($("status").textContent = text);

const LABELS = { passed: "passed", failed: "FAILED", "not checked": "not checked" };
const HEADINGS = { holds: "No check on this page failed", incomplete: "Incomplete", failed: "Failed", "not-checked": "Not checked", "no-bundle": "Not a bundle" };
const PICTURE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"];
const MAX_FIGURES = 24;

/** Verify bundles one at a time; `sources` contains `[open, title]` for each. */
async function verifyBundles(sources) {
  const runNumber = ++currentRun;
  $("result").replaceChildren();
  $("result").removeAttribute("data-outcome");
  showStatus("Reading…");
  let lastUpdate = performance.now();
  const progress = async (index, count, name) => {
    if (performance.now() - lastUpdate < 50) return;
    lastUpdate = performance.now();
    showStatus(`Checking ${index + 1} of ${count}: ${sanitize(name)}`);
    await new Promise((resolve) => setTimeout(resolve));
  };
  const articles = [];
  for (const [open, title] of sources) {
    const article = await open().then((bundle) => checkBundle(bundle, trust, progress)).then((result) => renderBundle(title, result)).catch((error) => renderBundle(title, describeError(error)));
    if (runNumber !== currentRun) return;
    articles.push(article);
  }
  const worstOutcome = ["failed", "no-bundle", "not-checked", "incomplete", "holds"].find((outcome) => articles.some((article) => article.dataset.outcome === outcome));
  showStatus("Done.");
  $("result").replaceChildren(...articles);
  $("result").setAttribute("data-outcome", worstOutcome);
  $("result").querySelector(".banner").focus();
}

/** Return the result for a bundle that cannot be opened. */
function describeError(error) {
  const outcome = error instanceof NotBundleError ? "no-bundle" : error instanceof NotCheckedError ? "not-checked" : "failed";
  const isKnown = error instanceof NotBundleError || error instanceof NotCheckedError || error instanceof CheckFailedError;
  const sentence = isKnown ? error.message : "The bundle cannot be read.";
  return { outcome, sentence, checks: outcome === "failed" ? [makeFailed("container", sentence)] : [], remaining: [] };
}

/** Render the outcome and the contents of a bundle. */
function renderBundle(title, { outcome, sentence, checks, remaining, inspection, facts }) {
  const banner = createElement("section", { class: `banner ${outcome}`, tabindex: "-1", "aria-label": "Verdict" }, createElement("h2", {}, HEADINGS[outcome]), createElement("p", { class: "title" }, sanitize(title)), createElement("p", {}, sanitize(sentence)));
  const article = createElement("article", { "data-bundle": title, "data-outcome": outcome }, banner);
  if (remaining.length || outcome === "not-checked") article.append(renderCommand(title));
  if (inspection?.seal) article.append(renderSeal(inspection, checks));
  if (facts) article.append(renderFacts(facts), renderPictures(inspection, facts));
  if (checks.length) article.append(createElement("h2", {}, "Checks on this page"), renderChecks(checks));
  if (remaining.length) article.append(createElement("h2", {}, `Not checked on this page; use ${COMMAND}`), renderTable(remaining));
  return article;
}

function renderCommand(title) {
  const name = /^[A-Za-z0-9._-]+$/.test(title) ? title : "BUNDLE.zip";
  return createElement("p", {}, "To run all checks: ", createElement("code", { class: "command" }, `${COMMAND} ${name}`), ". Without Exhibit: ", createElement("code", {}, "python3 -I verify.py"), " in the unpacked bundle if ", createElement("code", {}, "tools"), " passed below; see also VERIFY.md in the bundle.");
}

const appendTerm = (list, name, ...value) => list.append(createElement("dt", {}, name), createElement("dd", {}, ...value));

/** Render the seal, its signer and its log entry. */
function renderSeal({ manifest, seal }, checks) {
  const list = createElement("dl", {});
  const findCheck = (name) => checks.find((check) => check.name === name);
  appendTerm(list, "Seal digest", createElement("code", {}, seal));
  const signer = findCheck("key").by || "a key that is not on the trust list";
  appendTerm(list, "Signed by", findCheck("signature").state === "passed" ? sanitize(signer) : createElement("strong", {}, "not proven"));
  appendTerm(list, "Sealed at (operator's clock)", formatTime(new Date(manifest.sealed_at)));
  for (const check of [findCheck("entry"), ...checks.filter(({ name }) => name.startsWith("anchor:"))]) if (check?.state === "passed") appendTerm(list, check.by ? "Timestamped" : "Logged", sanitize(check.sentence));
  return createElement("section", {}, createElement("h2", {}, "Seal"), list);
}

/** Describe the source of a field of the facts. This page does not check any of them. */
const describeSource = (path) => `${SOURCES[path]}; not checked here`;

/** Render the sealed facts, each with its source. */
function renderFacts(facts) {
  const { work = null, owner = null, party = null, decision = null } = facts;
  const sightings = Array.isArray(facts.sightings) ? facts.sightings.slice(0, 5) : [];
  const decisionText = typeof decision?.decision === "string" ? [decision.decision, decision.demonstration === true ? "by the demonstration setting" : typeof decision.by === "string" && decision.by && `by ${decision.by}`].filter(Boolean).join(" ") : "";
  const rows = [["Claimant", owner?.name, "owner.name"], ["Case", facts.number, "number"], ["Decision", decisionText, "decision.decision"], ["Work", work?.title, "work.title"], ["Author", work?.author, "work.author"], ["Site", party?.name, "party.name"], ["Public page of the work when the record was generated", work?.public_page, "work.public_page"]];
  for (const sighting of sightings) rows.push(["Page URL", sighting?.page_url || sighting?.image_url, "sightings[].page_url"], ["First retrieved at", typeof sighting?.first_seen === "string" && isValidTime(sighting.first_seen) ? formatTime(new Date(sighting.first_seen)) : "", "sightings[].first_seen"], ["Origin stated in the found file", describeOrigin(sighting ?? {}), "sightings[].making.source_type"]);
  const list = createElement("dl", {});
  for (const [name, value, path] of rows) if (typeof value === "string" && value) appendTerm(list, name, sanitize(value), createElement("span", { class: "said" }, describeSource(path)));
  return createElement("section", {}, createElement("h2", {}, "Content of the sealed record"), createElement("p", { class: "small" }, "The sealed content is shown as it is; this page does not check it. The source is stated beside each line."), list);
}

/** Describe the origin that a picture's file states, according to the sealed record; an empty string if it states none. */
function describeOrigin({ making, provenance }) {
  const actions = Array.isArray(provenance?.actions) ? provenance.actions.join(", ") : "";
  const statements = { "digital source type (IPTC)": making?.source_type, "label of AI-generated content (GB 45438-2025)": making?.aigc, "actions (C2PA)": actions };
  return Object.entries(statements).flatMap(([name, value]) => (value ? [`${name}: ${value}`] : [])).join("; ");
}

/** Render the registered and found pictures, the drawings, and the link to the exhibit sheet. Only files identical to the sealed files are used. */
function renderPictures(inspection, facts) {
  const toList = (value) => (Array.isArray(value) ? value.filter(Boolean) : []);
  const candidates = [
    ...toList(facts.work?.pictures).map(({ file }) => [file, "Registered"]),
    ...toList(facts.sightings).map(({ number, picture }) => [picture?.file, `Found, sighting ${number}`]),
    ...toList(facts.matches).flatMap(({ number, side_by_side: sideBySide, overlay }) => [[sideBySide, `Match ${number}, side by side`], [overlay, `Match ${number}, overlay`]]),
  ];
  const builders = candidates.flatMap(([file, caption]) => listFigureBuilders(inspection, file, caption));
  const section = createElement("section", { class: "pictures" }, createElement("h2", {}, "Pictures"), createElement("p", { class: "small" }, "These are the sealed files. This page does not check whether one picture is a copy of another: compare them yourself, and use the command above."));
  const moreNote = builders.length > MAX_FIGURES ? [createElement("p", { class: "small" }, `${builders.length - MAX_FIGURES} more are not shown.`)] : [];
  section.append(createElement("div", { class: "figures" }, ...builders.slice(0, MAX_FIGURES).map((build) => build())), ...moreNote);
  if (inspection.isSealed(EXHIBIT_SHEET)) section.append(createElement("p", {}, createElement("a", { href: createBlobUrl(inspection, EXHIBIT_SHEET, "application/pdf"), target: "_blank", rel: "noopener" }, "Open the exhibit sheet (PDF)")));
  return section;
}

const createBlobUrl = ({ bundle }, file, type) => URL.createObjectURL(new Blob([bundle.blob(file)], { type }));

/** Return a list with the function that renders a sealed picture or its reduced replacement, or an empty list. */
function listFigureBuilders(inspection, file, caption) {
  const standIn = inspection.filesByPath.get(file)?.stand_in;
  const [displayedFile, text] = !inspection.isSealed(file) && standIn ? [standIn, `${caption} (reduced: the original is withheld)`] : [file, caption];
  const type = inspection.filesByPath.get(displayedFile)?.media_type;
  if (!inspection.isSealed(displayedFile) || !PICTURE_TYPES.includes(type)) return [];
  return [() => createElement("figure", {}, createElement("img", { src: createBlobUrl(inspection, displayedFile, type), alt: sanitize(text) }), createElement("figcaption", {}, sanitize(text)))];
}

/** Render the checks; files that passed are collapsed. */
function renderChecks(checks) {
  const passedFiles = checks.filter((check) => check.name.startsWith("file:") && check.state === "passed");
  const mainTable = renderTable(checks.filter((check) => !passedFiles.includes(check)));
  if (!passedFiles.length) return mainTable;
  return createElement("div", {}, mainTable, createElement("details", {}, createElement("summary", {}, `${passedFiles.length} files that are identical to the sealed files`), renderTable(passedFiles)));
}

function renderTable(checks) {
  const headings = ["Check", "State", "Result"].map((heading) => createElement("th", { scope: "col" }, heading));
  return createElement("table", {}, createElement("thead", {}, createElement("tr", {}, ...headings)), createElement("tbody", {}, ...checks.map(renderRow)));
}

function renderRow({ name, state, sentence, development }) {
  const label = development ? [createElement("span", { class: "label" }, sanitize(development))] : [];
  return createElement("tr", { class: state.replace(" ", "-"), "data-check": name, "data-state": state }, createElement("th", { scope: "row" }, sanitize(name)), createElement("td", { class: "state" }, LABELS[state]), createElement("td", {}, sanitize(sentence), ...label));
}

function showTrustList() {
  const { dated, logs, keys, cosigners = [], note } = trust;
  $("trust-words").textContent = sanitize(`List of ${dated}. Owners' keys: ${keys.length}; logs: ${logs.length}; log witnesses: ${cosigners.length}. ${note}`);
}

async function useTrustList(file) {
  try {
    ensure(file.size <= 1 << 20, "The trust list is too large.");
    trust = await readTrust(new Uint8Array(await file.arrayBuffer()));
    showTrustList();
    showStatus("This trust list is now used. Verify the bundle again.");
  } catch (error) {
    showStatus(error instanceof CheckFailedError ? `The trust list cannot be used. ${sanitize(error.message)}` : "The trust list cannot be read.");
  }
}

/** List all files in a dropped folder. Some browsers do not allow this on pages opened from a file. */
async function listFolderFiles(folder, path = "") {
  const reader = folder.createReader();
  const files = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length || files.length > MAX_ENTRIES) return files;
    for (const entry of entries) {
      if (entry.isDirectory) files.push(...(await listFolderFiles(entry, `${path}${entry.name}/`)));
      else files.push({ name: path + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    }
  }
}

async function openDroppedFolder(entry) {
  const files = await listFolderFiles(entry).catch(() => {
    throw new NotBundleError("This browser cannot read a dropped folder. Use the “Choose a folder” button.");
  });
  return openFolder(entry.name, files);
}

const openChosenFolder = (files) => openFolder(files[0].webkitRelativePath.split("/")[0], files.map((file) => ({ name: file.webkitRelativePath.split("/").slice(1).join("/"), file })));

function addListeners() {
  const onFilesChosen = (id, callback) =>
    $(id).addEventListener("change", () => {
      const files = [...$(id).files];
      $(id).value = "";
      if (files.length) callback(files);
    });
  onFilesChosen("zip", (files) => verifyBundles(files.map((file) => [() => openZip(file), file.name])));
  onFilesChosen("folder", (files) => verifyBundles([[async () => openChosenFolder(files), files[0].webkitRelativePath.split("/")[0]]]));
  onFilesChosen("list", ([file]) => useTrustList(file));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  window.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const sources = [...event.dataTransfer.files].map((file, index) => [() => (entries[index]?.isDirectory ? openDroppedFolder(entries[index]) : openZip(file)), file.name]);
    if (sources.length) verifyBundles(sources);
  });
}

if (globalThis.crypto?.subtle && String.prototype.isWellFormed) {
  addListeners();
  showTrustList();
  $("drop").hidden = false;
  showStatus("No bundle selected.");
} else showStatus(`This browser is too old for this page. Use a current Chromium, Firefox or Safari, or ${COMMAND}.`);
