/* What the reader sees. Text of a bundle only ever becomes text: no markup is made from it. */

const $ = (id) => document.getElementById(id);
let trust = JSON.parse($("trust").textContent);
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

const LABELS = { passed: "passed", failed: "FAILED", "not checked": "not checked" };
const MEANINGS = {
  complete: "Exit code 0: every grade that the trust list asks for passed, and nothing failed.",
  failed: "Exit code 1: at least one check failed.",
  incomplete: "Exit code 4: nothing failed, but a grade isn't there that the trust list asks for. It shows less than a complete bundle does.",
};

/** Check bundles, one after the other: `given` holds what gives `[open, title]` of each. */
async function run(...given) {
  const number = ++running;
  $("result").replaceChildren();
  $("result").removeAttribute("data-outcome");
  tell("Reading…");
  let last = 0;
  const progress = async (place, count, name) => {
    if (performance.now() - last < 50) return;
    last = performance.now();
    tell(`Checking ${place + 1} of ${count}: ${plain(name)}`);
    await new Promise((resolve) => setTimeout(resolve));
  };
  const opens = [];
  for (const [opening, title] of given) opens.push(...(await opening().catch((error) => [[() => Promise.reject(error), title]])));
  if (number !== running) return;
  const [sheets, outcomes, views] = [[], [], []];
  const told = async (open) => {
    const bundle = await open();
    const result = await checkBundle(bundle, trust, progress);
    views.push(...result.views);
    return resultSheet(bundle.title, result);
  };
  for (const [open, title] of opens) {
    const [outcome, ...sheet] = await told(open).catch((error) => refusalSheet(title, error));
    if (number !== running) return;
    outcomes.push(outcome);
    sheets.push(...sheet);
  }
  const splits = opens.length > 1 ? splitViews(views).map(splitSheet) : [];
  const worst = ["failed", "no-bundle", "incomplete", "complete"].find((one) => outcomes.includes(one));
  tell("Done.");
  $("result").setAttribute("data-outcome", splits.length ? "failed" : worst);
  $("result").replaceChildren(...splits, ...sheets);
  $("result").firstChild.focus();
}

/** Two heads of one log that contradict each other, with both signed notes. */
function splitSheet({ views, sentence }) {
  const notes = views.flatMap((view) => [make("p", { class: "title" }, plain(view.bundle)), make("pre", {}, plain(view.note))]);
  return make("section", { class: "banner failed", tabindex: "-1", "aria-label": "Split view", "data-check": "split-view", "data-state": "failed" }, make("h2", {}, "Two heads of one log"), make("p", {}, plain(sentence)), ...notes);
}

function tell(text) {
  $("status").textContent = text;
}

/** The outcome, and what is shown of what can't be read. */
function refusalSheet(title, error) {
  const isNone = error instanceof NoBundle;
  const known = isNone || error instanceof Broken || error instanceof Unchecked;
  const sentence = known ? error.message : "The bundle can't be read.";
  const checks = isNone ? [] : [failed("container", sentence)];
  const outcome = isNone ? "no-bundle" : "failed";
  const meaning = isNone ? "Exit code 2: this is no bundle." : MEANINGS.failed;
  return [outcome, banner(outcome, plain(title), plain(sentence), meaning), ...(checks.length ? [table(checks)] : [])];
}

/** The outcome, and what is shown of a bundle. */
function resultSheet(title, { checks, seal, withheld, inspection, facts, times: stated }) {
  const verdict = verdictOf(checks, withheld, trust, stated);
  const sheet = [banner(verdict.outcome, plain(title), plain(verdict.sentence), MEANINGS[verdict.outcome])];
  sheet.push(make("p", { class: "seal" }, make("span", {}, "Seal digest"), make("code", {}, seal || "unknown")));
  if (facts) sheet.push(matter(facts));
  sheet.push(gradesTable(verdict.grades), times(checks, stated), ...(facts ? overlays(inspection, facts, checks) : []), make("h2", {}, "Checks"), table(checks), saving(title, seal, verdict, checks, stated));
  return [verdict.outcome, ...sheet];
}

function banner(outcome, title, sentence, meaning) {
  const words = { complete: "Complete", failed: "Failed", incomplete: "Incomplete", "no-bundle": "No bundle" };
  return make("section", { class: `banner ${outcome}`, tabindex: "-1", "aria-label": "Verdict" },
    make("h2", {}, words[outcome]), make("p", { class: "title" }, title), make("p", {}, sentence), make("p", { class: "meaning" }, meaning));
}

/** What the bundle is about, in the words that were sealed. */
function matter(facts) {
  const pairs = [["Owner", facts.owner.name], ["Case", facts.number], ["Work", facts.work.title], ["Author, as declared", facts.work.author], ["Used by", facts.party.name]];
  if (facts.work.public_page) pairs.push(["Public page of the work, when this was written", facts.work.public_page]);
  for (const one of facts.sightings.slice(0, 5)) pairs.push(["Seen at", one.page_url || one.image_url], ["The file there says of its making", makingOf(one)]);
  const list = make("dl", { class: "matter" });
  for (const [name, value] of pairs) if (value) list.append(make("dt", {}, name), make("dd", {}, plain(value)));
  return make("section", {}, make("h2", {}, "What the sealed record says"), make("p", { class: "small" }, "Recorded by the software or declared by the owner; the checks say what follows from it."), list);
}

/** What a picture's file says of how it was made, as the sealed record states it; empty where it says nothing. */
function makingOf({ making, provenance }) {
  const said = { "digital source type (IPTC)": making?.source_type, "label of generated content (GB 45438-2025)": making?.aigc, "actions (C2PA)": provenance?.actions?.join(", ") };
  return Object.entries(said).flatMap(([name, value]) => (value ? [`${name}: ${value}`] : [])).join("; ");
}

/** What was shown, by subject, and who vouches for it. */
function gradesTable(grades) {
  const rows = grades.map(({ name, state, by, required }) => make("tr", { class: state.replace(" ", "-"), "data-grade": name, "data-state": state },
    make("th", { scope: "row" }, name), make("td", { class: "state" }, required || state === "passed" ? LABELS[state] : "not shown, not asked for"), make("td", {}, plain(by))));
  return make("section", {}, make("h2", {}, "What is shown, and who vouches for it"), make("table", {}, make("tbody", {}, ...rows)));
}

/** The witnesses of time, earliest first, and on whose word the other times rest. */
function times(checks, stated) {
  const anchors = checks.filter((check) => check.name.startsWith("anchor:"));
  const list = make("ul", { class: "times" });
  for (const check of anchors.sort((one, other) => (one.time || Infinity) - (other.time || Infinity)))
    list.append(make("li", { class: state(check) }, make("strong", {}, check.time ? moment(check.time) : LABELS[check.state]), ` ${plain(check.sentence)}`, ...label(check)));
  if (!anchors.length) list.append(make("li", {}, "The bundle holds no receipt of a witness."));
  const others = stated.filter((one) => !checks.some((check) => check.by === one.rests_on && check.time)).map((one) => make("li", {}, plain(one.time instanceof Date ? inWords(one) : `${one.of} ${one.time}, as declared`)));
  const rest = make("details", {}, make("summary", {}, `${others.length} times that no witness states`), make("ul", { class: "times" }, ...others));
  return make("section", {}, make("h2", {}, "When it existed"), list, rest);
}

const state = (check) => check.state.replace(" ", "-");
const label = (check) => (check.development ? [make("span", { class: "label" }, plain(check.development))] : []);

/** The checks; files that passed are folded into one row. */
function table(checks) {
  const fine = checks.filter((check) => check.name.startsWith("file:") && check.state === "passed");
  const rows = (shown) => make("tbody", {}, ...shown.map(row));
  const heads = ["Check", "State", "What was found"].map((head) => make("th", { scope: "col" }, head));
  const whole = make("table", {}, make("caption", { class: "hidden" }, "Every check, with its state"), make("thead", {}, make("tr", {}, ...heads)), rows(checks.filter((check) => !fine.includes(check))));
  if (!fine.length) return whole;
  return make("div", {}, whole, make("details", {}, make("summary", {}, `${fine.length} files have the bytes that were sealed`), make("table", {}, rows(fine))));
}

function row(check) {
  return make("tr", { class: state(check), "data-check": check.name, "data-state": check.state },
    make("th", { scope: "row" }, plain(check.name)), make("td", { class: "state" }, LABELS[check.state]), make("td", {}, plain(check.sentence), ...label(check)));
}

/** For each match: the found picture, and the registered one warped onto it; a slider moves between the two. */
function overlays(inspection, facts, checks) {
  const shown = facts.matches.filter((match) => stated(match.verification.transform)).slice(0, 50);
  if (!shown.length) return [];
  const parts = shown.map((match, place) => {
    const check = checks.find((one) => one.name === `match:${two(match.number)}`);
    const details = make("details", {}, make("summary", {}, `Match ${match.number}`));
    details.addEventListener("toggle", () => details.open && details.childElementCount === 1 && overlay(inspection, facts, match, check, details));
    if (place === 0) setTimeout(() => (details.open = true));
    return details;
  });
  return [make("section", {}, make("h2", {}, "The comparison"), make("p", { class: "small" }, "The registered picture, laid onto the found one by the sealed alignment."), ...parts)];
}

async function overlay(inspection, facts, match, check, details) {
  const note = make("p", { class: "small" }, "Drawing…");
  details.append(note);
  try {
    const [found, registered] = await picturesOf(inspection, facts, match);
    details.append(comparison(found, registered, match));
    note.textContent = check ? plain(check.sentence) : "";
  } catch (error) {
    note.textContent = error instanceof Broken || error instanceof Unchecked ? plain(error.message) : "The pictures can't be drawn.";
  }
}

function comparison(found, registered, match) {
  const scale = Math.min(1, 900 / Math.max(found.width, found.height));
  const size = [found.width, found.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = newCanvas(...size);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Match ${match.number}: the found picture with the registered one laid onto it`);
  const below = canvasOf(found.pixels, found.width, found.height);
  const onto = times9(rescale(found.full, size), inverted(match.verification.transform.flat()), rescale([registered.width, registered.height], registered.full));
  const { out, mask } = warpPixels(registered.pixels, [registered.width, registered.height], 4, onto, size);
  mask.forEach((valid, at) => (out[4 * at + 3] = valid ? 255 : 0));
  const above = canvasOf(out, ...size);
  const slider = make("input", { type: "range", min: "0", max: "100", value: "50", id: `slider-${match.number}` });
  const way = make("select", { id: `way-${match.number}` }, make("option", { value: "wipe" }, "wipe"), make("option", { value: "fade" }, "fade"));
  const draw = () => {
    const context = canvas.getContext("2d");
    const share = slider.value / 100;
    const edge = Math.round(size[0] * share);
    const wipes = way.value === "wipe";
    context.globalAlpha = 1;
    context.drawImage(below, 0, 0, ...size);
    context.globalAlpha = wipes ? 1 : share;
    if (!wipes) context.drawImage(above, 0, 0);
    else if (edge) context.drawImage(above, 0, 0, edge, size[1], 0, 0, edge, size[1]);
    context.globalAlpha = 1;
    if (wipes) {
      context.fillStyle = "#c2410c";
      context.fillRect(edge - 1, 0, 2, size[1]);
    }
  };
  for (const control of [slider, way]) control.addEventListener("input", draw);
  draw();
  return make("figure", {}, canvas,
    make("div", { class: "slider" }, make("label", { for: slider.id }, "found"), slider, make("label", { for: slider.id }, "registered"), make("label", { for: way.id, class: "hidden" }, "How to compare"), way));
}

function canvasOf(pixels, width, height) {
  const canvas = newCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  return canvas;
}

/** The result as JSON, with the names that `evidence verify --json` has. */
function saving(title, seal, verdict, checks, stated) {
  const iso = (time) => time.toISOString().replace(/\.(\d{3})Z$/, ".$1000Z");
  const whole = {
    bundle: title, seal, outcome: verdict.outcome, exit_code: verdict.exitCode, existed_no_later_than: verdict.existed && iso(verdict.existed),
    withheld: verdict.withheld, development: verdict.development, trust_dated: trust.dated, sentence: verdict.sentence, grades: verdict.grades,
    times: stated.map((one) => ({ ...one, time: one.time instanceof Date ? iso(one.time) : one.time })),
    checks: checks.map((check) => ({ ...check, ...(check.time ? { time: iso(check.time) } : {}) })),
  };
  const button = make("button", { type: "button" }, "Save this result as JSON");
  button.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([JSON.stringify(whole, null, 2)], { type: "application/json" }));
    make("a", { href: address, download: "verdict.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  return make("p", {}, button);
}

function showTrust() {
  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  $("trust-words").textContent = plain(
    `List of ${trust.dated}: ${count(trust.authorities.length, "authority", "authorities")}, ${count(trust.chains.length + (trust.ledgers || []).length, "chain", "chains")}, ` +
      `${count(trust.logs.length, "log", "logs")}, ${count(trust.keys.length, "owner's key", "owners' keys")}, ${count((trust.cosigners || []).length, "witness of logs", "witnesses of logs")}. ${trust.note}`,
  );
}

async function useTrust(file) {
  try {
    if (file.size > 1 << 20) throw new Broken("The trust list is too long.");
    trust = await readTrust(new Uint8Array(await file.arrayBuffer()));
    showTrust();
    tell("This trust list counts from now on; check the bundle again.");
  } catch (error) {
    tell(error instanceof Broken ? `The trust list can't be used. ${plain(error.message)}` : "The trust list can't be read.");
  }
}

/** The files below a dropped folder; some browsers refuse that for pages opened from a file. */
async function filesBelow(folder, path = "") {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const entry of entries) {
      if (found.length > MAX_ENTRIES) return found;
      if (entry.isDirectory) found.push(...(await filesBelow(entry, `${path}${entry.name}/`)));
      else found.push({ name: path + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    }
  }
}

async function droppedFolder(entry) {
  try {
    return await opensBelow(entry.name, await filesBelow(entry));
  } catch (error) {
    if (error instanceof Broken || error instanceof NoBundle) throw error;
    throw new NoBundle("This browser doesn't let a page read a dropped folder. Use the button “Choose a folder”.");
  }
}

function chosenFolder(files) {
  const entries = files.map((file) => ({ name: (file.webkitRelativePath || file.name).split("/").slice(1).join("/"), file }));
  return opensBelow((files[0].webkitRelativePath || "").split("/")[0] || "folder", entries);
}

function listen() {
  const [zip, folder, list, drop] = ["zip", "folder", "list", "drop"].map($);
  const chosen = (input, use) =>
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length) use(files);
    });
  chosen(zip, (files) => run(...files.map((file) => [() => opensOf(file), file.name])));
  chosen(folder, (files) => run([async () => chosenFolder(files), "folder"]));
  chosen(list, ([file]) => useTrust(file));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  window.addEventListener("dragleave", () => drop.classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const dropped = [...event.dataTransfer.files].map((file, place) => (entries[place]?.isDirectory ? [() => droppedFolder(entries[place]), file.name] : [() => opensOf(file), file.name]));
    if (dropped.length) run(...dropped);
  });
}

if (globalThis.crypto?.subtle && globalThis.DecompressionStream) {
  listen();
  showTrust();
  $("drop").hidden = false;
  tell("No bundle yet.");
} else tell("This browser is too old for this page. Use a current Chromium, Firefox or Safari, or the Python verifier.");
