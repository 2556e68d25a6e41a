// In every document before anything of its own: whoever is called, or broke a rule of the policy, is written
// down in the browser's log, which outlives the page.
window.owned = () => console.error(`OWNED ${location.href} ${new Error().stack}`);
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = window.owned;
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`VIOLATION ${location.href} ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
