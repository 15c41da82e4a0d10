// Niceties, for browsers with scripts: open pages bring themselves up to date, and `/` goes to the search field.
// Everything works without. Nothing is stored, and no text ever becomes markup here: pages come whole from the server.
"use strict";

(() => {
  const live = document.body.dataset.live;
  const fresh = document.getElementById("fresh");
  let busy = false;

  // Whoever is typing, or has something open, is left alone.
  const disturbed = () => {
    const at = document.activeElement;
    const typing = at && at.closest("main form") && !["BUTTON", "A"].includes(at.tagName);
    const changed = [...document.querySelectorAll("main form input:not([type=hidden]), main form select")].some((field) =>
      field.tagName === "SELECT"
        ? [...field.options].some((option) => option.selected !== option.defaultSelected && field.options.length > 1 && (option.defaultSelected || field.selectedIndex > 0))
        : field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
    return typing || changed || document.querySelector("main details[open]") || document.hidden || String(getSelection()) !== "";
  };

  const refresh = async () => {
    if (busy || disturbed()) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
      if (!answer.ok) {
        if (fresh) fresh.textContent = "not up to date: sign in again, or look whether the console runs";
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.getElementById("main");
      const at = document.getElementById("main");
      if (!main || disturbed()) return;
      const focus = document.activeElement && document.activeElement.getAttribute("href");
      const scrolls = [...at.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      at.replaceWith(document.importNode(main, true));
      document.querySelectorAll("main .scroll").forEach((box, i) => { box.scrollLeft = scrolls[i] || 0; });
      if (focus) {
        const same = [...document.querySelectorAll("main a")].find((link) => link.getAttribute("href") === focus);
        if (same) same.focus({ preventScroll: true });
      }
    } catch {
      if (fresh) fresh.textContent = "not up to date: the console does not answer";
    } finally {
      busy = false;
    }
  };

  if (live && "EventSource" in window) {
    const events = new EventSource("/events");
    events.addEventListener("changed", refresh);
    if (live === "tick") events.addEventListener("tick", refresh);
    addEventListener("pagehide", () => events.close());
  }

  addEventListener("keydown", (event) => {
    const at = document.activeElement;
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || (at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName))) return;
    const field = document.querySelector("main input[type=search], main .filters input");
    if (!field) {
      event.preventDefault();
      location.href = "/subscribers";
      return;
    }
    event.preventDefault();
    field.focus();
  });
})();
