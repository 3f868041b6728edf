import { provideHttpClient, withInterceptors } from '@angular/common/http';
import { provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideRouter } from '@angular/router';
import { oneflightInterceptor, provideOneflight } from '@oneflight/angular';

import { App } from './app';
import { routes } from './routes';

void bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    provideRouter(routes),
    provideOneflight({
      // POST {"refreshToken"} gives {"accessToken", "refreshToken", "expiresIn"}.
      refreshUrl: '/api/auth/refresh',
      signOutUrl: '/api/auth/logout',
      origins: ['self'],
      storage: 'local',
      // angular.json puts it beside the application.
      wasm: '/oneflight.wasm',
    }),
    provideHttpClient(withInterceptors([oneflightInterceptor])),
  ],
});
