// What is being written on a ticket: its draft, its length, and what became of it elsewhere.

import { askForDraft, draft, dropDraft, keepDraft, random, settleDraft } from "./session.js";
import { announce, find, findAll } from "./dom.js";
import { clearProblems } from "./html.js";

/** Longest reply, in characters as the server counts them. */
export const LONGEST = 2000;
/** From this many left, a screen reader is told. */
const NEARLY = 100;

/** @param {HTMLElement} view @returns {string} */
export function referenceOf(view) {
  return view.dataset.reference ?? "";
}

/** @param {ParentNode} within @returns {HTMLTextAreaElement | null} */
export function replyField(within) {
  return within.querySelector("#reply");
}

/** The text as the server stores it: newlines alike, no white space at its end. @param {string} typed @returns {string} */
function asStored(typed) {
  return typed.replaceAll("\r\n", "\n").replaceAll("\r", "\n").trimEnd();
}

/** Characters as the server counts them: Unicode scalar values. @param {string} typed @returns {number} */
export function countCharacters(typed) {
  return Array.from(asStored(typed)).length;
}

/** Brings back what was being written. @param {HTMLElement} view */
export function restoreDraft(view) {
  const reference = referenceOf(view);
  settleTried(view);
  const kept = draft(reference);
  if (kept?.text) fillDraft(view, kept.text);
  else askForDraft(reference);
}

/** The reader's newest entry. @param {HTMLElement} view @returns {HTMLElement | null} */
export function newestOwn(view) {
  return findAll("[data-entry].mine", view).at(-1) ?? null;
}

/**
 * A text that was sent without an answer and stands among the entries now has arrived: it need not
 * stand in the field as well.
 * @param {HTMLElement} view
 */
export function settleTried(view) {
  const reference = referenceOf(view);
  const tried = draft(reference)?.tried;
  const entry = newestOwn(view);
  if (!tried || !entry || entry.id === tried.after) return;
  if (find(".prose", entry)?.textContent !== wellFormed(asStored(tried.text))) return;
  settleDraft(reference, tried.text);
  emptyReply(view, tried.text);
}

/** @param {HTMLElement} view @param {string} text */
export function fillDraft(view, text) {
  const field = replyField(view);
  if (field && field.value === "") {
    field.value = text;
    showCount(field);
  }
  const kept = find("[data-kept]", view);
  const copy = /** @type {HTMLTextAreaElement | null} */ (find("#kept", view));
  if (kept && copy) {
    copy.value = text;
    kept.hidden = false;
  }
}

/** A draft that another tab held. @param {HTMLElement} view @param {string} reference @param {import("./session.js").Draft} kept */
export function takeDraft(view, reference, kept) {
  if (referenceOf(view) !== reference || draft(reference)?.text) return;
  keepDraft(reference, kept);
  settleTried(view);
  const left = draft(reference)?.text;
  if (left) fillDraft(view, left);
}

/** The text was stored, though not by an answer to this tab. What was typed since stays. @param {HTMLElement} view @param {string} text */
export function emptyReply(view, text) {
  const kept = find("[data-kept]", view);
  if (kept) kept.hidden = !draft(referenceOf(view));
  const field = replyField(view);
  if (!field || field.value.trimEnd() !== text.trimEnd()) return;
  field.value = "";
  showCount(field);
}

/** Keeps the draft and the counter as one types. @param {HTMLElement} view @param {HTMLTextAreaElement} field */
export function typed(view, field) {
  const reference = referenceOf(view);
  const before = draft(reference);
  if (field.value === "") dropDraft(reference);
  else keepDraft(reference, { ...before, text: field.value, key: before?.key ?? random() });
  showCount(field);
}

/** @type {string} */
let lastZone = "";

/** @param {HTMLTextAreaElement} field */
function showCount(field) {
  const counter = document.getElementById("reply-count");
  if (!counter) return;
  const count = countCharacters(field.value);
  const over = count - LONGEST;
  const words = `${count} of ${LONGEST} characters`;
  counter.textContent = over > 0 ? `${words}: ${over} too many` : words;
  counter.classList.toggle("over", over > 0);
  if (over <= 0 && count > 0) clearProblems(/** @type {HTMLElement} */ (field.form));
  const zone = over > 0 ? "over" : over > -NEARLY ? "near" : "";
  if (zone !== lastZone && zone) announce(over > 0 ? `Too long by ${over} characters.` : `${-over} characters left.`);
  lastZone = zone;
}
/** Half a character, as some programs paste it, is no text; the server would refuse all of it. @param {string} text @returns {string} */
export function wellFormed(text) {
  return text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
}

/** @param {HTMLElement} view */
export async function copyDraft(view) {
  const field = /** @type {HTMLTextAreaElement | null} */ (find("#kept", view));
  if (!field) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    announce("Copied.");
  } catch {
    announce("The text is selected; copy it with your keyboard.");
  }
}

/** @param {HTMLElement} view */
export function discardDraft(view) {
  dropDraft(referenceOf(view));
  const kept = find("[data-kept]", view);
  if (kept) kept.hidden = true;
  announce("Discarded.");
}
