import type { Routes } from '@angular/router';
import { signedInGuard } from '@oneflight/angular';

import { Dashboard } from './dashboard';
import { SignIn } from './sign-in';

export const routes: Routes = [
  { path: 'login', component: SignIn },
  { path: '', component: Dashboard, canActivate: [signedInGuard] },
];
