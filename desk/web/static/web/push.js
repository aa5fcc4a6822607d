// Enables push notifications about matches when the user presses the button, or shows why they are not available.
(() => {
  "use strict";
  const container = document.querySelector("[data-push]");
  if (!container) return;
  const { push: publicKey, worker: workerUrl, here: hasSubscription } = container.dataset;
  const form = container.querySelector("form");
  const showState = (state) => {
    for (const element of container.querySelectorAll("[data-when]")) element.hidden = element.dataset.when !== state;
  };

  // Returns whether the browser has a push subscription for the current public key of this installation.
  async function isSubscriptionCurrent() {
    const registration = await navigator.serviceWorker.getRegistration(workerUrl);
    const keyBytes = (await registration?.pushManager.getSubscription())?.options.applicationServerKey ?? new ArrayBuffer();
    const encodedKey = btoa(String.fromCharCode(...new Uint8Array(keyBytes)));
    return encodedKey.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === publicKey;
  }

  async function getState() {
    if (!window.isSecureContext) return "insecure";
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
      const isAppleTouchDevice = /iPhone|iPad/.test(navigator.userAgent) || (/Mac OS/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
      return isAppleTouchDevice && !navigator.standalone ? "install" : "unsupported";
    }
    if (Notification.permission === "denied") return "denied";
    const isOn = hasSubscription && Notification.permission === "granted" && await isSubscriptionCurrent().catch(() => false);
    return isOn ? "on" : "off";
  }

  async function registerWorker() {
    const registration = await navigator.serviceWorker.register(workerUrl);
    const pendingWorker = registration.installing || registration.waiting;
    if (!registration.active) {
      await new Promise((resolve, reject) => {
        pendingWorker.addEventListener("statechange", () => {
          if (pendingWorker.state === "activated") resolve();
          else if (pendingWorker.state === "redundant") reject();
        });
      });
    }
    return registration;
  }

  async function subscribe() {
    const { pushManager } = await registerWorker();
    await (await pushManager.getSubscription())?.unsubscribe(); // it may belong to another account or public key
    return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey })).toJSON();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await Notification.requestPermission() !== "granted") return showState(await getState());
    try {
      const { endpoint, keys } = await subscribe();
      for (const [name, value] of Object.entries({ endpoint, ...keys })) form.elements[name].value = value;
      form.submit();
    } catch {
      showState("failed");
    }
  });
  getState().then(showState);
})();
