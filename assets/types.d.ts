// What the browsers have and TypeScript's library may not describe yet.
interface TrustedTypePolicy { createHTML(text: string): string; }
interface Window {
  trustedTypes?: { createPolicy(name: string, rules: { createHTML(text: string): string }): TrustedTypePolicy };
}
