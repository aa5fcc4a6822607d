// The queue by keys: one case is current, decisions are sent one after the other while the next case is looked at already.
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
  const done = undo && !undo.disabled ? [undo.value.split(" ").slice(1)] : [];

  const item = (number) => document.getElementById(`case-${number}`);
  const isOpen = (one) => !one.hasAttribute("data-decided");
  const open = () => items.filter(isOpen);
  const say = (words) => { if (said) said.textContent = words; };

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
    if (whole) whole.querySelector(".whole").open = false;
    whole = section;
    if (!section) { say(""); return; }
    section.classList.add("chosen");
    section.querySelector(".whole").open = true;
    say(said.dataset.group);
  }

  // what is still open of those that a button names
  function asked(value) {
    const [choice, ...numbers] = value.split(" ");
    const left = choice === "undo" ? numbers : numbers.filter((one) => item(one) && isOpen(item(one)));
    return left.length ? [choice, ...left].join(" ") : "";
  }

  function decide(value) {
    const wish = asked(value);
    if (!wish) return;
    const [choice, ...numbers] = wish.split(" ");
    const body = new FormData(form);
    body.set("decide", wish);
    const last = numbers.map(item).filter(Boolean).pop();
    if (choice !== "undo") {
      for (const number of numbers) item(number).setAttribute("data-decided", "sent");
      reason.value = "";
      group(null);
      if (last) { items[current]?.classList.remove("current"); current = items.indexOf(last); }
      step(1);
    }
    waiting += 1;
    sending = sending.then(() => send(body, choice, numbers)).finally(() => { waiting -= 1; });
  }

  async function send(body, choice, numbers) {
    let answer = null;
    for (let pause = 500; !answer; pause = Math.min(pause * 2, 8000)) {
      try {
        answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        if (answer.status >= 500) answer = null;
      } catch { answer = null; }
      if (!answer) { say(said.dataset.failed); await new Promise((go) => setTimeout(go, pause)); }
    }
    const told = answer.ok || answer.status === 400 ? await answer.json() : { error: `${answer.status}` };
    if (told.error || !told.cases) {
      for (const number of numbers) if (choice !== "undo") item(number)?.removeAttribute("data-decided");
      say(told.error ?? "");
      return;
    }
    for (const one of told.cases) show(one);
    document.querySelector("#left strong").textContent = told.left;
    if (choice === "undo") {
      const first = item(numbers[0]);
      if (first) look(items.indexOf(first));
    } else {
      const mine = told.cases.filter((one) => one.done).map((one) => String(one.number));
      if (mine.length) done.push(mine);
    }
    offer();
  }

  function show(one) {
    const row = item(one.number);
    if (!row) return;
    row.querySelector(".outcome").innerHTML = one.html; // escaped by the server
    row.querySelector(".licences")?.replaceChildren();
    if (one.open) row.removeAttribute("data-decided"); else row.setAttribute("data-decided", "");
    if (next) {
      const address = new URL(next.href);
      address.searchParams.set("skip", Number(next.dataset.skip) + open().length);
      next.href = address;
    }
  }

  function offer() {
    undo.disabled = !done.length;
    undo.value = ["undo", ...(done[done.length - 1] ?? [])].join(" ");
  }

  function takeBack() {
    const last = done.pop();
    if (last) decide(["undo", ...last].join(" "));
    offer();
  }

  async function propose(link) {
    const place = link.closest(".item, .whole").querySelector(".licences");
    const numbers = link.closest(".whole") ? link.parentElement.dataset.numbers : "";
    const answer = await fetch(`${link.dataset.licences}${numbers ? `?cases=${encodeURIComponent(numbers)}` : ""}`);
    if (!answer.ok) { location.href = link.href; return; }
    place.innerHTML = await answer.text();
    place.querySelector("button")?.focus();
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
      group(whole || !section?.querySelector(".whole") ? null : section);
    },
    v: () => items[current]?.querySelector(".found")?.classList.toggle("asked"),
    o: () => items[current]?.querySelector("h3 a").click(),
    "?": () => keys.showModal(),
    Escape: () => group(null),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    if (event.target.matches("input, select, textarea")) {
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
    event.preventDefault();
    if (event.submitter?.value && event.submitter.id !== "undo") decide(event.submitter.value);
  });

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
