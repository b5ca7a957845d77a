import { X } from 'lucide-react';
import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import css from './ui.module.css';

/** A modal dialog: the browser's own, which keeps the focus inside and gives it back. */
export function Dialog({
  open,
  onClose,
  title,
  children,
  actions,
  broad,
}: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  actions?: ReactNode;
  /** Room for things beside each other. */
  broad?: boolean;
}) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // The browser gives the focus back when a dialog is closed, not when it goes with what it stands in.
  useLayoutEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    return () =>
      queueMicrotask(() => {
        const lost = document.activeElement === null || document.activeElement === document.body;
        if (lost && before instanceof HTMLElement && before.isConnected) before.focus();
      });
  }, [open]);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog anyway
    <dialog
      ref={ref}
      className={broad ? `${css.dialog} ${css.broad}` : css.dialog}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => event.target === ref.current && event.detail > 0 && onClose()}
    >
      {open && (
        <>
          <div className={css['dialog-head']}>
            <h2 id={id}>{title}</h2>
            <button
              type="button"
              className={`${css.button} ${css.quiet} ${css.small}`}
              onClick={onClose}
              aria-label={t('close')}
            >
              <X size={20} />
            </button>
          </div>
          {children}
          {actions && <div className={css['dialog-actions']}>{actions}</div>}
        </>
      )}
    </dialog>
  );
}
