// Passkeys: asks the server what to sign, lets the browser sign it, and sends that as a form.

/** @param {string} text base64url */
function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer | null} buffer @returns {string} base64url */
function textOf(buffer) {
  const letters = Array.from(new Uint8Array(buffer ?? new ArrayBuffer(0)), (byte) => String.fromCharCode(byte));
  return btoa(letters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What the server asks for. @param {HTMLFormElement} form */
async function ask(form) {
  const answer = await fetch(`${form.getAttribute("action")}/begin`, {
    method: "POST",
    headers: { accept: "application/json" },
  });
  const body = await answer.json();
  if (!answer.ok) throw new Refused(String(body.errors?.[0]?.message ?? body.detail ?? "This does not work at the moment."));
  return body;
}

/** A refusal in words for people. */
class Refused extends Error {}

/** A new passkey. @param {any} wanted @returns {Promise<Record<string, string>>} */
async function make(wanted) {
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: bytesOf(wanted.challenge),
      rp: wanted.party,
      user: { ...wanted.user, id: bytesOf(wanted.user.id) },
      pubKeyCredParams: wanted.algorithms.map((/** @type {number} */ alg) => ({ type: "public-key", alg })),
      excludeCredentials: wanted.known.map((/** @type {string} */ id) => ({ type: "public-key", id: bytesOf(id) })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: wanted.timeout,
    },
  });
  const response = made instanceof PublicKeyCredential ? made.response : null;
  if (!(response instanceof AuthenticatorAttestationResponse)) throw new Refused("This browser made no passkey.");
  const key = response.getPublicKey();
  if (!key) throw new Refused("This kind of passkey is not taken here. Please try another device.");
  return {
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.getAuthenticatorData()),
    public_key: textOf(key),
  };
}

/** A passkey that is there already. @param {any} wanted @returns {Promise<Record<string, string>>} */
async function show(wanted) {
  const shown = await navigator.credentials.get({
    publicKey: {
      challenge: bytesOf(wanted.challenge),
      rpId: wanted.party.id,
      userVerification: "required",
      timeout: wanted.timeout,
    },
  });
  const response = shown instanceof PublicKeyCredential ? shown.response : null;
  if (!(shown instanceof PublicKeyCredential) || !(response instanceof AuthenticatorAssertionResponse)) {
    throw new Refused("This browser showed no passkey.");
  }
  return {
    credential_id: textOf(shown.rawId),
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.authenticatorData),
    signature: textOf(response.signature),
    user_handle: textOf(response.userHandle),
  };
}

/** Why it did not work, for people. @param {unknown} error */
function wordsFor(error) {
  if (error instanceof Refused) return error.message;
  const name = error instanceof Error ? error.name : "";
  if (name === "InvalidStateError") return "This device has a passkey for you already.";
  if (name === "NotAllowedError") return "No passkey was used. Try again when you are ready.";
  return "This did not work. Please try again.";
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const problem = form.querySelector("[data-problem]");
  const button = form.querySelector("button");
  if (!problem || !button || button.getAttribute("aria-disabled") === "true") return;
  problem.textContent = "";
  button.setAttribute("aria-disabled", "true");
  try {
    const wanted = await ask(form);
    const fields = form.dataset.passkey === "add" ? await make(wanted) : await show(wanted);
    for (const [name, value] of Object.entries(fields)) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement) field.value = value;
    }
    form.submit();
  } catch (error) {
    problem.textContent = wordsFor(error);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Makes the forms for passkeys work where the browser knows passkeys. */
export function offerPasskeys() {
  if (!("PublicKeyCredential" in window)) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!(form instanceof HTMLFormElement)) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void send(form);
    });
  }
}
