import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';

/** Asks before what was not saved is lost: by a link of the app with a dialog, by the browser in its own words. */
export function Unsaved({ dirty }: { dirty: boolean }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const [leaving, leave] = useState<string>();
  useEffect(() => {
    if (!dirty) return;
    const unload = (event: BeforeUnloadEvent) => event.preventDefault();
    const click = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      if (!link || link.target || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const href = link.getAttribute('href');
      if (!href?.startsWith('/') || href === location.pathname) return;
      event.preventDefault();
      event.stopPropagation();
      leave(href);
    };
    window.addEventListener('beforeunload', unload);
    // Before the link itself hears of it.
    document.addEventListener('click', click, true);
    return () => {
      window.removeEventListener('beforeunload', unload);
      document.removeEventListener('click', click, true);
    };
  }, [dirty]);
  return (
    <Dialog
      open={leaving !== undefined}
      onClose={() => leave(undefined)}
      title={t('unsavedTitle')}
      actions={
        <>
          <Button look="secondary" onClick={() => leave(undefined)}>
            {t('stay')}
          </Button>
          <Button look="danger" onClick={() => leaving && navigate(leaving)}>
            {t('leaveWithoutSaving')}
          </Button>
        </>
      }
    >
      <p>{t('unsavedText')}</p>
    </Dialog>
  );
}
