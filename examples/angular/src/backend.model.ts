import type { Routes } from '@angular/router';
import type { provideOneflight } from '@oneflight/angular';

/** How one signs in, and how tokens are refreshed from then on. */
export interface Backend {
  session: Parameters<typeof provideOneflight>[0];
  routes: Routes;
}
