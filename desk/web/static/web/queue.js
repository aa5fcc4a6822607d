// Keyboard shortcuts for the case queue. One case is current. Decisions are sent one at a time in the background while
// the user reviews the next case. Confirmed cases can be ticked and used for a bundle or a notice.
// No key press is lost: each one is queued until the earlier ones have finished and the next case is displayed. It then
// applies to the current case. A key therefore never decides a case twice, or a case that was not displayed.
// More cases are fetched before the last one is reached. If the server refuses a decision, the case is reopened and the
// error is displayed. Without this script, the same buttons submit plain forms.
(() => {
  "use strict";
  const form = document.getElementById("decide");
  let items = [...document.querySelectorAll(".item")];
  if (!items.length) return;
  const statusLine = document.getElementById("said");
  const undoButton = document.getElementById("undo");
  const reasonField = document.getElementById("reason");
  const assignForm = document.getElementById("assign");
  const shortcutsDialog = document.getElementById("keys");
  let nextLink = document.getElementById("next");
  const PRELOAD_COUNT = 6;
  const LOAD_THRESHOLD = 10; // fetch more cases when at most this many are left on the page
  const MAX_DECIDED_BEHIND = 90; // number of decided cases to keep above the current one
  let currentIndex = -1;
  let selectedGroup = null;
  let sendQueue = Promise.resolve();
  let pendingCount = 0;
  const undoStack = undoButton && !undoButton.disabled ? [{ numbers: undoButton.value.split(" ").slice(1) }] : []; // actions that can be undone
  const keyQueue = []; // commands of keys that have not been run yet, in order
  let activeCount = 0; // running operations that block queued keys
  let savedReason = null; // the reason that was entered before the key that is being processed
  let isLoadingLicences = false;
  let proposedLicence = null; // the licence that Enter selects
  let isLeaving = false;
  let loadingPromise = null;
  const refusals = new Map(); // error messages of refused decisions, by case number

  const findItem = (number) => document.getElementById(`case-${number}`);
  const isOpen = (item) => !item.hasAttribute("data-decided");
  const getOpenItems = () => items.filter(isOpen);
  const showStatus = (message) => { if (statusLine) statusLine.textContent = message || describeRefusals(); };
  const describeRefusals = () => (refusals.size ? `${statusLine.dataset.stay} ${[...refusals.keys()].join(", ")}. ${[...refusals.values()].pop()}` : "");
  const updateUndoButton = () => { undoButton.disabled = !undoStack.length; };

  function runQueuedKeys() {
    while (!activeCount && keyQueue.length) keyQueue.shift()();
  }

  // Defers queued keys until the promise is settled.
  function blockKeysUntil(promise) {
    activeCount += 1;
    promise.finally(() => { activeCount -= 1; runQueuedKeys(); });
  }

  // Discards queued keys before navigation: they were meant for the current page.
  function startLeaving() {
    keyQueue.length = 0;
    isLeaving = true;
    setTimeout(() => { isLeaving = false; }, 3000); // navigation did not happen
  }

  // Resolves when the browser has painted the changes.
  const waitForPaint = () => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 250); // hidden pages get no animation frames
  });

  function selectItem(index) {
    if (index < 0 || index >= items.length) return;
    proposedLicence = null;
    items[currentIndex]?.classList.remove("current");
    currentIndex = index;
    const item = items[index];
    item.classList.add("current");
    item.scrollIntoView({ block: "center" });
    if (document.activeElement !== reasonField) item.focus({ preventScroll: true }); // keep the focus while a reason is being entered
    for (const upcomingItem of items.slice(index, index + PRELOAD_COUNT)) {
      for (const picture of upcomingItem.querySelectorAll("img")) picture.loading = "eager";
    }
    if (selectedGroup && !selectedGroup.contains(item)) selectGroup(null);
    if (nextLink && items.length - index <= LOAD_THRESHOLD) loadNextPage();
    blockKeysUntil(waitForPaint());
  }

  function moveSelection(offset) {
    let index = currentIndex + offset;
    while (index >= 0 && index < items.length && !isOpen(items[index]) && getOpenItems().length) index += offset;
    if (index >= items.length && nextLink && offset > 0) {
      blockKeysUntil(loadNextPage().then(() => moveSelection(offset))); // ends when there is no next page
      return;
    }
    if (index >= 0 && index < items.length) selectItem(index);
    if (!getOpenItems().length) showStatus(statusLine?.dataset.all ?? "");
  }

  // Appends the next cases to the list. Resolves when cases were added or there are no more.
  function loadNextPage() {
    loadingPromise ??= fetchNextItems().finally(() => { loadingPromise = null; });
    return loadingPromise;
  }

  async function fetchNextItems() {
    await sendQueue; // the server's list no longer contains the cases decided so far
    let url = new URL(nextLink.href);
    if (nextLink.dataset.skip) url.searchParams.set("skip", nextLink.dataset.skip);
    for (;;) {
      const nextDocument = await fetchPage(url);
      const addedCount = appendItems(nextDocument);
      const link = nextDocument.getElementById("next");
      if (!link) { nextLink.remove(); nextLink = null; return; }
      if (addedCount) { if (nextLink.dataset.skip) updateNextLink(); else nextLink.href = link.getAttribute("href"); return; }
      url = new URL(link.getAttribute("href"), url);
    }
  }

  async function fetchPage(url) {
    for (let delay = 500; ; delay = Math.min(delay * 2, 8000)) {
      try {
        const response = await fetch(url);
        if (response.redirected || (response.status >= 400 && response.status < 500)) {
          startLeaving();
          location.href = url; // signed out, or no longer a member
          return await new Promise(() => {});
        }
        if (response.ok) { clearRequestError(); return new DOMParser().parseFromString(await response.text(), "text/html"); }
      } catch { /* no response; try again */ }
      showStatus(statusLine?.dataset.missing ?? "");
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }

  function appendItems(nextDocument) {
    let addedCount = 0;
    for (const section of nextDocument.querySelectorAll(".group")) {
      const duplicates = [...section.querySelectorAll(".item")].filter((item) => findItem(item.dataset.number));
      for (const item of duplicates) item.remove();
      const newCount = section.querySelectorAll(".item").length;
      if (!newCount) continue;
      addedCount += newCount;
      removeFromGroupActions(section, duplicates.map((item) => item.dataset.number));
      for (const button of section.querySelectorAll("[data-key=t]")) button.hidden = !form;
      [...document.querySelectorAll(".group")].pop().after(document.adoptNode(section));
    }
    const currentItem = items[currentIndex];
    items = [...document.querySelectorAll(".item")];
    for (const section of document.querySelectorAll(".group")) {
      const groupItems = getGroupItems(section);
      const lastIndex = items.indexOf(groupItems[groupItems.length - 1]);
      if (lastIndex < currentIndex - MAX_DECIDED_BEHIND && !groupItems.some(isOpen) && !section.querySelector(".pick input:checked")) section.remove();
    }
    items = items.filter((item) => item.isConnected);
    currentIndex = currentItem ? items.indexOf(currentItem) : currentIndex;
    return addedCount;
  }

  // Removes the numbers of cases that are already on the page from the values of a group's buttons.
  function removeFromGroupActions(section, numbers) {
    const removeNumbers = (text) => text.split(" ").filter((number) => !numbers.includes(number)).join(" ");
    for (const button of section.querySelectorAll(".whole button[value]")) button.value = removeNumbers(button.value);
    for (const element of section.querySelectorAll("[data-numbers]")) element.dataset.numbers = removeNumbers(element.dataset.numbers);
  }

  // Updates the link to the next page so that it skips the cases still open on this page.
  function updateNextLink() {
    const url = new URL(nextLink.href);
    url.searchParams.set("skip", Number(nextLink.dataset.skip) + getOpenItems().length);
    nextLink.href = url;
  }

  // Clears the message about a failed request.
  function clearRequestError() {
    if (statusLine && [statusLine.dataset.failed, statusLine.dataset.missing, statusLine.dataset.unassigned].includes(statusLine.textContent)) showStatus("");
  }

  function selectGroup(section) {
    proposedLicence = null;
    selectedGroup?.classList.remove("chosen");
    selectedGroup?.querySelector(".whole")?.removeAttribute("open");
    selectedGroup = section;
    if (!section) { showStatus(""); return; }
    section.classList.add("chosen");
    section.querySelector(".whole")?.setAttribute("open", "");
    showStatus(statusLine.dataset.group);
  }

  // Returns the checkboxes of the confirmed cases: only these can be used for a bundle or a notice.
  const getCheckboxes = (groupItems) => groupItems.filter((item) => item.dataset.decision === "confirmed").map((item) => item.querySelector(".pick input"));
  const getGroupItems = (section) => items.filter((item) => section.contains(item));
  const getSelectedItems = () => (selectedGroup ? getGroupItems(selectedGroup) : items.slice(Math.max(currentIndex, 0), currentIndex + 1));
  const countTicked = () => document.querySelectorAll(".pick input:checked").length;
  const updateTickedCount = () => { document.getElementById("ticked").textContent = `${countTicked()} ${statusLine.dataset.ticked}`; };

  function toggleCheckboxes(checkboxes) {
    const shouldCheck = !checkboxes.every((checkbox) => checkbox.checked);
    for (const checkbox of checkboxes) checkbox.checked = shouldCheck;
    updateTickedCount();
  }

  async function openBundleOrNotice(key) {
    const section = selectedGroup;
    await sendQueue; // include cases that were confirmed a moment ago
    if (!section && !countTicked()) toggleCheckboxes(getCheckboxes(getSelectedItems()));
    if (section ? getCheckboxes(getGroupItems(section)).length : countTicked()) {
      startLeaving();
      document.querySelector(section ? `.chosen .carry [data-key="${key}"]` : `#take [data-key="${key}"]`)?.click();
    }
  }

  async function openCase(item) {
    await sendQueue; // the case page must include the latest decision
    startLeaving();
    item.querySelector("h3 a").click();
  }

  async function pressAfterSending(button) {
    await sendQueue; // send pending decisions first
    startLeaving();
    button.click();
  }

  // Decides those cases named in a button's value that are still open.
  function decide(value) {
    const [choice, ...requestedNumbers] = value.split(" ");
    const numbers = requestedNumbers.filter((number) => findItem(number) && isOpen(findItem(number)));
    if (!numbers.length) return;
    const body = new FormData(form);
    const action = { numbers };
    if (savedReason === null) reasonField.value = ""; else body.set("reason", savedReason);
    for (const number of numbers) { findItem(number).setAttribute("data-decided", "sent"); refusals.delete(number); }
    undoStack.push(action);
    selectGroup(null);
    items[currentIndex]?.classList.remove("current");
    currentIndex = items.indexOf(findItem(numbers[numbers.length - 1]));
    moveSelection(1);
    updateUndoButton();
    enqueue(() => sendDecision(body, choice, action));
  }

  function undoLast() {
    const lastAction = undoStack.pop();
    updateUndoButton();
    if (lastAction?.assigned) blockKeysUntil(enqueue(() => sendAssignment("undo", lastAction.assigned)));
    else if (lastAction) blockKeysUntil(enqueue(() => (lastAction.numbers.length ? sendDecision(new FormData(form), "undo", lastAction) : null)));
  }

  function enqueue(task) {
    pendingCount += 1;
    sendQueue = sendQueue.then(task).finally(() => { pendingCount -= 1; });
    return sendQueue;
  }

  // Sends a decision. `action` contains the cases decided together; only those that the server accepted stay in it.
  async function sendDecision(body, choice, action) {
    const { numbers } = action;
    let response = null;
    body.set("decide", [choice, ...numbers].join(" "));
    for (let delay = 500; !response; delay = Math.min(delay * 2, 8000)) {
      try {
        response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        if (response.status >= 500) response = null;
      } catch { response = null; }
      if (!response) { showStatus(statusLine.dataset.failed); await new Promise((resolve) => setTimeout(resolve, delay)); }
    }
    clearRequestError();
    let outcome = {};
    try { outcome = await response.json(); } catch { /* the response is a page: signed out, or not permitted */ }
    if (!outcome.cases) {
      const reasonText = outcome.error ?? statusLine.dataset.refused;
      if (choice === "undo") {
        undoStack.push(action);
        keyQueue.length = 0; // later keys were meant for a case that this undo did not return to
        showStatus(reasonText);
      } else {
        discardAction(action, numbers);
        for (const number of numbers) showRefusal(number, reasonText);
        showStatus("");
      }
      updateUndoButton();
      return;
    }
    for (const result of outcome.cases) updateItem(result);
    showRemaining(outcome.left);
    if (choice === "undo") {
      const firstItem = findItem(numbers[0]);
      if (firstItem) selectItem(items.indexOf(firstItem));
      else showStatus(statusLine.dataset.elsewhere);
    } else {
      action.numbers = outcome.cases.filter((result) => result.done).map((result) => String(result.number));
      if (!action.numbers.length) discardAction(action, []);
    }
    updateUndoButton();
  }

  function showRemaining(remaining) {
    document.querySelector("#left strong").textContent = remaining.toLocaleString(document.documentElement.lang);
  }

  // Assigns cases, or undoes an assignment. Returns the value that undoes it, or an empty string if nothing changed.
  async function sendAssignment(fieldName, value) {
    const body = new FormData(assignForm);
    body.set(fieldName, value);
    let outcome = {};
    try {
      const response = await fetch(assignForm.action, { method: "POST", body, headers: { Accept: "application/json" } });
      outcome = await response.json();
    } catch { /* no response, or the response is a page: signed out, or not permitted */ }
    if (!outcome.cases) { showStatus(outcome.error ?? statusLine.dataset.unassigned); return ""; }
    for (const result of outcome.cases) {
      const assignedElement = findItem(result.number)?.querySelector(".assigned");
      if (assignedElement) assignedElement.innerHTML = result.html; // escaped by the server
    }
    showRemaining(outcome.left);
    clearRequestError();
    return outcome.undo;
  }

  async function assignCases(value) {
    const undoValue = await sendAssignment("assign", value);
    if (undoValue) { undoStack.push({ numbers: [], assigned: undoValue }); updateUndoButton(); }
  }

  function discardAction(action, numbers) {
    action.numbers = [];
    if (undoStack.includes(action)) undoStack.splice(undoStack.indexOf(action), 1);
    for (const number of numbers) findItem(number)?.removeAttribute("data-decided");
  }

  function showRefusal(number, reasonText) {
    refusals.set(number, reasonText);
    const outcomeElement = findItem(number)?.querySelector(".outcome");
    if (outcomeElement) outcomeElement.textContent = reasonText;
  }

  function updateItem(result) {
    const item = findItem(result.number);
    if (!item) return;
    item.querySelector(".outcome").innerHTML = result.html; // escaped by the server
    item.querySelector(".licences")?.replaceChildren();
    if (result.open) item.removeAttribute("data-decided"); else item.setAttribute("data-decided", "");
    item.dataset.decision = result.decision;
    if (result.decision !== "confirmed") item.querySelector(".pick input").checked = false;
    updateTickedCount();
    if (nextLink?.dataset.skip) updateNextLink();
  }

  async function loadLicences(link) {
    const licencesElement = link.closest(".item, .whole").querySelector(".licences");
    const numbers = link.closest(".whole") ? link.parentElement.dataset.numbers : "";
    const requestedItem = items[currentIndex];
    isLoadingLicences = true;
    proposedLicence = null;
    try {
      const response = await fetch(`${link.dataset.licences}${numbers ? `?cases=${encodeURIComponent(numbers)}` : ""}`);
      if (!response.ok || response.redirected) { location.href = link.href; return; }
      licencesElement.innerHTML = await response.text();
      proposedLicence = items[currentIndex] === requestedItem ? licencesElement.querySelector("button, a") : null;
      if (document.activeElement !== reasonField) proposedLicence?.focus();
    } catch {
      keyQueue.length = 0; // there are no licences to choose from
      showStatus(statusLine.dataset.missing);
    } finally {
      isLoadingLicences = false;
    }
  }

  function pressButton(key) {
    const button = (selectedGroup ?? items[currentIndex])?.querySelector(`[data-key="${key}"]`);
    if (!button || !(selectedGroup || isOpen(items[currentIndex]))) return false;
    button.click();
    return true;
  }

  // Presses the proposed licence, or the focused one if there is one.
  function pressLicence() {
    const control = document.activeElement.closest(".licences") ? document.activeElement : proposedLicence;
    control?.click();
    return control;
  }

  // Returns a command that applies the reason entered before the key was pressed, whenever the command is run.
  function withReason(command) {
    const enteredReason = reasonField.value;
    reasonField.value = "";
    return () => {
      savedReason = enteredReason;
      if (!command() && enteredReason) reasonField.value = enteredReason;
      savedReason = null;
    };
  }

  const SHORTCUTS = {
    j: () => moveSelection(1),
    k: () => moveSelection(-1),
    c: () => pressButton("c"),
    x: () => pressButton("x"),
    a: () => {
      const button = (selectedGroup ?? items[currentIndex])?.querySelector('[data-key="a"]');
      if (selectedGroup && button) blockKeysUntil(pressAfterSending(button)); else button?.click();
    },
    l: () => pressButton("l"),
    m: () => {
      const button = items[currentIndex]?.querySelector('[data-key="m"]');
      if (button && isOpen(items[currentIndex])) blockKeysUntil(pressAfterSending(button));
    },
    u: undoLast,
    r: () => reasonField?.focus(),
    g: () => {
      const section = items[currentIndex]?.closest(".group");
      selectGroup(selectedGroup || !section ? null : section);
    },
    t: () => toggleCheckboxes(getCheckboxes(getSelectedItems())),
    b: () => blockKeysUntil(openBundleOrNotice("b")),
    n: () => blockKeysUntil(openBundleOrNotice("n")),
    v: () => items[currentIndex]?.querySelector(".found")?.classList.toggle("revealed"),
    o: () => { if (items[currentIndex]) blockKeysUntil(openCase(items[currentIndex])); },
    "?": () => shortcutsDialog.showModal(),
    Escape: () => selectGroup(null),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || shortcutsDialog.open || isLeaving) return;
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
      if (event.target === reasonField && (event.key === "Enter" || event.key === "Escape")) {
        event.preventDefault();
        items[Math.max(currentIndex, 0)].focus();
      }
      return;
    }
    if (localStorage.getItem("keys") === "off" && event.key !== "?") return;
    if (event.key === "Enter" && (isLoadingLicences || keyQueue.length)) { // press the licence once it is loaded
      event.preventDefault();
      keyQueue.push(withReason(pressLicence));
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = SHORTCUTS[key];
    if (!command || (event.repeat && !"jk".includes(key))) return;
    event.preventDefault();
    if (key === "r" || key === "?") { command(); return; } // runs at once: the next keys are text, not shortcuts
    keyQueue.push("cx".includes(key) ? withReason(command) : command);
    runQueuedKeys();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-key], #undo, .licences button");
    if (!button) return;
    if (button.dataset.key === "t") { toggleCheckboxes(getCheckboxes(getGroupItems(button.closest(".group")))); return; }
    if (button.id === "undo") { event.preventDefault(); undoLast(); return; }
    if (button.dataset.licences) { event.preventDefault(); blockKeysUntil(loadLicences(button)); return; }
    if (assignForm && button.form === assignForm) { event.preventDefault(); blockKeysUntil(enqueue(() => assignCases(button.value))); return; }
    if (button.form === form && button.value) { event.preventDefault(); decide(button.value); }
  });

  document.addEventListener("click", (event) => {
    const picture = event.target.closest(".blurs .pair")?.querySelector(".found");
    if (picture && !picture.classList.contains("revealed")) { event.preventDefault(); picture.classList.add("revealed"); }
  });
  window.addEventListener("pageshow", () => { isLeaving = false; });
  window.addEventListener("beforeunload", (event) => { if (pendingCount || keyQueue.length) event.preventDefault(); });
  form?.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) return; // the group has more cases than the page shows
    event.preventDefault();
    if (event.submitter?.value) decide(event.submitter.value);
  });

  for (const button of document.querySelectorAll("[data-key=t]")) button.hidden = false;
  if (form) {
    document.addEventListener("change", (event) => { if (event.target.closest(".pick")) updateTickedCount(); });
    updateTickedCount();
  } else {
    for (const key of "cxlamurgtbn") delete SHORTCUTS[key]; // the user has read-only access
  }

  const helpButton = document.getElementById("help");
  if (helpButton) { helpButton.hidden = false; helpButton.addEventListener("click", () => shortcutsDialog.showModal()); }
  const shortcutsToggle = document.getElementById("keys-on");
  shortcutsToggle.checked = localStorage.getItem("keys") !== "off";
  shortcutsToggle.addEventListener("change", () => localStorage.setItem("keys", shortcutsToggle.checked ? "on" : "off"));
  const firstOpen = items.findIndex(isOpen);
  if (form && firstOpen >= 0) {
    currentIndex = firstOpen;
    items[firstOpen].classList.add("current");
    for (const picture of document.querySelectorAll(".item img")) if (items.indexOf(picture.closest(".item")) < PRELOAD_COUNT) picture.loading = "eager";
  }
})();
