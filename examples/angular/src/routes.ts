import type { Routes } from '@angular/router';
import { signedInGuard } from '@oneflight/angular';

import { Dashboard } from './dashboard';

/** What one must be signed in for. */
export const guarded: Routes = [{ path: '', component: Dashboard, canActivate: [signedInGuard] }];
