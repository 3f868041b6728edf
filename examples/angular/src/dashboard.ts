import { HttpClient, HttpContext } from '@angular/common/http';
import { Component, DestroyRef, inject, signal } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { isRenewalFailed, Oneflight, ONEFLIGHT_OPT_OUT } from '@oneflight/angular';
import { catchError, forkJoin, map, type Observable, of, Subject, switchMap, tap } from 'rxjs';

const TILES = 50;

/** Tiles that all call the API at once, when the page is shown and when they are told to. */
@Component({
  selector: 'app-dashboard',
  template: `
    <p>
      <button id="reload" (click)="reload.next()">${TILES} requests</button>
      <button id="expire" (click)="expire()">Expire at the server</button>
      <button id="sign-out" (click)="oneflight.signOut()">Sign out</button>
    </p>
    <ul>
      @for (tile of tiles(); track $index) {
        <li [class.answered]="tile !== undefined">{{ tile }}</li>
      }
    </ul>
    <p>Refreshes the server saw: <output id="posts">{{ posts() }}</output></p>
  `,
})
export class Dashboard {
  readonly #http = inject(HttpClient);
  protected readonly oneflight = inject(Oneflight);
  protected readonly reload = new Subject<void>();
  protected readonly tiles = signal<(string | undefined)[]>(Array(TILES).fill(undefined));
  protected readonly posts = signal(0);

  constructor() {
    this.reload
      .pipe(
        tap(() => this.tiles.set(Array(TILES).fill(undefined))),
        // A second click gives up the requests of the first, and never the refresh that they began.
        switchMap(() => forkJoin(Array.from({ length: TILES }, (_, number) => this.#tile(number)))),
        takeUntilDestroyed(inject(DestroyRef)),
      )
      .subscribe((tiles) => {
        this.tiles.set(tiles);
        this.#countPosts();
      });
    this.reload.next();
  }

  #tile(number: number): Observable<string> {
    return this.#http.get(`/api/tiles/${number}`, { observe: 'response' }).pipe(
      map(({ status }) => String(status)),
      // What can be done is in error.action: 'sign-in', 'retry-later', 'fix-configuration' or 'none'.
      catchError((error: unknown) => of(isRenewalFailed(error) ? error.action : 'failed')),
    );
  }

  // ---- the server's own side: not part of an application, and none of the token's business

  readonly #outside = { context: new HttpContext().set(ONEFLIGHT_OPT_OUT, true) };

  protected expire(): void {
    this.#http.post('/_control/expire', {}, this.#outside).subscribe();
  }

  #countPosts(): void {
    const url = '/_control/counters';
    this.#http.get<{ refresh_posts: number }>(url, this.#outside).subscribe((seen) => this.posts.set(seen.refresh_posts));
  }
}
