// Takes a picture or an address that is dropped anywhere on the form; what is dropped is sent by a button alone.
"use strict";

const form = document.querySelector("form[data-mine]");

if (form) {
  form.addEventListener("dragover", (event) => { event.preventDefault(); });
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    const address = event.dataTransfer.getData("text/uri-list").split("\n").find((line) => /^https?:/.test(line));
    if (address) form.elements.url.value = address.trim();
    else if (event.dataTransfer.files.length) form.elements.file.files = event.dataTransfer.files;
  });
}
