// What Lighthouse says about one page, on the telephone that it imagines:
//
//     node lighthouse.mjs NODE_MODULES CHROMIUM RUNS CATEGORY,… URL [COOKIE]
//
// Prints {"marks": {CATEGORY: 0 to 100}, "failed": [what cost marks]}, of the best of so many runs: how fast a
// page is depends on what else the machine does.
//
// Lighthouse takes the telephone to be four times slower than the machine that it runs on, which holds for a
// desktop computer of benchmark index 1,500 or more. A slower machine is nearer to the telephone:
// https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md#cpu-throttling
import { pathToFileURL } from 'node:url';

const [, , modules, chromePath, runs, categories, url, cookie] = process.argv;
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { default: lighthouse } = await load('lighthouse/core/index.js');
const { launch } = await load('chrome-launcher/dist/index.js');

const onlyCategories = categories.split(',');
const chromeFlags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic'];
const extraHeaders = cookie ? { Cookie: cookie } : undefined;

const { throttling: telephones } = await load('lighthouse/core/config/constants.js');
const DESKTOP = 1500;
const TIMES_SLOWER = 4;

/** How many times slower than a machine of this benchmark index the telephone is. */
const slowdown = (index) => Math.max(1, TIMES_SLOWER * Math.min(1, index / DESKTOP));

async function run(index) {
  const chrome = await launch({ chromePath, chromeFlags });
  try {
    const throttling = { ...telephones.mobileSlow4G, cpuSlowdownMultiplier: slowdown(index) };
    const flags = { port: chrome.port, logLevel: 'error', onlyCategories, extraHeaders, throttling };
    const { lhr } = await lighthouse(url, flags);
    const trouble = [lhr.runtimeError?.message, ...lhr.runWarnings].filter(Boolean);
    if (trouble.length > 0) throw new Error(trouble.join(' '));
    return lhr;
  } finally {
    await chrome.kill();
  }
}

const marks = (lhr, category) => Math.round(lhr.categories[category].score * 100);

/** The audits that count in a category and were not passed in full. */
function failed(lhr, category) {
  const counted = lhr.categories[category].auditRefs.filter(({ weight }) => weight > 0).map(({ id }) => lhr.audits[id]);
  return counted.filter(({ score }) => score !== null && score < 1).map((audit) => {
    const where = JSON.stringify(audit.details?.items ?? []).slice(0, 600);
    return `${category}: ${audit.title} ${audit.displayValue ?? ''} ${where}`;
  });
}

const sum = (lhr) => onlyCategories.reduce((total, category) => total + marks(lhr, category), 0);

let best = null;
let trouble = null;
let index = DESKTOP;
for (let count = 0; count < Number(runs); count += 1) {
  let lhr;
  try {
    lhr = await run(index);
  } catch (error) {
    // A browser that did not answer in time says nothing about the page.
    trouble = error;
    continue;
  }
  index = lhr.environment.benchmarkIndex;
  if (best === null || sum(lhr) > sum(best)) best = lhr;
  if (sum(best) === 100 * onlyCategories.length) break;
}
if (best === null) throw trouble;
const all = Object.fromEntries(onlyCategories.map((category) => [category, marks(best, category)]));
const imperfect = onlyCategories.filter((category) => all[category] < 100);
console.log(JSON.stringify({ marks: all, failed: imperfect.flatMap((category) => failed(best, category)), index }));
