// Shows the number of selected works, selects all works on the page or in a range, and suggests names of collections.
"use strict";
(() => {
  const form = document.getElementById("bulk");
  if (!form) return;
  const boxes = [...document.querySelectorAll(".pick input")], pageButton = form.querySelector("[data-page]");
  const allCheckbox = form.elements.all, actionField = form.elements.what, countLabel = form.querySelector("[data-count]");
  let lastClicked = null;
  const updateSelection = () => {
    const selectedCount = boxes.filter((box) => box.checked).length;
    countLabel.textContent = selectedCount && !allCheckbox.checked ? form.dataset.chosen.replace("{n}", selectedCount) : "";
    form.elements.value.toggleAttribute("required", actionField.value === "put" || actionField.value === "take");
    if (form.elements.value.required) form.elements.value.setAttribute("list", "names");
    else form.elements.value.removeAttribute("list");
  };
  pageButton.hidden = false;
  pageButton.addEventListener("click", () => {
    const shouldCheck = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = shouldCheck;
    updateSelection();
  });
  for (const box of boxes) {
    box.addEventListener("click", (event) => { // with Shift, select the range from the last clicked box
      if (event.shiftKey && lastClicked) {
        const [from, to] = [boxes.indexOf(lastClicked), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const boxInRange of boxes.slice(from, to + 1)) boxInRange.checked = box.checked;
      }
      lastClicked = box;
    });
  }
  document.addEventListener("change", updateSelection);
  window.addEventListener("pageshow", updateSelection);
})();
