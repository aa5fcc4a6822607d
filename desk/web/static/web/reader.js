// Sets a cookie with the browser's time zone, displays region codes as names in the page's language, scrolls the
// navigation to the current section, closes open menus, and reloads pages with changing content that were restored from
// the history, because their content may be outdated.
(() => {
  "use strict";
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (timeZone && !document.cookie.split("; ").includes(`zone=${timeZone}`)) {
    document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax`;
  }
  window.addEventListener("pageshow", (event) => {
    const [navigation] = performance.getEntriesByType("navigation");
    const isRestored = event.persisted || (navigation?.type === "back_forward" && navigation.transferSize === 0);
    const fields = [...document.querySelectorAll("main :is(input, textarea)")];
    const hasUnsavedInput = fields.some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
    if (isRestored && document.querySelector(hasUnsavedInput ? "#decide, #decision" : "[data-changes]")) location.reload();
  });
  const currentSection = document.querySelector(".sections [aria-current]");
  if (currentSection) currentSection.parentElement.scrollLeft = currentSection.offsetLeft - currentSection.parentElement.offsetLeft - 48;
  const regionNames = new Intl.DisplayNames([document.documentElement.lang], { type: "region" });
  for (const element of document.querySelectorAll(".region")) {
    if (/^[A-Z]{2}$/.test(element.textContent)) element.textContent = regionNames.of(element.textContent);
  }
  const getOpenMenus = () => document.querySelectorAll("details.account[open]");
  document.addEventListener("click", (event) => {
    for (const menu of getOpenMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of getOpenMenus()) menu.open = false;
  });
})();
