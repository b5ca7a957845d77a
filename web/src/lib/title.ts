import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

/** Sets the document's title: what stands in the tab, and what screen readers say first. */
export function useTitle(title: string | undefined): void {
  const { t } = useTranslation();
  const name = t('appName');
  useEffect(() => {
    document.title = title ? `${title} · ${name}` : name;
  }, [title, name]);
}
