import type { Backend } from './backend.model';
import { SignIn } from './sign-in';

/** The lesson's: its own login, and `POST /api/auth/refresh`. */
export async function backend(): Promise<Backend> {
  return {
    session: {
      // POST {"refreshToken"} gives {"accessToken", "refreshToken", "expiresIn"}.
      refreshUrl: '/api/auth/refresh',
      signOutUrl: '/api/auth/logout',
      origins: ['self'],
      storage: 'local',
      // angular.json puts it beside the application.
      wasm: '/oneflight.wasm',
    },
    routes: [{ path: 'login', component: SignIn }],
  };
}
