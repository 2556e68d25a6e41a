// Takes over what is new on a page that stands open: never what somebody is writing or reading.

import { announce, find, findAll } from "../portal/dom.js";
import { writeTimes } from "../portal/times.js";

/** What the server last said of each part, to tell a change from our own writing of times. @type {Map<string, string>} */
const partsSaid = new Map();

/** The page as the server has it now, while a part of it could not be taken over. @type {HTMLElement | null} */
let postponed = null;

/** Remembers the page as it came. To be called before anything is written into it. @param {HTMLElement} page */
export function rememberParts(page) {
  for (const part of findAll("[data-part]", page)) partsSaid.set(part.dataset.part ?? "", part.outerHTML);
  page.addEventListener("focusout", () => setTimeout(() => postponed && swapParts(page, postponed)));
}

/** Whether this page is what a form was answered with: what it holds was typed, though it came from the server. @param {HTMLElement} page */
function isAnswerToForm(page) {
  return location.pathname !== new URL(page.dataset.page ?? "", location.href).pathname;
}

/** @param {HTMLElement} page @param {HTMLElement} part */
function isInUse(page, part) {
  if (part.contains(document.activeElement)) return true;
  const fields = Array.from(part.querySelectorAll("input, textarea, select"));
  return fields.some((field) => isTouched(field)) || (isAnswerToForm(page) && part.querySelector("textarea, select") !== null);
}

/** Whether a field holds anything but what the server put there. @param {Element} field */
function isTouched(field) {
  if (field instanceof HTMLTextAreaElement) return field.value !== "";
  if (field instanceof HTMLSelectElement) {
    const own = Array.from(field.options).findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(own, 0);
  }
  if (!(field instanceof HTMLInputElement)) return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}

/**
 * Puts the parts that changed into their places. One that is in use stays until it is left; a form
 * that somebody began to fill in stays for good, and says on being sent what it was written on.
 * @param {HTMLElement} page
 * @param {HTMLElement} fresh
 */
export function swapParts(page, fresh) {
  postponed = null;
  for (const part of findAll("[data-part]", fresh)) {
    const name = part.dataset.part ?? "";
    const text = part.outerHTML;
    const shown = find(`[data-part="${name}"]`, page);
    if (!shown || partsSaid.get(name) === text) continue;
    if (isInUse(page, shown)) {
      postponed = fresh;
      continue;
    }
    partsSaid.set(name, text);
    const swapped = document.importNode(part, true);
    writeTimes(swapped);
    shown.replaceWith(swapped);
  }
}

/** What must not move: where one writes, or else the first thing in sight. @param {HTMLElement} page @returns {HTMLElement} */
function stillPoint(page) {
  const focused = document.activeElement;
  if (focused instanceof HTMLElement && page.contains(focused) && focused !== page) return focused;
  const seen = findAll("[data-timeline] > li, [data-part], [data-row]", page);
  return seen.find((it) => it.getBoundingClientRect().bottom > 0) ?? page;
}

/** Does `work`, after which what is in sight stands where it stood. @param {HTMLElement} page @param {() => void} work */
export function keepPlace(page, work) {
  const point = stillPoint(page);
  const before = point.getBoundingClientRect().top;
  work();
  if (point.isConnected) scrollBy({ top: point.getBoundingClientRect().top - before, behavior: "instant" });
}

/** An open ticket. @param {HTMLElement} page @param {HTMLElement} fresh */
export function mergeDeskTicket(page, fresh) {
  /** @type {HTMLElement[]} */
  let arrived = [];
  keepPlace(page, () => {
    arrived = findAll("[data-timeline] > li", fresh)
      .filter((entry) => !document.getElementById(entry.id))
      .map((entry) => document.importNode(entry, true));
    for (const entry of arrived) {
      entry.classList.add("arrived");
      writeTimes(entry);
    }
    find("[data-timeline]", page)?.append(...arrived);
    swapParts(page, fresh);
  });
  const newest = arrived.at(-1);
  if (!newest) return;
  const words = arrived.map(newsOf).join(". ");
  announce(words);
  if (!isInSight(newest)) offer(`${newsOf(newest)}: show`, () => goTo(newest));
}

/** What an entry is, in one sentence. @param {HTMLElement} entry */
function newsOf(entry) {
  const who = find(".say header b", entry)?.textContent;
  if (!who) {
    const event = document.importNode(find(".event", entry) ?? entry, true);
    find("time", event)?.remove();
    return event.textContent?.trim() ?? "";
  }
  if (entry.classList.contains("mine")) return `New reply from ${who}`;
  if (entry.classList.contains("internal")) return `New internal note from ${who}`;
  return entry.classList.contains("done") ? `${who} resolved this ticket` : `New note from ${who}`;
}

/** @param {HTMLElement} element */
function isInSight(element) {
  const box = element.getBoundingClientRect();
  return box.top < innerHeight && box.bottom > 0;
}

/** @param {HTMLElement} element */
function goTo(element) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/** Offers something at the edge of the page, in place of what was offered before. @param {string} words @param {() => void} act */
export function offer(words, act) {
  const box = find("#arrivals");
  if (!box) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.addEventListener("click", () => {
    box.hidden = true;
    act();
  });
  box.replaceChildren(button);
  box.hidden = false;
}

/** Takes back what was offered. */
export function offerNothing() {
  const box = find("#arrivals");
  if (box) box.hidden = true;
}

/** The dashboard. @param {HTMLElement} page @param {HTMLElement} fresh */
export function mergeDashboard(page, fresh) {
  const lead = () => find("[data-part=lead]", page)?.textContent;
  const before = lead();
  keepPlace(page, () => swapParts(page, fresh));
  const after = lead();
  if (after && after !== before) announce(after);
}
