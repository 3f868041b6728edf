import { zoned } from './page.js';

import type { HttpInterceptorFn } from '@angular/common/http';
import type { OneflightAngularOptions } from '@oneflight/angular';
import type { FakeSession } from './fake-session.js';

const core = await import('@angular/core');
const testing = await import('@angular/core/testing');
const browser = await import('@angular/platform-browser/testing');
export const http = await import('@angular/common/http');
const httpTesting = await import('@angular/common/http/testing');
export const oneflight = await import('@oneflight/angular');

export const { TestBed } = testing;
TestBed.initTestEnvironment(browser.BrowserTestingModule, browser.platformBrowserTesting());

/** Change detection of the mode under test. */
export const changeDetection = () => (zoned ? core.provideZoneChangeDetection() : core.provideZonelessChangeDetection());

/** An application with a session and an HttpClient whose requests the test answers. */
export function app(
  session: FakeSession,
  options: OneflightAngularOptions = {},
  interceptors: HttpInterceptorFn[] = [oneflight.oneflightInterceptor],
  providers: unknown[] = [],
) {
  TestBed.resetTestingModule();
  TestBed.configureTestingModule({
    providers: [
      changeDetection(),
      oneflight.provideOneflight(() => session, options),
      http.provideHttpClient(http.withInterceptors(interceptors)),
      httpTesting.provideHttpClientTesting(),
      providers,
    ],
  });
  return {
    client: TestBed.inject(http.HttpClient),
    backend: TestBed.inject(httpTesting.HttpTestingController),
  };
}

/** Lets everything run that waits for nothing but its turn. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
