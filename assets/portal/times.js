// Times in the reader's own zone: absolute and relative, kept true while the page stands open.

/** The pages speak English, so their dates do; which English is the reader's choice. */
const tongue = navigator.languages.find((it) => it.toLowerCase().startsWith("en")) ?? "en-GB";

/** @typedef {{ relative: Intl.RelativeTimeFormat, named: Intl.RelativeTimeFormat, clock: Intl.DateTimeFormat, shortDay: Intl.DateTimeFormat, longDay: Intl.DateTimeFormat, whole: Intl.DateTimeFormat }} Formats */
/** @type {Formats | null} */
let made = null;

/** Made when first needed: the first of them costs a telephone a tenth of a second. @returns {Formats} */
function formats() {
  made ??= {
    relative: new Intl.RelativeTimeFormat(tongue),
    named: new Intl.RelativeTimeFormat(tongue, { numeric: "auto" }),
    clock: new Intl.DateTimeFormat(tongue, { hour: "numeric", minute: "2-digit" }),
    shortDay: new Intl.DateTimeFormat(tongue, { day: "numeric", month: "short" }),
    longDay: new Intl.DateTimeFormat(tongue, { day: "numeric", month: "short", year: "numeric" }),
    whole: new Intl.DateTimeFormat(tongue, { dateStyle: "full", timeStyle: "long" }),
  };
  return made;
}

/** Makes them now, so that nobody waits for them later: for a moment with nothing else to do. */
export function prepareTimes() {
  formats();
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} seconds a unit, largest first */
const units = [["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["hour", 3_600], ["minute", 60]];

/** @param {Date} at @param {Date} now */
function ago(at, now) {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  if (Math.abs(seconds) < 45) return "just now";
  const isDays = Math.abs(seconds) >= 86_400 && Math.abs(seconds) < 604_800;
  if (isDays) return formats().named.format(calendarDays(at, now), "day");
  const unit = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["minute", 60];
  return formats().relative.format(Math.trunc(seconds / unit[1]) || Math.sign(seconds), unit[0]);
}

/** "Yesterday" is a date, not a number of hours. @param {Date} at @param {Date} now */
function calendarDays(at, now) {
  const midnight = (/** @type {Date} */ it) => new Date(it.getFullYear(), it.getMonth(), it.getDate()).getTime();
  return Math.round((midnight(at) - midnight(now)) / 86_400_000);
}

/** @param {Date} at @param {Date} now */
function day(at, now) {
  return (at.getFullYear() === now.getFullYear() ? formats().shortDay : formats().longDay).format(at);
}

/** @param {HTMLTimeElement} element @param {Date} now */
function write(element, now) {
  const at = element.dataset.time === "now" ? now : new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) return;
  // "24 Nov, 5:00 p.m." stays on one line.
  const date = glue(day(at, now));
  const clock = glue(formats().clock.format(at));
  element.title = formats().whole.format(at);
  switch (element.dataset.time) {
    case "day":
      element.textContent = date;
      break;
    case "now":
      element.textContent = formats().longDay.format(at);
      break;
    case "ago":
      element.replaceChildren(since(`${ago(at, now)}, `), `${date},\u00a0${clock}`);
      break;
    case "stack":
      element.replaceChildren(`${date}, ${clock}`, since(ago(at, now)));
      break;
    default:
      element.replaceChildren(`${date},\u00a0${clock}`, since(` · ${ago(at, now)}`));
  }
}

/** How long ago something was: true on a screen for a while, on paper never. @param {string} words */
function since(words) {
  const element = document.createElement("span");
  element.className = "ago";
  element.textContent = words;
  return element;
}

/** @param {string} words @returns {string} the same on one line */
function glue(words) {
  return words.replace(/\s/g, "\u00a0");
}

/** Writes every time within an element. @param {ParentNode} within */
export function writeTimes(within) {
  const now = new Date();
  for (const element of within.querySelectorAll("time")) write(element, now);
}

/** Keeps "2 minutes ago" true. */
export function keepTimes() {
  setInterval(() => {
    if (!document.hidden) writeTimes(document);
  }, 30_000);
  addEventListener("beforeprint", () => writeTimes(document));
}
