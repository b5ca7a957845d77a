import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import css from './sections.module.css';
import ways from './ways.module.css';

export interface Section {
  href: string;
  icon: ReactNode;
  text: string;
  here: boolean;
  /** How many wait for something there. */
  count?: number | undefined;
  countLabel?: string | undefined;
}

/** The sections of a room of the app: a column beside them, on a narrow screen a strip above them. */
export function Sections({
  label,
  sections,
  children,
}: {
  label: string;
  sections: readonly Section[];
  children: ReactNode;
}) {
  const strip = useRef<HTMLElement>(null);
  const current = sections.find((section) => section.here)?.href;
  // Whoever comes to the sixth section sees in the strip where that is.
  // biome-ignore lint/correctness/useExhaustiveDependencies: when another section is shown
  useEffect(() => {
    const here = strip.current?.querySelector<HTMLElement>('[aria-current]');
    const nav = strip.current;
    if (here && nav) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
  }, [current]);
  return (
    <div className={css.frame}>
      <nav ref={strip} className={css.nav} aria-label={label}>
        {sections.map(({ href, icon, text, here, count, countLabel }) => (
          <Link key={href} href={href} className={ways.way} aria-current={here ? 'page' : undefined}>
            {icon}
            <span>{text}</span>
            {count ? (
              <span className={css.count}>
                <span aria-hidden="true">{count}</span>
                <span className="visually-hidden">{countLabel}</span>
              </span>
            ) : null}
          </Link>
        ))}
      </nav>
      <div className={css.section}>{children}</div>
    </div>
  );
}
