// Says how many works are chosen, chooses those of the page or of a row at once, and offers collections by name.
"use strict";
(() => {
  const form = document.getElementById("bulk");
  if (!form) return;
  const boxes = [...document.querySelectorAll(".pick input")], page = form.querySelector("[data-page]");
  const all = form.elements.all, what = form.elements.what, count = form.querySelector("[data-count]");
  let last = null;
  const tell = () => {
    const n = boxes.filter((box) => box.checked).length;
    count.textContent = n && !all.checked ? form.dataset.chosen.replace("{n}", n) : "";
    form.elements.value.toggleAttribute("required", what.value === "put" || what.value === "take");
    if (form.elements.value.required) form.elements.value.setAttribute("list", "names");
    else form.elements.value.removeAttribute("list");
  };
  page.hidden = false;
  page.addEventListener("click", () => {
    const to = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = to;
    tell();
  });
  for (const box of boxes) {
    box.addEventListener("click", (event) => { // with the shift key all between this one and the last
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
    });
  }
  document.addEventListener("change", tell);
  window.addEventListener("pageshow", tell);
})();
