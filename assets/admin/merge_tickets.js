// The list of tickets that stands open: rows change in their places; what would move them is offered.

import { announce, find, findAll } from "../portal/dom.js";
import { writeTimes } from "../portal/times.js";
import { keepPlace, offer, offerNothing, swapParts } from "./merge.js";

/** Each row as the server last said it, by the ticket. @type {Map<string, string>} */
const rowsSaid = new Map();

/** Remembers the rows as they came. @param {HTMLElement} page */
export function rememberRows(page) {
  rowsSaid.clear();
  for (const row of findAll("[data-row]", page)) rowsSaid.set(nameOf(row), row.outerHTML);
}

/** @param {HTMLElement} row */
function nameOf(row) {
  return row.dataset.row ?? "";
}

/**
 * @param {HTMLElement} page
 * @param {HTMLElement} fresh
 * @param {Set<string>} changed tickets that others changed since the list was shown
 */
export function mergeTickets(page, fresh, changed) {
  const list = find("[data-part=list]", fresh);
  if (!list) return;
  // The list is looked after here, everything else by its parts.
  list.removeAttribute("data-part");
  const rows = findAll("[data-row]", list);
  const shown = findAll("[data-row]", page);
  const isSame = shown.map(nameOf).join() === rows.map(nameOf).join();
  keepPlace(page, () => {
    swapParts(page, fresh);
    for (const row of rows) swapRow(page, row);
  });
  if (isSame) {
    changed.clear();
    return offerNothing();
  }
  const words = changed.size === 1 ? "1 ticket changed" : `${changed.size} tickets changed`;
  announce(`${words}.`);
  offer(`${words}: show`, () => {
    changed.clear();
    showList(page, list);
  });
}

/** Puts what changed of a row into its place; the box that chooses it, and the focus, stay. @param {HTMLElement} page @param {HTMLElement} row */
function swapRow(page, row) {
  const shown = find(`[data-row="${nameOf(row)}"]`, page);
  const text = row.outerHTML;
  if (!shown || rowsSaid.get(nameOf(row)) === text) return;
  rowsSaid.set(nameOf(row), text);
  const focused = shown.contains(document.activeElement) && document.activeElement?.matches("a");
  const copy = document.importNode(row, true);
  writeTimes(copy);
  const cells = findAll("td", copy);
  findAll("td", shown).forEach((cell, at) => {
    const other = cells[at];
    if (other && !cell.classList.contains("pick")) cell.replaceWith(other);
  });
  shown.classList.add("arrived");
  if (focused) find("a", shown)?.focus({ preventScroll: true });
}

/** Shows the list as it is now; what was chosen stays chosen. @param {HTMLElement} page @param {HTMLElement} list */
function showList(page, list) {
  const boxes = /** @type {HTMLInputElement[]} */ (findAll(".pick input", page));
  const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const copy = document.importNode(list, true);
  copy.dataset.part = "list";
  writeTimes(copy);
  for (const box of /** @type {HTMLInputElement[]} */ (findAll(".pick input", copy))) box.checked = chosen.has(box.value);
  find("[data-part=list]", page)?.replaceWith(copy);
  rowsSaid.clear();
  for (const row of findAll("[data-row]", list)) rowsSaid.set(nameOf(row), row.outerHTML);
  find("[data-row] a, a", copy)?.focus({ preventScroll: true });
  copy.scrollIntoView({ block: "nearest", behavior: "instant" });
}
