import { Component, type ReactNode, Suspense, useEffect } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { Problem } from '~/api/client';
import { useSession } from '~/api/session';
import { storage } from '~/lib/storage';
import { Loading, ProblemState } from '~/ui/states';
import { Toasts } from '~/ui/toast';
import { Frame } from './frame';
import { useLiveQueries } from './live';
import { ROUTES } from './routes';

export function App() {
  useLiveQueries();
  return (
    <>
      <Switch>
        {ROUTES.map(({ path, page: Page, roles, bare }) => (
          <Route key={path} path={path}>
            <Frame bare={bare}>
              <Boundary>
                <Suspense fallback={<Loading />}>
                  {roles ? (
                    <Only roles={roles}>
                      <Page />
                    </Only>
                  ) : (
                    <Page />
                  )}
                </Suspense>
              </Boundary>
            </Frame>
          </Route>
        ))}
        <Route>
          <Frame>
            <Suspense fallback={<Loading />}>
              <ProblemState error={new Problem('page_not_found', 404)} level={1} />
            </Suspense>
          </Frame>
        </Route>
      </Switch>
      <Suspense>
        <Toasts />
      </Suspense>
      <PageAnnouncer />
    </>
  );
}

/** Lets those through who have one of the roles. The server decides; this only spares a page full of refusals. */
function Only({ roles, children }: { roles: readonly string[]; children: ReactNode }) {
  const { user, pending, error } = useSession();
  if (pending) return <Loading />;
  if (error) return <ProblemState error={error} level={1} />;
  if (!user) return <ProblemState error={new Problem('sign_in_required', 401)} level={1} />;
  if (!roles.includes(user.role)) return <ProblemState error={new Problem('wrong_role', 403)} level={1} />;
  return children;
}

/** After each change of page: up to the top, and a word for screen readers. */
function PageAnnouncer() {
  const [location] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the change of page that counts
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [location]);
  return null;
}

interface BoundaryState {
  error?: unknown;
}

/** A page that breaks says so and can be tried again; the rest of the app stands. */
class Boundary extends Component<{ children: ReactNode }, BoundaryState> {
  override state: BoundaryState = {};

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error };
  }

  override componentDidCatch(error: unknown): void {
    // A new version has been installed and the old files are gone: load the new ones, once.
    const missing =
      error instanceof Error && /dynamically imported module|Importing a module/i.test(error.message);
    if (missing && !storage.session.getItem('visavis.reloaded')) {
      storage.session.setItem('visavis.reloaded', '1');
      location.reload();
    }
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    const problem =
      this.state.error instanceof Problem
        ? this.state.error
        : new Problem('page_broke', 0, String(this.state.error));
    return (
      <Suspense fallback={<Loading />}>
        <ProblemState error={problem} level={1} retry={() => location.reload()} />
      </Suspense>
    );
  }
}
