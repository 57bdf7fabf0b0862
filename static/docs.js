// The API reference: add a copy button to each example.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return; // only over https, and on this machine
  for (const code of document.querySelectorAll(".api-text pre > code")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    code.after(button);
  }
});
