import { HttpClient, HttpContext, type HttpErrorResponse } from '@angular/common/http';
import { Component, inject, signal } from '@angular/core';
import { ActivatedRoute, Router } from '@angular/router';
import { Oneflight, ONEFLIGHT_OPT_OUT } from '@oneflight/angular';

/** What the back end answers to a login, and to a refresh. */
interface LoginResponse {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
}

@Component({
  selector: 'app-sign-in',
  template: `
    <form (submit)="$event.preventDefault(); signIn(user.value, password.value)">
      <input #user aria-label="User" value="ada" required />
      <input #password aria-label="Password" type="password" value="password" required />
      <button>Sign in</button>
      <p role="alert">{{ problem() }}</p>
    </form>
  `,
})
export class SignIn {
  readonly #http = inject(HttpClient);
  readonly #oneflight = inject(Oneflight);
  readonly #router = inject(Router);
  readonly #route = inject(ActivatedRoute);
  protected readonly problem = signal('');

  protected signIn(username: string, password: string): void {
    // Nobody is signed in yet, so there is no token to wait for.
    const context = new HttpContext().set(ONEFLIGHT_OPT_OUT, true);
    this.#http.post<LoginResponse>('/api/auth/login', { username, password }, { context }).subscribe({
      next: async (tokens) => {
        await this.#oneflight.signIn(tokens);
        // Where the guard had turned away.
        await this.#router.navigateByUrl(this.#route.snapshot.queryParamMap.get('returnTo') ?? '/');
      },
      error: ({ status }: HttpErrorResponse) => {
        this.problem.set(status === 401 ? 'Wrong user name or password.' : 'The server cannot be reached.');
      },
    });
  }
}
