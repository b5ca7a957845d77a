import { type ComponentType, lazy } from 'react';
import type { Role } from '~/api/session';

/** A page: where it is, who it is for, and the module that is loaded when somebody goes there. */
interface Route {
  path: string;
  page: ComponentType;
  /** Who may see it; whoever is not signed in is asked to. Without it everybody may. */
  roles?: readonly Role[];
  /** Without the app's header and footer. */
  bare?: boolean;
}

const ALL: readonly Role[] = ['customer', 'expert', 'admin'];
const EXPERT: readonly Role[] = ['expert'];
const ADMIN: readonly Role[] = ['admin'];

export const ROUTES: readonly Route[] = [
  { path: '/', page: lazy(() => import('~/pages/start')) },
  // What the public sees.
  { path: '/experts', page: lazy(() => import('~/pages/booking/directory')) },
  { path: '/experts/:id', page: lazy(() => import('~/pages/booking/expert')) },
  { path: '/experts/:id/book', page: lazy(() => import('~/pages/booking/book')) },
  { path: '/call-demo', page: lazy(() => import('~/pages/demo/call-demo')) },
  { path: '/about', page: lazy(() => import('~/pages/about')) },
  { path: '/offline', page: lazy(() => import('~/pages/offline')) },
  // Accounts.
  { path: '/sign-in', page: lazy(() => import('~/pages/account/sign-in')) },
  { path: '/sign-up', page: lazy(() => import('~/pages/account/sign-up')) },
  { path: '/reset', page: lazy(() => import('~/pages/account/reset')) },
  { path: '/link', page: lazy(() => import('~/pages/account/link')) },
  { path: '/guest', page: lazy(() => import('~/pages/account/link')) },
  { path: '/settings', page: lazy(() => import('~/pages/account/settings')), roles: ALL },
  // Appointments.
  { path: '/appointments', page: lazy(() => import('~/pages/appointments/dashboard')), roles: ALL },
  { path: '/appointments/:id', page: lazy(() => import('~/pages/appointments/appointment')) },
  { path: '/history', page: lazy(() => import('~/pages/appointments/history')), roles: ALL },
  // The expert's and the administrator's rooms; their sections are theirs.
  { path: '/expert/:section?/:id?', page: lazy(() => import('~/pages/expert')), roles: EXPERT },
  { path: '/admin/:section?/:id?', page: lazy(() => import('~/pages/admin')), roles: ADMIN },
  // Calls.
  { path: '/call/:roomName', page: lazy(() => import('~/pages/call')), bare: true },
  { path: '/test-call', page: lazy(() => import('~/pages/test-call')) },
  // Inside other sites.
  { path: '/embed/booking/:id?', page: lazy(() => import('~/pages/embed/booking')), bare: true },
  { path: '/embed/call/:roomName', page: lazy(() => import('~/pages/embed/call')), bare: true },
  // Development mode.
  { path: '/dev/mail', page: lazy(() => import('~/pages/dev-mail')) },
];
