// The light table: both pictures in the frame of the registered one, compared by slider, blink, side by side, difference
// and points; zoom and pan move both. And the keys of a case's decision: they are about what the page shows, so those that
// come while the next page loads do nothing. Without this file the drawings below show it.
(() => {
  "use strict";
  const table = document.getElementById("table");
  const DO = {};
  let leaving = false; // the next page was asked for

  if (table) {
    const [width, height] = table.dataset.registered.split(" ").map(Number);
    const [foundWidth, foundHeight] = table.dataset.found.split(" ").map(Number);
    const matrix = JSON.parse(document.getElementById("transform").textContent);
    const stage = table.querySelector(".stage");
    const panes = [...table.querySelectorAll(".pane")];
    const sheets = [...table.querySelectorAll(".sheet")];
    const over = table.querySelector(".over");
    const drawing = table.querySelector(".drawing");
    const slide = document.getElementById("slide");
    const said = document.getElementById("mode-said");
    const view = { scale: 1, x: 0, y: 0 };
    let mode = "slider";
    let blinking = 0;

    table.hidden = false;
    document.getElementById("pair").hidden = true;
    table.querySelector(".under").src = table.dataset.registeredSrc;
    for (const one of table.querySelectorAll(".laid")) one.src = table.dataset.foundSrc;

    const at = (x, y) => {
      const [px, py, w] = matrix.map((row) => row[0] * x + row[1] * y + row[2]);
      return [px / w, py / w];
    };
    const corners = [[0, 0], [foundWidth, 0], [foundWidth, foundHeight], [0, foundHeight]].map(([x, y]) => at(x, y));
    const svg = table.querySelector(".outline");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.querySelector("polygon").setAttribute("points", corners.map((one) => one.join(",")).join(" "));

    function lay() {
      const room = panes[0].clientWidth;
      const tall = Math.min(room * height / width, window.innerHeight * 0.7);
      const fit = Math.min(room / width, tall / height);
      for (const pane of panes) pane.style.height = `${tall}px`;
      const left = (room - width * fit) / 2 + view.x;
      const top = (tall - height * fit) / 2 + view.y;
      const [a, b, c] = matrix;
      const laid = [a[0], b[0], 0, c[0], a[1], b[1], 0, c[1], 0, 0, 1, 0, a[2], b[2], 0, c[2]];
      for (const sheet of sheets) {
        sheet.style.width = `${width}px`;
        sheet.style.height = `${height}px`;
        sheet.style.transform = `translate(${left}px, ${top}px) scale(${fit * view.scale})`;
      }
      for (const one of table.querySelectorAll(".laid")) {
        one.style.width = `${foundWidth}px`;
        one.style.height = `${foundHeight}px`;
        one.style.transform = `matrix3d(${laid.join(",")})`;
      }
      drawing.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
      cut();
    }

    // the found picture is seen to the right of the line
    function cut() {
      const share = mode === "slider" ? 1 - slide.value / 100 : 0;
      over.style.clipPath = mode === "slider" ? `inset(-9999px -9999px -9999px ${width * share}px)` : "none";
    }

    function show(wanted) {
      mode = mode === wanted && wanted !== "slider" ? "slider" : wanted;
      clearInterval(blinking);
      over.hidden = mode === "side";
      const drawn = mode === "difference" || mode === "points";
      panes[0].hidden = drawn;
      panes[1].hidden = mode !== "side";
      stage.classList.toggle("two", mode === "side");
      drawing.hidden = !drawn;
      if (drawn) { drawing.src = table.dataset[mode]; drawing.alt = said.dataset[mode]; }
      slide.closest("label").hidden = mode !== "slider";
      svg.style.display = mode === "slider" || mode === "side" ? "" : "none";
      if (mode === "blink") blinking = setInterval(() => { over.hidden = !over.hidden; }, 600);
      for (const one of table.querySelectorAll("[data-mode]")) {
        one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
      }
      said.textContent = said.dataset[mode];
      lay();
    }

    function zoom(by, x, y) {
      const box = stage.getBoundingClientRect();
      if (!by) Object.assign(view, { scale: 1, x: 0, y: 0 });
      else {
        const before = view.scale;
        view.scale = Math.min(Math.max(before * by, 0.2), 20);
        if (Math.abs(view.scale - 1) < 0.05) view.scale = 1;
        const grown = view.scale / before;
        const [cx, cy] = x === undefined ? [box.width / 2, box.height / 2] : [x - box.left, y - box.top];
        view.x = cx - (cx - view.x) * grown;
        view.y = cy - (cy - view.y) * grown;
      }
      lay();
    }

    let held = null;
    stage.addEventListener("pointerdown", (event) => { held = [event.clientX - view.x, event.clientY - view.y]; stage.setPointerCapture(event.pointerId); });
    stage.addEventListener("pointermove", (event) => {
      if (!held) return;
      view.x = event.clientX - held[0];
      view.y = event.clientY - held[1];
      lay();
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { held = null; });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && view.scale === 1) return; // the page scrolls
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX, event.clientY);
    }, { passive: false });
    slide.addEventListener("input", cut);
    for (const one of table.querySelectorAll("[data-mode]")) one.addEventListener("click", () => show(one.dataset.mode));
    for (const one of table.querySelectorAll("[data-zoom]")) one.addEventListener("click", () => zoom(Number(one.dataset.zoom)));
    window.addEventListener("resize", lay);
    Object.assign(DO, { b: () => show("blink"), s: () => show("side"), d: () => show("difference"), p: () => show("points") });
    show("slider");
  }

  // each of the decision's three is opened by its key; Enter or the key again presses what it holds
  for (const one of document.querySelectorAll(":is(#done, #decision) [data-key]")) {
    DO[one.dataset.key] = () => {
      if (one.tagName !== "DETAILS") { one.click(); return; }
      const button = one.querySelector("button") ?? one.querySelector("a");
      if (one.open && button && document.activeElement === button) { button.click(); return; }
      for (const other of document.querySelectorAll("#decision details[open]")) other.open = false;
      one.open = true;
      button?.focus();
    };
  }
  DO.v = () => document.body.classList.toggle("asked-all");
  DO.j = () => document.querySelector("a.next")?.click();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("input:not([type=range]), select, textarea") || localStorage.getItem("keys") === "off") return;
    if (event.key === "Escape") leaving = false; // the browser stops loading
    if (leaving && event.key === "Enter") event.preventDefault(); // what it would press again was pressed
    const deed = leaving ? null : DO[event.key.toLowerCase()];
    if (deed) { event.preventDefault(); deed(); }
  });
  window.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.closest("#done, #decision")) leaving = true;
  });
  window.addEventListener("click", (event) => {
    if (!event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.target.closest?.("a.next")) leaving = true;
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("click", (event) => {
    if (document.body.classList.contains("blurs") && event.target.closest?.("#table .stage, img.found")) {
      document.body.classList.add("asked-all");
    }
  });
})();
