// Talking with the server. Every request carries the token in its header and nowhere else.

import { token } from "./session.js";

/** @typedef {{ status: number, text: string, etag: string | null, wait: number }} Page */
/** @typedef {{ code?: string, detail?: string, title?: string, errors?: { field: string, code: string, message: string }[] }} Problem */
/** @typedef {{ status: number, body: any, problem: Problem, wait: number }} Answer */

/** No answer within this many milliseconds counts as none. */
const PATIENCE_MS = 20_000;

/** @param {string | null} [held] @returns {Record<string, string>} */
function bearer(held = token()) {
  return held ? { Authorization: `Bearer ${held}` } : {};
}

/** @param {Response} response @returns {number} seconds after which to try again, 0 if it did not say */
function waitOf(response) {
  return Number.parseInt(response.headers.get("Retry-After") ?? "0", 10) || 0;
}

/**
 * Fetches the content of an address of the portal. Status 0 means that the server was not reached.
 * @param {string} address
 * @param {string | null} [etag] what this page has already: the answer may be 304
 * @returns {Promise<Page>}
 */
export async function fetchPage(address, etag = null) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/html", ...bearer() };
  if (etag) headers["If-None-Match"] = etag;
  try {
    const response = await fetch(address, { headers, cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = response.status === 304 ? "" : await response.text();
    return { status: response.status, text, etag: response.headers.get("ETag"), wait: waitOf(response) };
  } catch {
    return { status: 0, text: "", etag: null, wait: 0 };
  }
}

/**
 * Calls the API.
 * @param {string} method
 * @param {string} path below `/api/v1/portal/`
 * @param {{ body?: unknown, key?: string, open?: boolean }} [how] `open`: without the token
 * @returns {Promise<Answer>}
 */
export async function call(method, path, { body, key, open = false } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...(open ? {} : bearer()) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  try {
    const response = await fetch(`/api/v1/portal/${path}`, {
      method, headers, body: body === undefined ? null : JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    const told = text && (response.headers.get("Content-Type") ?? "").includes("json") ? JSON.parse(text) : {};
    return { status: response.status, body: told, problem: response.ok ? {} : told, wait: waitOf(response) };
  } catch {
    return { status: 0, body: {}, problem: {}, wait: 0 };
  }
}

/** @param {number} seconds */
function inWords(seconds) {
  if (seconds <= 0) return "in a moment";
  if (seconds < 90) return `in ${seconds} seconds`;
  return `in ${Math.ceil(seconds / 60)} minutes`;
}

/**
 * What to say when the server did not do what was asked.
 * @param {{ status: number, wait: number, problem?: Problem }} answer
 */
export function excuse({ status, wait, problem }) {
  if (status === 0) return "We cannot reach the server. Please check your connection and try again.";
  if (status === 429) return `There were too many requests. Please try again ${inWords(wait)}.`;
  if (status === 503) return `We cannot answer at the moment. Please try again ${inWords(wait)}.`;
  if (status >= 500) return "Something went wrong on our side. Please try again.";
  return problem?.errors?.[0]?.message ?? problem?.detail ?? "This could not be done. Please try again.";
}
