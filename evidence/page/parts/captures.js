/* Checks of captures: what was served and how it looked, against the recorded exchanges (WARC 1.1), the surroundings and
   the facts; and what no check examines. The definitions are those of evidence/formats/records.py and evidence/verify/checks/captures.py. */

const MOST_CAPTURES = 400;
const MAX_RECORDS = 5000;
const MAX_BODY = 64 << 20;
const MAX_HEAD = 8 << 20;
const MAX_CODINGS = 5;
const UNDONE = ["", "identity", "gzip", "x-gzip", "deflate"];
const MOST_UNPACKED = 512 << 20;
const MAX_WARC = 256 << 20;
const APART = 2000;
const REDIRECTS = [301, 302, 303, 307, 308];
const GONE = [404, 410];
const WITH_PAGE = ["captured", "not-shown", "image-changed", "image-gone"];
const RENDERED = { dom: "dom.html", screenshot: "screenshot.png", "screenshot-boxed": "screenshot-boxed.png", mhtml: "page.mhtml", "page-pdf": "page.pdf", wacz: "capture.wacz" };
const NAMES = { exchange: "exchange.warc", network: "network.json", page: "page.html", "captured-image": "image", cocapture: "cocapture.json", "web-archive": "web-archive.json", ...RENDERED };
const SHOWN = { screenshot: "what screenshots show", "screenshot-boxed": "what screenshots show", "page-pdf": "the rendered page in other forms", mhtml: "the rendered page in other forms", dom: "the rendered page in other forms", c2pa: "what c2pa.json states", "title-document": "the documents of the chain of title" };
const DECLARED_BY_OWNER = "what the owner declares of the work and of itself";
const STATED = ["what captures say in sentences and of names in certificates, clocks and software", "hash distances, counts of details, displacements, the figures that odds are summed of, and decisions without odds", "words around pictures, parties, licences, decisions and the list of witnesses"];
const BY_COMMAND = "A page in a browser doesn't make it again; `exhibit verify` does it.";
const EARLIER = "Its facts don't state what it was made with: it is of a version that wasn't made to be held against this.";

const latin = (bytes) => new TextDecoder("latin1").decode(bytes);
const digestOf = async (bytes) => hex(await sha256(bytes));

/** `capture:NN-N` for the Nth capture of each sighting, and `captures`: whether one passed of each; `wacz:NN-N` isn't made here. */
async function checkCaptures(inspection, facts) {
  const [checks, missing, named] = [[], [], new Set()];
  for (const sighting of facts.sightings) {
    const own = `capture:${two(sighting.number)}-`;
    for (const [place, stated] of sighting.captures.entries()) {
      const name = `${two(sighting.number)}-${place + 1}`;
      if (checks.filter((one) => one.name.startsWith("capture:")).length >= MOST_CAPTURES) checks.push(notChecked(`capture:${name}`, `Only the first ${MOST_CAPTURES} captures are looked at.`));
      else if (!stated.files.length) checks.push(stated.image ? failed(`capture:${name}`, "The facts state an image of a visit of which nothing was kept.") : notChecked(`capture:${name}`, "Nothing was kept of this visit."));
      else if (!facts.made_with) checks.push(notChecked(`capture:${name}`, EARLIER));
      else if (stated.files.some((path) => named.has(path))) checks.push(failed(`capture:${name}`, "It names a file of another visit."));
      else checks.push(...(await captureChecks(inspection, sighting, stated, name)));
      for (const path of stated.files) named.add(path);
    }
    if (!checks.some((one) => one.name.startsWith(own) && one.state === "passed")) missing.push(two(sighting.number));
  }
  if (!facts.made_with || !facts.sightings.length) return checks;
  if (missing.length) return [...checks, notChecked("captures", `No capture shows sighting ${missing.join(", ")}: the crawl's record stands alone.`)];
  return [...checks, passed("captures", "Each sighting has a capture that agrees with what was recorded.")];
}

async function captureChecks(inspection, sighting, stated, name) {
  let [files, check] = [{}, null];
  try {
    files = filesByRole(inspection, sighting, stated);
    check = passed(`capture:${name}`, await captureAgrees({ inspection, sighting, stated, files }));
  } catch (error) {
    check = checkOf(`capture:${name}`, error);
  }
  return [check, ...(files.wacz ? [notChecked(`wacz:${name}`, BY_COMMAND)] : [])];
}

/** The files of a capture, one of a role, in one folder of the sighting. */
function filesByRole({ listed, absent }, sighting, stated) {
  const files = {};
  for (const path of stated.files) {
    const { role } = absent.get(path) || listed.get(path);
    const parts = /^data\/sightings\/(\d+)\/capture-\d+\/([^/]+)$/.exec(path);
    const named = parts && NAMES[role] === (role === "captured-image" ? parts[2].replace(/\.[^.]*$/, "") : parts[2]);
    must(named && parts[1] === two(sighting.number) && !(role in files), `${path} isn't a capture's own file.`);
    files[role] = path;
  }
  must(new Set(stated.files.map((path) => path.slice(0, path.lastIndexOf("/")))).size === 1, "A capture's files lie in several folders.");
  must(files.network, "A capture lacks the record of its surroundings.");
  return files;
}

async function readOf({ inspection, files }, role) {
  const path = files[role];
  const why = inspection.whyNot(path);
  if (why) throw new Unchecked(why);
  if (inspection.large.has(path)) throw new Unchecked(inspection.large.get(path));
  must(inspection.sealed(path), `${path} isn't there as it was sealed.`);
  return inspection.read(path, MAX_WARC);
}

/** What passed, in words; throws Broken with what doesn't fit. */
async function captureAgrees(capture) {
  const { stated, files } = capture;
  const network = checkSchema(parseJson(await readOf(capture, "network"), files.network), "network", files.network);
  const same = ["outcome", "started", "finished"].every((field) => stated[field] === network[field]);
  must(same && stated.started <= stated.finished && [...WITH_PAGE, "page-gone", "unreachable"].includes(stated.outcome), "The surroundings state another outcome or other times than the facts.");
  checkImage(capture);
  for (const one of [...(network.certificates || []), ...network.exchanges.flatMap((step) => step.tls?.chain || [])]) {
    const der = fromBase64(one.der);
    must(der && (await digestOf(der)) === one.sha256, "The surroundings hold a certificate with another digest than stated.");
  }
  await checkRendered(capture, network);
  if (!files.exchange) throw new Unchecked("The record of the exchanges wasn't kept, so nothing shows what was served.");
  const answers = await readAnswers(await readOf(capture, "exchange"), files.exchange);
  for (const step of network.exchanges) checkStep(step, answers, stated);
  const named = new Set([...network.exchanges.map((one) => one.url), ...(network.resources || []).flatMap((one) => [one.url, one.final_url]), ...network.failures.flatMap((one) => [one.url, one.at])].map(plainUrl));
  for (const one of answers) must(named.has(one.url) || REDIRECTS.includes(one.status) || !one.status, `The surroundings say nothing of the recorded exchange with ${one.url}.`);
  const seen = await checkServed(capture, network, answers);
  const { absent } = capture.inspection;
  const lacking = stated.files.filter((path) => absent.has(path)).map((path) => leftOutWords(absent.get(path)));
  const looked = files.screenshot && !absent.has(files.screenshot) ? " A browser made pictures of the page." : "";
  const left = lacking.length ? ` ${lacking.length} of its files are ${lacking[0]}.` : "";
  return `${seen} Addresses, status and times of ${answers.length} recorded exchanges are those stated.${looked}${left}`;
}

function checkStep(step, answers, stated) {
  const [wanted, sent, answered] = [plainUrl(step.url), Date.parse(step.sent), Date.parse(step.answered)];
  const inside = Date.parse(stated.started) - APART <= sent && sent <= answered && answered <= Date.parse(stated.finished) + APART;
  const found = answers.some((one) => one.url === wanted && one.status === step.status && one.peer === step.peer.address && sent - APART <= one.date && one.date <= answered + APART);
  must(inside && found, `No recorded exchange is the one that the surroundings state of ${step.url}.`);
  const known = !step.dns_answers.length || step.dns_answers.includes(step.peer.address);
  must((step.tls !== null) === wanted.startsWith("https:") && known, `The connection to ${step.url} contradicts itself.`);
}

/** An address, and those to which the recorded redirects lead from it. */
function arrivals(answers, start) {
  const reached = new Set([plainUrl(start)]);
  for (let step = 0; step < 6; step++)
    for (const one of answers.filter(({ url, status }) => reached.has(url) && REDIRECTS.includes(status)))
      try {
        reached.add(plainUrl(new URL(one.header("location"), one.target).href));
      } catch {
        continue;
      }
  return reached;
}

/** Expect something of what was served, unless it was packed in a way that isn't undone here. */
function mustServe(holds, answers, problem) {
  const other = answers.find((one) => one.coding);
  if (!holds && other) throw new Unchecked(`What was served is packed by ${other.coding.slice(0, 40)}, which isn't undone here.`);
  must(holds, problem);
}

/** That page and image are what the recorded exchanges served, and the outcome what follows from that. */
async function checkServed(capture, network, answers) {
  const { stated, sighting } = capture;
  const at = arrivals(answers, sighting.page_url);
  if (network.rendered) at.add(plainUrl(network.rendered.address));
  const pages = answers.filter((one) => at.has(one.url));
  const nothing = await digestOf(new Uint8Array());
  const came = pages.filter((one) => one.served);
  const bodies = came.filter((one) => one.digest !== nothing).map((one) => one.digest);
  const [page, shown, image] = [digestBy(capture, "page"), WITH_PAGE.includes(stated.outcome), stated.image];
  mustServe(page || (shown && bodies.length) ? bodies.includes(page) : true, came, "The page isn't what the recorded exchange served.");
  must(!shown || came.length, "No recorded exchange served the page.");
  must(stated.outcome !== "page-gone" || pages.some((one) => GONE.includes(one.status)), "The page isn't recorded as gone.");
  if (image === null) return "The page's exchange is recorded; no image was kept.";
  const there = arrivals(answers, sighting.image_url);
  const inline = sighting.image_url.slice(0, 5).toLowerCase() === "data:";
  const images = inline ? [] : answers.filter((one) => one.served && there.has(one.url));
  mustServe(inline ? await isInside(capture, image) : images.some((one) => one.digest === image), images, "The image isn't what the recorded exchange with its address served.");
  return `The recorded exchange served the image${image === sighting.picture.digest ? " with the bytes seen before." : ", other bytes."}`;
}

async function isInside(capture, image) {
  for (const role of ["page", "dom"])
    if (capture.files[role]) for (const bytes of inlineIn(await readOf(capture, role))) if (bytes && (await digestOf(bytes)) === image) return true;
  return false;
}

/** The images that are written inside of HTML, null for those that can't be read. */
function* inlineIn(text) {
  for (const [, written] of latin(text).matchAll(/data:image\/[\w.+-]{1,40};base64,([A-Za-z0-9+/=%\t-\r ]+)/g)) yield inlineBytes(written);
}

/** What base64 gives up to its first whole padding, other signs left out, or null where the padding lacks: as Python's binascii has it. */
function inlineBytes(written) {
  const text = written.replace(/%([0-9a-f]{2})/gi, (_, pair) => String.fromCharCode(parseInt(pair, 16))).replace(/[^A-Za-z0-9+/=]/g, "");
  let signs = "";
  for (const [, more, pads] of text.matchAll(/([^=]*)(=*)/g)) {
    signs += more;
    if (signs.length % 4 > 1 && (signs.length % 4) + pads.length > 3) return Uint8Array.from(atob(signs), (sign) => sign.charCodeAt(0));
  }
  return signs.length % 4 ? null : Uint8Array.from(atob(signs), (sign) => sign.charCodeAt(0));
}

const digestBy = ({ inspection: { absent, listed }, files }, role) => (files[role] ? (absent.get(files[role])?.digest ?? listed.get(files[role]).sha256) : null);

/** That the image is the one that was kept, and the outcome what it shows; no record is needed for that. */
function checkImage(capture) {
  const { image, outcome } = capture.stated;
  must(image === digestBy(capture, "captured-image"), "The facts state another image than the capture holds.");
  const matches = image === capture.sighting.picture.digest;
  const wanted = { captured: matches, "not-shown": matches, "image-changed": image !== null && !matches };
  must(wanted[outcome] ?? true, "The facts call the image another than its digest shows.");
}

/** That what a browser shows is there where the surroundings say so, and only there. */
async function checkRendered(capture, { rendered }) {
  const made = Object.keys(capture.files).filter((role) => role in RENDERED);
  must(capture.stated.method === (rendered ? "browser" : "http"), "The facts state another method of the visit than the surroundings.");
  if (!rendered) return must(!made.length, "A visit without a browser has pictures of a page.");
  const wanted = [...(rendered.nothing_shown ? [] : ["dom", "screenshot", "mhtml", "page-pdf"]), ...(rendered.image_places.length ? ["screenshot-boxed"] : [])];
  const left = "rest" in rendered.not_made || !capture.files.exchange ? [] : wanted.filter((role) => !made.includes(role) && !(role in rendered.not_made));
  must(!left.length && !made.some((role) => role in rendered.not_made), "What the browser made isn't what the surroundings say of it.");
  for (const role of made.filter((one) => one.startsWith("screenshot") && !capture.inspection.absent.has(capture.files[one]))) {
    const bytes = await readOf(capture, role);
    const sign = hex(bytes.subarray(0, 8)) === "89504e470d0a1a0a";
    must(sign && headerSize(bytes)?.[0] === rendered.window[0], "A screenshot isn't a picture as wide as the window.");
  }
}

/** The responses in an uncompressed WARC file: address, status, headers, time, peer, and the digest of the body. */
async function readAnswers(data, what) {
  const [answers, until] = [[], inflated.bytes + MOST_UNPACKED];
  const newline = (at) => data[at] === 13 && data[at + 1] === 10 && data[at + 2] === 13 && data[at + 3] === 10;
  for (let at = 0, count = 1; at < data.length; count++) {
    let end = at;
    while (end < Math.min(data.length, at + (3 << 19)) && !newline(end)) end++;
    const head = /^WARC\/1\.1\r\n((?:[A-Za-z0-9-]{1,40}: [^\r\n]{0,70000}\r\n){1,20})$/.exec(latin(data.subarray(at, end + 2)));
    must(head && count <= MAX_RECORDS, `${what} isn't a WARC file that can be read: see byte ${at}.`);
    const fields = Object.fromEntries(new TextDecoder().decode(data.subarray(at + 10, end)).split("\r\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]));
    const stop = end + 4 + (/^\d{1,12}$/.test(fields["Content-Length"]) ? Number(fields["Content-Length"]) : data.length);
    const block = data.subarray(end + 4, stop);
    must(newline(stop) && fields["WARC-Block-Digest"] === `sha256:${base32(await sha256(block))}`, `${what} has a record whose bytes aren't those of its length and digest: see byte ${at}.`);
    must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(fields["WARC-Date"]) && isMoment(fields["WARC-Date"]), `${what} has a record without its date.`);
    if (fields["WARC-Type"] === "response") answers.push(await readAnswer(block, fields));
    must(inflated.bytes <= until, `${what} unpacks to more than ${MOST_UNPACKED} bytes.`);
    at = stop + 4;
  }
  return answers;
}

function base32(bytes) {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const text = bits.match(/.{1,5}/g).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five.padEnd(5, "0"), 2)]).join("");
  return text.padEnd(Math.ceil(text.length / 8) * 8, "=");
}

async function readAnswer(block, fields) {
  const target = fields["WARC-Target-URI"] || "";
  const one = { target, url: plainUrl(target), date: Date.parse(fields["WARC-Date"]), peer: fields["WARC-IP-Address"] || "", status: 0, coding: "", served: false, header: () => "" };
  const head = readHead(block);
  if (!head) return one;
  one.status = head.status;
  one.header = (name) => head.lines.find(([key]) => key === name)?.[1] || "";
  one.coding = codingsOf(one.header).find((coding) => !UNDONE.includes(coding)) || "";
  if (REDIRECTS.includes(one.status) && one.header("location")) return one;
  const body = await bodyOf(one, block.subarray(head.end));
  if (body) [one.digest, one.served] = [await digestOf(body), one.status >= 200 && one.status < 300];
  return one;
}

/** Status and fields of an answer, and where its head ends; null where there is none. Answers that only announce another are passed over. */
function readHead(block) {
  const text = latin(block.subarray(0, MAX_HEAD));
  const from = (pattern, place) => {
    pattern.lastIndex = place;
    return pattern.exec(text);
  };
  for (let at = 0; ; ) {
    const status = from(/HTTP\/\d(?:\.\d)? +(\d{3})(?: [^\r\n]*)?\r?\n/y, at);
    const start = status && at + status[0].length;
    const end = status && from(/\r?\n\r?\n/g, start - 2);
    if (!end) return null;
    at = end.index + end[0].length;
    if (status[1] === "100") continue;
    const lines = [];
    for (let place = start; place < end.index; ) {
      const line = from(/[^\n]*\n/y, place)[0];
      const name = line.indexOf(":") < 0 ? line.length : line.indexOf(":");
      lines.push([block.subarray(place, place + name), block.subarray(place + name + 1, place + line.length)].map((part) => fieldText(part).trim()));
      place += line.length;
    }
    return { status: Number(status[1]), lines: lines.map(([key, value]) => [key.toLowerCase(), value]), end: at };
  }
}

/** Bytes of a field as UTF-8, or where they aren't that, each as the sign of its number. */
function fieldText(bytes) {
  try {
    return textOf(bytes, "A header");
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** What packed a body, the last first. */
const codingsOf = (header) => header("content-encoding").toLowerCase().replaceAll(" ", "").split(",").reverse();

/** A body with transfer and content encoding undone, or null where its chunks can't be read. */
async function bodyOf({ status, header }, packed) {
  if (status === 204 || status === 304 || !packed.length) return new Uint8Array();
  let body = packed;
  if (header("transfer-encoding").toLowerCase().includes("chunked")) body = unchunked(packed);
  else if (/^\d+$/.test(header("content-length"))) body = packed.subarray(0, Number(header("content-length")));
  if (codingsOf(header).length > MAX_CODINGS) return null;
  for (const coding of codingsOf(header))
    if (body?.length && ["gzip", "x-gzip", "deflate"].includes(coding)) body = unpackBody(body, coding);
  return body;
}

function unchunked(body) {
  const parts = [];
  for (let at = 0; ; ) {
    const line = /^([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n/.exec(latin(body.subarray(at, at + 4096)));
    if (!line) return null;
    const start = at + line[0].length;
    const length = parseInt(line[1], 16);
    parts.push(body.subarray(start, start + length));
    if (!length || parts.at(-1).length < length) return concat(...parts);
    at = start + length + (body[start + length] === 13 ? 2 : 1);
  }
}

/** A body unpacked by gzip (all members) or deflate, as far as it goes, or null where it can't be; what stands behind is ignored. */
function unpackBody(body, coding) {
  const parts = [];
  let left = MAX_BODY;
  try {
    for (let at = 0; !parts.length || (coding !== "deflate" && body[at] === 0x1f && body[at + 1] === 0x8b); ) {
      const one = coding === "deflate" ? inflateZlib(body, left) : inflateGzip(body, at, left);
      parts.push(one.bytes);
      left -= one.bytes.length;
      at = one.end;
    }
  } catch {
    return null;
  }
  return concat(...parts);
}

/** An address as two programs may both have written it: host in small letters, dots resolved, escapes undone. */
function plainUrl(text) {
  try {
    const url = new URL(text);
    url.hash = "";
    return url.href.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => new TextDecoder().decode(fromHex(escaped.replaceAll("%", "").toLowerCase())));
  } catch {
    return text;
  }
}

/** `drawings`, `sheet` and `words`, each where there is something to compare: made by the Python verifier only. */
function remadeChecks({ manifest }, facts) {
  const there = { drawings: facts.matches.some((match) => DRAWINGS.some((role) => stated(match[role]))), sheet: manifest.files.some(({ path }) => isSheet(path)), words: facts.matches.length > 0 };
  return Object.keys(there).filter((name) => there[name]).map((name) => notChecked(name, BY_COMMAND));
}

const isSheet = (path) => /^data\/[^/]+\.pdf$/.test(path);

/** `rest`: which files and which facts are sealed, and aren't examined by any check. */
function restCheck({ manifest }, facts) {
  const standIns = new Set(manifest.files.map((file) => file.stand_in));
  const known = new Set([FACTS, ...namedFiles(facts).map(([path]) => path), ...derivedFiles(facts).map(([path]) => path)]);
  const others = manifest.files.map((file) => file.path).filter((path) => !standIns.has(path) && !known.has(path) && !isSheet(path));
  const named = manifest.files.filter(({ path, role }) => standIns.has(path) || (known.has(path) && role in SHOWN)).map(({ path, role }) => (standIns.has(path) ? "the reduced pictures" : SHOWN[role]));
  const told = [...(others.length ? [some(others)] : []), ...new Set(named), DECLARED_BY_OWNER, ...(facts.sightings.length ? STATED : [])];
  return notChecked("rest", `Sealed, and examined by no check: ${told.join("; ")}.`);
}
