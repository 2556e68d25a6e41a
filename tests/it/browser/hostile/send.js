// Sends forms of the page that is open, one after the other, each with some fields filled in. `arguments`: for each
// form its fields and what stands in them; and what to call with the answers: the status, and where it led.
const [all, done] = arguments;

async function send(values) {
  const names = Object.keys(values);
  const form = Array.from(document.forms).find((one) => names.every((name) => one.elements.namedItem(name)));
  if (!form) return `no form with ${names}`;
  const filled = new URLSearchParams(new FormData(form));
  for (const name of names) filled.set(name, values[name]);
  const answer = await fetch(form.getAttribute("action"), { method: "POST", body: filled });
  return `${answer.status} ${new URL(answer.url).pathname}`;
}

(async () => {
  const answers = [];
  for (const values of all) answers.push(await send(values));
  return answers;
})().then(done, (error) => done([String(error)]));
