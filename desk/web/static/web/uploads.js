// Sends chosen or dropped files in portions, so that no request is huge; what has arrived is never sent again.
"use strict";
(() => {
  const form = document.querySelector("form[data-uploads]");
  if (!form) return;
  const words = form.dataset;
  const PORTION_BYTES = 8 * 1024 * 1024, PORTION_FILES = 40, LEFT_OUT = 500, TRIES = 12, LONGEST_PAUSE = 30;
  const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|bmp|ico|avif)$/i, TABLE = /\.(csv|tsv|xlsx)$/i;
  // What lies beside pictures, and what nobody takes for one: as BESIDE_PICTURES in desk/cli/common/files.py.
  const BESIDE = /\.(xmp|aae|thm|csv|xlsx?|ods|numbers|json|txt|md|rtf|docx?|odt|html?|xml|log|db|ini|lnk|url|lrcat|cos)$/i;
  const status = form.querySelector("[data-status]"), bar = form.querySelector("[data-bar]");
  const progress = bar.querySelector("progress"), drop = form.querySelector("[data-drop]");
  const previews = form.querySelector("[data-previews]"), more = form.querySelector("[data-more]"), PREVIEWS = 24;
  const leftOut = new Set();
  let dropped = [], unread = [], droppedTable = null, stopped = false, sending = false;
  let to = words.page ? words : null; // addresses of the upload, once it has begun

  const say = (text, values = {}) => {
    status.textContent = text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  };
  const later = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const inFolder = (name) => name.includes("/");
  const hidden = (name) => name.split("/").some((part) => part.startsWith("."));

  const keyOf = (one) => `${one.name}\n${one.file.size}`;

  function given() {
    const all = [...dropped];
    for (const input of form.querySelectorAll("input[name=files]"))
      for (const file of input.files) all.push({ name: file.webkitRelativePath || file.name, file });
    return all;
  }

  // Why a file of a folder isn't sent; empty where it is sent, or where nobody takes it for a picture.
  function reasonToLeaveOut({ name }) {
    if (!inFolder(name) || TABLE.test(name)) return "";
    if (hidden(name)) return PICTURE.test(name) && !/\/\._[^/]*$/.test(name) ? "hidden" : "";
    return PICTURE.test(name) || BESIDE.test(name) ? "" : "not-a-picture";
  }

  // Name, size and reason of what isn't sent, each once, as the page of the upload lists it.
  function notSent(files) {
    const most = Number(words.mostBytes), all = new Map(unread.map((name) => [name, [name, 0, "unreadable"]]));
    for (const one of given()) {
      const reason = reasonToLeaveOut(one);
      if (reason) all.set(keyOf(one), [one.name, one.file.size, reason]);
    }
    for (const one of files)
      if (one.file.size > most) all.set(keyOf(one), [one.name, one.file.size, "too-many-bytes"]);
    return [...all.values()];
  }

  function chosen() {
    const names = new Map();
    for (const one of given())
      if (!hidden(one.name) && (!inFolder(one.name) || PICTURE.test(one.name))) names.set(keyOf(one), one);
    return [...names.values()].filter((one) => !leftOut.has(keyOf(one)));
  }

  // Shows the first pictures that are chosen, each with its name; what no browser draws has its name alone.
  function preview(files) {
    previews.hidden = !files.length;
    previews.replaceChildren(...files.slice(0, PREVIEWS).map((one) => {
      const item = document.createElement("li"), image = new Image(), off = document.createElement("button");
      image.alt = "";
      image.src = URL.createObjectURL(one.file);
      image.onload = () => URL.revokeObjectURL(image.src);
      image.onerror = () => { URL.revokeObjectURL(image.src); image.replaceWith(gone.cloneNode()); };
      off.type = "button";
      off.textContent = "×";
      off.setAttribute("aria-label", words.leave.replace("{name}", one.name));
      off.onclick = () => { leftOut.add(keyOf(one)); tellChosen(); };
      item.append(image, one.name, off);
      if (one.file.size > Number(words.mostBytes)) {
        const flag = item.appendChild(document.createElement("span"));
        flag.className = "flag";
        flag.textContent = words.tooLarge;
      }
      return item;
    }));
    more.hidden = files.length <= PREVIEWS;
    more.textContent = words.more.replace("{n}", (files.length - PREVIEWS).toLocaleString(document.documentElement.lang));
  }
  const gone = document.createElement("p");
  gone.className = "gone";

  function tellChosen() {
    const table = tableFile(), files = chosen(), count = files.length;
    preview(files);
    const said = [count ? words.chosen : "", table ? words.withTable : ""].filter(Boolean).join(" ");
    const without = notSent([]).length, lang = document.documentElement.lang;
    const also = without ? ` ${words.without.replace("{n}", without.toLocaleString(lang))}` : "";
    say((said || words.nothing) + also, { n: count.toLocaleString(document.documentElement.lang), name: table ? table.name : "" });
  }

  function tableFile() {
    const input = form.querySelector("input[name=table]");
    return input ? input.files[0] || droppedTable : null;
  }

  async function below(entry, path, into) {
    try {
      if (entry.isFile) {
        const file = await new Promise((done, fail) => entry.file(done, fail));
        into.push({ name: path + file.name, file });
      } else if (entry.isDirectory) {
        const reader = entry.createReader();
        for (;;) {
          const entries = await new Promise((done, fail) => reader.readEntries(done, fail));
          if (!entries.length) break;
          for (const one of entries) await below(one, `${path}${entry.name}/`, into);
        }
      }
    } catch {
      unread.push(path + entry.name + (entry.isDirectory ? "/" : "")); // the rest goes on
    }
  }

  async function take(event) {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const into = [];
    say(words.reading);
    for (const entry of entries) await below(entry, "", into);
    const table = into.find((one) => TABLE.test(one.name));
    if (table && form.querySelector("input[name=table]")) droppedTable = table.file;
    dropped = dropped.concat(into.filter((one) => one !== table || !droppedTable));
    tellChosen();
  }

  // What the columns of the table are is asked here, and goes with it when the button is pressed again.
  function choose(html) {
    const place = document.getElementById("columns");
    place.innerHTML = html; // escaped by the server
    place.scrollIntoView({ block: "center" });
    place.querySelector("select, input:not([type=hidden])")?.focus({ preventScroll: true });
  }

  // Posts what is given, or asks where nothing is; goes on trying while there is no connection.
  async function ask(address, body) {
    const headers = { "X-CSRFToken": words.csrf, Accept: "application/json" };
    for (let attempt = 0; ; attempt += 1) {
      let answer = null;
      try {
        answer = await fetch(address, { method: body ? "POST" : "GET", body, headers });
        if (answer.ok && !answer.redirected) return await answer.json();
      } catch {
        answer = null; // no connection, or it was lost within the answer
      }
      if (answer && answer.redirected) throw new Error(words.signedOut);
      if (answer && ![502, 503, 504].includes(answer.status)) {
        let sentence = words.stopped;
        try {
          const refused = await answer.json();
          sentence = refused.sentence;
          if (refused.columns) choose(refused.columns);
        } catch { /* a page, not an answer to a script */ }
        throw new Error(sentence);
      }
      if (attempt >= TRIES || stopped) throw new Error(words.stopped);
      const pause = Math.min(2 ** attempt, LONGEST_PAUSE);
      say(words.again, { n: pause });
      await later(pause);
    }
  }

  // Whether a file is still as it was chosen: one that was moved or changed since would end every request it is in.
  async function readable(file) {
    try {
      await file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false; // the page of the upload names how many haven't arrived
    }
  }

  function* portions(files) {
    let portion = [], bytes = 0;
    for (const one of files) {
      if (portion.length && (bytes + one.file.size > PORTION_BYTES || portion.length >= PORTION_FILES)) {
        yield portion;
        portion = [];
        bytes = 0;
      }
      portion.push(one);
      bytes += one.file.size;
    }
    if (portion.length) yield portion;
  }

  async function begin(count) {
    const body = new FormData(form);
    body.delete("files");
    const table = tableFile();
    if (table) body.set("table", table, table.name);
    else body.delete("table");
    body.set("announced", count);
    to = await ask(form.action, body);
    history.replaceState(null, "", to.page); // whoever loads this page again finds the upload, not another beginning
  }

  async function send(files) {
    const most = Number(words.mostBytes), others = notSent(files);
    const total = others.length + files.filter((one) => one.file.size <= most).length;
    let rest = files;
    if (to) {
      const known = await ask(to.received);
      const here = new Set(known.files.map(([name, size]) => `${name}\n${size}`));
      rest = files.filter((one) => !here.has(`${one.name.normalize("NFC")}\n${one.file.size}`));
    } else await begin(total);
    const fit = rest.filter((one) => one.file.size <= most);
    let sent = files.length - rest.length;
    const tell = () => {
      const lang = document.documentElement.lang;
      progress.max = total;
      progress.value = sent;
      say(words.sending, { n: sent.toLocaleString(lang), m: total.toLocaleString(lang) });
    };
    tell();
    for (let start = 0; start < others.length; start += LEFT_OUT) {
      const body = new FormData(), part = others.slice(start, start + LEFT_OUT);
      body.set("left_out", JSON.stringify(part));
      await ask(to.files, body);
      sent += part.length;
    }
    for (const portion of portions(fit)) {
      if (stopped) throw new Error(words.stopped);
      const body = new FormData(), there = [];
      for (const one of portion) if (await readable(one.file)) there.push(one);
      for (const one of there) body.append("files", one.file, "file");
      body.set("names", JSON.stringify(there.map((one) => one.name)));
      if (there.length) await ask(to.files, body);
      sent += there.length;
      tell();
    }
    await ask(to.close, new FormData());
    sending = false;
    location.assign(to.page);
  }

  form.classList.add("scripted");
  drop.querySelector("[data-drop-words]").hidden = false;
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", take);
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault()); // beside it
  form.addEventListener("change", (event) => {
    if (event.target.name === "table") document.getElementById("columns")?.replaceChildren(); // they are another's
  });
  form.addEventListener("change", (event) => { if (event.target.type === "file") { leftOut.clear(); tellChosen(); } });
  bar.querySelector("[data-stop]").addEventListener("click", () => { stopped = true; });
  window.addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    const files = chosen();
    if (!files.length) return say(words.nothing);
    if (files.length > Number(words.mostFiles)) return say(words.tooMany);
    sending = true;
    stopped = false;
    bar.hidden = false;
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    try {
      await send(files);
    } catch (error) {
      say(error.message);
      sending = false;
      bar.hidden = true;
      button.disabled = false;
    }
  });
})();
