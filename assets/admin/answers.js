// Saved answers: one that is chosen is put where the caret is. Without this, the page is loaded
// again with it below what was written.

/** Lets the page's buttons insert at once; also those that come later. */
export function insertAnswers() {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest(".saved button");
    if (button instanceof HTMLButtonElement) insertAnswer(event, button);
  });
}

/** @param {Event} event @param {HTMLButtonElement} button */
async function insertAnswer(event, button) {
  const form = button.form;
  const choice = form?.querySelector("select[name=answer]");
  const area = form?.querySelector("textarea");
  if (!form || !(choice instanceof HTMLSelectElement) || !area) return;
  event.preventDefault();
  if (!choice.value) {
    choice.focus();
    return;
  }
  const path = new URL(button.formAction).pathname;
  try {
    const answer = await fetch(`${path}/${choice.value}`);
    if (!answer.ok) throw new Error(`${answer.status}`);
    putAtCaret(area, await answer.text());
    choice.value = "";
  } catch {
    // The server says what is wrong on the page that it answers with.
    form.requestSubmit(button);
  }
}

/** @param {HTMLTextAreaElement} area @param {string} text */
function putAtCaret(area, text) {
  area.focus();
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}
