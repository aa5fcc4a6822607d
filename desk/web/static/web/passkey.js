// Buttons with data-act require a passkey: the assertion for their action is requested and submitted with their form.
(() => {
  "use strict";
  const { ask: optionsUrl, failed: failureMessage } = document.currentScript.dataset;

  async function requestAssertion(form, { act, of }) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const response = await fetch(optionsUrl, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ act, of }) });
    const options = await response.json();
    if (!response.ok) throw new Error(options.problem);
    const assertion = await window.webauthnJSON.get(options).catch(() => { throw new Error(failureMessage); });
    return JSON.stringify(assertion);
  }

  document.addEventListener("submit", async (event) => {
    const [form, button] = [event.target, event.submitter];
    if (!button?.dataset.act || form.elements.passkey) return;
    event.preventDefault();
    try {
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "passkey" });
      field.value = await requestAssertion(form, button.dataset);
      form.append(field);
      form.requestSubmit(button);
    } catch (error) {
      const messageElement = form.querySelector(".passkey-told") || button.insertAdjacentElement("afterend", document.createElement("p"));
      Object.assign(messageElement, { className: "message error passkey-told", role: "alert", textContent: error.message });
    }
  });
})();
