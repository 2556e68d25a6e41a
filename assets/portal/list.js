// The list: tabs, search and "Show more" change only what differs, so that focus and what is
// being typed stay where they are.

import { announce, find, findAll } from "./dom.js";
import { writeTimes } from "./times.js";

/** How long typing must rest before a search is sent, in milliseconds. */
const REST = 250;
/** Longest search, in characters as the server counts them. */
const LONGEST_SEARCH = 200;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let resting;

/** The address of the list as its form and tabs stand. @param {HTMLFormElement} form @returns {string} */
export function searchAddress(form) {
  const query = Array.from(String(new FormData(form).get("q") ?? "").trim()).slice(0, LONGEST_SEARCH).join("");
  const parts = new URLSearchParams();
  const tab = find("[data-tab][aria-current]")?.dataset.tab ?? "all";
  if (tab !== "all") parts.set("status", tab);
  if (query) parts.set("q", query);
  return parts.size > 0 ? `/portal?${parts}` : "/portal";
}

/** Says whether all of what is typed is searched for. @param {HTMLInputElement} field */
export function hintLength(field) {
  const hint = document.getElementById("q-hint");
  const long = Array.from(field.value.trim()).length > LONGEST_SEARCH;
  if (hint) hint.textContent = long ? `Only the first ${LONGEST_SEARCH} characters are searched for.` : "";
}

/** Runs `search` once typing rests. @param {() => void} search */
export function whenResting(search) {
  clearTimeout(resting);
  resting = setTimeout(search, REST);
}

/** A search that is sent now needs no other a moment later. */
export function stopResting() {
  clearTimeout(resting);
}

/**
 * Puts another list's parts in place of those shown.
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
export function swapList(shown, fresh) {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.tab : undefined;
  const scrolled = find(".tabs ul", shown)?.scrollLeft ?? 0;
  for (const part of ["lead", "tabs", "results"]) {
    const from = find(`[data-part=${part}]`, fresh);
    if (from) find(`[data-part=${part}]`, shown)?.replaceWith(from);
  }
  const tabs = find(".tabs ul", shown);
  if (tabs) tabs.scrollLeft = scrolled;
  if (focused) find(`[data-tab=${focused}]`, shown)?.focus();
  bringTabIntoView(shown);
}

/** On a narrow screen the current tab may be out of sight. @param {HTMLElement} view */
export function bringTabIntoView(view) {
  const tab = find("[data-tab][aria-current]", view);
  const strip = find(".tabs ul", view);
  if (!tab || !strip || strip.scrollWidth <= strip.clientWidth) return;
  const gap = 24;
  const before = tab.offsetLeft - gap;
  const after = tab.offsetLeft + tab.offsetWidth + gap - strip.clientWidth;
  strip.scrollLeft = Math.min(before, Math.max(after, strip.scrollLeft));
}

/** Says how many tickets are shown. @param {HTMLElement} view */
export function announceCount(view) {
  const count = findAll(".ticket", view).length;
  const more = find("[data-do=more]", view) ? " and more" : "";
  announce(count === 0 ? "No tickets found." : count === 1 ? "1 ticket." : `${count} tickets${more}.`);
}

/**
 * Adds the next page below the list and moves the focus to its first ticket.
 * @param {HTMLElement} view
 * @param {HTMLElement} fresh
 */
export function appendTickets(view, fresh) {
  const list = find(".tickets", view);
  const known = new Set(findAll(".ticket", view).map((card) => card.dataset.reference));
  const cards = findAll(".ticket", fresh).filter((card) => !known.has(card.dataset.reference));
  list?.append(...cards);
  const next = find(".more", fresh);
  if (next) find(".more", view)?.replaceWith(next);
  else find(".more", view)?.remove();
  writeTimes(view);
  find("h2 a", cards[0] ?? view)?.focus({ preventScroll: true });
  announce(cards.length === 1 ? "1 more ticket." : `${cards.length} more tickets.`);
}

/**
 * Brings a list that was left and came back to up to date: the first page is the server's, what
 * "Show more" had added stays below it.
 * @param {HTMLElement} view
 * @param {HTMLElement} fresh
 */
export function refreshList(view, fresh) {
  const newest = new Set(findAll(".ticket", fresh).map((card) => card.dataset.reference));
  const long = findAll(".ticket", view).length > 20;
  const older = long ? findAll(".ticket", view).filter((card) => !newest.has(card.dataset.reference)) : [];
  const button = find(".more", view);
  swapList(view, fresh);
  if (!long) return;
  find(".tickets", view)?.append(...older);
  const offered = find(".more", view);
  if (button) offered?.replaceWith(button);
  else offered?.remove();
}

/** Takes the mark from a ticket that was just read. @param {HTMLElement} view @param {string} reference */
export function markRead(view, reference) {
  const card = find(`[data-reference="${reference}"]`, view);
  card?.classList.remove("unread");
  if (card) find(".new", card)?.remove();
}
