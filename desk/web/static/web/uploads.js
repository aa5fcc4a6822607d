// Uploads selected or dropped files in batches to limit the size of requests. Does not resend files that were received.
"use strict";
(() => {
  const form = document.querySelector("form[data-uploads]");
  if (!form) return;
  const settings = form.dataset;
  const BATCH_BYTES = 8 * 1024 * 1024, BATCH_FILES = 40, SKIPPED_PER_REQUEST = 500, MAX_ATTEMPTS = 12, MAX_DELAY_SECONDS = 30;
  const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|bmp|ico|avif)$/i, TABLE = /\.(csv|tsv|xlsx)$/i;
  // Sidecar and other non-picture files, ignored silently. Same list as BESIDE_PICTURES in desk/cli/common/files.py.
  const BESIDE = /\.(xmp|aae|thm|csv|xlsx?|ods|numbers|json|txt|md|rtf|docx?|odt|html?|xml|log|db|ini|lnk|url|lrcat|cos)$/i;
  const statusLine = form.querySelector("[data-status]"), progressPanel = form.querySelector("[data-bar]");
  const progress = progressPanel.querySelector("progress"), dropZone = form.querySelector("[data-drop]");
  const previewList = form.querySelector("[data-previews]"), moreLabel = form.querySelector("[data-more]"), MAX_PREVIEWS = 24;
  const removedKeys = new Set();
  let droppedEntries = [], unreadablePaths = [], droppedTable = null, isStopped = false, isSending = false;
  let uploadUrls = settings.page ? settings : null; // URLs of the upload, set once it was created

  const showStatus = (text, values = {}) => {
    statusLine.textContent = text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  };
  const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const isInFolder = (name) => name.includes("/");
  const isHidden = (name) => name.split("/").some((segment) => segment.startsWith("."));

  const getFileKey = (entry) => `${entry.name}\n${entry.file.size}`;

  function listEntries() {
    const entries = [...droppedEntries];
    for (const input of form.querySelectorAll("input[name=files]"))
      for (const file of input.files) entries.push({ name: file.webkitRelativePath || file.name, file });
    return entries;
  }

  // Returns why a file in a folder is skipped; an empty string if it is sent or ignored as a non-picture file.
  function getSkipReason({ name }) {
    if (!isInFolder(name) || TABLE.test(name)) return "";
    if (isHidden(name)) return PICTURE.test(name) && !/\/\._[^/]*$/.test(name) ? "hidden" : "";
    return PICTURE.test(name) || BESIDE.test(name) ? "" : "not-a-picture";
  }

  // Returns name, size and reason of each skipped file, without duplicates, for the list on the upload's page.
  function listSkippedFiles(entries) {
    const maxBytes = Number(settings.mostBytes), skipped = new Map(unreadablePaths.map((name) => [name, [name, 0, "unreadable"]]));
    for (const entry of listEntries()) {
      const reason = getSkipReason(entry);
      if (reason) skipped.set(getFileKey(entry), [entry.name, entry.file.size, reason]);
    }
    for (const entry of entries)
      if (entry.file.size > maxBytes) skipped.set(getFileKey(entry), [entry.name, entry.file.size, "too-many-bytes"]);
    return [...skipped.values()];
  }

  function listEntriesToSend() {
    const uniqueEntries = new Map();
    for (const entry of listEntries())
      if (!isHidden(entry.name) && (!isInFolder(entry.name) || PICTURE.test(entry.name))) uniqueEntries.set(getFileKey(entry), entry);
    return [...uniqueEntries.values()].filter((entry) => !removedKeys.has(getFileKey(entry)));
  }

  // Shows previews of the first selected pictures, or a placeholder if the browser cannot display the format.
  function showPreviews(entries) {
    previewList.hidden = !entries.length;
    previewList.replaceChildren(...entries.slice(0, MAX_PREVIEWS).map((entry) => {
      const listItem = document.createElement("li"), image = new Image(), removeButton = document.createElement("button");
      image.alt = "";
      image.src = URL.createObjectURL(entry.file);
      image.onload = () => URL.revokeObjectURL(image.src);
      image.onerror = () => { URL.revokeObjectURL(image.src); image.replaceWith(placeholder.cloneNode()); };
      removeButton.type = "button";
      removeButton.textContent = "×";
      removeButton.setAttribute("aria-label", settings.leave.replace("{name}", entry.name));
      removeButton.onclick = () => { removedKeys.add(getFileKey(entry)); showSelection(); };
      listItem.append(image, entry.name, removeButton);
      if (entry.file.size > Number(settings.mostBytes)) {
        const flag = listItem.appendChild(document.createElement("span"));
        flag.className = "flag";
        flag.textContent = settings.tooLarge;
      }
      return listItem;
    }));
    moreLabel.hidden = entries.length <= MAX_PREVIEWS;
    moreLabel.textContent = settings.more.replace("{n}", (entries.length - MAX_PREVIEWS).toLocaleString(document.documentElement.lang));
  }
  const placeholder = document.createElement("p");
  placeholder.className = "gone";

  function showSelection() {
    const table = getTableFile(), entries = listEntriesToSend(), count = entries.length;
    showPreviews(entries);
    const selection = [count ? settings.chosen : "", table ? settings.withTable : ""].filter(Boolean).join(" ");
    const skippedCount = listSkippedFiles([]).length, lang = document.documentElement.lang;
    const skippedNote = skippedCount ? ` ${settings.without.replace("{n}", skippedCount.toLocaleString(lang))}` : "";
    showStatus((selection || settings.nothing) + skippedNote, { n: count.toLocaleString(document.documentElement.lang), name: table ? table.name : "" });
  }

  function getTableFile() {
    const input = form.querySelector("input[name=table]");
    return input ? input.files[0] || droppedTable : null;
  }

  async function collectFiles(entry, path, collected) {
    try {
      if (entry.isFile) {
        const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
        collected.push({ name: path + file.name, file });
      } else if (entry.isDirectory) {
        const reader = entry.createReader();
        for (;;) {
          const children = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
          if (!children.length) break;
          for (const child of children) await collectFiles(child, `${path}${entry.name}/`, collected);
        }
      }
    } catch {
      unreadablePaths.push(path + entry.name + (entry.isDirectory ? "/" : "")); // continue with the other files
    }
  }

  async function handleDrop(event) {
    event.preventDefault();
    dropZone.classList.remove("over");
    const droppedItems = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const collected = [];
    showStatus(settings.reading);
    for (const droppedItem of droppedItems) await collectFiles(droppedItem, "", collected);
    const table = collected.find((entry) => TABLE.test(entry.name));
    if (table && form.querySelector("input[name=table]")) droppedTable = table.file;
    droppedEntries = droppedEntries.concat(collected.filter((entry) => entry !== table || !droppedTable));
    showSelection();
  }

  // Shows the form that maps the table's columns. Its values are sent with the table when the user submits again.
  function showColumnForm(html) {
    const container = document.getElementById("columns");
    container.innerHTML = html; // escaped by the server
    container.scrollIntoView({ block: "center" });
    container.querySelector("select, input:not([type=hidden])")?.focus({ preventScroll: true });
  }

  // Sends a POST request if there is a body, otherwise GET. Retries on connection errors. Returns the parsed JSON.
  async function sendRequest(url, body) {
    const headers = { "X-CSRFToken": settings.csrf, Accept: "application/json" };
    for (let attempt = 0; ; attempt += 1) {
      let response = null;
      try {
        response = await fetch(url, { method: body ? "POST" : "GET", body, headers });
        if (response.ok && !response.redirected) return await response.json();
      } catch {
        response = null; // no connection, or it was lost during the response
      }
      if (response && response.redirected) throw new Error(settings.signedOut);
      if (response && ![502, 503, 504].includes(response.status)) {
        let message = settings.stopped;
        try {
          const problem = await response.json();
          message = problem.sentence;
          if (problem.columns) showColumnForm(problem.columns);
        } catch { /* the response is a page, not JSON */ }
        throw new Error(message);
      }
      if (attempt >= MAX_ATTEMPTS || isStopped) throw new Error(settings.stopped);
      const delay = Math.min(2 ** attempt, MAX_DELAY_SECONDS);
      showStatus(settings.again, { n: delay });
      await wait(delay);
    }
  }

  // Returns whether a file can still be read. A file that was moved or changed after selection makes its request fail.
  async function isReadable(file) {
    try {
      await file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false; // the upload's page shows how many files are missing
    }
  }

  function* splitIntoBatches(entries) {
    let batch = [], batchBytes = 0;
    for (const entry of entries) {
      if (batch.length && (batchBytes + entry.file.size > BATCH_BYTES || batch.length >= BATCH_FILES)) {
        yield batch;
        batch = [];
        batchBytes = 0;
      }
      batch.push(entry);
      batchBytes += entry.file.size;
    }
    if (batch.length) yield batch;
  }

  async function createUpload(count) {
    const body = new FormData(form);
    body.delete("files");
    const table = getTableFile();
    if (table) body.set("table", table, table.name);
    else body.delete("table");
    body.set("announced", count);
    uploadUrls = await sendRequest(form.action, body);
    history.replaceState(null, "", uploadUrls.page); // reloading opens this upload instead of a new form
  }

  async function sendFiles(entries) {
    const maxBytes = Number(settings.mostBytes), skipped = listSkippedFiles(entries);
    const total = skipped.length + entries.filter((entry) => entry.file.size <= maxBytes).length;
    let remaining = entries;
    if (uploadUrls) {
      const received = await sendRequest(uploadUrls.received);
      const receivedKeys = new Set(received.files.map(([name, size]) => `${name}\n${size}`));
      remaining = entries.filter((entry) => !receivedKeys.has(`${entry.name.normalize("NFC")}\n${entry.file.size}`));
    } else await createUpload(total);
    const sendable = remaining.filter((entry) => entry.file.size <= maxBytes);
    let sentCount = entries.length - remaining.length;
    const showProgress = () => {
      const lang = document.documentElement.lang;
      progress.max = total;
      progress.value = sentCount;
      showStatus(settings.sending, { n: sentCount.toLocaleString(lang), m: total.toLocaleString(lang) });
    };
    showProgress();
    for (let start = 0; start < skipped.length; start += SKIPPED_PER_REQUEST) {
      const body = new FormData(), batch = skipped.slice(start, start + SKIPPED_PER_REQUEST);
      body.set("left_out", JSON.stringify(batch));
      await sendRequest(uploadUrls.files, body);
      sentCount += batch.length;
    }
    for (const batch of splitIntoBatches(sendable)) {
      if (isStopped) throw new Error(settings.stopped);
      const body = new FormData(), readableEntries = [];
      for (const entry of batch) if (await isReadable(entry.file)) readableEntries.push(entry);
      for (const entry of readableEntries) body.append("files", entry.file, "file");
      body.set("names", JSON.stringify(readableEntries.map((entry) => entry.name)));
      if (readableEntries.length) await sendRequest(uploadUrls.files, body);
      sentCount += readableEntries.length;
      showProgress();
    }
    await sendRequest(uploadUrls.close, new FormData());
    isSending = false;
    location.assign(uploadUrls.page);
  }

  form.classList.add("scripted");
  dropZone.querySelector("[data-drop-words]").hidden = false;
  dropZone.addEventListener("dragover", (event) => { event.preventDefault(); dropZone.classList.add("over"); });
  dropZone.addEventListener("dragleave", () => dropZone.classList.remove("over"));
  dropZone.addEventListener("drop", handleDrop);
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault()); // dropped outside the drop zone
  form.addEventListener("change", (event) => {
    if (event.target.name === "table") document.getElementById("columns")?.replaceChildren(); // the columns belong to the previous table
  });
  form.addEventListener("change", (event) => { if (event.target.type === "file") { removedKeys.clear(); showSelection(); } });
  progressPanel.querySelector("[data-stop]").addEventListener("click", () => { isStopped = true; });
  window.addEventListener("beforeunload", (event) => { if (isSending) event.preventDefault(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSending) return;
    const entries = listEntriesToSend();
    if (!entries.length) return showStatus(settings.nothing);
    if (entries.length > Number(settings.mostFiles)) return showStatus(settings.tooMany);
    isSending = true;
    isStopped = false;
    progressPanel.hidden = false;
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    try {
      await sendFiles(entries);
    } catch (error) {
      showStatus(error.message);
      isSending = false;
      progressPanel.hidden = true;
      button.disabled = false;
    }
  });
})();
