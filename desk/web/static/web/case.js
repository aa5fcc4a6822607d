// The light table displays both pictures in the coordinates of the registered picture, with the modes slider, blink,
// side by side, difference and points. Zoom and pan apply to both pictures. This script also handles the keyboard
// shortcuts for decisions; keys pressed while the next page loads are ignored. Without this script, static drawings are
// displayed.
(() => {
  "use strict";
  const lightTable = document.getElementById("table");
  const SHORTCUTS = {};
  let isLeaving = false; // the next page was requested

  if (lightTable) {
    const [width, height] = lightTable.dataset.registered.split(" ").map(Number);
    const [foundWidth, foundHeight] = lightTable.dataset.found.split(" ").map(Number);
    const matrix = JSON.parse(document.getElementById("transform").textContent);
    const stage = lightTable.querySelector(".stage");
    const panes = [...lightTable.querySelectorAll(".pane")];
    const layers = [...lightTable.querySelectorAll(".sheet")];
    const overlay = lightTable.querySelector(".over");
    const drawing = lightTable.querySelector(".drawing");
    const slider = document.getElementById("slide");
    const modeStatus = document.getElementById("mode-said");
    const view = { scale: 1, x: 0, y: 0 };
    let mode = "slider";
    let blinkTimer = 0;

    lightTable.hidden = false;
    document.getElementById("pair").hidden = true;
    lightTable.querySelector(".under").src = lightTable.dataset.registeredSrc;
    for (const image of lightTable.querySelectorAll(".laid")) image.src = lightTable.dataset.foundSrc;

    const project = (x, y) => {
      const [px, py, w] = matrix.map((row) => row[0] * x + row[1] * y + row[2]);
      return [px / w, py / w];
    };
    const corners = [[0, 0], [foundWidth, 0], [foundWidth, foundHeight], [0, foundHeight]].map(([x, y]) => project(x, y));
    const svg = lightTable.querySelector(".outline");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.querySelector("polygon").setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));

    function updateLayout() {
      const paneWidth = panes[0].clientWidth;
      const paneHeight = Math.min(paneWidth * height / width, window.innerHeight * 0.7);
      const fitScale = Math.min(paneWidth / width, paneHeight / height);
      for (const pane of panes) pane.style.height = `${paneHeight}px`;
      const left = (paneWidth - width * fitScale) / 2 + view.x;
      const top = (paneHeight - height * fitScale) / 2 + view.y;
      const [a, b, c] = matrix;
      const perspective = [a[0], b[0], 0, c[0], a[1], b[1], 0, c[1], 0, 0, 1, 0, a[2], b[2], 0, c[2]];
      for (const layer of layers) {
        layer.style.width = `${width}px`;
        layer.style.height = `${height}px`;
        layer.style.transform = `translate(${left}px, ${top}px) scale(${fitScale * view.scale})`;
      }
      for (const image of lightTable.querySelectorAll(".laid")) {
        image.style.width = `${foundWidth}px`;
        image.style.height = `${foundHeight}px`;
        image.style.transform = `matrix3d(${perspective.join(",")})`;
      }
      drawing.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
      updateClip();
    }

    // Shows the found picture to the right of the slider's line only.
    function updateClip() {
      const fraction = mode === "slider" ? 1 - slider.value / 100 : 0;
      overlay.style.clipPath = mode === "slider" ? `inset(-9999px -9999px -9999px ${width * fraction}px)` : "none";
    }

    function selectMode(requestedMode) {
      mode = mode === requestedMode && requestedMode !== "slider" ? "slider" : requestedMode;
      clearInterval(blinkTimer);
      overlay.hidden = mode === "side";
      const isDrawing = mode === "difference" || mode === "points";
      panes[0].hidden = isDrawing;
      panes[1].hidden = mode !== "side";
      stage.classList.toggle("two", mode === "side");
      drawing.hidden = !isDrawing;
      if (isDrawing) { drawing.src = lightTable.dataset[mode]; drawing.alt = modeStatus.dataset[mode]; }
      slider.closest("label").hidden = mode !== "slider";
      svg.style.display = mode === "slider" || mode === "side" ? "" : "none";
      if (mode === "blink") blinkTimer = setInterval(() => { overlay.hidden = !overlay.hidden; }, 600);
      for (const button of lightTable.querySelectorAll("[data-mode]")) {
        button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      }
      modeStatus.textContent = modeStatus.dataset[mode];
      updateLayout();
    }

    function zoom(factor, x, y) {
      const bounds = stage.getBoundingClientRect();
      if (!factor) Object.assign(view, { scale: 1, x: 0, y: 0 });
      else {
        const previousScale = view.scale;
        view.scale = Math.min(Math.max(previousScale * factor, 0.2), 20);
        if (Math.abs(view.scale - 1) < 0.05) view.scale = 1;
        const ratio = view.scale / previousScale;
        const [cx, cy] = x === undefined ? [bounds.width / 2, bounds.height / 2] : [x - bounds.left, y - bounds.top];
        view.x = cx - (cx - view.x) * ratio;
        view.y = cy - (cy - view.y) * ratio;
      }
      updateLayout();
    }

    let dragOrigin = null;
    stage.addEventListener("pointerdown", (event) => { dragOrigin = [event.clientX - view.x, event.clientY - view.y]; stage.setPointerCapture(event.pointerId); });
    stage.addEventListener("pointermove", (event) => {
      if (!dragOrigin) return;
      view.x = event.clientX - dragOrigin[0];
      view.y = event.clientY - dragOrigin[1];
      updateLayout();
    });
    for (const eventName of ["pointerup", "pointercancel"]) stage.addEventListener(eventName, () => { dragOrigin = null; });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && view.scale === 1) return; // scroll the page
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX, event.clientY);
    }, { passive: false });
    slider.addEventListener("input", updateClip);
    for (const button of lightTable.querySelectorAll("[data-mode]")) button.addEventListener("click", () => selectMode(button.dataset.mode));
    for (const button of lightTable.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
    window.addEventListener("resize", updateLayout);
    Object.assign(SHORTCUTS, { b: () => selectMode("blink"), s: () => selectMode("side"), d: () => selectMode("difference"), p: () => selectMode("points") });
    selectMode("slider");
  }

  // A shortcut opens its decision. Pressing the key again, or Enter, presses the button inside.
  for (const control of document.querySelectorAll(":is(#done, #decision) [data-key]")) {
    SHORTCUTS[control.dataset.key] = () => {
      if (control.tagName !== "DETAILS") { control.click(); return; }
      const button = control.querySelector("button") ?? control.querySelector("a");
      if (control.open && button && document.activeElement === button) { button.click(); return; }
      for (const details of document.querySelectorAll("#decision details[open]")) details.open = false;
      control.open = true;
      button?.focus();
    };
  }
  SHORTCUTS.v = () => document.body.classList.toggle("revealed-all");
  SHORTCUTS.j = () => document.querySelector("a.next")?.click();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("input:not([type=range]), select, textarea") || localStorage.getItem("keys") === "off") return;
    if (event.key === "Escape") isLeaving = false; // Escape cancels loading
    if (isLeaving && event.key === "Enter") event.preventDefault(); // the focused button was already pressed
    const command = isLeaving ? null : SHORTCUTS[event.key.toLowerCase()];
    if (command) { event.preventDefault(); command(); }
  });
  window.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.closest("#done, #decision")) isLeaving = true;
  });
  window.addEventListener("click", (event) => {
    if (!event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.target.closest?.("a.next")) isLeaving = true;
  });
  window.addEventListener("pageshow", () => { isLeaving = false; });
  document.addEventListener("click", (event) => {
    if (document.body.classList.contains("blurs") && event.target.closest?.("#table .stage, img.found")) {
      document.body.classList.add("revealed-all");
    }
  });
})();
