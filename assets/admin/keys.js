// Shortcuts of one key. They can be turned off in each browser (WCAG 2.1.4), and are never taken
// from somebody who types.

import { find, findAll } from "../portal/dom.js";

const OFF = "doorkey.keys";

/** @returns {boolean} */
function areOn() {
  try {
    return localStorage.getItem(OFF) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function turn(on) {
  try {
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "off");
  } catch {
    // A browser that keeps nothing keeps the shortcuts.
  }
}

/** @returns {HTMLDialogElement | null} */
function keysDialog() {
  return /** @type {HTMLDialogElement | null} */ (find("#keys"));
}

function showKeys() {
  const box = /** @type {HTMLInputElement | null} */ (find("#keys-on"));
  if (box) box.checked = areOn();
  keysDialog()?.showModal();
}

/** The tickets of a list, as links. */
function listed() {
  return findAll("#main .tickets .about a, #main .waiting h3 a");
}

/** @param {number} step */
function moveInList(step) {
  const links = listed();
  const row = document.activeElement?.closest("tr, li");
  const at = links.findIndex((link) => link === document.activeElement || (row && row === link.closest("tr, li")));
  const next = at < 0 ? links[0] : links[at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest", behavior: "instant" });
}

/** @param {HTMLElement | null} field */
function enter(field) {
  field?.focus();
  field?.scrollIntoView({ block: "center", behavior: "instant" });
}

/** What each key does; whether it did anything. @type {Record<string, () => boolean>} */
const shortcuts = {
  "/": () => {
    const field = find("#q");
    if (field instanceof HTMLInputElement) field.select();
    else location.assign("/admin/tickets#q");
    enter(field);
    return true;
  },
  j: () => (moveInList(1), listed().length > 0),
  k: () => (moveInList(-1), listed().length > 0),
  o: () => {
    const link = listed().find((it) => it === document.activeElement);
    link?.click();
    return link !== undefined;
  },
  r: () => {
    enter(find("#note"));
    return find("#note") !== null;
  },
  n: () => {
    location.assign("/admin/tickets/new");
    return true;
  },
  "?": () => {
    showKeys();
    return true;
  },
};

/** Whether somebody types where the focus is. @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.isContentEditable || target.matches("textarea, select");
}

/** Makes the shortcuts and their dialog work. */
export function offerKeys() {
  for (const button of findAll("[data-do=keys]")) {
    button.hidden = false;
    button.addEventListener("click", showKeys);
  }
  find("[data-do=keys-close]")?.addEventListener("click", () => keysDialog()?.close());
  find("#keys-on")?.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && turn(target.checked));
  if (location.hash === "#q") enter(find("#q"));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]") || !areOn()) return;
    if (shortcuts[event.key]?.()) event.preventDefault();
  });
}
