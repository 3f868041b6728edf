import { Component, inject } from '@angular/core';
import { Router } from '@angular/router';
import { Oneflight } from '@oneflight/angular';

import { explained, Provider } from './provider';

/** Where the provider sends the user back to. */
@Component({ selector: 'app-openid-callback', template: `<p>Signing in…</p>` })
export class Callback {
  readonly #provider = inject(Provider);
  readonly #oneflight = inject(Oneflight);
  readonly #router = inject(Router);

  constructor() {
    void this.#finish();
  }

  async #finish(): Promise<void> {
    // The code and the state do not stay in the history.
    const replaceUrl = true;
    try {
      const { tokens, returnTo } = await this.#provider.comeBack();
      await this.#oneflight.signIn(tokens);
      await this.#router.navigateByUrl(returnTo, { replaceUrl });
    } catch (error) {
      await this.#router.navigate(['/login'], { queryParams: { problem: explained(error) }, replaceUrl });
    }
  }
}
