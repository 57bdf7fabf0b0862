// Galley's own script: polling manners for htmx, words for times, ticking durations. Pages work without it.
"use strict";

// --- Polling -----------------------------------------------------------------------------------

const POLLS = ["every", "visibilitychange"];
const isPoll = (ctx) => POLLS.includes(ctx.sourceEvent?.type);

document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (!isPoll(ctx)) return;
  if (document.hidden) return event.preventDefault(); // hidden tabs rest
  const tag = ctx.sourceElement.dataset.etag;
  if (tag) ctx.request.headers["If-None-Match"] = tag; // an unchanged fragment is a 304: no swap
});

// A poll that fails leaves the picture as it was; the page says so until one succeeds.
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
  else if (ctx) toast("The server does not answer. Nothing was changed.");
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  const shown = ctx.sourceElement.hasAttribute("hx-status:" + status);
  if (!isPoll(ctx) && !shown) toast("That did not work (" + status + ").");
});

// Browsers without moveBefore() drop the focus of what a morph moves.
let focusedId;
document.addEventListener("htmx:before:swap", () => {
  focusedId = document.activeElement?.id;
});
document.addEventListener("htmx:after:swap", () => {
  if (focusedId && document.activeElement === document.body)
    document.getElementById(focusedId)?.focus({ preventScroll: true });
  tick();
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

// The form of duration_text() in blueprints/pages_support.py, in whole seconds.
function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  if (seconds >= 86_400) return Math.floor(seconds / 86_400) + " d " + two(Math.floor(seconds / 3_600) % 24) + " h";
  if (seconds >= 3_600) return Math.floor(seconds / 3_600) + " h " + two(Math.floor(seconds / 60) % 60) + " m";
  if (seconds >= 60) return Math.floor(seconds / 60) + " m " + two(seconds % 60) + " s";
  return seconds + " s";
}

// Writes only what has changed, so that a still page stays still.
function write(element, text, property = "textContent") {
  if (element[property] !== text) element[property] = text;
}

function tick() {
  const now = Date.now() - skew;
  for (const element of document.querySelectorAll("[data-since]"))
    write(element, duration(now - Date.parse(element.dataset.since)));
  for (const element of document.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    write(element, moment(date, now));
    write(element, exact.format(date), "title");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  skew = Date.now() - Number(document.documentElement.dataset.now);
  tick();
  setInterval(() => document.hidden || tick(), 1000);
});
