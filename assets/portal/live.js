// An open ticket is told that it has news, over a stream that carries the token in its header. Where
// there is none, the page looks by itself from time to time.

import { token } from "./session.js";

/** A stream that said nothing for so long is gone, in milliseconds: the server says something every 20 seconds. */
const SILENT = 45_000;
/** One that was there is opened again so long after it began; one that was refused, after so long. */
const AGAIN = 5_000;
const REFUSED = 60_000;

/** What is listened to; `until`: when another try may be made. @type {{ address: string, stop: AbortController, alive: boolean, until: number } | null} */
let heard = null;

/** Whether news would be told. */
export function isListening() {
  return heard !== null && heard.alive && performance.now() < heard.until;
}

/**
 * Listens at this address; at none if it is empty.
 * @param {string} address of the ticket
 * @param {string} version what the page shows of it
 * @param {() => void} tell that there is news, or that the stream has ended
 */
export function listenTo(address, version, tell) {
  if (heard?.address === address && performance.now() < heard.until) return;
  heard?.stop.abort();
  heard = null;
  if (!address) return;
  heard = { address, stop: new AbortController(), alive: false, until: performance.now() + SILENT };
  void hear(heard, version, tell);
}

/** @param {NonNullable<typeof heard>} mine @param {string} version @param {() => void} tell */
async function hear(mine, version, tell) {
  const again = performance.now() + AGAIN;
  let wasThere = false;
  try {
    const headers = { Authorization: `Bearer ${token()}`, "Last-Event-ID": version };
    // Nobody waits for it: what the page needs goes first.
    const answer = await fetch(`${mine.address}/live`, { headers, priority: "low", cache: "no-store", credentials: "omit", redirect: "error", signal: mine.stop.signal });
    const reader = answer.ok ? answer.body?.pipeThrough(new TextDecoderStream()).getReader() : null;
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      wasThere = mine.alive = true;
      mine.until = performance.now() + SILENT;
      if (part.value.includes("id:")) tell();
    }
  } catch {
    // It broke, or nobody wants it any more.
  }
  mine.alive = false;
  mine.until = wasThere ? again : performance.now() + REFUSED;
  if (wasThere && mine === heard) tell();
}
