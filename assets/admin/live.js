// An open page is told what others do: one stream of events for each tab in sight. An event says
// only which ticket changed; the page then asks for itself and takes over what is new.

import { announce, find, inert } from "../portal/dom.js";
import { mergeDashboard, mergeDeskTicket, rememberParts } from "./merge.js";
import { mergeTickets, rememberRows } from "./merge_tickets.js";

/** A page out of sight keeps its stream for so long, in milliseconds: browsers hold few connections to one server. */
const UNSEEN = 10_000;
/** The page asks for itself this often at most, in milliseconds. */
const PAUSE_BETWEEN = 1_000;
/** A stream that was refused is tried again after so long, in milliseconds. */
const REFUSED_PAUSE = 30_000;
/** Who types says so this often at most, in milliseconds: half as often as it lapses. */
const TYPING_PAUSE = 7_000;

/** @type {EventSource | null} */
let stream = null;
/** The last event that the page shows. */
let shownUpTo = "0";
/** Whether the page is being asked for, and whether more happened meanwhile. */
let asking = false;
let askAgain = false;
/** Takes the question back when the page is left. @type {AbortController} */
let question = new AbortController();
/** Tickets that others changed since the list was shown. @type {Set<string>} */
const changed = new Set();

/** Follows what happens, on a page that says what it is about. Before anything is written into the page. */
export function followNews() {
  const page = find("#main[data-live]");
  if (!page) return;
  rememberParts(page);
  rememberRows(page);
  shownUpTo = page.dataset.after ?? "0";
  openStream(page);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let unseen;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(closeStream, UNSEEN);
    else openStream(page);
  });
  addEventListener("pagehide", () => {
    closeStream();
    question.abort();
  });
  addEventListener("pageshow", (event) => event.persisted && openStream(page));
  sayTyping(page);
}

/** @param {HTMLElement} page */
function openStream(page) {
  if (stream || document.hidden) return;
  const query = new URLSearchParams({ after: shownUpTo });
  if (page.dataset.ticket) query.set("ticket", page.dataset.ticket);
  const opened = new EventSource(`/admin/live?${query}`);
  stream = opened;
  opened.addEventListener("ticket", ({ lastEventId, data }) => {
    shownUpTo = lastEventId;
    changed.add(JSON.parse(data).ticket);
    void askForPage(page);
  });
  opened.addEventListener("reload", ({ lastEventId }) => {
    shownUpTo = lastEventId;
    void askForPage(page);
  });
  opened.addEventListener("present", ({ data }) => {
    find("#others")?.replaceChildren(...inert(data).body.childNodes);
  });
  // A stream that broke is opened again by the browser; one that was refused is not.
  opened.addEventListener("error", () => {
    if (opened.readyState === EventSource.CLOSED && stream === opened) void afterRefusal(page);
  });
}

function closeStream() {
  stream?.close();
  stream = null;
}

/** @param {HTMLElement} page */
async function afterRefusal(page) {
  closeStream();
  // A page that is being left is told of an error, too; it does not live to ask.
  await new Promise((done) => setTimeout(done, PAUSE_BETWEEN));
  try {
    const answer = await fetch("/admin/live", { headers: { Accept: "application/json", "Doorkey-Live": "1" } });
    if (answer.status === 401) return saySignedOut();
  } catch {
    // Without a connection it is tried again like anything else.
  }
  setTimeout(() => openStream(page), REFUSED_PAUSE);
}

function saySignedOut() {
  const box = find("#arrivals");
  if (!box) return;
  const link = document.createElement("a");
  link.className = "button";
  link.href = "/admin/sign-in";
  link.target = "_blank";
  link.textContent = "You are signed out. Sign in in a new tab";
  box.replaceChildren(link);
  box.hidden = false;
  announce("You are signed out. What you wrote stays on this page.");
}

/** Asks for the page and takes over what is new. A server that takes its time is asked less often. @param {HTMLElement} page */
async function askForPage(page) {
  askAgain = asking;
  if (asking) return;
  asking = true;
  const begun = performance.now();
  question = new AbortController();
  try {
    const answer = await fetch(page.dataset.page ?? "", { signal: question.signal, headers: { Accept: "text/html", "Doorkey-Live": "1" }, cache: "no-store", redirect: "error" });
    const fresh = answer.ok ? find("#main", inert(await answer.text())) : null;
    if (fresh) takeOver(page, fresh);
  } catch {
    // The next event asks again.
  }
  const pause = Math.max(PAUSE_BETWEEN, 4 * (performance.now() - begun));
  setTimeout(() => {
    asking = false;
    if (askAgain) void askForPage(page);
  }, pause);
}

/** @param {HTMLElement} page @param {HTMLElement} fresh */
function takeOver(page, fresh) {
  if (page.dataset.live === "ticket") return mergeDeskTicket(page, fresh);
  if (page.dataset.live === "tickets") return mergeTickets(page, fresh, changed);
  mergeDashboard(page, fresh);
}

/** Lets colleagues at the same ticket know that somebody writes. @param {HTMLElement} page */
function sayTyping(page) {
  if (!page.dataset.ticket) return;
  let last = -TYPING_PAUSE;
  page.addEventListener("input", ({ target, timeStamp }) => {
    if (!(target instanceof HTMLTextAreaElement) || target.value.trim() === "" || timeStamp - last < TYPING_PAUSE) return;
    last = timeStamp;
    fetch(`/admin/tickets/${page.dataset.ticket}/writing`, { method: "POST" }).catch(() => {});
  });
}
