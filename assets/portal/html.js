// The portal's page and what is put into it.

import { find, findAll, inert } from "./dom.js";

/**
 * The content of a fragment that this origin answered.
 * @param {string} text
 * @returns {HTMLElement | null} its root
 */
export function parse(text) {
  const root = inert(text).body.firstElementChild;
  return root instanceof HTMLElement ? document.importNode(root, true) : null;
}

/** A copy of one of the shell's templates. @param {string} id @returns {HTMLElement} */
export function template(id) {
  const source = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const copy = document.importNode(source.content, true);
  return /** @type {HTMLElement} */ (copy.firstElementChild);
}

/** @returns {HTMLElement} */
export function main() {
  return /** @type {HTMLElement} */ (document.getElementById("main"));
}

const siteName = document.title;

/**
 * Shows a view in the page, names it in the title and, unless it is the first thing shown, moves
 * the focus to its heading so that a screen reader says where one is.
 * @param {HTMLElement} view
 * @param {{ focus?: boolean, title?: string }} [how]
 */
export function show(view, { focus = true, title = view.dataset.title } = {}) {
  main().replaceChildren(view);
  nameTab(title);
  const me = find("#me");
  if (me) {
    me.hidden = !view.dataset.me;
    const name = find("[data-me]", me);
    if (name) name.textContent = view.dataset.me ?? "";
  }
  if (focus) find("h1", view)?.focus({ preventScroll: true });
}

/** Names the window's tab. @param {string} [title] */
export function nameTab(title) {
  document.title = title ? `${title} · ${siteName}` : siteName;
}

/** @param {boolean} on */
export function busy(on) {
  document.documentElement.toggleAttribute("data-busy", on);
  main().setAttribute("aria-busy", String(on));
}

/** Marks a field as wrong, says why, and puts the reader there. @param {HTMLElement} field @param {string} why */
export function blame(field, why) {
  const problem = document.getElementById(`${field.id}-problem`);
  if (problem) problem.textContent = why;
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

/** Takes back what {@link blame} and {@link complain} said. @param {HTMLElement} form */
export function clearProblems(form) {
  for (const problem of findAll(".problem", form)) problem.textContent = "";
  for (const field of findAll("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
}

/** Says what is wrong with the whole form. @param {HTMLElement} form @param {string} why */
export function complain(form, why) {
  const problem = find("[data-problem]", form);
  if (problem) problem.textContent = why;
}

/**
 * Runs `work` once however often it is asked for, and shows on the form's button that it runs.
 * @param {HTMLElement} form
 * @param {string} label
 * @param {() => Promise<void>} work
 */
export async function once(form, label, work) {
  const button = find("button[type=submit], button.danger", form);
  if (!button || form.dataset.working) return;
  const before = button.textContent;
  form.dataset.working = "yes";
  button.setAttribute("aria-disabled", "true");
  button.textContent = label;
  try {
    await work();
  } finally {
    delete form.dataset.working;
    button.removeAttribute("aria-disabled");
    button.textContent = before;
  }
}
