// The queue by keys: one case is current, decisions are sent one after the other while the next case is looked at already;
// what is confirmed can be ticked and carried on to a bundle or a notice.
// No key is lost, however fast they come: each waits until those before it are done and its case stands on the page, and
// is about the case that is current then. So it decides the next one in order, never one twice, and never one that wasn't
// shown. The cases that follow are fetched before the last one is reached. What the site refuses is open again, and said.
// Without this file the same buttons are plain forms.
(() => {
  "use strict";
  const form = document.getElementById("decide");
  let items = [...document.querySelectorAll(".item")];
  if (!items.length) return;
  const said = document.getElementById("said");
  const undo = document.getElementById("undo");
  const reason = document.getElementById("reason");
  const assigning = document.getElementById("assign");
  const keys = document.getElementById("keys");
  let next = document.getElementById("next");
  const AHEAD = 6;
  const NEAR = 10; // so many before the last one, those that follow are fetched
  const BEHIND = 90; // so many decided ones stay on the page
  let current = -1;
  let whole = null;
  let sending = Promise.resolve();
  let waiting = 0;
  const done = undo && !undo.disabled ? [{ numbers: undo.value.split(" ").slice(1) }] : []; // what can be taken back
  const typed = []; // what keys ask for that waits, in order
  let busy = 0; // what keys wait for
  let words = null; // the reason that was written before the key that is at work
  let proposing = false;
  let proposed = null; // the licence that Enter takes
  let leaving = false;
  let loading = null;
  const refused = new Map(); // why the site refused to decide a case, by its number

  const item = (number) => document.getElementById(`case-${number}`);
  const isOpen = (one) => !one.hasAttribute("data-decided");
  const open = () => items.filter(isOpen);
  const say = (sentence) => { if (said) said.textContent = sentence || trouble(); };
  const trouble = () => (refused.size ? `${said.dataset.stay} ${[...refused.keys()].join(", ")}. ${[...refused.values()].pop()}` : "");
  const offer = () => { undo.disabled = !done.length; };

  function pump() {
    while (!busy && typed.length) typed.shift()();
  }

  // keys wait until this is done
  function hold(promise) {
    busy += 1;
    promise.finally(() => { busy -= 1; pump(); });
  }

  // another page comes: keys are about the one that is seen
  function leave() {
    typed.length = 0;
    leaving = true;
    setTimeout(() => { leaving = false; }, 3000); // it didn't
  }

  // until what was changed can be seen
  const painted = () => new Promise((seen) => {
    requestAnimationFrame(() => setTimeout(seen));
    setTimeout(seen, 250); // of a page that isn't shown no frame comes
  });

  function look(index) {
    if (index < 0 || index >= items.length) return;
    proposed = null;
    items[current]?.classList.remove("current");
    current = index;
    const one = items[index];
    one.classList.add("current");
    one.scrollIntoView({ block: "center" });
    if (document.activeElement !== reason) one.focus({ preventScroll: true }); // a reason is being written
    for (const later of items.slice(index, index + AHEAD)) {
      for (const picture of later.querySelectorAll("img")) picture.loading = "eager";
    }
    if (whole && !whole.contains(one)) group(null);
    if (next && items.length - index <= NEAR) load();
    hold(painted());
  }

  function step(by) {
    let index = current + by;
    while (index >= 0 && index < items.length && !isOpen(items[index]) && open().length) index += by;
    if (index >= items.length && next && by > 0) {
      hold(load().then(() => step(by))); // one more try each time: in the end there is no next page
      return;
    }
    if (index >= 0 && index < items.length) look(index);
    if (!open().length) say(said?.dataset.all ?? "");
  }

  // the cases that follow come below those that are here; done when some have, or there are no more
  function load() {
    loading ??= further().finally(() => { loading = null; });
    return loading;
  }

  async function further() {
    await sending; // what was decided has left the list
    let address = new URL(next.href);
    if (next.dataset.skip) address.searchParams.set("skip", next.dataset.skip);
    for (;;) {
      const page = await fetched(address);
      const came = append(page);
      const link = page.getElementById("next");
      if (!link) { next.remove(); next = null; return; }
      if (came) { if (next.dataset.skip) aim(); else next.href = link.getAttribute("href"); return; }
      address = new URL(link.getAttribute("href"), address);
    }
  }

  async function fetched(address) {
    for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
      try {
        const answer = await fetch(address);
        if (answer.redirected || (answer.status >= 400 && answer.status < 500)) {
          leave();
          location.href = address; // signed out, or not a member any more
          return await new Promise(() => {});
        }
        if (answer.ok) { told(); return new DOMParser().parseFromString(await answer.text(), "text/html"); }
      } catch { /* nobody answers */ }
      say(said?.dataset.missing ?? "");
      await new Promise((go) => setTimeout(go, pause));
    }
  }

  function append(page) {
    let came = 0;
    for (const section of page.querySelectorAll(".group")) {
      const twice = [...section.querySelectorAll(".item")].filter((one) => item(one.dataset.number));
      for (const one of twice) one.remove();
      const fresh = section.querySelectorAll(".item").length;
      if (!fresh) continue;
      came += fresh;
      without(section, twice.map((one) => one.dataset.number));
      for (const one of section.querySelectorAll("[data-key=t]")) one.hidden = !form;
      [...document.querySelectorAll(".group")].pop().after(document.adoptNode(section));
    }
    const at = items[current];
    items = [...document.querySelectorAll(".item")];
    for (const section of document.querySelectorAll(".group")) {
      const rows = rowsOf(section);
      const last = items.indexOf(rows[rows.length - 1]);
      if (last < current - BEHIND && !rows.some(isOpen) && !section.querySelector(".pick input:checked")) section.remove();
    }
    items = items.filter((one) => one.isConnected);
    current = at ? items.indexOf(at) : current;
    return came;
  }

  // a group's own buttons name none that stand elsewhere on the page
  function without(section, numbers) {
    const kept = (text) => text.split(" ").filter((one) => !numbers.includes(one)).join(" ");
    for (const one of section.querySelectorAll(".whole button[value]")) one.value = kept(one.value);
    for (const one of section.querySelectorAll("[data-numbers]")) one.dataset.numbers = kept(one.dataset.numbers);
  }

  // where the list goes on, for whoever follows the link: behind what is still open here
  function aim() {
    const address = new URL(next.href);
    address.searchParams.set("skip", Number(next.dataset.skip) + open().length);
    next.href = address;
  }

  // that something isn't answered is said no longer
  function told() {
    if (said && [said.dataset.failed, said.dataset.missing, said.dataset.unassigned].includes(said.textContent)) say("");
  }

  function group(section) {
    proposed = null;
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
      leave();
      document.querySelector(section ? `.chosen .carry [data-key="${key}"]` : `#take [data-key="${key}"]`)?.click();
    }
  }

  async function visit(one) {
    await sending; // what was decided a moment ago is decided there, too
    leave();
    one.querySelector("h3 a").click();
  }

  async function make(button) {
    await sending; // what was decided a moment ago goes first
    leave();
    button.click();
  }

  // decides what is still open of the cases that a button names
  function decide(value) {
    const [choice, ...named] = value.split(" ");
    const numbers = named.filter((one) => item(one) && isOpen(item(one)));
    if (!numbers.length) return;
    const body = new FormData(form);
    const made = { numbers };
    if (words === null) reason.value = ""; else body.set("reason", words);
    for (const number of numbers) { item(number).setAttribute("data-decided", "sent"); refused.delete(number); }
    done.push(made);
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
    if (last?.assigned) hold(inTurn(() => assign("undo", last.assigned)));
    else if (last) hold(inTurn(() => (last.numbers.length ? send(new FormData(form), "undo", last) : null)));
  }

  function inTurn(deed) {
    waiting += 1;
    sending = sending.then(deed).finally(() => { waiting -= 1; });
    return sending;
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
    told();
    let outcome = {};
    try { outcome = await answer.json(); } catch { /* a page came instead: signed out, or not permitted */ }
    if (!outcome.cases) {
      const why = outcome.error ?? said.dataset.refused;
      if (choice === "undo") {
        done.push(made);
        typed.length = 0; // what was typed behind it is about a case that it didn't lead back to
        say(why);
      } else {
        forget(made, numbers);
        for (const number of numbers) refuse(number, why);
        say("");
      }
      offer();
      return;
    }
    for (const one of outcome.cases) show(one);
    showLeft(outcome.left);
    if (choice === "undo") {
      const first = item(numbers[0]);
      if (first) look(items.indexOf(first));
      else say(said.dataset.elsewhere);
    } else {
      made.numbers = outcome.cases.filter((one) => one.done).map((one) => String(one.number));
      if (!made.numbers.length) forget(made, []);
    }
    offer();
  }

  function showLeft(left) {
    document.querySelector("#left strong").textContent = left.toLocaleString(document.documentElement.lang);
  }

  // assigns cases, or takes that back; answers with what takes it back, empty where nothing changed
  async function assign(name, value) {
    const body = new FormData(assigning);
    body.set(name, value);
    let outcome = {};
    try {
      const answer = await fetch(assigning.action, { method: "POST", body, headers: { Accept: "application/json" } });
      outcome = await answer.json();
    } catch { /* nobody answers, or a page came instead: signed out, or not permitted */ }
    if (!outcome.cases) { say(outcome.error ?? said.dataset.unassigned); return ""; }
    for (const one of outcome.cases) {
      const place = item(one.number)?.querySelector(".assigned");
      if (place) place.innerHTML = one.html; // escaped by the server
    }
    showLeft(outcome.left);
    told();
    return outcome.undo;
  }

  async function give(value) {
    const made = await assign("assign", value);
    if (made) { done.push({ numbers: [], assigned: made }); offer(); }
  }

  function forget(made, numbers) {
    made.numbers = [];
    if (done.includes(made)) done.splice(done.indexOf(made), 1);
    for (const number of numbers) item(number)?.removeAttribute("data-decided");
  }

  function refuse(number, why) {
    refused.set(number, why);
    const place = item(number)?.querySelector(".outcome");
    if (place) place.textContent = why;
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
    if (next?.dataset.skip) aim();
  }

  async function propose(link) {
    const place = link.closest(".item, .whole").querySelector(".licences");
    const numbers = link.closest(".whole") ? link.parentElement.dataset.numbers : "";
    const asked = items[current];
    proposing = true;
    proposed = null;
    try {
      const answer = await fetch(`${link.dataset.licences}${numbers ? `?cases=${encodeURIComponent(numbers)}` : ""}`);
      if (!answer.ok || answer.redirected) { location.href = link.href; return; }
      place.innerHTML = await answer.text();
      proposed = items[current] === asked ? place.querySelector("button, a") : null;
      if (document.activeElement !== reason) proposed?.focus();
    } catch {
      typed.length = 0; // no licences came to choose from
      say(said.dataset.missing);
    } finally {
      proposing = false;
    }
  }

  function press(key) {
    const button = (whole ?? items[current])?.querySelector(`[data-key="${key}"]`);
    if (!button || !(whole || isOpen(items[current]))) return false;
    button.click();
    return true;
  }

  // takes the licence that is proposed, or another one that was chosen
  function take() {
    const one = document.activeElement.closest(".licences") ? document.activeElement : proposed;
    one?.click();
    return one;
  }

  // a key that decides takes the reason along that was written before it, whenever its turn comes
  function deciding(deed) {
    const written = reason.value;
    reason.value = "";
    return () => {
      words = written;
      if (!deed() && written) reason.value = written;
      words = null;
    };
  }

  const DO = {
    j: () => step(1),
    k: () => step(-1),
    c: () => press("c"),
    x: () => press("x"),
    a: () => {
      const button = (whole ?? items[current])?.querySelector('[data-key="a"]');
      if (whole && button) hold(make(button)); else button?.click();
    },
    l: () => press("l"),
    m: () => {
      const button = items[current]?.querySelector('[data-key="m"]');
      if (button && isOpen(items[current])) hold(make(button));
    },
    u: takeBack,
    r: () => reason?.focus(),
    g: () => {
      const section = items[current]?.closest(".group");
      group(whole || !section ? null : section);
    },
    t: () => tick(boxes(chosen())),
    b: () => hold(carry("b")),
    n: () => hold(carry("n")),
    v: () => items[current]?.querySelector(".found")?.classList.toggle("asked"),
    o: () => { if (items[current]) hold(visit(items[current])); },
    "?": () => keys.showModal(),
    Escape: () => group(null),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open || leaving) return;
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
      if (event.target === reason && (event.key === "Enter" || event.key === "Escape")) {
        event.preventDefault();
        items[Math.max(current, 0)].focus();
      }
      return;
    }
    if (localStorage.getItem("keys") === "off" && event.key !== "?") return;
    if (event.key === "Enter" && (proposing || typed.length)) { // it presses what is about to be proposed
      event.preventDefault();
      typed.push(deciding(take));
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const deed = DO[key];
    if (!deed || (event.repeat && !"jk".includes(key))) return;
    event.preventDefault();
    if (key === "r" || key === "?") { deed(); return; } // what is typed next is text
    typed.push("cx".includes(key) ? deciding(deed) : deed);
    pump();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-key], #undo, .licences button");
    if (!button) return;
    if (button.dataset.key === "t") { tick(boxes(rowsOf(button.closest(".group")))); return; }
    if (button.id === "undo") { event.preventDefault(); takeBack(); return; }
    if (button.dataset.licences) { event.preventDefault(); hold(propose(button)); return; }
    if (assigning && button.form === assigning) { event.preventDefault(); hold(inTurn(() => give(button.value))); return; }
    if (button.form === form && button.value) { event.preventDefault(); decide(button.value); }
  });

  document.addEventListener("click", (event) => {
    const picture = event.target.closest(".blurs .pair")?.querySelector(".found");
    if (picture && !picture.classList.contains("asked")) { event.preventDefault(); picture.classList.add("asked"); }
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => { if (waiting || typed.length) event.preventDefault(); });
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
    for (const key of "cxlamurgtbn") delete DO[key]; // whoever may only look
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
