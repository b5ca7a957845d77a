import { useMutation } from '@tanstack/react-query';
import { ScrollText, ShieldCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { type AuditFilter, auditQuery, NO_FILTER, parted, placeOf } from '~/admin/audit';
import { api, ask } from '~/api/client';
import { dateTime } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Card, Note, Row, Soft, Stack, Table } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { ProblemNote, State } from '~/ui/states';
import css from './admin.module.css';

/** What has happened, by whom, to what; and whether the log is as it was written. */
export default function Audit() {
  const { t } = useTranslation('admin');
  const [written, write] = useState(NO_FILTER);
  const [filter, apply] = useState(NO_FILTER);
  useTitle(t('sections.audit'));
  useEffect(() => {
    const timer = setTimeout(() => apply(written), 400);
    return () => clearTimeout(timer);
  }, [written]);
  const asked = auditQuery(filter);
  const list = useSlices(['audit', asked], (cursor) =>
    ask(
      api.GET('/api/admin/audit', {
        params: { query: { limit: 50, ...asked, ...(cursor && { cursor }) } },
      }),
    ),
  );
  const field = (name: keyof AuditFilter, type: 'search' | 'date', hint?: string) => (
    <TextField
      label={t(`audit.${name}`)}
      type={type}
      hint={hint}
      maxLength={type === 'search' ? 100 : undefined}
      value={written[name]}
      error={
        name === 'to' && written.from && written.to && written.to < written.from
          ? t('audit.wrongOrder')
          : undefined
      }
      onChange={(event) => write({ ...written, [name]: event.target.value })}
    />
  );
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('audit.title')}</h1>
        <Soft>{t('audit.intro')}</Soft>
      </div>
      <Verify />
      <search className={css.filters}>
        {field('action', 'search', 'user.*')}
        {field('actor', 'search', 'user:…')}
        {field('subject', 'search', 'appointment:…')}
        {field('from', 'date')}
        {field('to', 'date')}
      </search>
      <Sliced
        list={list}
        empty={
          <State icon={<ScrollText size={40} />} title={t('audit.empty')}>
            <p>{t('audit.emptyText')}</p>
          </State>
        }
      >
        {(items) => (
          <Card>
            <Table
              label={t('audit.title')}
              head={
                <>
                  <th scope="col">{t('audit.number')}</th>
                  <th scope="col">{t('audit.when')}</th>
                  <th scope="col">{t('audit.action')}</th>
                  <th scope="col">{t('audit.actor')}</th>
                  <th scope="col">{t('audit.subject')}</th>
                  <th scope="col">{t('audit.detail')}</th>
                </>
              }
            >
              {items.map((row) => (
                <tr key={row.seq}>
                  <td>{row.seq}</td>
                  <td>{dateTime(row.at)}</td>
                  <td className={css.mono}>{row.action}</td>
                  <td>
                    <Who who={row.actor} />
                  </td>
                  <td>
                    <Who who={row.subject} />
                  </td>
                  <td className={`${css.mono} ${css.long}`}>{detail(row.detail)}</td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
      </Sliced>
    </Stack>
  );
}

/** "by: link, count: 3" */
function detail(of: unknown): string {
  if (typeof of !== 'object' || of === null) return '';
  return Object.entries(of)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

function Who({ who }: { who: string }) {
  const { kind, id } = parted(who);
  const place = placeOf(who);
  // The end of such an id is what differs.
  const text = id ? `${kind} …${id.slice(-6)}` : kind;
  return place ? (
    <Link href={place} title={who}>
      {text}
    </Link>
  ) : (
    <span title={who}>{text}</span>
  );
}

function Verify() {
  const { t } = useTranslation('admin');
  const check = useMutation({ mutationFn: () => ask(api.GET('/api/admin/audit/verify')) });
  const { data } = check;
  return (
    <Card>
      <Stack>
        <Row spread>
          <Soft>{t('audit.chain')}</Soft>
          <Button look="secondary" busy={check.isPending} onClick={() => check.mutate()}>
            <ShieldCheck size={18} aria-hidden="true" />
            {t('audit.verify')}
          </Button>
        </Row>
        <div role="status">
          {data && !data.broken && (
            <Note tone="good">
              <strong>{t('audit.whole', { count: data.rows })}</strong>
              <p>{t('audit.keep')}</p>
              <p className={css.mono}>{data.head}</p>
            </Note>
          )}
          {data?.broken && (
            <Note tone="bad">
              <strong>
                {t(data.broken.missing ? 'audit.missing' : 'audit.changed', { seq: data.broken.seq })}
              </strong>
              <p>{t('audit.brokenStep')}</p>
            </Note>
          )}
          {check.error && <ProblemNote error={check.error} />}
        </div>
      </Stack>
    </Card>
  );
}
