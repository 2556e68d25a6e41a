// One ticket: sending a reply, and news that arrive while it is open.

import { call, excuse } from "./api.js";
import { draft, dropDraft, keepDraft, random, saySent } from "./session.js";
import { announce, find, findAll } from "./dom.js";
import { blame, clearProblems, complain, nameTab, once } from "./html.js";
import { LONGEST, countCharacters, fillDraft, newestOwn, referenceOf, replyField, restoreDraft, settleTried, typed, wellFormed } from "./drafts.js";
import { writeTimes } from "./times.js";

/** How long the words that a reply was sent stay, in milliseconds. */
const THANKS = 8_000;

/**
 * Sends the reply. A second press while it runs does nothing; a second try after a lost answer
 * carries the same key, so the server stores it once.
 * @param {HTMLElement} view
 * @param {HTMLElement} form
 * @param {{ refresh: () => Promise<void>, lost: () => void }} on
 */
export function sendReply(view, form, on) {
  const field = replyField(form);
  if (!field) return Promise.resolve();
  clearProblems(form);
  const count = countCharacters(field.value);
  if (count === 0) return void blame(field, "Please write something first.");
  if (count > LONGEST) return void blame(field, `Please shorten your reply by ${count - LONGEST} characters. Nothing was cut.`);
  return once(form, "Sending…", () => deliver(view, form, field, on));
}

/**
 * @param {HTMLElement} view
 * @param {HTMLElement} form
 * @param {HTMLTextAreaElement} field
 * @param {{ refresh: () => Promise<void>, lost: () => void }} on
 */
async function deliver(view, form, field, on) {
  const reference = referenceOf(view);
  const text = field.value;
  const key = draft(reference)?.key ?? random();
  keepDraft(reference, { text, key, tried: { text, after: newestOwn(view)?.id ?? "" } });
  const answer = await call("POST", `tickets/${reference}/replies`, { body: { body: wellFormed(text) }, key });
  switch (answer.status) {
    case 201:
      accepted(view, field, reference, text, key);
      await on.refresh();
      announce("Your reply was sent.");
      return thank(view);
    case 401:
      return on.lost();
    case 404:
    case 409:
      await on.refresh();
      if (answer.problem.code === "ticket_closed") return announce("This ticket was closed meanwhile. Your text was not sent; it is kept for you to copy.");
      return complain(form, excuse(answer));
    case 422:
      if (answer.problem.code === "idempotency_mismatch") {
        keepDraft(reference, { text, key: random() });
        await on.refresh();
        return complain(form, "An earlier version of this text was sent already: it stands above. Send this one as well?");
      }
      return blame(field, excuse(answer));
    default:
      return complain(form, excuse(answer));
  }
}

/**
 * @param {HTMLElement} view
 * @param {HTMLTextAreaElement} field
 * @param {string} reference
 * @param {string} text
 * @param {string} key
 */
function accepted(view, field, reference, text, key) {
  dropDraft(reference);
  saySent(reference, key, text);
  // Whoever typed on while it was being sent keeps what came after.
  field.value = field.value === text ? "" : field.value;
  typed(view, field);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let thanking;

/** Shows where the reply went: on a phone it may be out of sight. @param {HTMLElement} view */
function thank(view) {
  const words = find("[data-sent]", view);
  if (words) words.hidden = false;
  clearTimeout(thanking);
  thanking = setTimeout(() => words && (words.hidden = true), THANKS);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  newestOwn(view)?.scrollIntoView({ block: "nearest", behavior: calm ? "instant" : "smooth" });
}

/** What the server last said of each part, to tell a change from our own writing of times. @type {Map<string, string>} */
const said = new Map();

/** @param {HTMLElement} view fresh from the server */
export function remember(view) {
  said.clear();
  for (const part of findAll("[data-part]", view)) said.set(part.dataset.part ?? "", part.outerHTML);
}

/**
 * Takes over what is new on a ticket that stands open. Focus, caret, draft and the place on the
 * screen of what is being read or written stay as they are.
 * @param {HTMLElement} view
 * @param {HTMLElement} fresh
 */
export function mergeTicket(view, fresh) {
  const anchor = anchorOf(view);
  const before = anchor.getBoundingClientRect().top;
  const arrived = appendEntries(view, fresh);
  const wasOpen = find("[data-part=reply]", view)?.dataset.open;
  takeSubject(view, fresh);
  view.dataset.version = fresh.dataset.version ?? "";
  for (const part of findAll("[data-part]", fresh)) swapPart(view, part);
  writeTimes(view);
  scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
  const isOpen = find("[data-part=reply]", view)?.dataset.open;
  if (wasOpen === "true" && isOpen === "false") afterClosing(view);
  if (wasOpen === "false" && isOpen === "true") restoreDraft(view);
  settleTried(view);
  return arrived;
}

/** What must not move: where one writes, or else the first entry in sight. @param {HTMLElement} view @returns {HTMLElement} */
function anchorOf(view) {
  const focused = document.activeElement;
  if (focused instanceof HTMLElement && view.contains(focused) && focused.id === "reply") return focused;
  const seen = findAll("[data-entry], [data-part=reply]", view).find((it) => it.getBoundingClientRect().bottom > 0);
  return seen ?? view;
}

/** @param {HTMLElement} view @param {HTMLElement} fresh @returns {HTMLElement[]} */
function appendEntries(view, fresh) {
  const arrived = findAll("[data-entry]", fresh).filter((entry) => !document.getElementById(entry.id));
  for (const entry of arrived) entry.classList.add("arrived");
  find("[data-timeline]", view)?.append(...arrived);
  return arrived;
}

/** @param {HTMLElement} view @param {HTMLElement} part */
function swapPart(view, part) {
  const name = part.dataset.part ?? "";
  const shown = find(`[data-part=${name}]`, view);
  const text = part.outerHTML;
  if (!shown || said.get(name) === text) return;
  said.set(name, text);
  // The form is the same as long as there is one; replacing it would take the caret.
  if (name === "reply" && shown.dataset.open === part.dataset.open) return;
  shown.replaceWith(part);
}

/** The heading stays the element it is, because it may hold the focus. @param {HTMLElement} view @param {HTMLElement} fresh */
function takeSubject(view, fresh) {
  const shown = find("h1", view);
  const subject = find("h1", fresh)?.textContent ?? "";
  if (!shown || shown.textContent === subject) return;
  shown.textContent = subject;
  view.dataset.title = fresh.dataset.title ?? "";
  nameTab(view.dataset.title);
}

/** @param {HTMLElement} view */
function afterClosing(view) {
  const kept = draft(referenceOf(view));
  if (kept?.text) fillDraft(view, kept.text);
  const box = find("[data-part=reply]", view);
  box?.setAttribute("tabindex", "-1");
  box?.focus({ preventScroll: true });
}

/** Says who wrote what arrived. @param {HTMLElement[]} arrived */
export function announceEntries(arrived) {
  const others = arrived.filter((entry) => !entry.classList.contains("mine"));
  const first = others[0];
  if (!first) return;
  const who = find(".say header b", first)?.textContent;
  const event = find(".event", first)?.textContent;
  announce(who ? `New: ${who} wrote.` : `New: ${event ?? "the ticket changed"}`);
}

/** Adds the entries before those shown, and keeps what is in sight where it is. @param {HTMLElement} view @param {HTMLElement} fresh */
export function prependEntries(view, fresh) {
  const list = find("[data-timeline]", view);
  const before = document.documentElement.scrollHeight;
  const older = findAll("[data-entry]", fresh).filter((entry) => !document.getElementById(entry.id));
  list?.prepend(...older);
  const next = find(".earlier", fresh);
  const first = older[0];
  if (next) find(".earlier", view)?.replaceWith(next);
  else find(".earlier", view)?.remove();
  writeTimes(view);
  scrollBy({ top: document.documentElement.scrollHeight - before, behavior: "instant" });
  first?.setAttribute("tabindex", "-1");
  first?.focus({ preventScroll: true });
  announce(`${older.length} earlier entries.`);
}
