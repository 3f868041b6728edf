import { Component, effect, inject } from '@angular/core';
import { Router, RouterOutlet } from '@angular/router';
import { Oneflight } from '@oneflight/angular';

@Component({
  selector: 'app-root',
  imports: [RouterOutlet],
  template: `
    <h1>One refresh, however many requests</h1>
    <p>Open this page in a second tab: both share one session. Status: <output id="status">{{ oneflight.status() }}</output></p>
    <router-outlet />
  `,
})
export class App {
  protected readonly oneflight = inject(Oneflight);

  constructor() {
    const router = inject(Router);
    // Whoever ended it: this tab, another one, or the server. Pages that need no session stay.
    effect(() => {
      const isGuarded = router.routerState.snapshot.root.firstChild?.routeConfig?.canActivate !== undefined;
      if (this.oneflight.status() === 'signed-out' && isGuarded) void router.navigate(['/login']);
    });
  }
}
