// The queue by keys: one case is current, decisions are sent one after the other while the next case is looked at already;
// what is confirmed can be ticked and carried on to a bundle or a notice.
// Without this file the same buttons are plain forms.
(() => {
  "use strict";
  const form = document.getElementById("decide");
  const items = [...document.querySelectorAll(".item")];
  if (!items.length) return;
  const said = document.getElementById("said");
  const undo = document.getElementById("undo");
  const reason = document.getElementById("reason");
  const keys = document.getElementById("keys");
  const next = document.getElementById("next");
  const AHEAD = 6;
  let current = -1;
  let whole = null;
  let sending = Promise.resolve();
  let waiting = 0;
  const done = undo && !undo.disabled ? [{ numbers: undo.value.split(" ").slice(1) }] : []; // what can be taken back

  const item = (number) => document.getElementById(`case-${number}`);
  const isOpen = (one) => !one.hasAttribute("data-decided");
  const open = () => items.filter(isOpen);
  const say = (words) => { if (said) said.textContent = words; };
  const offer = () => { undo.disabled = !done.length; };

  function look(index) {
    if (index < 0 || index >= items.length) return;
    items[current]?.classList.remove("current");
    current = index;
    const one = items[index];
    one.classList.add("current");
    one.scrollIntoView({ block: "center" });
    one.focus({ preventScroll: true });
    for (const later of items.slice(index, index + AHEAD)) {
      for (const picture of later.querySelectorAll("img")) picture.loading = "eager";
    }
    if (whole && !whole.contains(one)) group(null);
  }

  function step(by) {
    let index = current + by;
    while (index >= 0 && index < items.length && !isOpen(items[index]) && open().length) index += by;
    if (index >= items.length && next && by > 0) { sending.then(() => { location.href = next.href; }); return; }
    if (index >= 0 && index < items.length) look(index);
    if (!open().length) say(said?.dataset.all ?? "");
  }

  function group(section) {
    whole?.classList.remove("chosen");
    whole?.querySelector(".whole")?.removeAttribute("open");
    whole = section;
    if (!section) { say(""); return; }
    section.classList.add("chosen");
    section.querySelector(".whole")?.setAttribute("open", "");
    say(said.dataset.group);
  }

  // the boxes of what is confirmed, among some rows: only that is carried on to a bundle or a notice
  const boxes = (rows) => rows.filter((one) => one.dataset.decision === "confirmed").map((one) => one.querySelector(".pick input"));
  const rowsOf = (section) => items.filter((one) => section.contains(one));
  const chosen = () => (whole ? rowsOf(whole) : items.slice(Math.max(current, 0), current + 1));
  const ticked = () => document.querySelectorAll(".pick input:checked").length;
  const count = () => { document.getElementById("ticked").textContent = `${ticked()} ${said.dataset.ticked}`; };

  function tick(some) {
    const wanted = !some.every((one) => one.checked);
    for (const one of some) one.checked = wanted;
    count();
  }

  async function carry(key) {
    const section = whole;
    await sending; // what was confirmed a moment ago goes with it
    if (!section && !ticked()) tick(boxes(chosen()));
    if (section ? boxes(rowsOf(section)).length : ticked()) {
      document.querySelector(section ? `.chosen .carry [data-key="${key}"]` : `#take [data-key="${key}"]`)?.click();
    }
  }

  // decides what is still open of the cases that a button names
  function decide(value) {
    const [choice, ...named] = value.split(" ");
    const numbers = named.filter((one) => item(one) && isOpen(item(one)));
    if (!numbers.length) return;
    const body = new FormData(form);
    const made = { numbers };
    for (const number of numbers) item(number).setAttribute("data-decided", "sent");
    done.push(made);
    reason.value = "";
    group(null);
    items[current]?.classList.remove("current");
    current = items.indexOf(item(numbers[numbers.length - 1]));
    step(1);
    offer();
    inTurn(() => send(body, choice, made));
  }

  function takeBack() {
    const last = done.pop();
    offer();
    if (last) inTurn(() => (last.numbers.length ? send(new FormData(form), "undo", last) : null));
  }

  function inTurn(deed) {
    waiting += 1;
    sending = sending.then(deed).finally(() => { waiting -= 1; });
  }

  // made: the cases that were decided together, of which the answer leaves those that this decision holds for
  async function send(body, choice, made) {
    const { numbers } = made;
    let answer = null;
    body.set("decide", [choice, ...numbers].join(" "));
    for (let pause = 500; !answer; pause = Math.min(pause * 2, 8000)) {
      try {
        answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        if (answer.status >= 500) answer = null;
      } catch { answer = null; }
      if (!answer) { say(said.dataset.failed); await new Promise((go) => setTimeout(go, pause)); }
    }
    let told = {};
    try { told = await answer.json(); } catch { /* a page came instead: signed out, or not permitted */ }
    if (!told.cases) {
      if (choice === "undo") done.push(made);
      else forget(made, numbers);
      offer();
      say(told.error ?? said.dataset.refused);
      return;
    }
    for (const one of told.cases) show(one);
    document.querySelector("#left strong").textContent = told.left.toLocaleString(document.documentElement.lang);
    if (choice === "undo") {
      const first = item(numbers[0]);
      if (first) look(items.indexOf(first));
      else say(said.dataset.elsewhere);
    } else {
      made.numbers = told.cases.filter((one) => one.done).map((one) => String(one.number));
      if (!made.numbers.length) forget(made, []);
    }
    offer();
  }

  function forget(made, numbers) {
    made.numbers = [];
    if (done.includes(made)) done.splice(done.indexOf(made), 1);
    for (const number of numbers) item(number).removeAttribute("data-decided");
  }

  function show(one) {
    const row = item(one.number);
    if (!row) return;
    row.querySelector(".outcome").innerHTML = one.html; // escaped by the server
    row.querySelector(".licences")?.replaceChildren();
    if (one.open) row.removeAttribute("data-decided"); else row.setAttribute("data-decided", "");
    row.dataset.decision = one.decision;
    if (one.decision !== "confirmed") row.querySelector(".pick input").checked = false;
    count();
    if (next?.dataset.skip) { // what was decided has left the list
      const address = new URL(next.href);
      address.searchParams.set("skip", Number(next.dataset.skip) + open().length);
      next.href = address;
    }
  }

  async function propose(link) {
    const place = link.closest(".item, .whole").querySelector(".licences");
    const numbers = link.closest(".whole") ? link.parentElement.dataset.numbers : "";
    const asked = current;
    const answer = await fetch(`${link.dataset.licences}${numbers ? `?cases=${encodeURIComponent(numbers)}` : ""}`);
    if (!answer.ok) { location.href = link.href; return; }
    place.innerHTML = await answer.text();
    if (current === asked) place.querySelector("button, a").focus();
  }

  function press(key) {
    const button = (whole ?? items[current])?.querySelector(`[data-key="${key}"]`);
    if (button && (whole || isOpen(items[current]))) button.click();
  }

  const DO = {
    j: () => step(1),
    k: () => step(-1),
    c: () => press("c"),
    x: () => press("x"),
    l: () => press("l"),
    u: takeBack,
    r: () => reason?.focus(),
    g: () => {
      const section = items[current]?.closest(".group");
      group(whole || !section ? null : section);
    },
    t: () => tick(boxes(chosen())),
    b: () => carry("b"),
    n: () => carry("n"),
    v: () => items[current]?.querySelector(".found")?.classList.toggle("asked"),
    o: () => items[current]?.querySelector("h3 a").click(),
    "?": () => keys.showModal(),
    Escape: () => group(null),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
      if (event.target === reason && (event.key === "Enter" || event.key === "Escape")) {
        event.preventDefault();
        items[Math.max(current, 0)].focus();
      }
      return;
    }
    if (localStorage.getItem("keys") === "off" && event.key !== "?") return;
    const deed = DO[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!deed || (event.repeat && !"jk".includes(event.key))) return;
    event.preventDefault();
    deed();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-key], #undo, .licences button");
    if (!button) return;
    if (button.dataset.key === "t") { tick(boxes(rowsOf(button.closest(".group")))); return; }
    if (button.id === "undo") { event.preventDefault(); takeBack(); return; }
    if (button.dataset.licences) { event.preventDefault(); propose(button); return; }
    if (button.form === form && button.value) { event.preventDefault(); decide(button.value); }
  });

  for (const one of document.querySelectorAll(".blurs .pair")) {
    one.addEventListener("click", (event) => {
      const picture = one.querySelector(".found");
      if (picture && !picture.classList.contains("asked")) { event.preventDefault(); picture.classList.add("asked"); }
    });
  }
  window.addEventListener("beforeunload", (event) => { if (waiting) event.preventDefault(); });
  form?.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) return; // a group that is longer than the page
    event.preventDefault();
    if (event.submitter?.value) decide(event.submitter.value);
  });

  for (const one of document.querySelectorAll("[data-key=t]")) one.hidden = false;
  if (form) {
    document.addEventListener("change", (event) => { if (event.target.closest(".pick")) count(); });
    count();
  } else {
    for (const key of "cxlurgtbn") delete DO[key]; // whoever may only look
  }

  const help = document.getElementById("help");
  if (help) { help.hidden = false; help.addEventListener("click", () => keys.showModal()); }
  const on = document.getElementById("keys-on");
  on.checked = localStorage.getItem("keys") !== "off";
  on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
  const first = items.findIndex(isOpen);
  if (form && first >= 0) {
    current = first;
    items[first].classList.add("current");
    for (const picture of document.querySelectorAll(".item img")) if (items.indexOf(picture.closest(".item")) < AHEAD) picture.loading = "eager";
  }
})();
