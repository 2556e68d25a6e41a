// The door: asking for a link, typing the code, signing out, ending all access.

import { call, excuse } from "./api.js";
import { asked, forget, keepAsked, keepToken, sayEnded } from "./session.js";
import { announce, find } from "./dom.js";
import { blame, clearProblems, complain, once, show, template } from "./html.js";

/** The ticket this address names, so that renewing a link leads back to it. @returns {string | null} */
export function wantedTicket() {
  return /^\/portal\/tickets\/([^/]+)$/.exec(location.pathname)?.[1] ?? null;
}

/**
 * Shows the form that asks for a link.
 * @param {{ news?: string, focus?: boolean }} [how]
 */
export function showDoor({ news = "", focus = true } = {}) {
  const view = template("door");
  tell(view, news);
  show(view, { focus, title: "Sign in" });
}

/** Puts a piece of news above a form. @param {HTMLElement} view @param {string} news */
export function tell(view, news) {
  const place = find("[data-news]", view);
  if (place) place.textContent = news;
}

/** Shows that a link is on its way, and the field for its code. @param {{ focus?: boolean }} [how] @returns {boolean} whether one was asked for */
export function showSent({ focus = true } = {}) {
  const what = asked();
  if (!what) return false;
  const view = template("sent");
  const answer = find("[data-answer]", view);
  const address = find("[data-address]", view);
  // The API says it in plain characters.
  if (answer) answer.textContent = what.answer.replaceAll("'", "’");
  if (address) address.textContent = what.email;
  show(view, { focus, title: "Check your e-mail" });
  return true;
}

/** Asks for a link with what stands in the form. @param {HTMLElement} form */
export function sendLink(form) {
  const field = /** @type {HTMLInputElement} */ (find("input", form));
  clearProblems(form);
  return once(form, "Sending…", async () => {
    const why = await askForLink(field.value, wantedTicket());
    if (why?.field) blame(field, why.text);
    else if (why) complain(form, why.text);
    else showSent();
  });
}

/**
 * @param {string} email
 * @param {string | null} ticket
 * @returns {Promise<{ field: boolean, text: string } | null>} what was wrong
 */
async function askForLink(email, ticket) {
  if (email.trim() === "") return { field: true, text: "Please enter your e-mail address." };
  const body = ticket ? { email, ticket } : { email };
  const answer = await call("POST", "links", { body, open: true });
  if (answer.status === 202) {
    keepAsked({ email: email.trim(), request: answer.body.request_id, answer: answer.body.message, ticket });
    return null;
  }
  // A reference that can be none is no reason to refuse the address.
  if (ticket && answer.problem.errors?.every(({ field }) => field === "ticket")) return askForLink(email, null);
  const own = answer.problem.errors?.find(({ field }) => field === "email");
  return own ? { field: true, text: own.message } : { field: false, text: excuse(answer) };
}

/** Asks for the same link once more. @param {HTMLElement} button */
export async function sendAgain(button) {
  const what = asked();
  const form = find("[data-form=code]");
  if (!what || !form || button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  const why = await askForLink(what.email, what.ticket);
  button.removeAttribute("aria-disabled");
  if (why) return complain(form, why.text);
  announce("Asked for another link. If a mail came already, its code works as well.");
  button.textContent = "Sent again";
}

/** Opens the portal with the code from the mail. @param {HTMLElement} form @param {() => void} opened */
export function sendCode(form, opened) {
  const field = /** @type {HTMLInputElement} */ (find("input", form));
  const code = field.value.replace(/\D/g, "");
  clearProblems(form);
  if (code.length !== 6) {
    blame(field, "The code has 6 digits. It stands in the mail we sent you.");
    return Promise.resolve();
  }
  return once(form, "Opening…", async () => {
    const answer = await redeem(code);
    if (answer?.status === 200) {
      keepToken(answer.body.token);
      opened();
    } else if (!answer || answer.status === 401) {
      blame(field, "This code is not valid. Please look for the newest mail, or ask for another one: a code works for 15 minutes.");
    } else {
      complain(form, excuse(answer));
    }
  });
}

/**
 * Tries the code with each request of this tab, the newest first, until one is not refused.
 * @param {string} code
 */
async function redeem(code) {
  let answer = null;
  for (const request of asked()?.requests ?? []) {
    answer = await call("POST", "codes", { body: { request_id: request, code }, open: true });
    if (answer.status !== 401) break;
  }
  return answer;
}

/** Forgets the token in this tab. The link goes on working elsewhere. */
export function signOut() {
  forget();
  history.replaceState(null, "", "/portal");
  showDoor({ news: "You are signed out of this tab. The link in your mail works until it expires." });
}

/** Revokes every link of this customer, here and everywhere. @param {HTMLElement} dialog */
export function endAll(dialog) {
  return once(dialog, "Ending…", async () => {
    const answer = await call("DELETE", "session?all=true");
    // A token that is refused already opens nothing either.
    if (answer.status !== 204 && answer.status !== 401) return complain(dialog, excuse(answer));
    /** @type {HTMLDialogElement} */ (dialog).close();
    sayEnded();
    showEnded();
  });
}

/** What every tab shows after all access was ended. */
export function showEnded() {
  forget();
  history.replaceState(null, "", "/portal");
  showDoor({ news: "All access has ended: none of your links works any more. Ask for a new one whenever you like." });
}
