// The portal's page: takes the token out of the address, shows the content of the address, and
// follows links without loading the page again.

import { call, excuse, fetchPage } from "./api.js";
import { askOtherTabs, counted, draft, dropAsked, keepReader, listen, markRefused, takeFromAddress, token } from "./session.js";
import { announce, find } from "./dom.js";
import { busy, clearProblems, main, parse, show, template } from "./html.js";
import { keepTimes, prepareTimes, writeTimes } from "./times.js";
import { endAll, sendAgain, sendCode, sendLink, showDoor, showEnded, showSent, signOut, tell, wantedTicket } from "./door.js";
import { announceCount, appendTickets, bringTabIntoView, hintLength, markRead, refreshList, searchAddress, stopResting, swapList, whenResting } from "./list.js";
import { copyDraft, discardDraft, emptyReply, referenceOf, restoreDraft, takeDraft, typed } from "./drafts.js";
import { isListening, listenTo } from "./live.js";
import { announceEntries, mergeTicket, prependEntries, remember, sendReply } from "./ticket.js";

/** How often an open ticket is looked at, in milliseconds, while nobody tells of its news; and while somebody does. */
const EVERY = 12_000;
const SELDOM = 120_000;

/** Lists that were left, to come back to as they were: by the history entry they stood in. @type {Map<string, { view: HTMLElement, etag: string | null }>} */
const left = new Map();

/** What the shown content is, as the server names it. @type {string | null} */
let etag = null;
/** Counts navigations, so that a late answer cannot take the place of a later one. */
let journey = 0;
/** When the open ticket was looked at last. */
let looked = 0;
/** How often in a row the server was not reached. */
let misses = 0;

/** @returns {HTMLElement | null} */
function current() {
  return find("[data-view]", main());
}

/** @returns {string} */
function here() {
  return location.pathname + location.search;
}

/** Gives this history entry a name and notes how far down it is read. */
function noteScroll() {
  history.replaceState({ ...history.state, name: history.state?.name ?? String(performance.now()), y: scrollY }, "");
}

/**
 * Shows the content of the address.
 * @param {{ focus?: boolean, y?: number }} [how] `y`: how far down to read on
 */
async function load({ focus = true, y = 0 } = {}) {
  const mine = ++journey;
  if (!token()) return showWayIn(focus);
  busy(true);
  const asked = fetchPage(here());
  setTimeout(prepareTimes);
  const page = await asked;
  if (mine !== journey) return;
  busy(false);
  // Either there is an answer, or the page itself says that there is none.
  online();
  const view = page.text && [200, 401, 404].includes(page.status) ? parse(page.text) : null;
  if (!view) return showTrouble(page, focus);
  etag = page.status === 200 ? page.etag : null;
  settle(view, focus);
  if (page.status === 401) return refuse(view);
  // The first page that is shown stands at its top already; scrolling would lay it out before its time.
  if (mine > 1 || y > 0) scrollTo({ top: y, behavior: "instant" });
  if (page.status === 200 && !counted()) void call("GET", "session");
}

/** Without a token: the field for the code if a link was asked for, or else the form for one. @param {boolean} focus */
function showWayIn(focus) {
  busy(false);
  if (!showSent({ focus })) showDoor({ focus });
}

/** @param {HTMLElement} view @param {boolean} focus */
function settle(view, focus) {
  // What another customer left in this tab is not for this one.
  if (view.dataset.me && keepReader(view.dataset.me)) left.clear();
  if (view.dataset.view === "ticket") remember(view);
  writeTimes(view);
  show(view, { focus });
  // In the next frame, which lays the page out anyway.
  if (view.dataset.view === "list") requestAnimationFrame(() => bringTabIntoView(view));
  if (view.dataset.view === "ticket") restoreDraft(view);
  follow();
}

/** Listens to the ticket in sight, and to nothing else. */
function follow() {
  const view = current();
  const isTicket = view?.dataset.view === "ticket" && !document.hidden && token() !== null;
  listenTo(isTicket ? location.pathname : "", view?.dataset.version ?? "", () => void look());
}

/** From time to time. */
function tick() {
  follow();
  if (!isListening() || performance.now() - looked > SELDOM) void look();
}

/** @param {HTMLElement} view */
function refuse(view) {
  markRefused();
  const wanted = wantedTicket();
  if (wanted && draft(wanted)?.text) tell(view, "What you were writing is kept. It is here again when you come back with a new link.");
  scrollTo({ top: 0, behavior: "instant" });
}

/** @param {{ status: number, wait: number }} page @param {boolean} focus */
function showTrouble(page, focus) {
  const view = template("trouble");
  const head = find("[data-head]", view);
  const words = find("[data-words]", view);
  if (head) head.textContent = page.status === 429 ? "One moment, please" : "We will be right back";
  if (words) words.textContent = excuse(page);
  show(view, { focus, title: head?.textContent ?? "" });
}

/** Follows a link. @param {string} address */
async function go(address) {
  const view = current();
  noteScroll();
  if (view?.dataset.view === "list") left.set(history.state.name, { view, etag });
  history.pushState({ name: String(performance.now()), y: 0, inner: true }, "", address);
  await load();
}

/** Shows another list in the place of this one. @param {string} address @param {boolean} push */
async function goList(address, push) {
  const view = current();
  stopResting();
  if (view?.dataset.view !== "list") return go(address);
  if (address === here()) return;
  noteScroll();
  if (push) history.pushState({ name: String(performance.now()), y: 0, inner: true }, "", address);
  else history.replaceState(history.state, "", address);
  await swap(view);
}

/** Puts the list of the address in the place of the one shown. @param {HTMLElement} view */
async function swap(view) {
  // What is shown changes in its place, so it is no longer the list that was left.
  for (const [name, kept] of left) if (kept.view === view) left.delete(name);
  const mine = ++journey;
  busy(true);
  const page = await fetchPage(here());
  if (mine !== journey) return;
  busy(false);
  if (isAnswer(page)) online();
  const fresh = page.status === 200 ? parse(page.text) : null;
  if (!fresh) return load();
  etag = page.etag;
  writeTimes(fresh);
  swapList(view, fresh);
  announceCount(view);
}

/** The list as it was when it was left, brought up to date. @param {{ view: HTMLElement, etag: string | null }} kept @param {number} y */
async function comeBack(kept, y) {
  journey += 1;
  busy(false);
  etag = kept.etag;
  markRead(kept.view, lastTicket);
  show(kept.view, { focus: false });
  writeTimes(kept.view);
  scrollTo({ top: y, behavior: "instant" });
  find(`[data-reference="${lastTicket}"] h2 a`, kept.view)?.focus({ preventScroll: true });
  await renew(kept.view);
}

/** Brings the list that is shown up to date. @param {HTMLElement} view */
async function renew(view) {
  const mine = journey;
  const page = await fetchPage(here(), etag);
  if (mine !== journey || view !== current()) return;
  if (!isAnswer(page)) return offline();
  online();
  if (page.status === 304 || page.status === 429) return;
  const fresh = page.status === 200 ? parse(page.text) : null;
  if (!fresh) return load();
  etag = page.etag;
  writeTimes(fresh);
  const focused = document.activeElement?.closest(".ticket")?.getAttribute("data-reference");
  refreshList(view, fresh);
  if (focused) find(`[data-reference="${focused}"] h2 a`, view)?.focus({ preventScroll: true });
}

/** The ticket that was open last, to which the focus returns in the list. */
let lastTicket = "";

addEventListener("popstate", (event) => {
  if (takeFromAddress()) return void load();
  const view = current();
  if (view?.dataset.view === "ticket") lastTicket = referenceOf(view);
  const kept = left.get(event.state?.name);
  if (kept && token()) return void comeBack(kept, event.state?.y ?? 0);
  if (view?.dataset.view === "list" && location.pathname === "/portal") return void swapBack(view);
  void load({ y: event.state?.y ?? 0 });
});

/** Back or forward between two lists: the search field follows the address. @param {HTMLElement} view */
function swapBack(view) {
  const field = /** @type {HTMLInputElement | null} */ (find("#q", view));
  if (field) {
    field.value = new URLSearchParams(location.search).get("q") ?? "";
    hintLength(field);
  }
  return swap(view);
}

addEventListener("hashchange", () => {
  if (takeFromAddress()) void load();
});

// A page that comes out of the browser's back-forward cache may be one that was signed out.
addEventListener("pageshow", (event) => {
  if (event.persisted && !token()) showDoor();
});

let noting = false;
addEventListener("scroll", () => {
  if (noting) return;
  noting = true;
  setTimeout(() => {
    noting = false;
    if (token()) noteScroll();
  }, 200);
}, { passive: true });

/** Adds what the link leads to instead of going there. @param {HTMLElement} view @param {HTMLAnchorElement} link @param {(view: HTMLElement, fresh: HTMLElement) => void} add */
async function extend(view, link, add) {
  if (link.getAttribute("aria-disabled")) return;
  link.setAttribute("aria-disabled", "true");
  const page = await fetchPage(link.href);
  link.removeAttribute("aria-disabled");
  if (isAnswer(page)) online();
  if (page.status === 401) return load();
  const fresh = page.status === 200 ? parse(page.text) : null;
  if (fresh) add(view, fresh);
  else announce(excuse(page));
}

/** Looks whether the open ticket has news. A list is not watched, but one that could not be read is tried again. */
async function look() {
  const view = current();
  if (document.hidden || !token()) return;
  if (view?.dataset.view === "list" && misses > 0) return renew(view);
  if (view?.dataset.view !== "ticket") return;
  const mine = journey;
  looked = performance.now();
  // "Show earlier" may have put the address of an older page into a new tab: always look at the end.
  const page = await fetchPage(location.pathname, etag);
  if (mine !== journey || view !== current()) return;
  if (!isAnswer(page)) return offline();
  online();
  if (page.status === 304 || page.status === 429) return;
  const fresh = parse(page.text);
  if (!fresh) return;
  if (page.status !== 200) return load();
  etag = page.etag;
  announceEntries(mergeTicket(view, fresh));
  follow();
}

/** Whether the server was there and knew what to say. @param {{ status: number }} page */
function isAnswer({ status }) {
  return status > 0 && status < 500;
}

function offline() {
  misses += 1;
  const place = find("#offline");
  if (place && misses === 2) place.textContent = "The connection is lost. We keep trying; what you write is kept.";
}

function online() {
  misses = 0;
  const place = find("#offline");
  if (place?.textContent) place.textContent = "";
}

/** @param {string} what @param {HTMLElement} element @param {HTMLElement | null} view @returns {boolean} whether it was done here */
function act(what, element, view) {
  const dialog = /** @type {HTMLDialogElement} */ (find("#end"));
  switch (what) {
    case "sign-out":
      left.clear();
      journey += 1;
      signOut();
      return true;
    case "end":
      clearProblems(dialog);
      dialog.showModal();
      return true;
    case "keep":
      dialog.close();
      return true;
    case "end-now":
      left.clear();
      void endAll(dialog);
      return true;
    case "another":
      dropAsked();
      showDoor();
      return true;
    case "again":
      void sendAgain(element);
      return true;
    case "retry":
      void load();
      return true;
    case "more":
      if (view) void extend(view, /** @type {HTMLAnchorElement} */ (element), appendTickets);
      return true;
    case "earlier":
      if (view) void extend(view, /** @type {HTMLAnchorElement} */ (element), prependEntries);
      return true;
    case "copy":
      if (view) void copyDraft(view);
      return true;
    case "discard":
      if (view) discardDraft(view);
      return true;
    case "back":
      if (view) lastTicket = referenceOf(view);
      // Going back returns to the list as it was left, with its tab, search and place.
      if (history.state?.inner) history.back();
      else void go("/portal");
      return true;
    default:
      return false;
  }
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const element = /** @type {HTMLElement | null} */ (event.target.closest("[data-do], a[href]"));
  if (!element) return;
  const view = current();
  if (act(element.dataset.do ?? "", element, view)) return event.preventDefault();
  if (!(element instanceof HTMLAnchorElement) || element.target || element.origin !== location.origin) return;
  if (element.classList.contains("skip")) {
    event.preventDefault();
    return main().focus();
  }
  if (!token() || !/^\/portal(\/|$)/.test(element.pathname)) return;
  event.preventDefault();
  const address = element.pathname + element.search;
  if (element.dataset.tab) void goList(address, true);
  else void go(address);
});

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const view = current();
  event.preventDefault();
  switch (form.dataset.form) {
    case "link":
      return void sendLink(form);
    case "code":
      return void sendCode(form, () => void load());
    case "search":
      return void goList(searchAddress(form), false);
    case "reply":
      if (view) void sendReply(view, form, { refresh: look, lost: () => void load() });
  }
});

document.addEventListener("input", (event) => {
  const field = event.target;
  const view = current();
  if (field instanceof HTMLTextAreaElement && field.id === "reply" && view) typed(view, field);
  if (field instanceof HTMLInputElement && field.id === "q" && field.form) {
    const form = field.form;
    hintLength(field);
    whenResting(() => void goList(searchAddress(form), false));
  }
});

// Ctrl+Enter sends, as in most places where people write to each other.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  if (field instanceof HTMLTextAreaElement) field.form?.requestSubmit();
});

document.addEventListener("visibilitychange", () => {
  follow();
  void look();
});
addEventListener("online", () => {
  if (find("[data-do=retry]", main())) void load();
  else void look();
});

listen({
  ended: () => {
    left.clear();
    journey += 1;
    showEnded();
  },
  draft: (reference, kept) => {
    const view = current();
    if (view) takeDraft(view, reference, kept);
  },
  sent: (reference, text) => {
    const view = current();
    if (view && referenceOf(view) === reference) emptyReply(view, text);
  },
});

/** Opens the portal in this tab. */
async function start() {
  history.scrollRestoration = "manual";
  const came = takeFromAddress();
  keepTimes();
  setInterval(tick, EVERY);
  if (came || token() || (await askOtherTabs())) return load({ focus: false, y: history.state?.y ?? 0 });
  showWayIn(false);
}

void start();
