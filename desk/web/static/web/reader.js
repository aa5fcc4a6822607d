// Tells the site where the browser is, so that times are in the reader's zone; shows the current section where they
// don't all fit; closes menus that were left; and asks again for a page that says what waits when somebody goes back to
// it, since it shows what was.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
    document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  }
  window.addEventListener("pageshow", (event) => {
    const [way] = performance.getEntriesByType("navigation");
    const kept = event.persisted || (way?.type === "back_forward" && way.transferSize === 0);
    const fields = [...document.querySelectorAll("main :is(input, textarea)")];
    const typed = fields.some((one) => one.value !== one.defaultValue || one.checked !== one.defaultChecked);
    if (kept && document.querySelector(typed ? "#decide, #decision" : "[data-changes]")) location.reload();
  });
  const here = document.querySelector(".sections [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 48;
  const menus = () => document.querySelectorAll("details.account[open]");
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of menus()) menu.open = false;
  });
})();
