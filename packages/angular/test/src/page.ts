/** A page to test in: a DOM, the JIT compiler, and zone.js if the mode asks for it. To be imported before Angular. */
import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<!doctype html><base href="https://app.example/dashboard/">', {
  url: 'https://app.example/',
});
for (const name of ['window', 'document', 'Node', 'Element', 'HTMLElement', 'Document', 'Event', 'EventTarget', 'CustomEvent'] as const) {
  Object.defineProperty(globalThis, name, { value: name === 'window' ? window : window[name], configurable: true });
}

export const zoned = process.env['ONEFLIGHT_ANGULAR_MODE'] === 'zone';
if (zoned) {
  await import('zone.js');
}
await import('@angular/compiler');
