// What this tab knows: the token, drafts, the code it waits for. It lives in the tab's session
// storage and is gone with it. Tabs of one browser hand each other the token when asked.

const TOKEN = "doorkey.token";
const COUNTED = "doorkey.counted";
const LEFT = "doorkey.left";
const ASKED = "doorkey.asked";
const DRAFT = "doorkey.draft.";
const READER = "doorkey.reader";

/** How many requests for a link are remembered; a mail may answer any of them. */
const REQUESTS = 3;

/** How long a new tab waits for an open one to answer, in milliseconds. */
const PATIENCE = 150;

/**
 * `tried`: what was sent last without an answer, and the newest own entry that stood there then.
 * @typedef {{ text: string, key: string, tried?: { text: string, after: string } }} Draft
 */
/** @typedef {{ email: string, requests: string[], answer: string, ticket: string | null }} Asked `requests`: newest first */
/**
 * @typedef {{ type: "token?", from: string } | { type: "token", to: string, token: string }
 *   | { type: "draft?", from: string, reference: string, reader: string | null } | { type: "draft", to: string, reference: string, draft: Draft }
 *   | { type: "sent", reference: string, key: string, text: string } | { type: "ended", reader: string | null }} Word
 */

/** Only pages of this origin can join the channel. */
const channel = "BroadcastChannel" in window ? new BroadcastChannel("doorkey") : null;
const selfId = random();

/** Whether the token this tab holds was refused: then it is nothing to hand on. */
let refused = false;

/** @returns {string} 128 random bits, for keys that only have to be unlike any other */
export function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @returns {string | null} */
export function token() {
  return sessionStorage.getItem(TOKEN);
}

/** @param {string} fresh */
export function keepToken(fresh) {
  refused = false;
  if (token() !== fresh) sessionStorage.removeItem(COUNTED);
  sessionStorage.setItem(TOKEN, fresh);
  sessionStorage.removeItem(LEFT);
  sessionStorage.removeItem(ASKED);
}

/** Remembers that the server did not take the token. */
export function markRefused() {
  refused = true;
}

/**
 * Remembers whose session this tab holds. Drafts are theirs: the next customer does not get to see
 * them, the same customer with another link does.
 * @param {string} email
 * @returns {boolean} whether it is another customer than before
 */
export function keepReader(email) {
  if (sessionStorage.getItem(READER) === email) return false;
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(DRAFT)) sessionStorage.removeItem(key);
  }
  sessionStorage.setItem(READER, email);
  return true;
}

/** @returns {boolean} whether this opening of the portal was counted already */
export function counted() {
  const before = sessionStorage.getItem(COUNTED) !== null;
  sessionStorage.setItem(COUNTED, "yes");
  return before;
}

/** Forgets everything in this tab; a reload must not fetch the token back from another one. */
export function forget() {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("doorkey.")) sessionStorage.removeItem(key);
  }
  sessionStorage.setItem(LEFT, "yes");
}

/**
 * Takes a token out of the address, from the fragment or the query, and cleans the address before
 * anything else can see it.
 * @returns {boolean} whether there was one
 */
export function takeFromAddress() {
  const query = new URLSearchParams(location.search);
  const inside = new URLSearchParams(location.hash.slice(1));
  const found = inside.get("token") ?? query.get("token");
  if (found === null) return false;
  query.delete("token");
  const rest = query.toString();
  history.replaceState(history.state, "", location.pathname + (rest ? `?${rest}` : ""));
  // A link that was damaged on its way may hold what no header can carry: it is as good as unknown.
  keepToken(/^[\w-]+$/.test(found) ? found : "-");
  return true;
}

/** @returns {Promise<boolean>} whether another tab had a token for this one */
export function askOtherTabs() {
  const held = channel;
  if (!held || sessionStorage.getItem(LEFT)) return Promise.resolve(false);
  return new Promise((resolve) => {
    /** @param {MessageEvent<Word>} event */
    const hear = ({ data }) => {
      if (data.type !== "token" || data.to !== selfId) return;
      keepToken(data.token);
      done(true);
    };
    /** @param {boolean} got */
    const done = (got) => {
      clearTimeout(timer);
      held.removeEventListener("message", hear);
      resolve(got);
    };
    const timer = setTimeout(done, PATIENCE, false);
    held.addEventListener("message", hear);
    say({ type: "token?", from: selfId });
  });
}

/** @param {Word} word */
function say(word) {
  channel?.postMessage(word);
}

/**
 * Listens to the other tabs for as long as this one lives.
 * @param {{ ended: () => void, draft: (reference: string, draft: Draft) => void, sent: (reference: string, text: string) => void }} on
 */
export function listen(on) {
  channel?.addEventListener("message", (/** @type {MessageEvent<Word>} */ { data }) => {
    const held = token();
    if (data.type === "token?" && held && !refused) say({ type: "token", to: data.from, token: held });
    if (data.type === "draft?" && data.reader === sessionStorage.getItem(READER)) {
      const found = draft(data.reference);
      if (found?.text) say({ type: "draft", to: data.from, reference: data.reference, draft: found });
    }
    if (data.type === "draft" && data.to === selfId) on.draft(data.reference, data.draft);
    if (data.type === "sent" && draft(data.reference)?.key === data.key) {
      settleDraft(data.reference, data.text);
      on.sent(data.reference, data.text);
    }
    // Another customer's tabs in the same browser go on.
    if (data.type === "ended" && data.reader === sessionStorage.getItem(READER)) on.ended();
  });
}

/** Tells the other tabs that no link works any more. */
export function sayEnded() {
  say({ type: "ended", reader: sessionStorage.getItem(READER) });
}

/**
 * The text that was being written for a ticket, and the key under which it will be sent once.
 * @param {string} reference
 * @returns {Draft | null}
 */
export function draft(reference) {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT + reference) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} reference @param {Draft} kept */
export function keepDraft(reference, kept) {
  try {
    sessionStorage.setItem(DRAFT + reference, JSON.stringify(kept));
  } catch {
    // The storage is full: what is typed still stands in the field.
  }
}

/** @param {string} reference */
export function dropDraft(reference) {
  sessionStorage.removeItem(DRAFT + reference);
}

/**
 * The server has this text: the draft that says the same is done. One that says something else by
 * now stays, to be sent under a key of its own.
 * @param {string} reference
 * @param {string} text
 * @returns {boolean} whether nothing is left to send
 */
export function settleDraft(reference, text) {
  const kept = draft(reference)?.text ?? "";
  const done = kept.trimEnd() === text.trimEnd();
  if (done) dropDraft(reference);
  else keepDraft(reference, { text: kept, key: random() });
  return done;
}

/** Asks the other tabs for a draft: the tab whose link expired may hold it. @param {string} reference */
export function askForDraft(reference) {
  say({ type: "draft?", from: selfId, reference, reader: sessionStorage.getItem(READER) });
}

/** Tells the other tabs that this text was accepted. @param {string} reference @param {string} key @param {string} text */
export function saySent(reference, key, text) {
  say({ type: "sent", reference, key, text });
}

/** What this tab asked a link for; phones throw tabs away while their owner reads the mail. @returns {Asked | null} */
export function asked() {
  try {
    return JSON.parse(sessionStorage.getItem(ASKED) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Remembers a request for a link. Those before it for the same address stay: a second one within a
 * minute brings no second mail, and the code in the first mail belongs to the first request.
 * @param {{ email: string, request: string, answer: string, ticket: string | null }} fresh
 */
export function keepAsked({ request, ...rest }) {
  const before = asked();
  const same = before?.email.toLowerCase() === rest.email.toLowerCase();
  const requests = [request, ...(same ? before?.requests ?? [] : [])].slice(0, REQUESTS);
  sessionStorage.setItem(ASKED, JSON.stringify({ ...rest, requests }));
  // A token that opens nothing would hide the field for the code at the next reload.
  if (refused) sessionStorage.removeItem(TOKEN);
}

/** Another address is to be asked for. */
export function dropAsked() {
  sessionStorage.removeItem(ASKED);
}
