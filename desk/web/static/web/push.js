// Has a browser told of finds, once its person has pressed the button; else says why that isn't possible here.
(() => {
  "use strict";
  const place = document.querySelector("[data-push]");
  if (!place) return;
  const { push: key, worker, here } = place.dataset;
  const form = place.querySelector("form");
  const show = (state) => {
    for (const one of place.querySelectorAll("[data-when]")) one.hidden = one.dataset.when !== state;
  };

  // whether the browser's maker still sends it what this installation, by its present key, has for it
  async function listens() {
    const registration = await navigator.serviceWorker.getRegistration(worker);
    const bytes = (await registration?.pushManager.getSubscription())?.options.applicationServerKey ?? new ArrayBuffer();
    const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === key;
  }

  async function state() {
    if (!window.isSecureContext) return "insecure";
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
      const touched = /iPhone|iPad/.test(navigator.userAgent) || (/Mac OS/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
      return touched && !navigator.standalone ? "install" : "unsupported";
    }
    if (Notification.permission === "denied") return "denied";
    const on = here && Notification.permission === "granted" && await listens().catch(() => false);
    return on ? "on" : "off";
  }

  async function registered() {
    const registration = await navigator.serviceWorker.register(worker);
    const coming = registration.installing || registration.waiting;
    if (!registration.active) {
      await new Promise((done, failed) => {
        coming.addEventListener("statechange", () => {
          if (coming.state === "activated") done();
          else if (coming.state === "redundant") failed();
        });
      });
    }
    return registration;
  }

  async function subscribed() {
    const { pushManager } = await registered();
    await (await pushManager.getSubscription())?.unsubscribe(); // of somebody else, or for another key
    return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await Notification.requestPermission() !== "granted") return show(await state());
    try {
      const { endpoint, keys } = await subscribed();
      for (const [name, value] of Object.entries({ endpoint, ...keys })) form.elements[name].value = value;
      form.submit();
    } catch {
      show("failed");
    }
  });
  state().then(show);
})();
