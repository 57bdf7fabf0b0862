// The script of the editor: moving parts by keys and by drag, code with numbered lines. The pages work without it.
"use strict";

// --- Parts -------------------------------------------------------------------------------------

// Submits the form as if a button with that command had been pressed.
function press(form, command) {
  const button = Object.assign(document.createElement("button"), { name: "do", value: command, hidden: true });
  form.append(button);
  form.requestSubmit(button);
  button.remove();
}

// Alt with an arrow, Home or End moves the focused part.
const MOVES = { ArrowUp: "back", ArrowDown: "on", ArrowLeft: "left", ArrowRight: "right", Home: "first", End: "last" };
const STAGE_MOVES = { ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };
document.addEventListener("keydown", (event) => {
  const part = event.altKey && event.target.closest(".editor [data-part]");
  const way = part && (part.classList.contains("step") ? MOVES : STAGE_MOVES)[event.key];
  if (!way) return;
  event.preventDefault();
  press(part.form, `move:${part.dataset.part}:${way}`);
});

// Steps are dragged within and between stages, stages by their heads.
function makeSortable() {
  const form = document.getElementById("editor");
  if (!form || !window.Sortable) return;
  const common = { animation: 120, onEnd: ({ item, to, newIndex }) => press(form, placeOf(item, to, newIndex)) };
  for (const list of form.querySelectorAll("[data-steps]"))
    if (!Sortable.get(list)) new Sortable(list, { ...common, group: "steps", draggable: "[data-step]" });
  const board = form.querySelector(".pipeline");
  if (!Sortable.get(board)) new Sortable(board, { ...common, draggable: "[data-stage]", handle: ".stage-head" });
}
const placeOf = (item, list, index) =>
  item.dataset.step ? `place:${item.dataset.step}:${list.dataset.steps}:${index}` : `place:${item.dataset.stage}::${index}`;
document.addEventListener("DOMContentLoaded", makeSortable);
document.addEventListener("htmx:after:swap", makeSortable);

// Typed text that no request has carried yet is sent before the page closes, and before the answer to a button
// replaces the fields.
let isTyped = false;
document.addEventListener("input", ({ target }) => (isTyped ||= Boolean(target.closest(".editor"))));
document.addEventListener("htmx:before:request", () => (isTyped = false));
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (ctx.sourceEvent?.type === "submit") sendTyped();
});
addEventListener("pagehide", sendTyped);
function sendTyped() {
  const form = document.getElementById("editor");
  if (form && isTyped) navigator.sendBeacon(form.action, new FormData(form));
}

// --- Focus -------------------------------------------------------------------------------------

// Opening a part moves the focus to its fields, deleting one to its stage, undoing the last change to Redo. The focus
// stays if it was moved before the answer came.
const NEXT = {
  select: goToPart, add_step: goToPart, add_stage: goToPart, remove: goToStage,
  undo: () => goFrom("undo-last", "redo-next"), redo: () => goFrom("redo-next", "undo-last"),
};
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const pressed = ctx.sourceEvent?.submitter;
  const hasStayed = [pressed, document.body].includes(document.activeElement);
  if (pressed?.name === "do" && hasStayed) NEXT[pressed.value.split(":")[0]]?.();
});
const openPart = () => document.querySelector(".editor [data-part][aria-current]");

function goToPart() {
  const part = document.getElementById("part");
  part.parentElement.scrollTop = 0; // if it has its own scroll bar
  part.focus({ preventScroll: true });
  const { top } = part.getBoundingClientRect();
  const hasRoom = top >= 0 && top < innerHeight / 2; // otherwise only its title would be visible
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  part.scrollIntoView({ block: hasRoom ? "nearest" : "start", behavior: isCalm ? "instant" : "smooth" });
}

function goToStage() {
  const head = openPart()?.closest(".stage").querySelector(".stage-head [data-part]");
  (head ?? document.getElementById("add-stage")).focus();
}

function goFrom(pressed, other) {
  if (document.getElementById(pressed).disabled) document.getElementById(other).focus();
}

// Escape moves the focus back to the open part, except from fields that use the key themselves.
document.addEventListener("keydown", ({ key, target, isComposing }) => {
  if (key !== "Escape" || isComposing || !target.closest("#panel") || target.matches("[data-code], [list], select")) return;
  (openPart() ?? document.getElementById("open-workflow")).focus();
});

// --- Code --------------------------------------------------------------------------------------

// Numbers the lines of a textarea[data-code]; the numbers scroll with it.
function numberLines(code) {
  const lines = code.previousElementSibling;
  const count = code.value.split("\n").length;
  if (Number(lines.dataset.count) !== count) {
    lines.textContent = Array.from({ length: count }, (_, line) => line + 1).join("\n");
    lines.dataset.count = count;
  }
  lines.scrollTop = code.scrollTop;
}
const numberAll = () => document.querySelectorAll("textarea[data-code]").forEach(numberLines);
document.addEventListener("DOMContentLoaded", numberAll);
document.addEventListener("htmx:after:swap", numberAll);
document.addEventListener("input", ({ target }) => target.matches("[data-code]") && numberLines(target));
document.addEventListener("scroll", ({ target }) => target.matches?.("[data-code]") && numberLines(target), true);

// Tab indents. After Escape it leaves the field, so that there is no keyboard trap (WCAG 2.1.2).
let isLeaving = false;
document.addEventListener("focusout", () => (isLeaving = false));
document.addEventListener("keydown", (event) => {
  const { key, target, shiftKey } = event;
  if (!target.matches("[data-code]") || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(key)) return;
  const leaves = isLeaving;
  isLeaving = key === "Escape";
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (key === "Tab" && !leaves) shiftKey ? outdent(target) : indent(target);
  else if (key === "Enter" && !shiftKey) replace(target, "\n" + indentationBefore(target));
  else return;
  event.preventDefault();
});

// The indentation that the text uses, by default two spaces.
const unitOf = (text) => text.match(/^(\t| {2,8})\S/m)?.[1] ?? "  ";
const startOfLine = (text, at) => text.lastIndexOf("\n", at - 1) + 1;

function indentationBefore({ value, selectionStart }) {
  return value.slice(startOfLine(value, selectionStart), selectionStart).match(/^[ \t]*/)[0];
}

function indent(code) {
  const unit = unitOf(code.value);
  const chosen = code.value.slice(code.selectionStart, code.selectionEnd);
  if (chosen.includes("\n")) changeLines(code, (line) => (line ? unit + line : line));
  else replace(code, unit);
}

function outdent(code) {
  const width = unitOf(code.value).replace("\t", "  ").length;
  changeLines(code, (line) => line.replace(new RegExp(`^(\\t| {1,${width}})`), ""));
}

// Changes each selected line; the selection stays on the same text.
function changeLines(code, make) {
  const { value, selectionStart, selectionEnd } = code;
  const first = startOfLine(value, selectionStart);
  const lastChosen = selectionEnd > selectionStart && value[selectionEnd - 1] === "\n" ? selectionEnd - 1 : selectionEnd;
  const end = value.indexOf("\n", lastChosen);
  const before = value.slice(first, end < 0 ? value.length : end).split("\n");
  const after = before.map(make);
  const grown = after.map((line, number) => line.length - before[number].length);
  if (!grown.some(Boolean)) return;
  code.setSelectionRange(first, first + before.join("\n").length);
  replace(code, after.join("\n"));
  const all = grown.reduce((sum, more) => sum + more, 0);
  code.setSelectionRange(Math.max(first, selectionStart + grown[0]), Math.max(first, selectionEnd + all));
}

// Replaces the selection so that the browser can undo it; setting the value would clear its history.
function replace(code, text) {
  const done = document.execCommand(text ? "insertText" : "delete", false, text);
  if (done) return;
  code.setRangeText(text, code.selectionStart, code.selectionEnd, "end");
  code.dispatchEvent(new Event("input", { bubbles: true }));
}
