// The log on the run page. The page holds only a window of lines and loads more while the user scrolls.
// It follows a growing log while the end is in view. Without this script, links do the same.
"use strict";

const LOG_LINES = 2000; // at most so many lines are in the page
const LOG_PACE = 1000; // ms between two requests for new lines, if no poll reports the size
const LOG_NEAR_END = 4; // px
const LOG_ABOVE_ERROR = 5; // lines
const LOG_NAME = 120; // characters of a line that are its name
const LOG_PATIENCE = 3000; // ms before what did not come is asked for again
const LOG_KINDS = ["wrap", "times"];

const noLog = () => toast("The log could not be loaded.");

class LogPanel {
  constructor(panel) {
    this.panel = panel;
    this.view = panel.querySelector(".log-view");
    if (!this.view) return; // it has not started
    this.lines = panel.querySelector(".log-lines");
    this.followButton = document.getElementById("log-follow");
    this.field = document.getElementById("log-q");
    this.hits = document.getElementById("log-hits");
    this.told = document.getElementById("log-told");
    this.work = Promise.resolve(); // one change of the lines after the other
    this.read(this.lines.dataset);
    this.isOver = "complete" in this.lines.dataset;
    this.target = Number(this.lines.dataset.target) || 0;
    this.begin = this.target; // of a range of lines
    this.seen = this.total;
    const opensAtEnd = panel.classList.contains("at-end");
    panel.classList.remove("at-end"); // which is how its end is shown without a script
    this.follows = opensAtEnd && this.hasEnd && !this.isOver;
    this.showKinds();
    if (opensAtEnd) this.showEnd();
    else this.showTarget();
    this.listen();
    this.showState();
    this.poll();
  }

  // ---- the lines on the page ----

  read(data) {
    this.total = Number(data.lines);
    this.size = Number(data.size);
    this.resume = Number(data.resume);
    this.note = data.note;
  }

  get first() {
    return this.numberOf(this.lines.firstElementChild) || this.total + 1;
  }

  get last() {
    return this.numberOf(this.lines.lastElementChild) || this.total;
  }

  numberOf(line) {
    return line ? Number(line.id.slice(1)) : 0;
  }

  get isAtEnd() {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight <= LOG_NEAR_END;
  }

  // Whether the page holds the last line of the log.
  get hasEnd() {
    return this.last >= this.total;
  }

  // ---- from the server ----

  async ask(query) {
    const answer = await fetch(this.panel.dataset.log + "&" + query);
    if (answer.redirected || !answer.ok) throw new Error(answer.status);
    if (answer.status === 204) return { next: answer.headers.get("X-Log-Next") };
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    return { lines: holder.content.firstElementChild };
  }

  // Run changes one after another; a failed request changes nothing.
  queue(change) {
    this.work = this.work
      .then(() => this.panel.isConnected && change())
      .then(() => true, noLog);
    return this.work;
  }

  async replace(query) {
    const { lines } = await this.ask(query);
    this.lines.replaceChildren(...lines.children);
    this.read(lines.dataset);
    this.lines.classList.toggle("has-times", lines.classList.contains("has-times"));
    this.target = Number(lines.dataset.target) || 0;
    this.showState();
  }

  // Keep the visible lines in place: `kept` is a line present before and after.
  still(kept, change) {
    const before = kept?.getBoundingClientRect().top;
    change();
    if (kept?.isConnected) this.view.scrollTop += kept.getBoundingClientRect().top - before;
  }

  async more(where) {
    const edge = where === "before" ? this.lines.firstElementChild : this.lines.lastElementChild;
    if (!edge) return this.replace("after=0");
    // The last line may have been incomplete: replace it.
    const { lines } = await this.ask(where === "before" ? "before=" + this.first : "after=" + (this.last - 1));
    this.read(lines.dataset);
    this.still(this.middle(), () => {
      if (where === "before") this.lines.prepend(...lines.children);
      else this.append(lines);
      while (this.lines.childElementCount > LOG_LINES)
        (where === "before" ? this.lines.lastElementChild : this.lines.firstElementChild).remove();
    });
    this.showState();
  }

  append(lines) {
    document.getElementById(lines.firstElementChild?.id)?.remove();
    this.lines.append(...lines.children);
    this.lines.classList.toggle("has-times", lines.classList.contains("has-times"));
  }

  // A line in view, or near it.
  middle() {
    const { top, bottom } = this.view.getBoundingClientRect();
    const lines = this.lines.children;
    let low = 0, high = lines.length - 1;
    while (low < high) {
      const between = (low + high) >> 1;
      if (lines[between].getBoundingClientRect().bottom < (top + bottom) / 2) low = between + 1;
      else high = between;
    }
    return lines[low];
  }

  // ---- following a growing log ----

  // The poll of the run reports the size of the log, so an unchanged log costs no request.
  poll() {
    clearTimeout(this.timer);
    if (this.isOver || document.querySelector("#run[hx-get]")) return;
    this.timer = setTimeout(async () => {
      if (!this.panel.isConnected) return;
      if (!document.hidden) await this.look();
      this.poll();
    }, LOG_PACE);
  }

  heard(size) {
    if (!this.isOver && size !== this.size) this.look();
  }

  async look() {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const { lines } = await this.ask(`offset=${this.resume}&shown=${this.size}`);
      if (lines) await this.queue(() => this.grow(lines));
    } catch {
      // The poll of the run already reports that the server is unreachable.
    } finally {
      this.isLooking = false;
    }
  }

  async grow(lines) {
    const isNext = this.hasEnd && this.lines.childElementCount + lines.childElementCount <= LOG_LINES;
    const comesAlong = Number(lines.dataset.last) >= Number(lines.dataset.lines);
    const next = Number(lines.dataset.first);
    const fits = !this.lines.childElementCount || next <= this.last + 1;
    const { error, errorIs } = lines.dataset;
    const wasFollowed = this.follows;
    this.read(lines.dataset);
    this.isOver = "complete" in lines.dataset; // only here: this answer says what went wrong, too
    if (this.follows && !(comesAlong && fits)) await this.replace("before=" + (this.total + 1));
    else if (fits && (this.follows || isNext)) this.append(lines);
    if (this.follows) {
      while (this.lines.childElementCount > LOG_LINES) this.lines.firstElementChild.remove();
      this.showEnd();
      this.follows = !this.isOver;
    }
    this.showState();
    if (error) await this.tellError(Number(error), errorIs, wasFollowed);
  }

  // Scroll to the end for users who follow the log; leave other readers in place.
  async tellError(number, what, wasFollowed) {
    const place = this.panel.querySelector(".log-error"), link = place.querySelector("a");
    write(place.querySelector("span"), what);
    write(link, number.toLocaleString("en"));
    link.dataset.line = number;
    link.href = `${this.panel.dataset.page}&line=${number}#L${number}`;
    place.hidden = false;
    this.say(place.textContent);
    if (wasFollowed) {
      this.seen = this.total;
      await this.replace("after=" + Math.max(0, number - 1 - LOG_ABOVE_ERROR));
      this.target = number;
      this.showTarget();
    }
    document.getElementById("L" + number)?.classList.add("is-error");
  }

  follow() {
    return this.queue(async () => {
      if (!this.hasEnd) await this.replace("before=" + (this.total + 1));
      this.follows = !this.isOver;
      this.showEnd();
      this.showState();
      this.say(this.isOver ? "End of the log" : "Following the log");
    });
  }

  rest() {
    if (!this.follows) return;
    this.follows = false;
    this.seen = this.total;
    this.showState();
  }

  // ---- scrolling and focus ----

  showEnd() {
    this.view.scrollTop = this.view.scrollHeight;
  }

  // Leave a third of the view above the line.
  showLine(number) {
    const line = document.getElementById("L" + number);
    if (!line) return;
    const { top, height } = this.view.getBoundingClientRect();
    const before = this.view.scrollTop;
    this.view.scrollTop += line.getBoundingClientRect().top - top - height / 3;
    this.isJump = this.view.scrollTop !== before; // no wish to follow, even if it ends at the end
    this.stop(line.querySelector(".line-number"));
  }

  showTarget() {
    if (this.target) this.showLine(this.target);
  }

  // One line number is in the Tab order; arrow keys move between numbers. Its name includes the text of the line.
  stop(number) {
    this.tabStop?.setAttribute("tabindex", "-1");
    number?.setAttribute("tabindex", "0");
    this.tabStop = number;
    if (!number) return;
    const text = number.parentElement.querySelector(".line-text").textContent.trim();
    const name = `Line ${number.dataset.number}` + (text && ": " + text);
    number.setAttribute("aria-label", name.length > LOG_NAME ? name.slice(0, LOG_NAME) + "…" : name);
  }

  // Announce to screen readers, even if the text is the same as before.
  say(text) {
    this.told.textContent = text;
  }

  focusTarget() {
    document.querySelector(`#L${this.target} .line-number`)?.focus({ preventScroll: true });
  }

  showState() {
    for (const number of this.lines.querySelectorAll(".line-number:not([tabindex])")) number.tabIndex = -1;
    if (!this.tabStop?.isConnected) this.stop(this.lines.querySelector(".line-number"));
    for (const link of this.view.querySelectorAll("[data-more]")) {
      const isBefore = link.dataset.more === "before";
      link.hidden = isBefore ? this.first <= 1 : this.hasEnd;
      link.href = `${this.panel.dataset.page}&${link.dataset.more}=${isBefore ? this.first : this.last}#log-panel`;
    }
    const fresh = this.total - (this.seen ?? this.total);
    write(document.getElementById("log-note"), this.follows ? "Following. " + this.note : this.note);
    this.followButton.hidden = this.isOver ? !(fresh > 0 && !this.hasEnd) : this.follows;
    write(this.followButton, fresh > 0 ? `${fresh.toLocaleString("en")} new line${fresh > 1 ? "s" : ""} ↓` : "Follow ↓");
  }

  showKinds() {
    for (const kind of LOG_KINDS) {
      const button = this.panel.querySelector(`[data-toggle=${kind}]`);
      if (!button) continue;
      const isOn = this.isOn(kind);
      this.panel.classList.toggle(kind === "wrap" ? "no-wrap" : "with-times", kind === "wrap" ? !isOn : isOn);
      button.hidden = false;
      button.removeAttribute("aria-current");
      button.setAttribute("role", "button");
      button.setAttribute("aria-pressed", String(isOn));
    }
  }

  isOn(kind) {
    const kept = localStorage.getItem("log-" + kind);
    if (kept === null) return kind === "wrap" || new URLSearchParams(location.search).has("times");
    return kept === "yes";
  }

  toggle(kind) {
    localStorage.setItem("log-" + kind, this.isOn(kind) ? "no" : "yes");
    this.still(this.middle(), () => this.showKinds());
    if (this.follows) this.showEnd();
  }

  // ---- navigation ----

  // takesFocus: false while the user types a search.
  goTo(number, takesFocus = true) {
    this.rest();
    return this.queue(async () => {
      this.atError = false;
      if (document.getElementById("L" + number)) this.target = number;
      else await this.replace("line=" + number);
      this.mark(number, number);
      this.showTarget();
      this.bring();
      if (takesFocus) this.focusTarget();
    });
  }

  mark(first, last) {
    for (const line of this.lines.querySelectorAll(".is-marked")) line.classList.remove("is-marked");
    for (const line of this.lines.children) {
      const number = this.numberOf(line);
      if (number >= first && number <= last) line.classList.add("is-marked");
    }
    this.begin = first;
    const name = first === last ? String(first) : `${first}-${last}`;
    const address = new URL(this.panel.dataset.page, location);
    address.searchParams.set("line", name);
    const query = new URLSearchParams(location.search).get("q");
    if (query) address.searchParams.set("q", query);
    history.replaceState(history.state, "", address.pathname + address.search + "#L" + first);
  }

  // Scroll the panel into view.
  bring() {
    this.view.scrollIntoView({ block: "nearest" });
  }

  nextError() {
    const from = this.atError ? this.target : 0;
    this.rest();
    return this.queue(async () => {
      let place = from, found;
      do {
        found = await this.ask("errors=" + place);
        place = Number(found.next) - 1;
      } while (!found.lines && found.next);
      if (!found.lines) return toast(from ? "No more error lines." : "No error lines found.");
      this.lines.replaceChildren(...found.lines.children);
      this.read(found.lines.dataset);
      this.target = Number(found.lines.dataset.target);
      this.atError = true;
      this.showState();
      this.mark(this.target, this.target);
      this.showTarget();
      this.bring();
      this.focusTarget();
    });
  }

  go(where) {
    if (where === "last") return this.follow();
    this.rest();
    return this.queue(async () => {
      if (this.first > 1) await this.replace("after=0");
      this.view.scrollTop = 0;
      this.showState();
      this.say("Beginning of the log");
    });
  }

  // ---- search ----

  async find(step) {
    const wanted = this.field.value;
    if (wanted !== this.found) {
      await this.list(wanted, 1);
      if (wanted) this.showHit(0);
      return;
    }
    const next = this.hit + step;
    if (next === this.hitLinks().length && this.hits.querySelector("[data-more-hits]")) await this.moreHits().catch(noLog);
    this.showHit(next);
    const links = this.hitLinks();
    if (links.length) this.say(`${this.hit + 1} of ${links.length}: line ${links[this.hit].dataset.line}`);
  }

  hitLinks() {
    return [...this.hits.querySelectorAll("[data-line]")];
  }

  tellHits() {
    const count = this.hitLinks().length;
    const more = this.hits.querySelector("[data-more-hits]") ? " so far" : "";
    this.say(`${count || "No"} line${count === 1 ? "" : "s"} found${more}`);
  }

  showHit(index, takesFocus = false) {
    const links = this.hitLinks();
    if (!links.length) return;
    this.hit = (index + links.length) % links.length;
    links.forEach((link, n) => (n === this.hit ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    links[this.hit].scrollIntoView({ block: "nearest" });
    this.goTo(Number(links[this.hit].dataset.line), takesFocus);
  }

  async list(wanted, from) {
    this.found = wanted;
    this.hit = 0;
    if (!wanted) return this.hits.replaceChildren();
    const holder = await this.askHits(wanted, from);
    this.hits.replaceChildren(...holder.childNodes);
    this.tellHits();
  }

  async moreHits() {
    const link = this.hits.querySelector("[data-more-hits]");
    const from = new URL(link.href).searchParams.get("from");
    const holder = await this.askHits(new URL(link.href).searchParams.get("q"), from);
    const known = this.hitLinks().length, hadFocus = document.activeElement === link;
    link.closest("p").remove();
    const list = this.hits.querySelector("ol"), more = holder.querySelector("ol");
    if (list && more) {
      list.append(...more.children);
      more.remove();
    }
    this.hits.append(...holder.childNodes);
    this.tellHits();
    if (hadFocus) (this.hits.querySelector("[data-more-hits]") ?? this.hitLinks()[known] ?? this.field).focus();
  }

  async askHits(wanted, from) {
    const address = this.panel.dataset.log.replace("/log?", "/log/search?");
    const answer = await fetch(`${address}&q=${encodeURIComponent(wanted)}&from=${from}`);
    if (!answer.ok) throw new Error(answer.status);
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    return holder.content;
  }

  // ---- events ----

  listen() {
    this.panel.addEventListener("click", (event) => this.click(event));
    this.panel.addEventListener("keydown", (event) => this.key(event));
    this.panel.addEventListener("submit", (event) => {
      event.preventDefault();
      this.find(1).catch(noLog);
    });
    let top = this.view.scrollTop;
    this.view.addEventListener("scroll", () => {
      const isUp = this.view.scrollTop < top;
      top = this.view.scrollTop;
      const isJump = this.isJump;
      this.isJump = false;
      if (isJump) return;
      if (isUp && !this.isAtEnd) this.rest();
      else if (!isUp && this.isAtEnd && this.hasEnd && !this.isOver && !this.hasSelection()) {
        this.follows = true;
        this.showState();
      }
    });
    const sentinels = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) this.load(target);
      },
      { root: this.view, rootMargin: "600px 0px" },
    );
    for (const link of this.view.querySelectorAll("[data-more]")) sentinels.observe(link);
    this.sentinels = sentinels;
  }

  hasSelection() {
    const selection = getSelection();
    return !selection.isCollapsed && this.lines.contains(selection.anchorNode);
  }

  load(link) {
    if (link.hidden) return;
    this.queue(() => !link.hidden && this.more(link.dataset.more)).then((came) => {
      this.sentinels.unobserve(link); // observe again: it may still be in view
      setTimeout(() => this.sentinels.observe(link), came ? 0 : LOG_PATIENCE);
    });
  }

  click(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const number = target.closest(".line-number")?.dataset.number;
    const link = target.closest("[data-line], [data-go], [data-toggle], [data-more], [data-more-hits]");
    if (number) {
      this.rest();
      const from = event.shiftKey && this.begin ? this.begin : Number(number);
      this.mark(Math.min(from, Number(number)), Math.max(from, Number(number)));
      this.begin = from;
      this.target = Number(number);
      this.stop(target.closest(".line-number"));
    } else if (target === this.followButton) this.follow();
    else if (event.shiftKey || !link) return;
    else if (link.dataset.go) this.go(link.dataset.go);
    else if (link.dataset.toggle) this.toggle(link.dataset.toggle);
    else if (link.dataset.more) this.load(link);
    else if ("moreHits" in link.dataset) this.moreHits().catch(noLog);
    else if (this.hits.contains(link)) this.showHit(this.hitLinks().indexOf(link), true);
    else this.goTo(Number(link.dataset.line));
    event.preventDefault();
  }

  key(event) {
    const { key, target } = event;
    if (target === this.field && key === "Enter") {
      event.preventDefault();
      this.find(event.shiftKey ? -1 : 1).catch(noLog);
    } else if (target === this.field && key === "Escape") {
      this.field.value = "";
      this.list("", 1).catch(noLog);
    } else if (target.closest("input") || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    else if (key === " " && target.matches("a[role=button]")) {
      event.preventDefault();
      target.click();
    } else if ((key === "End" || key === "Home") && this.view.contains(target)) {
      event.preventDefault();
      this.go(key === "End" ? "last" : "first");
    } else if ((key === "ArrowDown" || key === "ArrowUp") && target.matches(".line-number")) {
      const line = target.parentElement;
      const next = (key === "ArrowDown" ? line.nextElementSibling : line.previousElementSibling)?.querySelector(".line-number");
      if (!next) return;
      event.preventDefault();
      this.stop(next);
      next.focus();
    }
  }
}

let logPanel;
function openLog() {
  const panel = document.getElementById("log-panel");
  if (panel && panel !== logPanel?.panel) logPanel = new LogPanel(panel);
}
document.addEventListener("DOMContentLoaded", openLog);
document.addEventListener("htmx:after:swap", openLog);

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const size = ctx.response.headers.get("X-Log-Size");
  if (size !== null && logPanel?.view) logPanel.heard(Number(size));
});
// The last output may arrive together with the end of the step, after which polling stops.
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!logPanel?.view || logPanel.isOver || !isPoll(ctx)) return;
  logPanel.look().then(() => logPanel.poll());
});

document.addEventListener("selectionchange", () => {
  if (logPanel?.view && logPanel.hasSelection()) logPanel.rest();
});

// Runs after app.js, which handles sequences that begin with `g`.
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (document.documentElement.dataset.shortcuts === "off" || !logPanel?.view) return;
  if (target.closest("input, textarea, select, [contenteditable]")) return;
  if (key === "e") logPanel.nextError();
  else if (key === "f") logPanel.follow().then(() => logPanel.bring());
  else return;
  event.preventDefault();
});
