// Buttons with data-act need a passkey: it is asked for what they would do, and its answer is sent with their form.
(() => {
  "use strict";
  const { ask, failed } = document.currentScript.dataset;

  async function answered(form, { act, of }) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const response = await fetch(ask, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ act, of }) });
    const options = await response.json();
    if (!response.ok) throw new Error(options.problem);
    const answer = await window.webauthnJSON.get(options).catch(() => { throw new Error(failed); });
    return JSON.stringify(answer);
  }

  document.addEventListener("submit", async (event) => {
    const [form, button] = [event.target, event.submitter];
    if (!button?.dataset.act || form.elements.passkey) return;
    event.preventDefault();
    try {
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "passkey" });
      field.value = await answered(form, button.dataset);
      form.append(field);
      form.requestSubmit(button);
    } catch (error) {
      const told = form.querySelector(".passkey-told") || button.insertAdjacentElement("afterend", document.createElement("p"));
      Object.assign(told, { className: "message error passkey-told", role: "alert", textContent: error.message });
    }
  });
})();
