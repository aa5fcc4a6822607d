// Accepts a picture or a URL that is dropped on the form. Dropping does not submit the form.
"use strict";

const form = document.querySelector("form[data-mine]");

if (form) {
  form.addEventListener("dragover", (event) => { event.preventDefault(); });
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    const url = event.dataTransfer.getData("text/uri-list").split("\n").find((line) => /^https?:/.test(line));
    if (url) form.elements.url.value = url.trim();
    else if (event.dataTransfer.files.length) form.elements.file.files = event.dataTransfer.files;
  });
}
