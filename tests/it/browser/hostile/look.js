// What stands in a document, and what must not. `arguments`: the address of a page to read and the token to read
// it with, or null for the page that is open; whether it is a mail, which has its styles in itself; and what to
// call with its words and faults.
const [address, token, isMail, done] = arguments;
const schemes = new Set(["http:", "https:", "mailto:", "tel:"]);
const never = new Set([
  "iframe", "object", "embed", "applet", "frame", "frameset", "base", "math", "foreignobject", "marquee", "portal",
  "audio", "video", "source", "track", "xmp", "plaintext", "listing", "noembed", "animate", "set", "handler",
]);
const addresses = new Set([
  "href", "src", "action", "formaction", "xlink:href", "data", "poster", "background", "ping", "cite", "manifest",
  "srcset", "longdesc", "lowsrc", "dynsrc", "to", "from", "values",
]);
const faults = [];

function judge(element, { name, value }) {
  const what = `${element.localName} ${name}=${value.slice(0, 80)}`;
  if (/^(on|srcdoc$|hx-|ng-|v-|x-|@)/.test(name)) faults.push(what);
  if (name === "style" && !isMail) faults.push(what);
  if (!addresses.has(name.toLowerCase())) return;
  const isIcon = value.startsWith("data:image/svg+xml") && element.matches("link[rel~=icon], img");
  if (!isIcon && !schemes.has(schemeOf(value, element.ownerDocument.URL))) faults.push(what);
}

// An address that cannot be read leads nowhere; what it begins with is judged all the same.
function schemeOf(value, base) {
  try {
    return new URL(value, base).protocol;
  } catch {
    return /^\s*([a-z][a-z0-9+.-]*:)/i.exec(value)?.[1].toLowerCase();
  }
}

function read(page) {
  for (const element of page.querySelectorAll("*")) {
    const tag = element.localName.toLowerCase();
    const source = element.getAttribute("src") ?? "";
    const isOurs = /^\/assets\/[\w.-]+\.js$/.test(source) && element.textContent === "";
    // Links of a captured mail open beside it.
    if (isMail && element.matches("base[target=_blank]:not([href])")) continue;
    const isWrong = never.has(tag) || (tag === "style" && !isMail) || (tag === "script" && !isOurs);
    if (isWrong) faults.push(element.outerHTML.slice(0, 120));
    for (const attribute of element.attributes) judge(element, attribute);
  }
  const typed = Array.from(page.querySelectorAll("input, textarea"), (field) => field.value);
  done({ words: [page.title, page.body?.textContent ?? "", ...typed].join("\n"), faults });
}

function tell(page) {
  try {
    read(page);
  } catch (error) {
    done({ words: "", faults: [`${address ?? location.href}: ${error}`] });
  }
}

if (address === null) {
  tell(document);
} else {
  // The one way to a document that runs nothing and that Trusted Types lets through.
  const request = new XMLHttpRequest();
  request.open("GET", address);
  request.responseType = "document";
  if (token !== null) request.setRequestHeader("Authorization", `Bearer ${token}`);
  // What is no page, such as JSON, is none to a browser either: it is told not to guess.
  const isPage = () => request.getResponseHeader("content-type")?.startsWith("text/html");
  request.onload = () => (isPage() ? tell(request.response) : done({ words: "", faults: [] }));
  request.onerror = () => done({ words: "", faults: [`${address} cannot be read`] });
  request.send();
}
