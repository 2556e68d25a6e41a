// The settings: a colour can also be picked.

/** Puts a picker beside the field of a colour. @param {HTMLElement} place */
export function offerColours(place) {
  const field = place.querySelector("input");
  if (!field || field.readOnly) return;
  const picker = document.createElement("input");
  picker.type = "color";
  picker.setAttribute("aria-label", "Pick a colour");
  const follow = () => {
    const typed = field.value.trim().toLowerCase();
    if (/^#[0-9a-f]{6}$/.test(typed)) picker.value = typed;
    else if (!typed) picker.value = "#3355a8";
  };
  follow();
  field.addEventListener("input", follow);
  picker.addEventListener("input", () => {
    field.value = picker.value;
  });
  place.append(picker);
}
