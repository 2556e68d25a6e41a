// The one place where text from the server becomes elements, and what both sides do with elements.

/** Everything that becomes elements passes here; Trusted Types refuses any other way. */
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("doorkey", { createHTML: (text) => text })
  : { createHTML: (/** @type {string} */ text) => text };

/**
 * A page or fragment that this origin answered. The parser runs no script, and elements cannot gain
 * inline style or handlers under the page's policy.
 * @param {string} text
 * @returns {Document}
 */
export function inert(text) {
  return new DOMParser().parseFromString(policy.createHTML(text), "text/html");
}

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement | null} */
export function find(selector, within = document) {
  return within.querySelector(selector);
}

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement[]} */
export function findAll(selector, within = document) {
  return Array.from(within.querySelectorAll(selector));
}

/** Says something to screen readers without moving anything. @param {string} text */
export function announce(text) {
  const live = find("#live");
  if (!live) return;
  live.textContent = "";
  // An emptied region that is filled a moment later is read even if the words are the same.
  setTimeout(() => {
    live.textContent = text;
  }, 60);
}
