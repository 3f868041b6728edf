import { Component, inject } from '@angular/core';
import { ActivatedRoute } from '@angular/router';

import { Provider } from './provider';

@Component({
  selector: 'app-openid-sign-in',
  template: `
    <p role="alert">{{ problem }}</p>
    <button (click)="leave()">Sign in</button>
  `,
})
export class SignIn {
  readonly #provider = inject(Provider);
  readonly #query = inject(ActivatedRoute).snapshot.queryParamMap;
  /** What the callback has to say. */
  protected readonly problem = this.#query.get('problem');

  protected leave(): void {
    void this.#provider.leave(this.#query.get('returnTo') ?? '/');
  }
}
