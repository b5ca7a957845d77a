import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Link } from 'wouter';
import css from './ui.module.css';

type Look = 'primary' | 'secondary' | 'quiet' | 'danger';
type Size = 'small' | 'medium' | 'large';

interface Shape {
  look?: Look;
  size?: Size;
  /** As wide as its container. */
  wide?: boolean;
}

function classes({ look = 'primary', size = 'medium', wide }: Shape, more?: string): string {
  const parts = [
    css.button,
    look !== 'primary' && css[look],
    size !== 'medium' && css[size],
    wide && css.wide,
    more,
  ];
  return parts.filter(Boolean).join(' ');
}

type ButtonProps = Shape &
  ButtonHTMLAttributes<HTMLButtonElement> & {
    /** Something that it started is still going on; it takes no second press then. */
    busy?: boolean;
  };

export function Button({
  look,
  size,
  wide,
  busy,
  className,
  type = 'button',
  disabled,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={classes({ look, size, wide }, className)}
      disabled={disabled}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    />
  );
}

/** A way to another page of the app that looks like a button. */
export function ButtonLink({
  href,
  children,
  look,
  size,
  wide,
  className,
}: Shape & { href: string; children: ReactNode; className?: string }) {
  return (
    <Link href={href} className={classes({ look, size, wide }, className)}>
      {children}
    </Link>
  );
}

/** The same for addresses that the server answers itself, such as downloads. */
export function ButtonAnchor({
  href,
  children,
  look,
  size,
  wide,
  download,
}: Shape & { href: string; children: ReactNode; download?: boolean }) {
  return (
    <a href={href} download={download} className={classes({ look, size, wide })}>
      {children}
    </a>
  );
}
