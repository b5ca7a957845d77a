import type { HTMLAttributes, ReactNode } from 'react';
import layout from './layout.module.css';
import css from './ui.module.css';

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'accent';

const join = (...names: (string | undefined | false)[]) => names.filter(Boolean).join(' ');

export function Card({ className, ...rest }: HTMLAttributes<HTMLElement>) {
  return <section {...rest} className={join(css.card, className)} />;
}

export function Stack({ className, ...rest }: HTMLAttributes<HTMLDivElement>) {
  return <div {...rest} className={join(css.stack, className)} />;
}

export function Row({ className, spread, ...rest }: HTMLAttributes<HTMLDivElement> & { spread?: boolean }) {
  return <div {...rest} className={join(css.row, spread && css.spread, className)} />;
}

/** Two beside each other where there is room. */
export function Pair({ className, ...rest }: HTMLAttributes<HTMLDivElement>) {
  return <div {...rest} className={join(layout.pair, className)} />;
}

export function Soft({ children, small }: { children: ReactNode; small?: boolean }) {
  return <p className={join(css.soft, small && css['small-text'])}>{children}</p>;
}

export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={css.badge} data-tone={tone}>
      {children}
    </span>
  );
}

/** A remark in the page; with `alert` it is read out as soon as it comes. */
export function Note({
  tone = 'neutral',
  alert,
  children,
}: {
  tone?: Tone;
  alert?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={css.note} data-tone={tone} role={alert ? 'alert' : undefined}>
      {children}
    </div>
  );
}

/** A table that scrolls by itself where it is wider than the screen. */
export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={css['scroll-x']} aria-label={label} tabIndex={0}>
      <table className={css.table}>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

export function Avatar({
  name,
  src,
  size = 48,
}: {
  name: string;
  src?: string | null | undefined;
  size?: number;
}) {
  const initials = name
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => [...word][0])
    .filter(Boolean);
  const letters = [initials[0], initials.length > 1 ? initials.at(-1) : ''].join('').toUpperCase();
  return (
    <span
      className={css.avatar}
      style={{ width: size, height: size, fontSize: size * 0.38 }}
      aria-hidden="true"
    >
      {src ? <img src={src} alt="" width={size} height={size} loading="lazy" /> : letters}
    </span>
  );
}
