// A new ticket: customers are offered while somebody types their name, address or telephone number.

/** How long typing must rest before anybody is looked for, in milliseconds. */
const REST_BEFORE_LOOKING = 200;

/** Offers customers in the list of `field`. @param {HTMLInputElement} field */
export function offerCustomers(field) {
  const list = /** @type {HTMLDataListElement | null} */ (field.list);
  if (!list) return;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rest;
  let asked = 0;
  field.addEventListener("input", () => {
    clearTimeout(rest);
    rest = setTimeout(async () => {
      const number = ++asked;
      const found = await customersLike(field.value.trim());
      // An answer that comes after a later one is of no use any more.
      if (number === asked) list.replaceChildren(...found);
    }, REST_BEFORE_LOOKING);
  });
}

/** @param {string} words @returns {Promise<HTMLOptionElement[]>} */
async function customersLike(words) {
  if (words.length < 2) return [];
  const query = new URLSearchParams({ q: words.slice(0, 200) });
  try {
    const answer = await fetch(`/admin/tickets/new/customers?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return [];
    /** @type {{ email: string, name: string, company: string }[]} */
    const customers = await answer.json();
    return customers.map((one) => {
      // The words stand in the label, so that browsers that filter by it keep whom the server found.
      const label = [one.name, one.company].filter((it) => it).join(", ");
      return new Option(label || one.email, one.email);
    });
  } catch {
    // Without a connection the page is the one it is without a script.
    return [];
  }
}
