import type { ReactNode } from 'react';
import css from './figures.module.css';

/** Figures beside each other, each under its name. */
export function Figures({ children }: { children: ReactNode }) {
  return <dl className={css.figures}>{children}</dl>;
}

export function Figure({
  name,
  value,
  more,
  bad,
}: {
  name: string;
  value: ReactNode;
  /** What it is to be seen against. */
  more?: string | undefined;
  bad?: boolean | undefined;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-bad={bad || undefined}>
        {value}
        {more && <small>{more}</small>}
      </dd>
    </div>
  );
}

/** The same of a list of names and values. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <Figures>
      {facts.map(([name, value]) => (
        <Figure key={name} name={name} value={value} />
      ))}
    </Figures>
  );
}
