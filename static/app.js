// Galley's script: conditional polling for htmx, relative times, ticking durations. Pages work without it.
"use strict";

// --- Polling -----------------------------------------------------------------------------------

const POLLS = ["every", "visibilitychange"];
const isPoll = (ctx) => POLLS.includes(ctx.sourceEvent?.type);

document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.sourceElement.matches("form.filters")) dropEmptyFields(ctx.request.body);
  if (!isPoll(ctx)) return;
  if (document.hidden) return event.preventDefault(); // hidden tabs rest
  const tag = ctx.sourceElement.dataset.etag;
  if (tag) ctx.request.headers["If-None-Match"] = tag; // an unchanged fragment is a 304: no swap
});

// Drop empty filters from the address of a list.
function dropEmptyFields(body) {
  for (const [name, value] of [...body]) if (value === "") body.delete(name);
}

// A failed poll leaves the content unchanged; the page shows a warning until one succeeds.
const serverAnswers = (yes) => document.documentElement.classList.toggle("no-answer", !yes);
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (isPoll(ctx)) serverAnswers(ctx.response.status < 500);
});

const toast = (text) => {
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 10_000);
};

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && isPoll(ctx)) serverAnswers(false);
  else if (ctx) toast("The server is not responding. Nothing was changed.");
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  const shown = ctx.sourceElement.hasAttribute("hx-status:" + status);
  if (!isPoll(ctx) && !shown) toast("The request failed (" + status + ").");
});

// Browsers without moveBefore() lose the focus of an element that a morph moves.
// A finished action may remove the focused element: data-back names its successor.
let focusedId, backTo;
document.addEventListener("htmx:before:swap", () => {
  focusedId = document.activeElement?.id;
  backTo = document.activeElement?.closest("[data-back]")?.dataset.back;
});
document.addEventListener("htmx:after:swap", () => {
  if (document.activeElement === document.body)
    (document.getElementById(focusedId) ?? document.getElementById(backTo))?.focus({ preventScroll: true });
  tick();
  const sign = document.querySelector("[data-favicon]")?.dataset.favicon;
  if (sign) write(document.querySelector("link[rel=icon]"), new URL(sign, location).href, "href");
});

// Show the result of an action at once, not with the next poll.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (!isPoll(ctx) && ctx.sourceElement.closest("#run")) ctx.sourceElement.ariaBusy = "true";
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (isPoll(ctx) || !ctx.sourceElement.closest("#run")) return;
  ctx.sourceElement.ariaBusy = null;
  if (ctx.response.status === 204) document.dispatchEvent(new Event("visibilitychange"));
});

// A wall display cannot be scrolled: bring failed or running stages into view.
document.addEventListener("htmx:after:swap", () => {
  const stages = document.querySelectorAll("#board .stage:is(.is-Failed, .is-Running)");
  const stage = [...stages].find((stage) => stage.matches(".is-Failed")) ?? stages[0];
  if (stage && stage.getBoundingClientRect().bottom > innerHeight) stage.scrollIntoView({ block: "center" });
});

// --- Keys --------------------------------------------------------------------------------------

// Single-key shortcuts work only outside fields, and users can turn them off (WCAG 2.1.4).
const PLACES = { w: "/workflows", r: "/runs", i: "/ingredients", e: "/environments" };
let goingSince = -Infinity; // when `g` was pressed: times begin with the page

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (document.documentElement.dataset.shortcuts === "off") return;
  if (target.closest("input, textarea, select, [contenteditable]")) return;
  const beside = document.querySelector(`a[data-key="${CSS.escape(key)}"]`); // h and l: previous run, next run
  if (beside) return beside.click();
  const going = event.timeStamp - goingSince < 1500;
  goingSince = key === "g" ? event.timeStamp : -Infinity;
  const place = going && document.querySelector(`.main-nav a[href^="${PLACES[key]}"]`);
  const search = key === "/" && document.querySelector("input[type=search]");
  if (place) location.href = place.href;
  else if (search) search.focus();
  else if (key === "?") document.getElementById("help")?.togglePopover();
  else return;
  event.preventDefault();
});

// --- Forms -------------------------------------------------------------------------------------

// Ask before leaving a form with unsaved changes.
const changed = new Set();
document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-guard]");
  if (form) changed.add(form);
});
document.addEventListener("submit", ({ target }) => changed.delete(target));
addEventListener("beforeunload", (event) => {
  if ([...changed].some((form) => form.isConnected)) event.preventDefault();
});

// A second click must not discard the response to a form[data-once].
const sentAt = new WeakMap();
document.addEventListener("submit", (event) => {
  const { target, timeStamp } = event;
  if (!target.matches("[data-once]")) return;
  if (timeStamp - sentAt.get(target) < 3000) event.preventDefault();
  else sentAt.set(target, timeStamp);
});

// A part of a form that applies to one choice of a select: data-when="driver=directory".
const showParts = () => {
  for (const part of document.querySelectorAll("[data-when]")) {
    const [name, value] = part.dataset.when.split("=");
    const isChosen = part.closest("form").elements[name].value === value;
    part.hidden = part.disabled = !isChosen;
    part.closest("form").noValidate = false; // without a script the other parts must not be insisted on
  }
};
document.addEventListener("change", showParts);
document.addEventListener("DOMContentLoaded", showParts);

// A button with data-copy="id" copies the text of that element.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    toast("Copied.");
  } catch {
    getSelection().selectAllChildren(source);
    toast("Press Ctrl+C to copy.");
  }
});

// --- Times -------------------------------------------------------------------------------------

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
let skew = 0; // how far this machine's clock is ahead of the server's, in ms

function moment(date, now) {
  const seconds = Math.round((date - now) / 1000);
  if (Math.abs(seconds) >= 30 * 86_400) return day.format(date);
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return seconds > 0 ? "in a moment" : "just now";
}

// The form of duration_text() in blueprints/shared/template_helpers.py, in whole seconds.
function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  if (seconds >= 86_400) return Math.floor(seconds / 86_400) + " d " + two(Math.floor(seconds / 3_600) % 24) + " h";
  if (seconds >= 3_600) return Math.floor(seconds / 3_600) + " h " + two(Math.floor(seconds / 60) % 60) + " m";
  if (seconds >= 60) return Math.floor(seconds / 60) + " m " + two(seconds % 60) + " s";
  return seconds + " s";
}

// Write only changed text, to avoid needless layout.
function write(element, text, property = "textContent") {
  if (element[property] !== text) element[property] = text;
}

function tick() {
  const now = Date.now() - skew;
  grow(now);
  for (const element of document.querySelectorAll("[data-since]:not(progress)"))
    write(element, duration(now - Date.parse(element.dataset.since)));
  for (const element of document.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    write(element, moment(date, now));
    write(element, exact.format(date), "title");
  }
}

// Grow the bars of running steps between two polls; ask for a new scale when a bar reaches the edge.
function grow(now) {
  for (const bar of document.querySelectorAll("progress[data-since]"))
    bar.value = Math.min(bar.max, Math.max(0, now - Date.parse(bar.dataset.since)));
  const timeline = document.getElementById("timeline");
  if (!timeline) return;
  const at = ((now - timeline.dataset.origin) / timeline.dataset.span) * 100;
  const growing = timeline.querySelectorAll("[data-grows]");
  for (const bar of growing)
    bar.setAttribute("width", Math.min(100, Math.max(0, at - parseFloat(bar.dataset.grows))).toFixed(2) + "%");
  if (growing.length && at > 100) delete document.getElementById("run").dataset.etag;
}

document.addEventListener("DOMContentLoaded", () => {
  skew = Date.now() - Number(document.documentElement.dataset.now);
  tick();
  setInterval(() => document.hidden || tick(), 1000);
});
