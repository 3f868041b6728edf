import { provideHttpClient, withInterceptors } from '@angular/common/http';
import { provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideRouter } from '@angular/router';
import { oneflightInterceptor, provideOneflight } from '@oneflight/angular';

import { App } from './app';
// With the configuration `openid`, angular.json puts openid/backend.ts in its place.
import { backend } from './backend';
import { guarded } from './routes';

async function start(): Promise<void> {
  const { session, routes } = await backend();
  await bootstrapApplication(App, {
    providers: [
      provideZonelessChangeDetection(),
      provideRouter([...routes, ...guarded]),
      provideOneflight(session),
      provideHttpClient(withInterceptors([oneflightInterceptor])),
    ],
  });
}

start().catch((error: unknown) => {
  document.body.textContent = `This application cannot start: ${String(error)}`;
  throw error;
});
