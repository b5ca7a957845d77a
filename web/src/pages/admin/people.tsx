import { Plus, UserSearch } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'wouter';
import { api, ask, type Schemas } from '~/api/client';
import { shortDay } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { ButtonLink } from '~/ui/button';
import { Filter, TextField } from '~/ui/field';
import { Avatar, Badge, Card, Row, Soft, Stack } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { State } from '~/ui/states';
import css from './admin.module.css';
import { NewPerson } from './new-person';
import { Person } from './person';

export type Account = Schemas['Account'];
export const ROLES = ['customer', 'expert', 'admin'] as const;
const STATUSES = ['active', 'disabled', 'erased'] as const;

/** Everybody with an account; `/admin/people/new` and `/admin/people/{id}` are single ones. */
export default function People() {
  const { id } = useParams<{ id?: string }>();
  if (id === 'new') return <NewPerson />;
  return id ? <Person key={id} id={id} /> : <All />;
}

function All() {
  const { t } = useTranslation('admin');
  const [written, write] = useState('');
  const [q, search] = useState('');
  const [role, setRole] = useState<Account['role'] | ''>('');
  const [status, setStatus] = useState<Account['status'] | ''>('');
  useTitle(t('sections.people'));
  useEffect(() => {
    const timer = setTimeout(() => search(written.trim()), 300);
    return () => clearTimeout(timer);
  }, [written]);
  const list = useSlices(['users', q, role, status], (cursor) =>
    ask(
      api.GET('/api/users', {
        params: {
          query: {
            limit: 25,
            ...(q && { q }),
            ...(role && { role }),
            ...(status && { status }),
            ...(cursor && { cursor }),
          },
        },
      }),
    ),
  );
  return (
    <Stack className={css.page}>
      <Row spread>
        <h1>{t('people.title')}</h1>
        <ButtonLink href="/admin/people/new">
          <Plus size={18} aria-hidden="true" />
          {t('people.new')}
        </ButtonLink>
      </Row>
      <search className={css.filters}>
        <TextField
          label={t('people.search')}
          type="search"
          value={written}
          maxLength={200}
          onChange={(event) => write(event.target.value)}
        />
        <Filter
          label={t('people.role')}
          all={t('all')}
          of={ROLES}
          name={(one) => t(`role.${one}`)}
          value={role}
          onChange={setRole}
        />
        <Filter
          label={t('people.status')}
          all={t('people.notErased')}
          of={STATUSES}
          name={(one) => t(`account.${one}`)}
          value={status}
          onChange={setStatus}
        />
      </search>
      <Sliced
        list={list}
        empty={
          <State icon={<UserSearch size={40} />} title={t('people.empty')}>
            <p>{t('people.emptyText')}</p>
          </State>
        }
      >
        {(items) => (
          <Card>
            <ul className={css.people}>
              {items.map((person) => (
                <li key={person.id}>
                  <Avatar name={person.name} size={40} />
                  <div className={css.who}>
                    <Link href={`/admin/people/${person.id}`}>
                      <strong>{person.name || t('people.gone')}</strong>
                    </Link>
                    <Soft small>
                      {person.email} · {t('people.since', { date: shortDay(person.createdAt) })}
                    </Soft>
                  </div>
                  <Row>
                    <AccountBadges person={person} />
                  </Row>
                </li>
              ))}
            </ul>
          </Card>
        )}
      </Sliced>
    </Stack>
  );
}

export function AccountBadges({ person }: { person: Account }) {
  const { t } = useTranslation('admin');
  return (
    <>
      <Badge tone={person.role === 'admin' ? 'accent' : 'neutral'}>{t(`role.${person.role}`)}</Badge>
      {person.status !== 'active' && <Badge tone="bad">{t(`account.${person.status}`)}</Badge>}
    </>
  );
}
