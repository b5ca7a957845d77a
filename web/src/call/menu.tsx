import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import css from './controls.module.css';

/** A button that opens a list of things to do above itself. Escape and a press elsewhere close it. */
export function Menu({
  icon,
  label,
  children,
  badge,
}: {
  icon: ReactNode;
  label: string;
  children: (close: () => void) => ReactNode;
  badge?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const press = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener('pointerdown', press);
    document.addEventListener('keydown', key);
    box.current?.querySelector<HTMLElement>(`#${CSS.escape(id)} button`)?.focus();
    return () => {
      document.removeEventListener('pointerdown', press);
      document.removeEventListener('keydown', key);
    };
  }, [open, id]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div className={css.menu} ref={box}>
      <button
        ref={button}
        type="button"
        className={css.control}
        aria-label={label}
        title={label}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen((shown) => !shown)}
      >
        {icon}
        {badge && <span className={css.dot} />}
      </button>
      {open && (
        <div className={css.sheet} id={id}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

export function MenuItem({
  icon,
  children,
  hint,
  onClick,
  pressed,
  className,
  danger,
}: {
  icon: ReactNode;
  children: ReactNode;
  /** The key that does the same. */
  hint?: string;
  onClick: () => void;
  pressed?: boolean;
  className?: string | undefined;
  danger?: boolean;
}) {
  return (
    <button
      type="button"
      className={[css.item, className].filter(Boolean).join(' ')}
      aria-pressed={pressed}
      data-danger={danger || undefined}
      onClick={onClick}
    >
      {icon}
      <span>{children}</span>
      {hint && <kbd>{hint}</kbd>}
    </button>
  );
}
